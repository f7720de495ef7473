"""Peers on the gradient flow of a fully connected tanh network: SciPy's RK45, LSODA and BDF, and diffrax's Tsit5 and Kvaerno5.

Called by stiff.js: peers-stiff.py FOLDER, with x.npy, y.npy, theta0.npy, reference.npy and case.json in FOLDER. Prints one JSON
object. A package that is missing is named in `notes`. Exits with 3 if NumPy or SciPy is not installed.
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


def make_field(xp, x, y, dims):
    """θ' = -∇L(θ) with L = ||r||²/(2n); θ is, per layer, weights [in, out] row-major and bias [out]."""
    shapes, at = [], 0
    for fan_in, fan_out in zip(dims, dims[1:]):
        shapes.append((at, fan_in, fan_out))
        at += (fan_in + 1) * fan_out

    def field(theta):
        hidden = [x]
        for l, (o, fan_in, fan_out) in enumerate(shapes):
            end = o + fan_in * fan_out
            z = hidden[-1] @ theta[o:end].reshape(fan_in, fan_out) + theta[end : end + fan_out]
            if l < len(shapes) - 1:
                hidden.append(xp.tanh(z))
        delta = (z - y) / len(x)
        parts = []
        for l in range(len(shapes) - 1, -1, -1):
            o, fan_in, fan_out = shapes[l]
            end = o + fan_in * fan_out
            parts[:0] = [-(hidden[l].T @ delta).ravel(), -delta.sum(axis=0)]
            if l > 0:
                delta = (delta @ theta[o:end].reshape(fan_in, fan_out).T) * (1 - hidden[l] ** 2)
        return xp.concatenate(parts)

    return field


def main(folder):
    case = json.loads((folder / "case.json").read_text())
    x, y, theta0, reference = (np.load(folder / f"{name}.npy") for name in ("x", "y", "theta0", "reference"))
    rows, notes = [], [f"SciPy {scipy.__version__}"]

    def add(solver, rtol, evaluations, seconds, theta):
        error = float(np.linalg.norm(theta - reference) / np.linalg.norm(reference))
        rows.append({"solver": solver, "rtol": rtol, "evaluations": int(evaluations), "seconds": seconds, "error": error})

    field = make_field(np, x, y, case["dims"])
    for rtol in case["rtols"]:
        start = time.perf_counter()
        solution = solve_ivp(lambda t, theta: field(theta), (0, case["tEnd"]), theta0, method="RK45", rtol=rtol,
                             atol=rtol * case["atolShare"], t_eval=[case["tEnd"]])
        add("SciPy RK45", rtol, solution.nfev, time.perf_counter() - start, solution.y[:, -1])
    try:
        import diffrax
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp

        notes.append(f"diffrax {diffrax.__version__}, jax {jax.__version__}")
        jax_field = make_field(jnp, jnp.asarray(x), jnp.asarray(y), case["dims"])
        for rtol in case["rtols"]:
            controller = diffrax.PIDController(rtol=rtol, atol=rtol * case["atolShare"])

            @jax.jit
            def run(start):
                return diffrax.diffeqsolve(diffrax.ODETerm(lambda t, theta, _: jax_field(theta)), diffrax.Tsit5(), 0.0,
                                           case["tEnd"], None, start, stepsize_controller=controller, max_steps=None,
                                           adjoint=diffrax.ForwardMode())

            compiled = run.lower(jnp.asarray(theta0)).compile()
            start = time.perf_counter()
            solution = compiled(jnp.asarray(theta0))
            theta = np.asarray(solution.ys[-1])
            # Six evaluations a step, first same as last.
            add("diffrax Tsit5", rtol, 6 * int(solution.stats["num_steps"]) + 1, time.perf_counter() - start, theta)
    except ImportError as error:
        notes.append(f"diffrax left out: {error}")
    try:
        import torchdiffeq  # noqa: F401
        import torch

        notes.append(f"torchdiffeq, torch {torch.__version__}")
        tx, ty = torch.tensor(x), torch.tensor(y)
        shapes, at = [], 0
        for fan_in, fan_out in zip(case["dims"], case["dims"][1:]):
            shapes.append((at, fan_in, fan_out))
            at += (fan_in + 1) * fan_out
        count = [0]

        def torch_field(t, theta):
            count[0] += 1
            with torch.enable_grad():
                theta = theta.detach().requires_grad_()
                h = tx
                for l, (o, fan_in, fan_out) in enumerate(shapes):
                    end = o + fan_in * fan_out
                    h = h @ theta[o:end].reshape(fan_in, fan_out) + theta[end : end + fan_out]
                    h = torch.tanh(h) if l < len(shapes) - 1 else h
                loss = ((h - ty) ** 2).sum() / (2 * len(tx))
                return -torch.autograd.grad(loss, theta)[0]

        for rtol in case["rtols"]:
            count[0] = 0
            start = time.perf_counter()
            end = torchdiffeq.odeint(torch_field, torch.tensor(theta0), torch.tensor([0.0, case["tEnd"]]).double(),
                                     method="dopri5", rtol=rtol, atol=rtol * case["atolShare"])[-1]
            add("torchdiffeq dopri5", rtol, count[0], time.perf_counter() - start, end.numpy())
    except ImportError as error:
        notes.append(f"torchdiffeq left out: {error}")
    print(json.dumps({"rows": rows, "notes": notes}))


main(Path(sys.argv[1]))
