"""Elementary functions of double-double arithmetic at 300 digits: writes mpmath-functions.json.

Run: python mpmath_functions.py > mpmath-functions.json (needs mpmath). Arguments are float64 pairs; values are pairs whose sum is good to 2^-106.
"""

import json

from mpmath import mp, mpf

mp.dps = 300
FUNCTIONS = {
    "exp": (mp.exp, [-700, -80.5, -3, -0.4, -1e-3, 1e-20, 0.25, 0.7, 1, 12.3, 88, 700.25]),
    "log": (mp.log, [1e-300, 1e-5, 0.4, 0.9, 1 + 2**-40, 1.5, 7, 1e10, 1e300]),
    "log1p": (mp.log1p, [-0.9, -0.3, -1e-12, 1e-30, 1e-3, 0.2, 0.9, 30, 1e20]),
    "sqrt": (mp.sqrt, [1e-250, 1e-5, 0.3, 1, 2, 1e10, 1e300]),
    "sin": (mp.sin, [-400.1, -3.1, -1.6, -0.1, 1e-9, 0.7, 0.8, 2.4, 22, 355, 1000]),
    "cos": (mp.cos, [-400.1, -3.1, -1.6, -0.1, 1e-9, 0.7, 0.8, 2.4, 22, 355, 1000]),
    "tanh": (mp.tanh, [-30, -2, -0.3, -1e-3, 1e-20, 0.1, 0.16, 0.6, 3, 19, 300]),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), [-600, -30, -2, -0.3, 1e-20, 0.1, 3, 36, 300]),
    "erf": (mp.erf, [-12, -5.5, -2.9, -1.3, -0.3, 1e-20, 1e-3, 0.5, 0.84, 1, 1.7, 3.3, 4, 8.9]),
    "sech2": (lambda x: mp.sech(x) ** 2, [-300, -30, -2, -0.3, 1e-20, 0.1, 0.6, 3, 19, 200]),
}


def pair(value):
    high = float(value)
    return [high, float(value - mpf(high))]


def rows(function, arguments):
    for x in arguments:
        low = x * 0.37 * 2.0**-54
        yield [x + 0.0, low, *pair(function(mpf(x) + mpf(low)))]


print(json.dumps({name: list(rows(*given)) for name, given in FUNCTIONS.items()}))
