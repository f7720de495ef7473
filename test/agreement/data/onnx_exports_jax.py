"""Networks of JAX, Flax and scikit-learn as jax2onnx and skl2onnx write them, and what JAX and SciPy say of them in float64.

    python onnx_exports_jax.py onnx-exports        (JAX, Flax, jax2onnx, scikit-learn, skl2onnx, SciPy)

Writes NAME.onnx and jax.json into that folder, with the numbers of onnx_exports_torch.py. The exporters name weights themselves; a parameter is
the initialiser that has its numbers.
"""
import json
import pathlib
import sys

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import onnx
from flax import nnx
from jax.flatten_util import ravel_pytree
from jax2onnx import to_onnx
from onnx import numpy_helper
from scipy.integrate import solve_ivp
from skl2onnx import to_onnx as sklearn_to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.neural_network import MLPRegressor

T_END, SAMPLES = 5.0, 3


def mixer(parameters, x):
    """A residual network with layer norm and GELU in its tanh form, by hand."""
    h = jnp.tanh(x @ parameters["w1"] + parameters["b1"])
    centred = h - h.mean(-1, keepdims=True)
    normed = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * parameters["scale"]
    h = h + jax.nn.gelu(normed @ parameters["w2"] + parameters["b2"]) @ parameters["w3"]
    return h @ parameters["w4"] + parameters["b4"]


def mixer_parameters(random):
    shapes = {"w1": (4, 6), "b1": (6,), "scale": (6,), "w2": (6, 9), "b2": (9,), "w3": (9, 6), "w4": (6, 2), "b4": (2,)}
    return {name: jnp.asarray(random.normal(size=shape) / np.sqrt(shape[0])) for name, shape in shapes.items()}


class Convolutional(nnx.Module):
    """Images with their channels last, as Flax has them."""

    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 4, (3, 3), param_dtype=jnp.float64, rngs=rngs)
        self.head = nnx.Linear(4 * 9, 2, param_dtype=jnp.float64, rngs=rngs)

    def __call__(self, x):
        h = nnx.relu(self.conv(x))
        h = nnx.max_pool(h, window_shape=(2, 2), strides=(2, 2))
        return self.head(h.reshape(h.shape[0], -1))


def initialiser(model, value):
    """Its name, and whether it has the numbers the other way round."""
    for tensor in model.graph.initializer:
        own = numpy_helper.to_array(tensor)
        if own.size == value.size and np.array_equal(own.reshape(-1), value.reshape(-1)):
            return tensor.name, lambda a: a
        if value.ndim == 4 and own.ndim == 4 and np.array_equal(own, value.transpose(3, 2, 0, 1)):
            return tensor.name, lambda a: a.transpose(3, 2, 0, 1)
    raise LookupError(f"no initialiser of {[t.name for t in model.graph.initializer]} has the numbers of shape {value.shape}")


def study(model, apply, parameters, x, folder, name, flows):
    onnx.save(model, folder / f"{name}.onnx")
    theta0, unravel = ravel_pytree(parameters)
    random = np.random.default_rng(3)
    output = lambda flat: apply(unravel(flat), x)
    y = output(theta0) + random.normal(size=output(theta0).shape)
    loss = jax.jit(lambda flat: ((output(flat) - y) ** 2).sum() / 2)
    gradient = jax.jit(jax.grad(loss))
    v = jnp.asarray(random.normal(size=theta0.shape))

    def named(flat):
        found = {}
        for value, own in zip(jax.tree.leaves(parameters), jax.tree.leaves(unravel(jnp.asarray(flat)))):
            key, arrange = initialiser(model, np.asarray(value))
            found[key] = arrange(np.asarray(own)).reshape(-1).tolist()
        return found

    found = dict(
        file=f"{name}.onnx", x=np.asarray(x).reshape(-1).tolist(), y=np.asarray(y).reshape(-1).tolist(),
        shape=list(x.shape[1:]), output=np.asarray(output(theta0)).reshape(-1).tolist(), loss=float(loss(theta0)),
        gradient=named(gradient(theta0)), direction=named(v),
        hessianProduct=named(jax.jvp(gradient, (theta0,), (v,))[1]),
        singularValues=np.linalg.svd(np.asarray(jax.jacobian(lambda t: output(t).reshape(-1))(theta0)), compute_uv=False).tolist(),
    )
    if flows:
        ends = [
            solve_ivp(lambda t, th: -np.asarray(gradient(th)), (0, T_END), np.asarray(theta0), method="DOP853", rtol=rtol, atol=rtol / 100).y[:, -1]
            for rtol in (1e-12, 1e-11)
        ]
        found["flow"] = dict(
            tEnd=T_END, theta=named(ends[0]), loss=float(loss(ends[0])), uncertainty=float(np.linalg.norm(ends[0] - ends[1]))
        )
        print(name, "uncertainty", found["flow"]["uncertainty"])
    return found


def cases(folder):
    random = np.random.default_rng(1)
    x = jnp.asarray(random.normal(size=(SAMPLES, 4)))
    parameters = mixer_parameters(random)
    model = to_onnx(lambda own: mixer(parameters, own), [("B", 4)], enable_double_precision=True)
    yield "jax", study(model, mixer, parameters, x, folder, "jax", True)

    net = Convolutional(nnx.Rngs(0))
    images = jnp.asarray(random.normal(size=(SAMPLES, 6, 6, 1)))
    definition, state = nnx.split(net)
    model = to_onnx(net, [("B", 6, 6, 1)], enable_double_precision=True)
    apply = lambda own, inputs: nnx.merge(definition, own)(inputs)
    yield "flax", study(model, apply, state, images, folder, "flax", False)

    data = random.normal(size=(40, 4))
    regressor = MLPRegressor(hidden_layer_sizes=(7, 5), activation="tanh", max_iter=30, random_state=0)
    # Of several targets skl2onnx makes one column.
    regressor.fit(data, np.sin(data[:, 0]) + data[:, 1] * data[:, 2])
    model = sklearn_to_onnx(regressor, initial_types=[("x", DoubleTensorType([None, 4]))])
    weights = {"coefs": [jnp.asarray(w) for w in regressor.coefs_], "intercepts": [jnp.asarray(b) for b in regressor.intercepts_]}

    def perceptron(own, inputs):
        h = inputs
        for k, (w, b) in enumerate(zip(own["coefs"], own["intercepts"])):
            h = h @ w + b
            h = jnp.tanh(h) if k < len(own["coefs"]) - 1 else h
        return h

    assert np.allclose(perceptron(weights, x)[:, 0], regressor.predict(np.asarray(x)), rtol=0, atol=1e-13)
    yield "sklearn", study(model, perceptron, weights, x, folder, "sklearn", True)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    found = {"jax": jax.__version__, "cases": dict(cases(folder))}
    (folder / "jax.json").write_text(json.dumps(found) + "\n")
