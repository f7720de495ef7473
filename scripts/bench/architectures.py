"""Gradients of the networks of architectures.js by JAX or PyTorch, timed. Called by it:

    architectures.py jax|torch FOLDER NETWORK DTYPE THREADS

FOLDER holds theta.npy, x.npy and y.npy, our layout; the gradient goes to FOLDER/FRAMEWORK.npy. Then a line of JSON, one more for each line
that comes in, holding a number of calls: their seconds each, processor seconds and the peak resident set. Exits with 3 if the framework is not installed.
"""
import json
import os
import resource
import sys
import time
from pathlib import Path

framework, folder, network, dtype, threads = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:6]
os.environ["OMP_NUM_THREADS"] = os.environ["NPROC"] = threads
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={threads}"

try:
    import numpy as np

    if framework == "jax":
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        version = jax.__version__
    else:
        import torch
        import torch.nn.functional as F

        torch.set_num_threads(int(threads))
        version = torch.__version__
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


def parts_of(theta, shapes):
    at = 0
    for shape in shapes:
        size = int(np.prod(shape))
        yield theta[at : at + size].reshape(shape)
        at += size


def affine(widths):
    return [shape for i, o in zip(widths, widths[1:]) for shape in ((i, o), (o,))]


class Jax:
    leaky = staticmethod(lambda z: jnp.where(z > 0, z, 0.01 * z))
    gelu = staticmethod(lambda z: jax.nn.gelu(z, approximate=True))
    softmax = staticmethod(lambda z: jax.nn.softmax(z, axis=-1))
    swap = staticmethod(lambda a, *axes: a.transpose(axes))

    @staticmethod
    def convolve(x, w, b):
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW")) + b.reshape(1, -1, 1, 1)

    @staticmethod
    def norm(x, gain, shift):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * gain + shift

    @staticmethod
    def gradient(loss, theta, data):
        compiled = jax.jit(jax.grad(loss))
        theta, data = jnp.asarray(theta), tuple(jnp.asarray(d) for d in data)
        return lambda: compiled(theta, *data).block_until_ready()


class Torch:
    leaky = staticmethod(lambda z: F.leaky_relu(z, 0.01))
    gelu = staticmethod(lambda z: F.gelu(z, approximate="tanh"))
    softmax = staticmethod(lambda z: F.softmax(z, dim=-1))
    swap = staticmethod(lambda a, *axes: a.permute(axes))
    convolve = staticmethod(lambda x, w, b: F.conv2d(x, w, b, padding=1))
    norm = staticmethod(lambda x, gain, shift: F.layer_norm(x, gain.shape, gain, shift))

    @staticmethod
    def gradient(loss, theta, data):
        theta, data = torch.from_numpy(theta).requires_grad_(), [torch.from_numpy(d) for d in data]
        return lambda: torch.autograd.grad(loss(theta, *data), theta)[0]


f = Jax if framework == "jax" else Torch


def dense(theta, x):
    widths = [500, 250, 250, 50]
    parts = list(parts_of(theta, affine(widths)))
    for l in range(3):
        x = x @ parts[2 * l] + parts[2 * l + 1]
        x = f.leaky(x) if l < 2 else x
    return x


def cnn(theta, x):
    n = x.shape[0]
    shapes = [(16, 3, 3, 3), (16,), (16, 16, 3, 3), (16,), (1024, 10), (10,)]
    w1, b1, w2, b2, w3, b3 = parts_of(theta, shapes)
    h = f.leaky(f.convolve(f.leaky(f.convolve(x, w1, b1)), w2, b2))
    pooled = h.reshape(n, 16, 8, 2, 8, 2).mean((3, 5))
    return pooled.reshape(n, -1) @ w3 + b3


def block(theta, x):
    n, t, d = x.shape
    shapes = [(d,), (d,), *affine([d, d]) * 4, (d,), (d,), *affine([d, 256, d])]
    g1, s1, wq, bq, wk, bk, wv, bv, wo, bo, g2, s2, w1, b1, w2, b2 = parts_of(theta, shapes)
    h = f.norm(x, g1, s1)
    q, k, v = (f.swap((h @ w + b).reshape(n, t, 4, d // 4), 0, 2, 1, 3) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    shares = f.softmax(q @ f.swap(k, 0, 1, 3, 2) / (d // 4) ** 0.5)
    x = x + f.swap(shares @ v, 0, 2, 1, 3).reshape(n, t, d) @ wo + bo
    return x + f.gelu(f.norm(x, g2, s2) @ w1 + b1) @ w2 + b2


predict = {"dense": dense, "cnn": cnn, "block": block}[network]
theta, x, y = (np.load(folder / f"{name}.npy").astype(dtype) for name in ("theta", "x", "y"))
factor = 1 / (2 * x.shape[0])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
started = peak()
run = f.gradient(lambda theta, x, y: factor * ((predict(theta, x).reshape(y.shape) - y) ** 2).sum(), theta, (x, y))
np.save(folder / f"{framework}.npy", np.asarray(run(), dtype="float64"))
print(json.dumps({"version": version, "started": started}), flush=True)
for line in sys.stdin:
    run()
    calls = int(line)
    start, used = time.perf_counter(), time.process_time()
    for _ in range(calls):
        run()
    seconds, used = (time.perf_counter() - start) / calls, (time.process_time() - used) / calls
    print(json.dumps({"seconds": seconds, "used": used, "peak": peak()}), flush=True)
