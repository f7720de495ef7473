"""Writes central-flow.json: the central flow by its authors' own code on tanh networks whose descent has settled at the edge of stability.

Needs https://github.com/alex-damian/central_flows_jax (commit 071585b was used) with jax, jaxtyping, cvxpy, cvxopt, numpy; float64.
Run: PYTHONPATH=central_flows_jax/src python central_flow.py > central-flow.json
"""
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from central_flows_jax.flows import Flow
from central_flows_jax.update_rules import GradientDescent

jax.config.update("jax_enable_x64", True)
N, H, SAMPLES, SETTLE, WINDOW, STEPS = 5, 16, 50, 300, 40, 40
SHAPES = [(N, H), (H,), (H, H), (H,), (H, 1), (1,)]


def case(seed, eta, tracked):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(SAMPLES, N)), rng.normal(size=(SAMPLES, 1))
    theta = np.concatenate([rng.normal(size=s).ravel() * (0.6 if len(s) == 1 else s[0] ** -0.5) for s in SHAPES])

    def loss(t):
        # The program's layout: each weight [in, out] row-major, then its bias.
        parts, at = [], 0
        for s in SHAPES:
            size = int(np.prod(s))
            parts.append(t[at : at + size].reshape(s))
            at += size
        w1, b1, w2, b2, w3, b3 = parts
        r = jnp.tanh(jnp.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3 - y
        return 0.5 / SAMPLES * jnp.sum(r * r)

    step = jax.jit(lambda t: t - eta * jax.grad(loss)(t))
    path = [jnp.array(theta)]
    for _ in range(SETTLE + STEPS + WINDOW // 2):
        path.append(step(path[-1]))
    path = np.array(path)
    weights = np.ones(WINDOW + 1)
    weights[[0, -1]] = 0.5

    def mean(k):
        return weights @ path[k - WINDOW // 2 : k + WINDOW // 2 + 1] / WINDOW

    # Of θ_j = c + (−1)^j x it is x; a descent at rest has none, and then there is nothing to describe.
    swing = float(np.linalg.norm(2 * path[SETTLE] - path[SETTLE - 1] - path[SETTLE + 1]) / 4)
    start = mean(SETTLE)
    eigenvalues, vectors = np.linalg.eigh(jax.hessian(loss)(start))
    top = (eigenvalues[::-1][:4] * eta / 2).tolist()
    print(seed, eta, np.round(top, 4), swing, file=sys.stderr)
    if swing < 1e-3 or not (0.98 < top[0] < 1.01 and (tracked == 1 or top[1] > 0.98) and top[tracked] < 0.97):
        return None

    opt = GradientDescent(eta)
    w = jnp.array(start)
    state, u = opt.init(w), jnp.array(vectors[:, ::-1][:, :tracked])
    flow = Flow(loss, opt)
    flow.central(w, state, u, substeps=4)  # compiles
    begun, products, thirds, sigma, held = time.perf_counter(), 0, 0, None, []
    for _ in range(STEPS):
        (w, state, u), seen = flow.central(w, state, u, substeps=4)
        products += int(seen["counts"]["d2L"])
        thirds += int(seen["counts"]["d3L"])
        # Σ in units of the parameters: U is orthonormal in the preconditioner 1/η.
        sigma = np.array(seen["X"]) * eta
        held.append(float(seen["eigs"].max()) / eta)
    jax.block_until_ready(w)
    seconds = time.perf_counter() - begun
    return {
        "seed": seed,
        "learningRate": eta,
        "tracked": tracked,
        "steps": STEPS,
        "x": x.ravel().tolist(),
        "y": y.ravel().tolist(),
        "theta0": start.tolist(),
        "descent": mean(SETTLE + STEPS).tolist(),
        "theta": np.array(w).tolist(),
        "loss": float(loss(w)),
        "variance": float(np.trace(sigma)),
        "sharpness": held[1:],
        "cost": {"gradients": 4 * STEPS, "hessianProducts": products, "thirdDerivatives": thirds, "seconds": seconds},
    }


cases = {1: None, 2: None}
for tracked in cases:
    for seed in range(4):
        for eta in (0.25, 0.35, 0.45, 0.55, 0.7):
            cases[tracked] = cases[tracked] or case(seed, eta, tracked)
print(json.dumps([found for found in cases.values() if found is not None], indent=1))
