"""Values, gradients, Hessian products and tangent kernels of layer-cases.json by PyTorch and by JAX, in float64.

    python layer_numbers.py torch layer-torch.json      (PyTorch 1.13 or newer)
    python layer_numbers.py jax layer-jax.json          (JAX 0.4 or newer)

Each engine interprets the lists of layers with its own functions; parameters are read from one flat θ in the order of the layers.
preset_flows.py imports those of JAX.
"""
import json
import math
import pathlib
import sys

import numpy as np

engine = sys.argv[1] if __name__ == "__main__" else "jax"
SAMPLES = 6

if engine == "torch":
    import torch
    import torch.nn.functional as F

    torch.set_default_dtype(torch.float64)
    xp = torch
    array = lambda a: torch.tensor(np.asarray(a))
    exp, tanh, sqrt, sin, absolute = torch.exp, torch.tanh, torch.sqrt, torch.sin, torch.abs
    softmax = lambda s: torch.softmax(s, -1)
    where, concat = torch.where, lambda parts, axis: torch.cat(parts, axis)
    transpose = lambda x, order: x.permute(order)

    def conv(x, w, stride, pads, groups):
        flat = [p for pair in reversed(pads) for p in pair]
        f = F.conv1d if x.ndim == 3 else F.conv2d
        return f(F.pad(x, flat), w, None, tuple(stride), 0, 1, groups)

    conv_transposed = lambda x, w, stride: F.conv_transpose2d(x, w, None, tuple(stride))
    average_pool = lambda x, size, stride: F.avg_pool2d(x, size, stride)
    max_pool = lambda x, size, stride: F.max_pool2d(x, size, stride)
    sigmoid, softplus = torch.sigmoid, F.softplus
    gelu = lambda x: F.gelu(x, approximate="tanh")
    relu = F.relu
    upsample = lambda x, k: F.interpolate(x, scale_factor=k, mode="nearest")
else:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    xp = jnp
    array = jnp.asarray
    exp, tanh, sqrt, sin, absolute = jnp.exp, jnp.tanh, jnp.sqrt, jnp.sin, jnp.abs
    softmax = lambda s: jax.nn.softmax(s, -1)
    where, concat = jnp.where, jnp.concatenate
    transpose = jnp.transpose

    def conv(x, w, stride, pads, groups):
        return jax.lax.conv_general_dilated(x, w, stride, pads, feature_group_count=groups)

    def conv_transposed(x, w, stride):
        # The adjoint of a convolution: the kernel turned round, its channels exchanged, over an input with gaps.
        k = w.shape[2:]
        turned = jnp.flip(w, (2, 3)).transpose(1, 0, 2, 3)
        return jax.lax.conv_general_dilated(
            x, turned, (1, 1), [(k[0] - 1,) * 2, (k[1] - 1,) * 2], lhs_dilation=stride
        )

    def pool(x, size, stride, start, operation):
        window, strides = (1, 1, *size), (1, 1, *stride)
        return jax.lax.reduce_window(x, start, operation, window, strides, "VALID")

    average_pool = lambda x, size, stride: pool(x, size, stride, 0.0, jax.lax.add) / (size[0] * size[1])
    max_pool = lambda x, size, stride: pool(x, size, stride, -jnp.inf, jax.lax.max)
    sigmoid, softplus = jax.nn.sigmoid, jax.nn.softplus
    gelu = lambda x: jax.nn.gelu(x, approximate=True)
    relu = jax.nn.relu
    upsample = lambda x, k: jnp.repeat(jnp.repeat(x, k, 2), k, 3)

pair = lambda v: list(v) if isinstance(v, list) else [v, v]


class Reader:
    """θ in the order of declaration; a name read again is the same parameter. Without θ it counts."""

    def __init__(self, theta):
        self.theta, self.size, self.known = theta, 0, {}

    def take(self, name, shape):
        if name not in self.known:
            self.known[name] = self.size
            self.size += math.prod(shape)
        start = self.known[name]
        return self.theta[start : start + math.prod(shape)].reshape(shape)


def affine(p, path, x, width, bias=True):
    z = x @ p.take(path + ".w", (x.shape[-1], width))
    return z + p.take(path + ".b", (width,)) if bias else z


def mean_of(x, axes):
    return x.mean(axes, keepdims=True) if engine == "jax" else x.mean(axes, keepdim=True)


def standardise(x, axes, epsilon):
    centred = x - mean_of(x, axes)
    return centred / sqrt(mean_of(centred * centred, axes) + epsilon)


def piecewise(x, breakpoints, coefficients):
    value = None
    for k, piece in enumerate(coefficients):
        here = sum(c * x**i for i, c in enumerate(piece)) + 0 * x
        value = here if value is None else where(x > breakpoints[k - 1], here, value)
    return value


def pads_of(given, kernel):
    if given != "same":
        return [(given, given) for _ in kernel]
    return [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in kernel]


def join(kind, parts, axis):
    if kind == "concat":
        return concat(parts, axis + 1)
    if kind == "sum":
        return sum(parts[1:], parts[0])
    if kind == "product":
        return parts[0] * parts[1]
    gap = parts[0] - parts[1]
    return {"difference": gap, "squared-difference": gap * gap, "absolute-difference": absolute(gap)}[kind]


def run(p, layers, x, path, graph):
    for k, layer in enumerate(layers):
        x = apply(p, layer, x, f"{path}.{k}", graph)
    return x


def apply(p, layer, x, path, graph):
    kind = layer["kind"]
    bias = layer.get("bias", True)
    n = x.shape[0]
    if kind == "dense":
        return affine(p, path, x, layer["width"], bias)
    if kind in ("conv2d", "conv1d"):
        kernel = pair(layer["kernel"]) if kind == "conv2d" else [layer["kernel"]]
        stride = pair(layer.get("stride", 1)) if kind == "conv2d" else [layer.get("stride", 1)]
        groups = layer.get("groups", 1)
        w = p.take(path + ".w", (layer["channels"], x.shape[1] // groups, *kernel))
        z = conv(x, w, stride, pads_of(layer.get("padding", 0), kernel), groups)
        if not bias:
            return z
        return z + p.take(path + ".b", (layer["channels"],)).reshape((1, -1) + (1,) * len(kernel))
    if kind == "transposed-conv2d":
        kernel = pair(layer["kernel"])
        w = p.take(path + ".w", (x.shape[1], layer["channels"], *kernel))
        z = conv_transposed(x, w, pair(layer.get("stride", layer["kernel"])))
        return z + p.take(path + ".b", (layer["channels"],)).reshape((1, -1, 1, 1)) if bias else z
    if kind in ("average-pool", "max-pool"):
        size = pair(layer["size"])
        stride = pair(layer.get("stride", layer["size"]))
        return (average_pool if kind == "average-pool" else max_pool)(x, size, stride)
    if kind == "global-average-pool":
        return x.reshape((n, x.shape[1], -1)).mean(2)
    if kind == "upsample":
        return upsample(x, layer.get("factor", 2))
    if kind == "flatten":
        return x.reshape((n, -1))
    if kind == "reshape":
        return x.reshape((n, *layer["shape"]))
    if kind == "mean":
        return x.mean(layer.get("axis", 0) + 1)
    if kind == "scale":
        return layer["factor"] * x
    if kind == "layer-norm":
        z = standardise(x, -1, layer.get("epsilon", 1e-5))
        if not layer.get("affine", True):
            return z
        d = (x.shape[-1],)
        gain = p.take(path + ".g", d)
        return z * gain + p.take(path + ".s", d)
    if kind == "batch-norm":
        axes = tuple(i for i in range(x.ndim) if i != 1)
        z = standardise(x, axes, layer.get("epsilon", 1e-5))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        gain = p.take(path + ".g", (x.shape[1],)).reshape(shape)
        return z * gain + p.take(path + ".s", (x.shape[1],)).reshape(shape)
    if kind == "attention":
        T, d = x.shape[1], x.shape[2]
        h = layer["heads"]
        q, k, v = (
            transpose(affine(p, f"{path}.{name}", x, d).reshape((n, T, h, d // h)), (0, 2, 1, 3))
            for name in ("query", "key", "value")
        )
        scores = q @ transpose(k, (0, 1, 3, 2)) / math.sqrt(d // h)
        if layer.get("causal", False):
            scores = scores + array(np.triu(np.full((T, T), -np.inf), 1))
        mixed = transpose(softmax(scores) @ v, (0, 2, 1, 3)).reshape((n, T, d))
        return affine(p, path + ".output", mixed, d)
    if kind == "position-embedding":
        return x + p.take(path + ".e", x.shape[1:])
    if kind == "embedding":
        table = p.take(path + ".e", (layer["tokens"], layer["width"]))
        index = x.long() if engine == "torch" else x.astype(int)
        return table[index]
    if kind == "gcn-conv":
        return affine_of(p, path, lambda w: graph["normalised"] @ x @ w, x, layer)
    if kind == "cheb-conv":
        scaled = 2 * graph["laplacian"] / layer.get("lambdaMax", 2) - array(np.eye(n))
        basis = [x, scaled @ x]
        while len(basis) < layer["order"]:
            basis.append(2 * (scaled @ basis[-1]) - basis[-2])
        shape = (x.shape[1], layer["width"])
        z = sum(basis[k] @ p.take(f"{path}.w{k}", shape) for k in range(layer["order"]))
        return z + p.take(path + ".b", (layer["width"],)) if bias else z
    if kind == "graph-conv":
        shape = (x.shape[1], layer["width"])
        root = x @ p.take(path + ".root", shape)
        around = graph["neighbours"] @ x @ p.take(path + ".neighbours", shape)
        return root + around + p.take(path + ".b", (layer["width"],))
    if kind == "residual":
        shortcut = layer.get("shortcut", "identity")
        kept = x if shortcut == "identity" else run(p, shortcut, x, path + ".shortcut", graph)
        return kept + layer.get("scale", 1) * run(p, layer["layers"], x, path + ".layers", graph)
    if kind == "parallel":
        parts = [run(p, b, x, f"{path}.branches.{i}", graph) for i, b in enumerate(layer["branches"])]
        return join(layer.get("join", "sum"), parts, layer.get("axis", 0))
    if kind == "siamese":
        parts = [run(p, layer["layers"], x[:, i], path + ".half", graph) for i in (0, 1)]
        return join(layer.get("join", "sum"), parts, layer.get("axis", 0))
    if kind == "repeat":
        for i in range(layer["times"]):
            own = path + ".round" if layer.get("shared", False) else f"{path}.round{i}"
            x = run(p, layer["layers"], x, own, graph)
        return x
    if kind == "prelu":
        slope = p.take(path + ".slope", (1,))
        return where(x > 0, x, slope * x)
    return {
        "identity": lambda: x,
        "tanh": lambda: tanh(x),
        "sigmoid": lambda: sigmoid(x),
        "gelu": lambda: gelu(x),
        "silu": lambda: x * sigmoid(x),
        "softplus": lambda: softplus(x),
        "sin": lambda: sin(x),
        "relu": lambda: relu(x),
        "leaky-relu": lambda: where(x > 0, x, layer.get("slope", 0.01) * x),
        "abs": lambda: absolute(x),
        "hard-tanh": lambda: piecewise(x, [-1, 1], [[-1], [0, 1], [1]]),
        "hard-sigmoid": lambda: piecewise(x, [-3, 3], [[0], [0.5, 1 / 6], [1]]),
        "relu6": lambda: piecewise(x, [0, 6], [[0], [0, 1], [6]]),
        "squared-relu": lambda: relu(x) ** 2,
        "piecewise-polynomial": lambda: piecewise(x, layer["breakpoints"], layer["coefficients"]),
    }[kind]()


def affine_of(p, path, product, x, layer):
    z = product(p.take(path + ".w", (x.shape[1], layer["width"])))
    return z + p.take(path + ".b", (layer["width"],)) if layer.get("bias", True) else z


def ring():
    """A cycle with one chord: every node has a neighbour, degrees differ."""
    a = np.zeros((SAMPLES, SAMPLES))
    for i in range(SAMPLES):
        a[i, (i + 1) % SAMPLES] = a[(i + 1) % SAMPLES, i] = 1
    a[0, 3] = a[3, 0] = 1
    loops = a + np.eye(SAMPLES)
    scale = lambda m: m / np.sqrt(np.outer(m.sum(1), m.sum(1)))
    normalised = loops / np.sqrt(np.outer(loops.sum(1), loops.sum(1)))
    laplacian = np.eye(SAMPLES) - a / np.sqrt(np.outer(a.sum(1), a.sum(1)))
    return a, {"normalised": array(normalised), "laplacian": array(laplacian), "neighbours": array(a)}


def measure(case, index):
    rng = np.random.default_rng(index)
    shape = (SAMPLES, *case["inputShape"])
    x = rng.integers(0, case["tokens"], shape).astype(float) if "tokens" in case else rng.normal(size=shape)
    edges, graph = ring()
    counter = Reader(array(np.zeros(100_000)))
    output = run(counter, case["layers"], array(x), "layers", graph)
    P = counter.size
    theta = rng.normal(size=P) * 0.6
    v = rng.normal(size=P)
    outputs = output.reshape((SAMPLES, -1)).shape[1]
    y = rng.normal(size=(SAMPLES, outputs))

    def predict(t):
        return run(Reader(t), case["layers"], array(x), "layers", graph).reshape((SAMPLES, outputs))

    def loss(t):
        return 0.5 * ((predict(t) - array(y)) ** 2).sum()

    if engine == "torch":
        t = array(theta).requires_grad_(True)
        L = loss(t)
        (g,) = torch.autograd.grad(L, t, create_graph=True)
        (hv,) = torch.autograd.grad((g * array(v)).sum(), t)
        F_ = predict(t)
        rows = [torch.autograd.grad(f, t, retain_graph=True)[0].numpy() for f in F_.reshape(-1)]
        J = np.stack(rows)
        found = L.item(), F_.detach().numpy(), g.detach().numpy(), hv.numpy()
    else:
        t = array(theta)
        g = jax.grad(loss)(t)
        hv = jax.jvp(jax.grad(loss), (t,), (array(v),))[1]
        J = np.asarray(jax.jacrev(predict)(t)).reshape(-1, P)
        found = float(loss(t)), np.asarray(predict(t)), np.asarray(g), np.asarray(hv)
    L, out, g, hv = found
    numbers = lambda a: [float(value) for value in np.asarray(a).reshape(-1)]
    given = {"theta": theta, "x": x, "y": y, "v": v}
    if case.get("graph"):
        given["edges"] = edges
    measured = {"output": out, "gradient": g, "hessianProduct": hv, "kernel": J @ J.T}
    return {
        "name": case["name"],
        "samples": SAMPLES,
        # What both engines are given is drawn alike and stored once.
        **({key: numbers(value) for key, value in given.items()} if engine == "torch" else {}),
        "loss": L,
        **{key: numbers(value) for key, value in measured.items()},
    }


if __name__ == "__main__":
    cases = json.load(open(pathlib.Path(__file__).with_name("layer-cases.json")))
    with open(sys.argv[2], "w") as file:
        json.dump([measure(case, i) for i, case in enumerate(cases)], file)
