"""Descent on minibatches in NumPy: the batches are those of gradflow (given in minibatches.json), gradients and steps are written out here.

    python minibatch_numbers.py    # fills in "expected" of minibatches.json beside it
"""
import json
import pathlib

import numpy as np

FILE = pathlib.Path(__file__).with_name("minibatches.json")


def unpack(theta, sizes):
    parts, at = [], 0
    for n, m in zip(sizes, sizes[1:]):
        parts.append((theta[at : at + n * m].reshape(n, m), theta[at + n * m : at + n * m + m]))
        at += n * m + m
    return parts


def loss_gradient(case, theta, rows):
    """L and its gradient on those rows: tanh network, one hidden layer; the weight of a sample times n/b."""
    x, y = np.array(case["x"])[rows], np.array(case["y"])[rows]
    n = len(case["x"])
    (w1, b1), (w2, b2) = unpack(theta, case["sizes"])
    h = np.tanh(x @ w1 + b1)
    f = h @ w2 + b2
    scale = n / len(rows)
    if case["loss"] == "half-sum":
        loss = 0.5 * scale * np.sum((f - y) ** 2)
        d = scale * (f - y)
    else:  # cross-entropy, mean over samples
        z = f - f.max(1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        loss = -scale / n * np.sum(y * log_p)
        d = scale / n * (np.exp(log_p) - y)
    dh = (d @ w2.T) * (1 - h**2)
    decay = case["weightDecay"]
    gradient = np.concatenate([(x.T @ dh).ravel(), dh.sum(0), (h.T @ d).ravel(), d.sum(0)]) + decay * theta
    return loss + decay / 2 * theta @ theta, gradient


def descend(case):
    theta = np.array(case["theta"])
    v = np.zeros_like(theta)
    for rows in case["batches"]:
        at = theta + case["momentum"] * v if case["kind"] == "nesterov" else theta
        _, gradient = loss_gradient(case, at, rows)
        v = case["momentum"] * v - case["learningRate"] * gradient
        theta = theta + v
    loss, _ = loss_gradient(case, theta, np.arange(len(case["x"])))
    return {"theta": theta.tolist(), "loss": float(loss)}


cases = json.loads(FILE.read_text())
for case in cases:
    case["expected"] = descend(case)
FILE.write_text(json.dumps(cases) + "\n")
