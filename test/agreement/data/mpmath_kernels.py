"""Smallest eigenvalues of tangent kernels at 300 digits, where float64 has few or none: python mpmath_kernels.py > mpmath-kernels.json

Networks as src/model/network.ts has them: h W + b, weights [in, out] row-major, then the bias. Also tanh', tanh'', the logistic
function and its first two derivatives far into saturation. Inputs and parameters are float64 numbers, taken exactly."""
import json
import random

import mpmath as mp

mp.mp.dps = 300


def activation(kind, z):
    """Value and slope."""
    if kind == "tanh":
        return mp.tanh(z), mp.sech(z) ** 2
    if kind == "sigmoid":
        s = 1 / (1 + mp.exp(-z))
        return s, 1 / (1 + mp.exp(-z)) / (1 + mp.exp(z))
    if kind == "relu":
        return (z, mp.mpf(1)) if z > 0 else (mp.mpf(0), mp.mpf(0))
    if kind == "hard-tanh":
        return (mp.mpf(1), mp.mpf(0)) if z > 1 else (z, mp.mpf(1)) if z > -1 else (mp.mpf(-1), mp.mpf(0))
    raise ValueError(kind)


def rows(act, widths, theta, x):
    """Gradients of all outputs [sample, output], each of length P."""
    layers, at = [], 0
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers.append((at, fan_in, fan_out))
        at += (fan_in + 1) * fan_out
    out = []
    for sample in x:
        h, inputs, slopes = [mp.mpf(v) for v in sample], [], []
        for l, (start, fan_in, fan_out) in enumerate(layers):
            inputs.append(h)
            z = [
                mp.fsum(h[i] * theta[start + i * fan_out + j] for i in range(fan_in)) + theta[start + fan_in * fan_out + j]
                for j in range(fan_out)
            ]
            if l == len(layers) - 1:
                break
            pairs = [activation(act, v) for v in z]
            slopes.append([s for _, s in pairs])
            h = [a for a, _ in pairs]
        for output in range(widths[-1]):
            row = [mp.mpf(0)] * at
            delta = [mp.mpf(int(j == output)) for j in range(widths[-1])]
            for l in reversed(range(len(layers))):
                start, fan_in, fan_out = layers[l]
                for i in range(fan_in):
                    for j in range(fan_out):
                        row[start + i * fan_out + j] = inputs[l][i] * delta[j]
                for j in range(fan_out):
                    row[start + fan_in * fan_out + j] = delta[j]
                if l > 0:
                    back = [mp.fsum(theta[start + i * fan_out + j] * delta[j] for j in range(fan_out)) for i in range(fan_in)]
                    delta = [s * g for s, g in zip(slopes[l - 1], back)]
            out.append(row)
    return out


def case(label, act, widths, samples, seed, x_scale=1.0, theta_scale=1.0, columns=None, bias_scale=None, given=None):
    rng = random.Random(seed)
    x = [
        [rng.gauss(0, 1) * x_scale * (columns[i] if columns else 1) for i in range(widths[0])] for _ in range(samples)
    ]
    theta = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        theta += [rng.gauss(0, 1) * theta_scale / fan_in**0.5 for _ in range(fan_in * fan_out)]
        theta += [rng.gauss(0, 1) * (theta_scale if bias_scale is None else bias_scale) for _ in range(fan_out)]
    if given:
        x, theta = given
    j = rows(act, widths, [mp.mpf(v) for v in theta], x)
    n = len(j)
    gram = mp.matrix(n, n)
    for p in range(n):
        for q in range(n):
            gram[p, q] = mp.fsum(a * b for a, b in zip(j[p], j[q]))
    values = sorted(mp.eigsy(gram, eigvals_only=True))
    return {
        "label": label,
        "activation": act,
        "widths": widths,
        "x": [v for sample in x for v in sample],
        "theta": theta,
        "lambdaMin": mp.nstr(values[0], 25),
        "lambdaMax": mp.nstr(values[-1], 25),
    }


cases = [
    *(case("one tanh unit, inputs of 1e3", "tanh", [1, 1, 1], 3, s, x_scale=1e3, theta_scale=0.02) for s in range(8)),
    # 1 − tanh² is a few roundoffs, and times input and output weight it is not small.
    *(
        case("one tanh unit, no digits in 1 − tanh²", "tanh", [1, 1, 1], 2, 0, given=([[1e3], [1013.0]], [w, 0.0, 1e5, 0.3]))
        for w in (0.0172, 0.0176, 0.0181)
    ),
    *(case("one tanh unit, saturated", "tanh", [2, 1, 1], 3, s, x_scale=10, theta_scale=1) for s in range(4)),
    *(case("saturated sigmoid", "sigmoid", [2, 3, 1], 4, s, x_scale=20, theta_scale=1) for s in range(4)),
    *(case("sigmoid far to the left", "sigmoid", [2, 2, 1], 3, s, x_scale=1, bias_scale=-30) for s in range(3)),
    *(case("deep tanh", "tanh", [3, 5, 5, 5, 5, 2], 4, s, theta_scale=2) for s in range(3)),
    *(case("mixed scales", "tanh", [3, 4, 2], 3, s, columns=[1e-6, 1, 30]) for s in range(3)),
    *(case("relu, inputs of 1e6", "relu", [3, 6, 6, 1], 4, s, x_scale=1e6) for s in range(3)),
    *(case("hard tanh", "hard-tanh", [3, 6, 1], 5, s) for s in range(2)),
    *(case("tanh at 1e-9", "tanh", [3, 5, 1], 4, s, x_scale=1e-9, bias_scale=1e-9) for s in range(2)),
    *(case("relu at 1e9", "relu", [3, 5, 1], 4, s, x_scale=1e9) for s in range(2)),
    *(case("nearly equal inputs", "tanh", [1, 4, 1], 4, s, x_scale=1e-4) for s in range(2)),
    *(case("wide tanh", "tanh", [4, 60, 2], 5, s, theta_scale=3) for s in range(2)),
]

points = [s * z for z in [1e-300, 1e-8, 0.01, 0.5, 1, 5, 17, 18, 19, 25, 40, 100, 170, 300, 340] for s in (1, -1)]
scalars = []
for z in points:
    v = mp.mpf(z)
    sech2 = mp.sech(v) ** 2
    sigma = 1 / (1 + mp.exp(-v))
    slope = sigma / (1 + mp.exp(v))
    scalars.append(
        {
            "z": z,
            "tanhSlope": mp.nstr(sech2, 20),
            "tanhCurvature": mp.nstr(-2 * mp.tanh(v) * sech2, 20),
            "sigmoid": mp.nstr(sigma, 20),
            "sigmoidSlope": mp.nstr(slope, 20),
            "sigmoidCurvature": mp.nstr(-slope * mp.tanh(v / 2), 20),
        }
    )
print(json.dumps({"mpmath": mp.__version__, "cases": cases, "scalars": scalars}))
