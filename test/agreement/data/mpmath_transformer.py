"""Rows of the Jacobian of preset-flows.json's transformer at 120 digits, each summed against cos k: writes mpmath-transformer.json.

Run: python3 mpmath_transformer.py > mpmath-transformer.json (needs mpmath; a minute). Differences with a step of 1e-60 leave 60 digits of
each derivative. Numbers are written as pairs of float64 whose sum is good to 2^-106.
"""

import json
import math
import pathlib

from mpmath import mp, mpf

mp.dps = 120
STEP = mpf(10) ** -60
# The graphs have float64 literals, and are exact of those.
EPSILON = mpf(1e-5)
SLOPE = 2 * math.sqrt(2 / math.pi)
CUBIC = 0.044715 * SLOPE

flow = next(
    flow
    for flow in json.load(open(pathlib.Path(__file__).with_name("preset-flows.json")))
    if flow["model"]["kind"] == "transformer"
)
model, (T, D), M, n = flow["model"], flow["inputShape"], flow["outputs"], flow["samples"]
W, H, MLP = model["width"], model["heads"], 4 * model["width"]
SIZE = W // H
ROOT, SHARE = mpf(1 / math.sqrt(SIZE)), mpf(1 / T)


class Reader:
    def __init__(self, theta):
        self.theta, self.at = theta, 0

    def take(self, count):
        self.at += count
        return self.theta[self.at - count : self.at]

    def matrix(self, rows, columns):
        flat = self.take(rows * columns)
        return [flat[i * columns : (i + 1) * columns] for i in range(rows)]


def dot(p, q):
    return sum((a * b for a, b in zip(p, q)), mpf(0))


def affine(p, rows, width):
    matrix = p.matrix(len(rows[0]), width)
    bias = p.take(width)
    columns = list(zip(*matrix))
    return [[dot(row, column) + b for column, b in zip(columns, bias)] for row in rows]


def norm(p, rows):
    gain, shift = p.take(W), p.take(W)
    made = []
    for row in rows:
        mean = sum(row) / W
        centred = [value - mean for value in row]
        scale = mp.sqrt(dot(centred, centred) / W + EPSILON)
        made.append([c / scale * g + s for c, g, s in zip(centred, gain, shift)])
    return made


def attention(p, rows):
    query, key, value = (affine(p, rows, W) for _ in range(3))
    mixed = [[None] * W for _ in rows]
    for head in range(H):
        part = slice(head * SIZE, (head + 1) * SIZE)
        for t in range(T):
            seen = range(t + 1 if model["causal"] else T)
            weights = [mp.exp(dot(query[t][part], key[u][part]) * ROOT) for u in seen]
            for i in range(head * SIZE, (head + 1) * SIZE):
                mixed[t][i] = dot(weights, [value[u][i] for u in seen]) / sum(weights)
    return affine(p, mixed, W)


def gelu(z):
    return z / (1 + mp.exp(-z * (mpf(CUBIC) * z * z + mpf(SLOPE))))


def plus(p, q):
    return [[a + b for a, b in zip(x, y)] for x, y in zip(p, q)]


def predict(theta, x):
    p = Reader(theta)
    rows = affine(p, x, W)
    rows = plus(rows, p.matrix(T, W))
    for _ in range(model["blocks"]):
        rows = plus(rows, attention(p, norm(p, rows)))
        inner = [[gelu(z) for z in row] for row in affine(p, norm(p, rows), MLP)]
        rows = plus(rows, affine(p, inner, W))
    rows = norm(p, rows)
    mean = [[sum(column) * SHARE for column in zip(*rows)]]
    return affine(p, mean, M)[0]


def pair(value):
    high = float(value)
    return [high, float(value - mpf(high))]


def main():
    theta = [mpf(value) for value in flow["theta0"]]
    inputs = [[mpf(v) for v in flow["x"][i * D : (i + 1) * D]] for i in range(n * T)]
    outputs, sums = [], []
    for i in range(n):
        x = inputs[i * T : (i + 1) * T]
        base = predict(theta, x)
        totals = [mpf(0)] * M
        for k in range(len(theta)):
            moved = theta[:k] + [theta[k] + STEP] + theta[k + 1 :]
            # cos k as float64 has it.
            weight = mpf(float(mp.cos(k)))
            for m, value in enumerate(predict(moved, x)):
                totals[m] += weight * (value - base[m]) / STEP
        outputs += [pair(value) for value in base]
        sums += [pair(value) for value in totals]
    print(json.dumps({"weights": [float(mp.cos(k)) for k in range(len(theta))], "outputs": outputs, "sums": sums}))


main()
