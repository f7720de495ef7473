"""Writes beside-flows.json: flows that describe gradient descent, by JAX (derivatives) and SciPy (DOP853), on a small tanh network.

Run: python beside_flows.py > beside-flows.json   (jax, numpy, scipy; float64)
"""
import json

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

jax.config.update("jax_enable_x64", True)
N, H, SAMPLES, ETA, T = 2, 4, 6, 0.1, 4.0
rng = np.random.default_rng(18)
x = rng.normal(size=(SAMPLES, N))
y = rng.normal(size=(SAMPLES, 1))
P = H * N + H + H + 1
theta0 = 0.9 * rng.normal(size=P)


def loss(theta):
    # The program's layout: each weight [in, out] row-major, then its bias.
    w1, b1 = theta[: H * N].reshape(N, H), theta[H * N : H * N + H]
    w2, b2 = theta[H * N + H : H * N + 2 * H].reshape(H, 1), theta[-1:]
    r = jnp.tanh(x @ w1 + b1) @ w2 + b2 - y
    return 0.5 / SAMPLES * jnp.sum(r * r)


g = jax.jit(jax.grad(loss))
hessian = jax.jit(jax.hessian(loss))
third = jax.jit(lambda t, u: jax.grad(lambda s: u @ jax.hessian(loss)(s) @ u)(t))


def modified(t):
    v = g(t)
    return -(v + ETA / 2 * hessian(t) @ v)


def third_order(t):
    v, h = g(t), hessian(t)
    return -(v + ETA / 2 * h @ v + ETA**2 * (h @ h @ v / 3 + third(t, v) / 12))


def principal(t):
    values, vectors = np.linalg.eigh(hessian(t))
    return vectors @ (np.log1p(-ETA * values) / (ETA * values) * (vectors.T @ g(t)))


def principal_third(t):
    return principal(t) - ETA**2 / 12 * third(t, g(t))


def rod(eta, count):
    """Heun's method, two steps of η/2 for each step of descent."""

    def rate(w, d):
        plus, minus = g(w + d), g(w - d)
        return -(plus + minus) / 2, (plus - minus) / 2 - 2 / eta * d

    w, d = jnp.array(theta0), eta / 2 * g(theta0)
    for _ in range(2 * count):
        h = eta / 2
        w1, d1 = rate(w, d)
        w2, d2 = rate(w + h * w1, d + h * d1)
        w, d = w + h / 2 * (w1 + w2), d + h / 2 * (d1 + d2)
    return {
        "theta": np.array(w).tolist(),
        "meanLoss": float((loss(w + d) + loss(w - d)) / 2),
        "meanSquaredGradient": float((g(w + d) @ g(w + d) + g(w - d) @ g(w - d)) / 2),
        "variance": float(d @ d),
    }


steps = round(T / ETA)
theta = jnp.array(theta0)
for _ in range(steps):
    theta = theta - ETA * g(theta)
descent = np.array(theta)

flows = {}
for name, field in {
    "gradient": lambda t: -g(t),
    "modified": modified,
    "third-order": third_order,
    "principal": principal,
    "principal-third": principal_third,
}.items():
    end = solve_ivp(lambda _, t: np.array(field(t)), (0, T), theta0, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    flows[name] = {"theta": end.tolist(), "distance": float(np.linalg.norm(end - descent))}

# Beyond 2/λ_max(θ₀), where δ grows.
EDGE, COUNT = 0.9, 40
u = rng.normal(size=P)
print(
    json.dumps(
        {
            "x": x.ravel().tolist(),
            "y": y.ravel().tolist(),
            "theta0": theta0.tolist(),
            "learningRate": ETA,
            "tEnd": T,
            "sharpness": float(np.linalg.eigvalsh(hessian(theta0))[-1]),
            "direction": u.tolist(),
            "thirdDerivative": np.array(third(jnp.array(theta0), u)).tolist(),
            "flows": flows,
            "rod": {"learningRate": EDGE, "steps": COUNT, **rod(EDGE, COUNT)},
        },
        indent=1,
    )
)
