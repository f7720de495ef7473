"""Writes scipy-counts.json: what SciPy's adaptive Runge-Kutta methods need on the problems of test/ode/problems.ts.

Run: python scipy_counts.py > scipy-counts.json (needs scipy and numpy). Reference solutions: DOP853 at rtol 1e-13.
"""

import json

import numpy as np
import scipy
from scipy.integrate import solve_ivp

MU = 0.012277471


def hopf(t, y):
    s = 1 - y[0] ** 2 - y[1] ** 2
    return [s * y[0] - y[1], s * y[1] + y[0]]


def brusselator(t, y):
    return [1 + y[0] ** 2 * y[1] - 4 * y[0], 3 * y[0] - y[0] ** 2 * y[1]]


def arenstorf(t, y):
    nu = 1 - MU
    d1 = ((y[0] + MU) ** 2 + y[1] ** 2) ** 1.5
    d2 = ((y[0] - nu) ** 2 + y[1] ** 2) ** 1.5
    return [
        y[2],
        y[3],
        y[0] + 2 * y[3] - nu * (y[0] + MU) / d1 - MU * (y[0] - nu) / d2,
        y[1] - 2 * y[2] - nu * y[1] / d1 - MU * y[1] / d2,
    ]


def predators(t, y):
    return [1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3 * y[1]]


PROBLEMS = {
    "hopf": (hopf, [0.5, 0.0], 3.0),
    "brusselator": (brusselator, [1.5, 3.0], 20.0),
    "arenstorf": (arenstorf, [0.994, 0.0, 0.0, -2.00158510637908252240537862224], 17.0652165601579625588917206249),
    "predators": (predators, [10.0, 5.0], 15.0),
}

runs = []
references = {}
for name, (f, y0, t_end) in PROBLEMS.items():
    references[name] = solve_ivp(f, (0, t_end), y0, method="DOP853", rtol=1e-13, atol=1e-13).y[:, -1].tolist()
    for method in ("RK45", "DOP853", "RK23"):
        for rtol in (1e-4, 1e-6, 1e-8):
            if method == "RK23" and rtol < 1e-6:
                continue
            atol = rtol * 1e-2
            s = solve_ivp(f, (0, t_end), y0, method=method, rtol=rtol, atol=atol)
            error = float(np.max(np.abs(s.y[:, -1] - references[name])))
            runs.append(
                dict(problem=name, method=method, rtol=rtol, atol=atol, evaluations=int(s.nfev), accepted=len(s.t) - 1, error=error)
            )
print(json.dumps(dict(scipy=scipy.__version__, references=references, runs=runs), indent=1))
