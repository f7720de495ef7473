"""SciPy's RK45 on the gradient flow of a fully connected leaky ReLU network, which it sees as an ODE like any other.

Called by boundaries.js: scipy-boundaries.py FOLDER, with x.npy, y.npy, theta0.npy and case.json in FOLDER. Writes
theta-<i>.npy for each tolerance and prints one JSON list. Exits with 3 if NumPy or SciPy is not installed.
"""
import json
import sys
import time
from pathlib import Path

try:
    import numpy as np
    import scipy
    from scipy.integrate import solve_ivp
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


class Capped(Exception):
    pass


def make_field(x, y, dims, slope, limit):
    """θ' = -∇L(θ) with L = ||r||²/(2n); θ is, per layer, weights [in, out] row-major and bias [out]."""
    shapes, at = [], 0
    for fan_in, fan_out in zip(dims, dims[1:]):
        shapes.append((at, fan_in, fan_out))
        at += (fan_in + 1) * fan_out
    state = {"evaluations": 0, "t": 0.0}

    def field(t, theta):
        if state["evaluations"] >= limit:
            raise Capped
        state["evaluations"] += 1
        state["t"] = t
        hidden, masks = [x], []
        for l, (o, fan_in, fan_out) in enumerate(shapes):
            end = o + fan_in * fan_out
            z = hidden[-1] @ theta[o:end].reshape(fan_in, fan_out) + theta[end : end + fan_out]
            if l < len(shapes) - 1:
                masks.append(np.where(z > 0, 1.0, slope))
                hidden.append(z * masks[-1])
        delta = (z - y) / len(x)
        out = np.empty_like(theta)
        for l in range(len(shapes) - 1, -1, -1):
            o, fan_in, fan_out = shapes[l]
            end = o + fan_in * fan_out
            out[o:end] = -(hidden[l].T @ delta).ravel()
            out[end : end + fan_out] = -delta.sum(axis=0)
            if l > 0:
                delta = (delta @ theta[o:end].reshape(fan_in, fan_out).T) * masks[l - 1]
        return out

    return field, state


def main(folder):
    case = json.loads((folder / "case.json").read_text())
    x, y, theta0 = (np.load(folder / f"{name}.npy") for name in ("x", "y", "theta0"))
    rows = []
    for i, rtol in enumerate(case["rtols"]):
        field, state = make_field(x, y, case["dims"], case["slope"], case["maxEvaluations"])
        start = time.perf_counter()
        reached = True
        try:
            solution = solve_ivp(field, (0, case["tEnd"]), theta0, method="RK45", rtol=rtol, atol=rtol * case["atolShare"],
                                 t_eval=[case["tEnd"]])
            np.save(folder / f"theta-{i}.npy", solution.y[:, -1])
        except Capped:
            reached = False
        rows.append({"rtol": rtol, "evaluations": state["evaluations"], "seconds": time.perf_counter() - start,
                     "t": case["tEnd"] if reached else state["t"], "reached": reached})
    print(json.dumps({"scipy": scipy.__version__, "rows": rows}))


main(Path(sys.argv[1]))
