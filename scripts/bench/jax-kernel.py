"""The dense tangent kernel of a tanh network by JAX, timed. Called by kernels.js: jax-kernel.py FOLDER WIDTHS, with x.npy, theta.npy
and gram.npy (ours) in FOLDER. Prints seconds and the relative distance of the two kernels. Exits with 3 if JAX is not installed.
"""
import json
import sys
import time
from pathlib import Path

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

jax.config.update("jax_enable_x64", True)
folder, widths = Path(sys.argv[1]), [int(w) for w in sys.argv[2].split("-")]
x, theta, gram = (np.load(folder / f"{name}.npy") for name in ("x", "theta", "gram"))


def predict(t, h):
    at = 0
    for l, (i, o) in enumerate(zip(widths, widths[1:])):
        z = h @ t[at : at + i * o].reshape(i, o) + t[at + i * o : at + (i + 1) * o]
        at += (i + 1) * o
        h = jnp.tanh(z) if l < len(widths) - 2 else z
    return h


@jax.jit
def kernel(t, x):
    jacobian = jax.vmap(jax.jacrev(predict), (None, 0))(t, x).reshape(-1, t.size)
    return jacobian @ jacobian.T


t, x = jnp.asarray(theta), jnp.asarray(x)
theirs = np.asarray(kernel(t, x).block_until_ready())
seconds = []
for _ in range(7):
    start = time.perf_counter()
    kernel(t, x).block_until_ready()
    seconds.append(time.perf_counter() - start)
distance = float(np.linalg.norm(theirs - gram) / np.linalg.norm(gram))
print(json.dumps({"jax": jax.__version__, "seconds": min(seconds), "distance": distance}))
