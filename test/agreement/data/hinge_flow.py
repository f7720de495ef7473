"""The gradient flow of linear classifiers under the hinge loss in rational arithmetic, for hinge-flow.test.ts.

    python3 hinge_flow.py > hinge-flow.json      # seconds, no packages

L = mean max(0, 1 - y_i (w x_i + b)) is piecewise linear, so its flow, theta' = -(the shortest element of the subdifferential), has constant
velocity between the times at which a margin comes to 1. The shortest element is found by trying all roles of the samples at margin 1.
Inputs are 10^-9 to 10^6 times as large as the 1 beside the bias: the normals of two boundaries are then parallel to 10^-6.
"""
import json
import random
from fractions import Fraction
from itertools import product

END = 20


def dot(a, b):
    return sum((x * y for x, y in zip(a, b)), Fraction(0))


def plus(a, factor, b):
    return [x + factor * y for x, y in zip(a, b)]


def solve(matrix, right):
    """By elimination; None where the matrix is singular."""
    rows = [row + [value] for row, value in zip(matrix, right)]
    n = len(rows)
    for column in range(n):
        pivot = next((i for i in range(column, n) if rows[i][column] != 0), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i in range(n):
            if i != column:
                rows[i] = plus(rows[i], -rows[i][column], rows[column])
    return [row[n] for row in rows]


def shortest(gradient, rows):
    """The shortest gradient + sum u_i rows_i with 0 <= u_i <= 1."""
    for roles in product((0, 1, None), repeat=len(rows)):
        g = gradient
        for role, row in zip(roles, rows):
            if role == 1:
                g = plus(g, 1, row)
        free = [row for role, row in zip(roles, rows) if role is None]
        u = solve([[dot(a, b) for b in free] for a in free], [-dot(a, g) for a in free])
        if u is None or any(not 0 <= share <= 1 for share in u):
            continue
        for share, row in zip(u, free):
            g = plus(g, share, row)
        signs = [0 if role is None else dot(row, g) * (1 - 2 * role) for role, row in zip(roles, rows)]
        if all(sign >= 0 for sign in signs):
            return g
    raise ValueError("no shortest element")


def flow(x, y, theta):
    n = len(x)
    rows = [[-Fraction(label) * Fraction(value) / n for value in inputs + [1]] for inputs, label in zip(x, y)]
    theta = [Fraction(value) for value in theta]
    margins = [1 + n * dot(row, theta) for row in rows]
    time, events = Fraction(0), 0
    while time < END:
        gradient = [Fraction(0)] * len(theta)
        for margin, row in zip(margins, rows):
            if margin > 0:
                gradient = plus(gradient, 1, row)
        g = shortest(gradient, [row for margin, row in zip(margins, rows) if margin == 0])
        rates = [-n * dot(row, g) for row in rows]
        step = END - time
        for margin, rate in zip(margins, rates):
            if margin * rate < 0:
                step = min(step, -margin / rate)
        theta = plus(theta, -step, g)
        margins = plus(margins, step, rates)
        time += step
        events += time < END
    loss = sum((margin for margin in margins if margin > 0), Fraction(0)) / n
    return {"theta": [float(value) for value in theta], "loss": float(loss), "events": events}


def main():
    cases = []
    for dimension, seed, scale in product((1, 2), (1, 2, 3), (1e-9, 1, 1e5, 1e6)):
        draw = random.Random(seed)
        y = [1 if i % 2 else -1 for i in range(12)]
        x = [[scale * (0.7 * label + draw.uniform(-1.5, 1.5)) for _ in range(dimension)] for label in y]
        theta0 = [draw.uniform(-1, 1) for _ in range(dimension + 1)]
        cases.append({"scale": scale, "x": x, "y": y, "theta0": theta0, **flow(x, y, theta0)})
    print(json.dumps({"end": END, "cases": cases}))


main()
