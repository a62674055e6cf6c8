#!/usr/bin/env python3
"""Writes graphs.safetensors beside this script: ONNX graphs of one small network as graph optimizers leave them, each
file as a list of bytes, and below `expected.` the weights of the network. The name of a file begins with the expected result:
`same`, the weights are read; `error`, an error. Needs onnx, numpy and safetensors."""
import os
import numpy as np, onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh
from safetensors.numpy import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(0)
# All values are exact in float16, so that no cast rounds.
weights = {
    "features.0.weight": rng.integers(-8, 8, (2, 3, 1, 1)) / 4, "features.0.bias": rng.integers(-8, 8, 2) / 4,
    "fc.weight": rng.integers(-8, 8, (2, 2)) / 4, "fc.bias": rng.integers(-8, 8, 2) / 4,
}
weights = {k: v.astype(np.float32) for k, v in weights.items()}


def graph(nodes=(), initializers=None, sparse=(), names=None, modules=True):
    """`nodes` compute the weights that are not initializers."""
    name = lambda k: (names or {}).get(k, k)
    initializers = weights if initializers is None else initializers
    body = [
        h.make_node("Conv", ["x", name("features.0.weight"), name("features.0.bias")], ["a"], "/features/features.0/Conv" if modules else ""),
        h.make_node("GlobalAveragePool", ["a"], ["b"]), h.make_node("Flatten", ["b"], ["c"]),
        h.make_node("Gemm", ["c", name("fc.weight"), name("fc.bias")], ["y"], "/fc/Gemm" if modules else "", transB=1),
    ]
    inputs = [h.make_tensor_value_info("x", T.FLOAT, [1, 3, 4, 4])]
    outputs = [h.make_tensor_value_info("y", T.FLOAT, [1, 2])]
    tensors = [v if isinstance(v, T) else nh.from_array(v, k) for k, v in initializers.items()]
    g = h.make_graph(list(nodes) + body, "g", inputs, outputs, tensors, sparse_initializer=list(sparse))
    return h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="test")


def through(operation, change, suffix="", **attributes):
    """Every weight is stored under its name with the suffix, changed so that the operation restores it."""
    nodes = [h.make_node(operation, [k + suffix], [k], **attributes) for k in weights]
    return graph(nodes, {k + suffix: change(v) for k, v in weights.items()})


def constants(**kinds):
    return [h.make_node("Constant", [], [k], **{kinds.get(k.replace(".", "_"), "value"): make(kinds, k)}) for k in weights]


def make(kinds, k):
    kind = kinds.get(k.replace(".", "_"), "value")
    return [float(x) for x in weights[k].reshape(-1)] if kind == "value_floats" else nh.from_array(weights[k])


def sparse(name, linear):
    value = weights[name]
    places = np.argwhere(value != 0)
    indices = np.ravel_multi_index(places.T, value.shape) if linear else places
    return h.make_sparse_tensor(nh.from_array(value[value != 0], name), nh.from_array(indices.astype(np.int64), name + "_i"), list(value.shape))


def quantized():
    nodes, tensors = [], {}
    for k, v in weights.items():
        nodes.append(h.make_node("DequantizeLinear", [k + "_quantized", k + "_scale", k + "_zero_point"], [k + "_DequantizeLinear_Output"]))
        tensors |= {k + "_quantized": (v * 4).astype(np.int8), k + "_scale": np.float32(0.25), k + "_zero_point": np.int8(0)}
    return graph(nodes, tensors, names={k: k + "_DequantizeLinear_Output" for k in weights})


def fixed(tensor, field, values):
    del tensor.float_data[:]
    tensor.ClearField("raw_data")
    getattr(tensor, field).extend(values)
    return tensor


flat = lambda v: [float(x) for x in v.reshape(-1)]
rest = {k: v for k, v in weights.items() if k != "fc.weight"}
files = {
    "same plain": graph(),
    "same constants": graph(constants(), {}),
    "same constants of floats": graph(constants(features_0_bias="value_floats", fc_bias="value_floats"), {}),
    "same identities": through("Identity", lambda v: v, "_raw"),
    "same casts": through("Cast", lambda v: v.astype(np.float16), "_half", to=T.FLOAT),
    "same casts of doubles": through("Cast", lambda v: v.astype(np.float64), "_double", to=T.FLOAT),
    "same cast behind": graph([h.make_node("Cast", ["fc.weight"], ["fc.weight_cast"], to=T.FLOAT)], names={"fc.weight": "fc.weight_cast"}),
    "same transposed": graph([h.make_node("Transpose", ["fc.weight_t"], ["fc.weight"], perm=[1, 0])], rest | {"fc.weight_t": weights["fc.weight"].T.copy()}),
    "same transposed twice": graph([h.make_node("Transpose", ["fc.weight"], ["t"]), h.make_node("Transpose", ["t"], ["u"])], names={"fc.weight": "u"}),
    "same transposed constant": graph([h.make_node("Constant", [], ["val"], value=nh.from_array(weights["fc.weight"].T.copy())), h.make_node("Transpose", ["val"], ["fc.weight"], perm=[1, 0])], rest),
    "same numbered": graph(initializers={"onnx::" + k: v for k, v in weights.items()}, names={k: "onnx::" + k for k in weights}),
    "same numbers about": graph([h.make_node("Constant", [], ["/features/features.0/Constant_output_0"], value_float=1.0), h.make_node("Constant", [], ["shape"], value_ints=[1, 2])]),
    "same sparse": graph(initializers=rest, sparse=[sparse("fc.weight", True)]),
    "same sparse by axes": graph(initializers=rest, sparse=[sparse("fc.weight", False)]),
    "same sparse constant": graph([h.make_node("Constant", [], ["fc.weight"], sparse_value=sparse("fc.weight", True))], rest),
    "same in fields": graph(initializers={k: h.make_tensor(k, T.FLOAT, v.shape, flat(v)) for k, v in weights.items()}),
    "same in fields of halves": graph(initializers={k: h.make_tensor(k, T.FLOAT16, v.shape, flat(v)) for k, v in weights.items()}),
    "same beside uint4": graph(initializers=weights | {"other.mask": h.make_tensor("other.mask", T.UINT4, [2], [1, 2])}),
    "same quantized beside": graph([h.make_node("DequantizeLinear", ["q", "s"], ["r"])], weights | {"q": np.int8([1]), "s": np.float32(1)}),
    "error quantized": quantized(),
    "error quantized convolution": graph([h.make_node("QLinearConv", ["x", "xs", "xz", "other.weight_quantized", "ws", "wz", "ys", "yz"], ["q"])], weights | {"other.weight_quantized": np.int8([[[[1]]]])}),
    "error empty": graph(initializers={}),
    "error outside": graph(initializers=rest, sparse=[h.make_sparse_tensor(nh.from_array(np.float32([1]), "fc.weight"), nh.from_array(np.int64([9]), "i"), [2, 2])]),
    "error huge": graph(initializers=rest, sparse=[h.make_sparse_tensor(nh.from_array(np.float32([1]), "fc.weight"), nh.from_array(np.int64([0]), "i"), [1 << 20, 1 << 20])]),
    "error uint4": graph(initializers=rest | {"fc.weight": h.make_tensor("fc.weight", T.UINT4, [2, 2], [1, 2, 3, 4])}),
    "nameless": graph(initializers={f"w{i}": v for i, v in enumerate(weights.values())}, names={k: f"w{i}" for i, k in enumerate(weights)}, modules=False),
}
tensors = {name: np.frombuffer(model.SerializeToString(), np.uint8) for name, model in files.items()}
save_file(tensors | {"expected." + k: v for k, v in weights.items()}, "graphs.safetensors")
