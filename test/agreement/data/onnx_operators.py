"""One ONNX model an operator, with its values by ONNX's own reference implementation in NumPy: writes onnx-operators.json.

Run: python onnx_operators.py > onnx-operators.json (needs onnx and numpy). Every model takes x [n, ...], multiplies it by an initialiser w, so that
there is something to train, and applies its nodes. Values are those of three samples in float64.
"""

import base64
import json
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(7)
SAMPLES = 3
cases = []


def softmax_of_rows(h):
    """Before version 13 all axes from the given one on are one."""
    e = np.exp(h.reshape(len(h), -1))
    return (e / e.sum(1, keepdims=True)).reshape(h.shape)


def group_norm(h, g, b):
    groups = h.reshape(len(h), 2, -1)
    made = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 2.0**-10)
    return made.reshape(h.shape) * g[:, None] + b[:, None]


def causal_attention(h):
    heads = h.reshape(len(h), 3, 2, 4).transpose(0, 2, 1, 3)
    scores = 0.75 * heads @ heads.transpose(0, 1, 3, 2) + np.triu(np.full((3, 3), -np.inf), 1)
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return (shares @ heads).transpose(0, 2, 1, 3).reshape(h.shape)


# Where the reference computes with float32 constants, or knows the newest version of the operator alone: the formula that ONNX states.
erf = np.vectorize(math.erf)
FORMULAS = {
    "HardSwish": lambda h: h * np.clip(h / 6 + 0.5, 0, 1),
    "Gelu": lambda h: h * (1 + erf(h / np.sqrt(2))) / 2,
    "Gelu tanh": lambda h: h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))) / 2,
    "Erf": erf,
    "Softmax 11": softmax_of_rows,
    "Attention causal": causal_attention,
    "RMSNormalization": lambda h, g: h / np.sqrt((h**2).mean(-1, keepdims=True) + 2.0**-10) * g,
    "GroupNormalization 21": group_norm,
}


def case(name, shape, nodes, tensors=None, opset=20, couples=False, positive=False):
    """nodes: (operator, inputs, attributes); an input of None is left out. The first takes `h`; node k makes `v{k}`, or `_outputs`."""
    cases.append(dict(name=name, shape=shape, nodes=nodes, tensors=tensors or {}, opset=opset, couples=couples, positive=positive))


def build(c, batch):
    tensors = {"w": np.asarray(1.25)}
    tensors.update({key: np.asarray(value) for key, value in c["tensors"].items()})
    nodes = [helper.make_node("Mul", ["x", "w"], ["h"], name="first")]
    for k, (operator, inputs, attributes) in enumerate(c["nodes"]):
        own = dict(attributes)
        outputs = own.pop("_outputs", [f"v{k}"])
        nodes.append(helper.make_node(operator, [i or "" for i in inputs], outputs, name=f"{operator}_{k}", **own))
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [batch, *c["shape"]])],
        [helper.make_tensor_value_info(f"v{len(c['nodes']) - 1}", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(value, key) for key, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", c["opset"])])
    model.ir_version = 8
    return model


one = lambda *args: [args]
f = lambda *shape: rng.normal(size=shape)
i = lambda *values: np.array(values, dtype=np.int64)

for op in ["Neg", "Exp", "Sin", "Cos", "Tanh", "Sigmoid", "Softplus", "Softsign", "Abs", "Relu", "Erf", "HardSwish", "Mish"]:
    case(op, [5], one(op, ["h"], {}), opset=22)
for op in ["Log", "Sqrt", "Reciprocal"]:
    case(op, [5], one(op, ["h"], {}), positive=True)
for op in ["Add", "Sub", "Mul", "Div", "Max", "Min"]:
    case(op, [2, 4], one(op, ["h", "c"], {}), {"c": np.abs(f(4)) + 0.5 if op == "Div" else f(4)})
case("Max with 0", [4], one("Max", ["h", "c"], {}), {"c": np.asarray(0.0)})
case("Max of three", [4], one("Max", ["h", "c", "d"], {}), {"c": f(4), "d": f(1)})
case("Sum", [4], one("Sum", ["h", "c", "h"], {}), {"c": f(4)})
case("Mean", [4], one("Mean", ["h", "c"], {}), {"c": f(4)})
for p in [2.0, 3.0, -1.0, 0.5, 1.5, 2.3]:
    case(f"Pow {p}", [4], one("Pow", ["h", "p"], {}), {"p": np.asarray(p)}, positive=True)
case("LeakyRelu", [5], one("LeakyRelu", ["h"], {"alpha": 0.125}))
case("PRelu", [3, 4], one("PRelu", ["h", "s"], {}), {"s": f(3, 1)})
case("Clip", [5], one("Clip", ["h", "a", "b"], {}), {"a": np.asarray(-0.5), "b": np.asarray(0.75)})
case("Clip below", [5], one("Clip", ["h", "a"], {}), {"a": np.asarray(-0.5)})
case("Clip above", [5], one("Clip", ["h", None, "b"], {}), {"b": np.asarray(0.25)})
case("Clip to 6", [5], one("Clip", ["h", "a", "b"], {}), {"a": np.asarray(0.0), "b": np.asarray(6.0)})
case("HardSigmoid", [5], one("HardSigmoid", ["h"], {"alpha": 0.25, "beta": 0.5}))
case("Elu", [5], one("Elu", ["h"], {"alpha": 0.75}))
case("Celu", [5], one("Celu", ["h"], {"alpha": 0.5}))
case("Selu", [5], one("Selu", ["h"], {"alpha": 1.5, "gamma": 1.25}))
case("Gelu", [5], one("Gelu", ["h"], {}))
case("Gelu tanh", [5], one("Gelu", ["h"], {"approximate": "tanh"}))
case("Softmax", [3, 4], one("Softmax", ["h"], {"axis": 1}))
case("Softmax 11", [3, 4], one("Softmax", ["h"], {"axis": 1}), opset=11)
case("LogSoftmax", [3, 4], one("LogSoftmax", ["h"], {}))
case("LayerNormalization", [3, 4], one("LayerNormalization", ["h", "g", "b"], {"epsilon": 2.0**-10}), {"g": f(4), "b": f(4)})
case("LayerNormalization 2 axes", [3, 4], one("LayerNormalization", ["h", "g"], {"axis": -2, "epsilon": 2.0**-10}), {"g": f(3, 4)})
case("RMSNormalization", [3, 4], one("RMSNormalization", ["h", "g"], {"epsilon": 2.0**-10}), {"g": f(4)}, opset=23)
bn = {"g": f(3), "b": f(3), "m": f(3), "v": np.abs(f(3)) + 0.5}
case("BatchNormalization", [3, 2, 2], one("BatchNormalization", ["h", "g", "b", "m", "v"], {"epsilon": 2.0**-10}), bn)
case("GroupNormalization 18", [4, 3], one("GroupNormalization", ["h", "g", "b"], {"num_groups": 2, "epsilon": 2.0**-10}), {"g": f(2), "b": f(2)}, opset=18)
case("GroupNormalization 21", [4, 3], one("GroupNormalization", ["h", "g", "b"], {"num_groups": 2, "epsilon": 2.0**-10}), {"g": f(4), "b": f(4)}, opset=21)
case("InstanceNormalization", [3, 4], one("InstanceNormalization", ["h", "g", "b"], {"epsilon": 2.0**-10}), {"g": f(3), "b": f(3)})
case("Gemm", [4], one("Gemm", ["h", "m", "b"], {"transB": 1}), {"m": f(3, 4), "b": f(3)})
case("Gemm scaled", [4], one("Gemm", ["h", "m", "b"], {"alpha": 0.5, "beta": 2.0}), {"m": f(4, 3), "b": f(1, 3)})
case("MatMul", [2, 4], one("MatMul", ["h", "m"], {}), {"m": f(4, 3)})
case("MatMul stacked", [2, 3, 4], one("MatMul", ["h", "m"], {}), {"m": f(2, 4, 3)})
case("MatMul vector", [2, 4], one("MatMul", ["h", "m"], {}), {"m": f(4)})
case("Einsum", [2, 4], one("Einsum", ["h", "m"], {"equation": "nta,ab->nbt"}), {"m": f(4, 3)})
case("Einsum both", [2, 4], one("Einsum", ["h", "h"], {"equation": "nta,nsa->nts"}))
case("Conv", [3, 5, 5], one("Conv", ["h", "m", "b"], {"pads": [1, 0, 1, 2], "strides": [2, 1]}), {"m": f(2, 3, 3, 2), "b": f(2)})
case("Conv dilated", [2, 6, 6], one("Conv", ["h", "m"], {"dilations": [2, 1], "kernel_shape": [2, 3]}), {"m": f(2, 2, 2, 3)})
case("Conv groups", [4, 4, 4], one("Conv", ["h", "m", "b"], {"group": 2}), {"m": f(6, 2, 3, 3), "b": f(6)})
case("Conv same", [2, 5, 4], one("Conv", ["h", "m"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}), {"m": f(2, 2, 3, 2)})
case("Conv 1d", [3, 7], one("Conv", ["h", "m"], {"pads": [1, 1]}), {"m": f(2, 3, 3)})
case("ConvTranspose", [3, 3, 3], one("ConvTranspose", ["h", "m", "b"], {"strides": [2, 2], "pads": [1, 0, 0, 1]}), {"m": f(3, 2, 3, 2), "b": f(2)})
case("ConvTranspose padded", [2, 3, 3], one("ConvTranspose", ["h", "m"], {"strides": [2, 2], "output_padding": [1, 1], "pads": [1, 1, 1, 1]}), {"m": f(2, 2, 3, 3)})
case("ConvTranspose dilated 1d", [2, 4], one("ConvTranspose", ["h", "m"], {"dilations": [2]}), {"m": f(2, 1, 2)})
case("MaxPool", [2, 4, 4], one("MaxPool", ["h"], {"kernel_shape": [2, 2], "strides": [2, 2]}))
case("MaxPool padded", [2, 5, 5], one("MaxPool", ["h"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}))
case("MaxPool ceil", [2, 5, 5], one("MaxPool", ["h"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}))
case("AveragePool", [2, 5, 5], one("AveragePool", ["h"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}))
case("AveragePool counting", [2, 5, 5], one("AveragePool", ["h"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}))
case("AveragePool ceil", [2, 5, 5], one("AveragePool", ["h"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}))
case("GlobalAveragePool", [2, 3, 3], one("GlobalAveragePool", ["h"], {}))
case("GlobalMaxPool", [2, 2, 3], one("GlobalMaxPool", ["h"], {}))
case("Flatten", [2, 3, 2], one("Flatten", ["h"], {"axis": 1}))
case("Reshape", [2, 6], one("Reshape", ["h", "s"], {}), {"s": i(0, 3, -1)})
case("Transpose", [2, 3, 4], one("Transpose", ["h"], {"perm": [0, 3, 1, 2]}))
case("Transpose batch and back", [2, 3], [("Transpose", ["h"], {"perm": [1, 0, 2]}), ("Relu", ["v0"], {}), ("Transpose", ["v1"], {"perm": [1, 0, 2]})])
case("Squeeze", [1, 4], one("Squeeze", ["h", "a"], {}), {"a": i(1)})
case("Squeeze 11", [1, 4], one("Squeeze", ["h"], {"axes": [1]}), opset=11)
case("Unsqueeze", [4], one("Unsqueeze", ["h", "a"], {}), {"a": i(1, -1)})
case("Concat", [2, 3], one("Concat", ["h", "h"], {"axis": 1}))
case("Concat of a token", [2, 3], [("Shape", ["h"], {"end": 1}), ("Concat", ["v0", "s"], {"axis": 0}), ("Expand", ["t", "v1"], {}), ("Concat", ["v2", "h"], {"axis": 1})], {"s": i(1, 3), "t": f(1, 1, 3)})
case("Split", [6], [("Split", ["h", "s"], {"axis": 1, "_outputs": ["a0", "b0"]}), ("Mul", ["b0", "b0"], {})], {"s": i(2, 4)})
case("Slice", [5, 4], one("Slice", ["h", "s", "e", "a", "d"], {}), {"s": i(-4, 3), "e": i(9, -100), "a": i(1, 2), "d": i(2, -1)})
case("Gather", [5, 2], one("Gather", ["h", "s"], {"axis": 1}), {"s": np.array([[3, -1], [0, 3]], dtype=np.int64)})
case("Gather one", [5, 2], one("Gather", ["h", "s"], {"axis": 1}), {"s": np.asarray(2, dtype=np.int64)})
case("Expand", [1, 3], one("Expand", ["h", "s"], {}), {"s": i(1, 4, 1)})
case("Tile", [2, 3], one("Tile", ["h", "s"], {}), {"s": i(1, 2, 3)})
case("Pad", [3, 3], one("Pad", ["h", "p"], {}), {"p": i(0, 1, 0, 0, 0, 2)})
case("Pad with a number", [3], one("Pad", ["h", "p", "c"], {}), {"p": i(0, 1, 0, 2), "c": np.asarray(0.5)})
case("Pad reflected", [4], one("Pad", ["h", "p"], {"mode": "reflect"}), {"p": i(0, 2, 0, 1)})
case("Dropout", [4], one("Dropout", ["h"], {}))
case("DepthToSpace", [4, 2, 2], one("DepthToSpace", ["h"], {"blocksize": 2, "mode": "CRD"}))
case("SpaceToDepth", [2, 4, 2], one("SpaceToDepth", ["h"], {"blocksize": 2}))
case("Resize nearest", [2, 2, 3], one("Resize", ["h", None, "s"], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}), {"s": np.array([1, 1, 2, 2], dtype=np.float32)})
case("Resize linear", [2, 3, 2], one("Resize", ["h", None, "s"], {"mode": "linear"}), {"s": np.array([1, 1, 2, 2], dtype=np.float32)})
case("Resize to corners", [1, 3, 3], one("Resize", ["h", None, "s"], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}), {"s": np.array([1, 1, 2, 3], dtype=np.float32)})
for op in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"]:
    case(op, [2, 3], one(op, ["h", "a"], {"keepdims": 0}), {"a": i(-1)})
case("ReduceMean 11", [2, 3], one("ReduceMean", ["h"], {"axes": [1, 2]}), opset=11)
case("Where on the data", [4], [("Greater", ["x", "c"], {}), ("Where", ["v0", "h", "d"], {})], {"c": np.asarray(0.1), "d": f(4)})
case("leaky by Where", [6], [("Constant", [], {"value": numpy_helper.from_array(np.asarray(0.0))}), ("GreaterOrEqual", ["h", "v0"], {}), ("Constant", [], {"value": numpy_helper.from_array(np.asarray(0.125))}), ("Mul", ["h", "v2"], {}), ("Where", ["v1", "h", "v3"], {})])
case("Where on a mask", [4], one("Where", ["m", "h", "d"], {}), {"m": np.array([True, False, True, True]), "d": f(4)})
case("masked attention", [3, 4], [
    ("MatMul", ["h", "m"], {}), ("Where", ["mask", "v0", "low"], {}), ("Softmax", ["v1"], {}), ("MatMul", ["v2", "h"], {}),
], {"m": f(4, 3), "mask": np.tril(np.ones((3, 3), dtype=bool)), "low": np.asarray(-np.inf)})
case("Attention", [3, 8], one("Attention", ["h", "h", "h"], {"q_num_heads": 2, "kv_num_heads": 2}), opset=23)
case("Attention causal", [3, 8], one("Attention", ["h", "h", "h"], {"q_num_heads": 2, "kv_num_heads": 2, "is_causal": 1, "scale": 0.75}), opset=23)
# As PyTorch's attention: tokens first, and the heads of all samples on one axis.
case("heads beside the batch", [5, 8], [
    ("Transpose", ["h"], {"perm": [1, 0, 2]}), ("Reshape", ["v0", "s"], {}), ("Transpose", ["v1"], {"perm": [1, 0, 2]}), ("Transpose", ["v2"], {"perm": [0, 2, 1]}),
    ("MatMul", ["v2", "v3"], {}), ("Softmax", ["v4"], {}), ("MatMul", ["v5", "v2"], {}), ("Transpose", ["v6"], {"perm": [1, 0, 2]}),
    ("Reshape", ["v7", "r"], {}), ("MatMul", ["v8", "m"], {}), ("Reshape", ["v9", "q"], {}), ("Transpose", ["v10"], {"perm": [1, 0, 2]}),
], {"s": i(5, -1, 4), "r": i(-1, 8), "m": f(8, 3), "q": i(5, -1, 3)})
case("shape arithmetic", [2, 6], [
    ("Shape", ["h"], {}), ("Gather", ["v0", "last"], {}), ("Div", ["v1", "three"], {}), ("Unsqueeze", ["v2", "zero"], {}),
    ("Shape", ["h"], {"start": 0, "end": 2}), ("Concat", ["v4", "v3", "minus"], {"axis": 0}), ("Cast", ["v5", ], {"to": TensorProto.INT64}), ("Reshape", ["h", "v6"], {}),
], {"last": np.asarray(2, dtype=np.int64), "three": np.asarray(3, dtype=np.int64), "zero": i(0), "minus": i(-1)})
case("mean over the batch", [3], [("ReduceMean", ["h", "a"], {}), ("Sub", ["h", "v0"], {})], {"a": i(0)}, couples=True)
case("BatchNormalization training", [3, 2], one("BatchNormalization", ["h", "g", "b", "m", "v"], {"training_mode": 1, "epsilon": 2.0**-10, "_outputs": ["v0", "r", "s"]}), bn, couples=True)

found = []
for c in cases:
    inputs = rng.normal(size=(SAMPLES, *c["shape"]))
    if c["positive"]:
        inputs = np.abs(inputs) + 0.25
    free = build(c, "n")
    (output,) = ReferenceEvaluator(free).run(None, {"x": inputs})
    if c["name"] in FORMULAS:
        output = FORMULAS[c["name"]](1.25 * inputs, *c["tensors"].values())
    elif not c["couples"]:
        each = [ReferenceEvaluator(build(c, 1)).run(None, {"x": inputs[k : k + 1]})[0] for k in range(SAMPLES)]
        assert np.allclose(np.concatenate(each), output, rtol=1e-13, atol=1e-13), c["name"]
    found.append(
        {
            "name": c["name"],
            "couples": c["couples"],
            "free": base64.b64encode(free.SerializeToString()).decode(),
            "fixed": base64.b64encode(build(c, 1).SerializeToString()).decode(),
            "shape": list(output.shape),
            "inputs": inputs.ravel().tolist(),
            "outputs": np.asarray(output, dtype=float).ravel().tolist(),
        }
    )
print(json.dumps({"onnx": onnx.__version__, "cases": found}))
