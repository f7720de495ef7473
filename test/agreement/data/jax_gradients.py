"""Writes jax-gradients.json: loss, gradient and one Hessian-vector product of small networks, by JAX in float64.

Run: python jax_gradients.py > jax-gradients.json (needs jax, pip install "jax[cpu]"). The networks are written here with
jax.numpy alone, from the formulas of src/model/network.ts; theta is flat, per layer weights [in, out] row-major, then bias.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def layers(kind, widths, hidden):
    """(fan_in, fan_out, activated) of each layer."""
    fans = [widths[0], *hidden, widths[1]]
    activated = [True] * len(hidden) + [False]
    if kind == "resnet" and hidden[0] != widths[0]:
        fans.insert(1, hidden[0])
        activated.insert(0, False)
    return list(zip(fans[:-1], fans[1:], activated))


def predict(case, sigma, adjacency, theta, x):
    at = 0
    h = x
    for fan_in, fan_out, activated in layers(case["kind"], case["widths"], case["hidden"]):
        w = theta[at : at + fan_in * fan_out].reshape(fan_in, fan_out)
        at += fan_in * fan_out
        z = (adjacency @ h if case["kind"] == "gcn" else h) @ w
        if case["bias"]:
            z = z + theta[at : at + fan_out]
            at += fan_out
        if not activated:
            h = z
        elif case["kind"] == "resnet":
            h = h + sigma(z)
        else:
            h = sigma(z)
    assert at == theta.size
    return h


def size(case):
    return sum(i * o + (o if case["bias"] else 0) for i, o, _ in layers(case["kind"], case["widths"], case["hidden"]))


def symmetric_normalised(rng, n):
    """D^(-1/2) (A + I) D^(-1/2) of a random graph."""
    a = np.triu(rng.random((n, n)) < 0.3, 1).astype(float)
    a = a + a.T + np.eye(n)
    d = 1 / np.sqrt(a.sum(axis=1))
    return d[:, None] * a * d[None, :]


ACTIVATIONS = {
    "leaky-relu": lambda z: jax.nn.leaky_relu(z, 0.1),
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}
CASES = [
    dict(kind="dnn", widths=[5, 3], hidden=[7, 6], bias=True, activation="leaky-relu", factor=0.5 / 8),
    dict(kind="dnn", widths=[5, 3], hidden=[7, 6], bias=True, activation="tanh", factor=0.5),
    dict(kind="dnn", widths=[4, 2], hidden=[6], bias=False, activation="relu", factor=1.0),
    dict(kind="resnet", widths=[5, 3], hidden=[6, 6], bias=True, activation="leaky-relu", factor=0.5 / 8),
    dict(kind="resnet", widths=[5, 2], hidden=[5, 5, 5], bias=True, activation="tanh", factor=1 / 16),
    dict(kind="gcn", widths=[5, 3], hidden=[7, 6], bias=True, activation="leaky-relu", factor=0.5 / 8),
    dict(kind="gcn", widths=[4, 2], hidden=[6], bias=True, activation="sigmoid", factor=0.5),
]

n = 8
out = []
for seed, case in enumerate(CASES):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=size(case)) * 0.5
    velocity = rng.normal(size=theta.size)
    x = rng.normal(size=(n, case["widths"][0]))
    y = rng.normal(size=(n, case["widths"][1]))
    adjacency = symmetric_normalised(rng, n) if case["kind"] == "gcn" else None

    def loss(t):
        return case["factor"] * jnp.sum((predict(case, ACTIVATIONS[case["activation"]], adjacency, t, x) - y) ** 2)

    value, gradient = jax.value_and_grad(loss)(theta)
    product = jax.jvp(jax.grad(loss), (theta,), (velocity,))[1]
    flat = lambda a: None if a is None else np.asarray(a, dtype=np.float64).ravel().tolist()
    out.append(
        dict(
            **case,
            samples=n,
            theta=flat(theta),
            velocity=flat(velocity),
            x=flat(x),
            y=flat(y),
            adjacency=flat(adjacency),
            loss=float(value),
            gradient=flat(gradient),
            hessianProduct=flat(product),
        )
    )
print(json.dumps(dict(jax=jax.__version__, cases=out)))
