"""The gradient flow of one small network per preset by JAX and diffrax, in float64.

    python preset_flows.py preset-flows.json      (JAX 0.4 or newer, diffrax)

What a preset stands for is written out here a second time, as lists of layers that layer_numbers.py interprets. θ' = −∇L(θ),
L = c‖F − y‖² with c = 1/2, by Dopri8 at rtol 1e-12 and once more by Tsit5, whose distance is stored as `uncertainty`. Beside it stand the
singular values of J = ∂F/∂θ at the start.
"""
import json
import sys

import diffrax
import jax
import numpy as np
from layer_numbers import SAMPLES, Reader, ring, run

import jax.numpy as jnp

TIMES = 4  # Losses are stored at every quarter of the time.


def dense(width, **more):
    return {"kind": "dense", "width": width, **more}


def conv(channels, kernel=3, groups=1):
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "padding": "same", "groups": groups}


def act(kind):
    return {"kind": kind}


def beside(*layers):
    return {"kind": "residual", "layers": list(layers)}


def transformer_block(width, heads, mlp):
    norm = {"kind": "layer-norm"}
    return [
        beside(norm, {"kind": "attention", "heads": heads, "causal": True}),
        beside(norm, dense(mlp), act("gelu"), dense(width)),
    ]


CASES = [
    dict(
        model={"kind": "dnn", "hidden": [5, 4], "bias": True, "activation": act("tanh")},
        inputShape=[3], outputs=2, tEnd=4.0,
        layers=[dense(5), act("tanh"), dense(4), act("tanh"), dense(2)],
    ),
    dict(
        model={"kind": "resnet", "hidden": [4, 4], "bias": True, "activation": act("silu")},
        inputShape=[3], outputs=2, tEnd=2.0,
        layers=[dense(4), beside(dense(4), act("silu")), beside(dense(4), act("silu")), dense(2)],
    ),
    dict(
        model={"kind": "gcn", "hidden": [5], "bias": True, "activation": act("sigmoid")},
        inputShape=[3], outputs=2, tEnd=4.0,
        layers=[{"kind": "gcn-conv", "width": 5}, act("sigmoid"), {"kind": "gcn-conv", "width": 2}],
    ),
    dict(
        model={"kind": "cnn", "channels": [2, 3], "kernel": 3, "pool": "average", "bias": True, "activation": act("tanh")},
        inputShape=[1, 4, 4], outputs=2, tEnd=4.0,
        layers=[
            conv(2), act("tanh"), {"kind": "average-pool", "size": 2},
            conv(3), act("tanh"), {"kind": "average-pool", "size": 2},
            {"kind": "flatten"}, dense(2),
        ],
    ),
    dict(
        model={"kind": "conv-resnet", "channels": 2, "blocks": 2, "kernel": 3, "bias": True, "activation": act("softplus")},
        inputShape=[2, 3, 3], outputs=2, tEnd=1.0,
        layers=[
            conv(2), beside(conv(2), act("softplus")), beside(conv(2), act("softplus")),
            {"kind": "global-average-pool"}, dense(2),
        ],
    ),
    dict(
        model={"kind": "cheb-net", "hidden": [4], "order": 3, "bias": True, "activation": act("tanh")},
        inputShape=[3], outputs=2, tEnd=2.0,
        layers=[{"kind": "cheb-conv", "width": 4, "order": 3}, act("tanh"), {"kind": "cheb-conv", "width": 2, "order": 3}],
    ),
    dict(
        model={"kind": "graph-conv-net", "hidden": [4], "bias": True, "activation": act("sin")},
        inputShape=[3], outputs=2, tEnd=1.0,
        layers=[{"kind": "graph-conv", "width": 4}, act("sin"), {"kind": "graph-conv", "width": 2}],
    ),
    dict(
        model={"kind": "u-net", "channels": 2, "depth": 2, "kernel": 3, "bias": True, "activation": act("gelu")},
        inputShape=[1, 4, 4], outputs=16, tEnd=0.2,
        layers=[
            conv(2), act("gelu"),
            {"kind": "parallel", "join": "concat", "branches": [[], [
                {"kind": "average-pool", "size": 2},
                conv(4), act("gelu"),
                {"kind": "parallel", "join": "concat", "branches": [[], [
                    {"kind": "average-pool", "size": 2},
                    conv(8), act("gelu"),
                    {"kind": "transposed-conv2d", "channels": 4, "kernel": 2},
                ]]},
                conv(4), act("gelu"),
                {"kind": "transposed-conv2d", "channels": 2, "kernel": 2},
            ]]},
            conv(2), act("gelu"),
            conv(1, 1), {"kind": "flatten"},
        ],
    ),
    dict(
        model={"kind": "mobilenet", "channels": [2, 3, 4], "kernel": 3, "bias": True, "activation": act("silu")},
        inputShape=[1, 3, 3], outputs=2, tEnd=4.0,
        layers=[
            conv(2), act("silu"),
            conv(2, groups=2), act("silu"), conv(3, 1), act("silu"),
            conv(3, groups=3), act("silu"), conv(4, 1), act("silu"),
            {"kind": "global-average-pool"}, dense(2),
        ],
    ),
    dict(
        model={"kind": "siamese", "hidden": [5, 3], "join": "squared-difference", "bias": True, "activation": act("tanh")},
        inputShape=[2, 4], outputs=2, tEnd=2.0,
        layers=[
            {"kind": "siamese", "join": "squared-difference", "layers": [dense(5), act("tanh"), dense(3), act("tanh")]},
            dense(2),
        ],
    ),
    dict(
        model={"kind": "transformer", "width": 4, "heads": 2, "blocks": 2, "causal": True, "activation": act("gelu")},
        inputShape=[3, 2], outputs=2, tEnd=0.5,
        layers=[
            dense(4), {"kind": "position-embedding"},
            *transformer_block(4, 2, 16), *transformer_block(4, 2, 16),
            {"kind": "layer-norm"}, {"kind": "mean", "axis": 0}, dense(2),
        ],
    ),
]


def follow(case, index):
    rng = np.random.default_rng(100 + index)
    kind = case["model"]["kind"]
    x = rng.normal(size=(SAMPLES, *case["inputShape"]))
    y = rng.normal(size=(SAMPLES, case["outputs"]))
    edges, graph = ring()
    counter = Reader(jnp.zeros(100_000))
    run(counter, case["layers"], jnp.asarray(x), "layers", graph)
    theta = 0.5 * rng.normal(size=counter.size)

    def predict(t):
        return run(Reader(t), case["layers"], jnp.asarray(x), "layers", graph).reshape((SAMPLES, -1))

    def loss(t):
        return 0.5 * ((predict(t) - y) ** 2).sum()

    jacobian = np.asarray(jax.jit(jax.jacrev(predict))(jnp.asarray(theta))).reshape(-1, theta.size)

    # Saved states between steps come from an interpolant of lower order: steps end at the times of the losses instead.
    times, states, steps = integrate_in_parts(loss, case["tEnd"], theta, diffrax.Dopri8())
    _, others, _ = integrate_in_parts(loss, case["tEnd"], theta, diffrax.Tsit5())
    uncertainty = float(np.linalg.norm(states[-1] - others[-1]) / np.linalg.norm(states[-1] - theta))
    print(kind, counter.size, "steps", steps, "uncertainty", uncertainty)
    numbers = lambda a: [float(value) for value in np.asarray(a).reshape(-1)]
    return {
        "model": case["model"],
        "inputShape": case["inputShape"],
        "outputs": case["outputs"],
        "samples": SAMPLES,
        **({"edges": numbers(edges)} if kind in ("gcn", "cheb-net", "graph-conv-net") else {}),
        "x": numbers(x),
        "y": numbers(y),
        "theta0": numbers(theta),
        "times": numbers(times),
        "losses": [float(loss(jnp.asarray(state))) for state in states],
        "theta": numbers(states[-1]),
        "uncertainty": uncertainty,
        "singularValues": numbers(np.linalg.svd(jacobian, compute_uv=False)),
    }


def integrate_in_parts(loss, end, theta, solver):
    field = jax.jit(lambda t, state, _: -jax.grad(loss)(state))

    @jax.jit
    def part(start, stop, state):
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(field), solver, start, stop, 1e-3, state,
            stepsize_controller=diffrax.PIDController(rtol=1e-12, atol=1e-14),
            max_steps=1_000_000,
        )
        return found.ys[-1], found.stats["num_accepted_steps"]

    times, states, steps = np.linspace(0, end, TIMES + 1), [jnp.asarray(theta)], 0
    for start, stop in zip(times, times[1:]):
        state, count = part(start, stop, states[-1])
        states.append(state)
        steps += int(count)
    return times, [np.asarray(state) for state in states], steps


if __name__ == "__main__":
    flows = [follow(case, i) for i, case in enumerate(CASES)]
    with open(sys.argv[1], "w") as file:
        json.dump(flows, file)
