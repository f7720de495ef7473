"""Writes jax-kernels.json: the tangent kernel G = J J^T of small networks and its eigenvalues, by JAX and NumPy in float64.

Run: python jax_kernels.py > jax-kernels.json (needs jax, pip install "jax[cpu]"). Networks and cases are those of jax_gradients.py;
J is jax.jacrev of all outputs, row by row [sample, output]; the eigenvalues are squared singular values of J by LAPACK.
"""

import contextlib
import io
import json

import jax
import jax.numpy as jnp
import numpy as np

with contextlib.redirect_stdout(io.StringIO()):
    import jax_gradients as nets

out = []
for seed, case in enumerate(nets.CASES):
    rng = np.random.default_rng(100 + seed)
    n = 8
    theta = rng.normal(size=nets.size(case)) * 0.5
    x = rng.normal(size=(n, case["widths"][0]))
    adjacency = nets.symmetric_normalised(rng, n) if case["kind"] == "gcn" else None
    outputs = lambda t: nets.predict(case, nets.ACTIVATIONS[case["activation"]], adjacency, t, x).ravel()
    jacobian = np.asarray(jax.jacrev(outputs)(jnp.asarray(theta)))
    kernel = jacobian @ jacobian.T
    sigma = np.linalg.svd(jacobian, compute_uv=False)
    eigenvalues = np.zeros(kernel.shape[0])
    eigenvalues[: sigma.size] = sigma**2
    flat = lambda a: None if a is None else np.asarray(a, dtype=np.float64).ravel().tolist()
    out.append(
        dict(
            **case, samples=n, theta=flat(theta), x=flat(x), adjacency=flat(adjacency), kernel=flat(kernel), eigenvalues=flat(eigenvalues)
        )
    )
print(json.dumps(dict(jax=jax.__version__, numpy=np.__version__, cases=out)))
