"""Peers on the gradient flow of a fully connected tanh network: SciPy's RK45, diffrax's Tsit5 and torchdiffeq's dopri5.

Called by stiff.js: peers-stiff.py FOLDER, with x.npy, y.npy, theta0.npy, reference.npy and case.json in FOLDER. Prints one JSON
object on stdout, progress on stderr. Each run ends after `budget` evaluations or `seconds` of case.json; one that does not reach the end by then is
reported with the time it reached. A package that is missing is named in `notes`. Exits with 3 if NumPy or SciPy is not installed.
"""
import json
import sys
import time
from pathlib import Path

try:
    import numpy as np
    import scipy
    from scipy.integrate import RK45
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


class OverBudget(Exception):
    pass


def main(folder):
    case = json.loads((folder / "case.json").read_text())
    x, y, theta0, reference = (np.load(folder / f"{name}.npy") for name in ("x", "y", "theta0", "reference"))
    rows, notes = [], [f"SciPy {scipy.__version__}"]
    budget, most, end = case["budget"], case["seconds"], case["tEnd"]

    def add(solver, rtol, evaluations, start, theta, reached):
        seconds = time.perf_counter() - start
        print(f"{solver} rtol {rtol:.0e}: t = {reached:.0f}, {evaluations} evaluations, {seconds:.0f} s", file=sys.stderr, flush=True)
        if reached < end:
            notes.append(f"{solver} at rtol {rtol:.0e}: at t = {reached:.0f} of {end} after {evaluations} evaluations, {seconds:.0f} s; given up.")
            return
        error = float(np.linalg.norm(theta - reference) / np.linalg.norm(reference))
        rows.append({"solver": solver, "rtol": rtol, "evaluations": int(evaluations), "seconds": seconds, "error": error})

    field = make_field(np, x, y, case["dims"])
    for rtol in case["rtols"]:
        start = time.perf_counter()
        solver = RK45(lambda t, theta: field(theta), 0, theta0, end, rtol=rtol, atol=rtol * case["atolShare"])
        while solver.status == "running" and solver.nfev < budget and time.perf_counter() - start < most:
            solver.step()
        add("SciPy RK45", rtol, solver.nfev, start, solver.y, solver.t)
    try:
        import diffrax
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp

        notes.append(f"diffrax {diffrax.__version__}, jax {jax.__version__}")
        jax_field = make_field(jnp, jnp.asarray(x), jnp.asarray(y), case["dims"])
        term = diffrax.ODETerm(lambda t, theta, _: jax_field(theta))
        for rtol in case["rtols"]:
            controller = diffrax.PIDController(rtol=rtol, atol=rtol * case["atolShare"])
            # One chunk of steps at a time, so that there is progress and an end. Six evaluations a step, first same as last.
            chunk = 2000

            @jax.jit
            def advance(t, theta, step):
                return diffrax.diffeqsolve(term, diffrax.Tsit5(), t, end, step, theta, stepsize_controller=controller,
                                           max_steps=chunk, throw=False, adjoint=diffrax.ForwardMode(),
                                           saveat=diffrax.SaveAt(steps=True, t1=False))

            steps, t, theta, step = 0, 0.0, jnp.asarray(theta0), None
            start = time.perf_counter()
            while t < end and 6 * steps < budget and time.perf_counter() - start < most:
                solution = advance(t, theta, step)
                taken = int(solution.stats["num_accepted_steps"])
                if taken == 0:
                    break
                steps += int(solution.stats["num_steps"])
                # The next chunk begins with the step that the last one had reached.
                step = float(solution.ts[taken - 1] - (solution.ts[taken - 2] if taken > 1 else t))
                t, theta = float(solution.ts[taken - 1]), solution.ys[taken - 1]
                print(f"diffrax rtol {rtol:.0e}: t = {t:.0f}, {6 * steps} evaluations", file=sys.stderr, flush=True)
            add("diffrax Tsit5", rtol, 6 * steps + 1, start, np.asarray(theta), t)
    except ImportError as error:
        notes.append(f"diffrax left out: {error}")
    try:
        import torch
        import torchdiffeq

        torch.set_num_threads(1)
        notes.append(f"torchdiffeq {getattr(torchdiffeq, '__version__', '')}, torch {torch.__version__}")
        torch_field = make_field(torch, torch.tensor(x), torch.tensor(y), case["dims"])
        for rtol in case["rtols"]:
            seen = {"count": 0, "t": 0.0}

            def counted(t, theta):
                seen["count"] += 1
                seen["t"] = float(t)
                if seen["count"] % 5000 == 0:
                    print(f"torchdiffeq rtol {rtol:.0e}: t = {seen['t']:.0f}, {seen['count']} evaluations", file=sys.stderr, flush=True)
                if seen["count"] > budget or time.perf_counter() - start > most:
                    raise OverBudget
                return torch_field(theta)

            start = time.perf_counter()
            try:
                with torch.no_grad():
                    theta = torchdiffeq.odeint(counted, torch.tensor(theta0), torch.tensor([0.0, end], dtype=torch.float64),
                                               method="dopri5", rtol=rtol, atol=rtol * case["atolShare"])[-1].numpy()
                add("torchdiffeq dopri5", rtol, seen["count"], start, theta, end)
            except OverBudget:
                add("torchdiffeq dopri5", rtol, seen["count"], start, theta0, seen["t"])
    except ImportError as error:
        notes.append(f"torchdiffeq left out: {error}")
    print(json.dumps({"rows": rows, "notes": notes}))


main(Path(sys.argv[1]))
