"""Quantized files that other tools write: all forms of ONNX Runtime's, and what TFLite's and PyTorch's exports hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from graphs import SAME, Stored, model, node, random
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from test_network import runtime as as_written

from workbook import network

Array = npt.NDArray[Any]
MICROSOFT = "com.microsoft"
SHAPE = (1, 3, 10, 10)


def several(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name=outputs.split()[0], **attributes)


def weights(*shape: int, seed: int = 0) -> Array:
    return (random(*shape, seed=seed) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


STORED = {
    "w": weights(8, 3, 3, 3),
    "b": random(8, seed=1) / 4,
    "v": weights(8, 8, 3, 3),
    "one": weights(8, 1, 3, 3),
    "g": weights(8, 10),
    "h": random(10),
    "m": weights(200, 10),
    "zero": np.float32(0),
    "six": np.float32(6),
    "twice": np.array([1, 1, 2, 2], np.float32),
    "flat": np.array([1, -1]),
    "slope": np.abs(random(8, 1, 1)),
}
FIRST = node("Conv", "x w b", "c", **SAME)
DEAD = {"w": np.where(np.arange(8).reshape(-1, 1, 1, 1) % 3, STORED["w"], 0).astype(np.float32)}
LINE = {"rows": np.array([0, 0, -1]), "w": weights(8, 3, 3), "v": weights(8, 8, 3)}
CUBE = {"two": np.array([2]), "w": weights(8, 3, 3, 3, 3)}
NETS: dict[str, tuple[list[onnx.NodeProto], Stored]] = {
    "residual and head": (
        [
            FIRST,
            node("Relu", "c", "r"),
            node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", "p v", "d", **SAME),
            node("Add", "d p", "s"),
            node("GlobalAveragePool", "s", "a"),
            node("Flatten", "a", "f"),
            node("Gemm", "f g h", "y"),
        ],
        {},
    ),
    "dead channels": ([FIRST, node("Relu", "c", "r"), node("Conv", "r v", "y", **SAME)], DEAD),
    "LeakyRelu": (
        [
            FIRST,
            node("LeakyRelu", "c", "r", alpha=0.1),
            node("Conv", "r v", "d", **SAME),
            node("LeakyRelu", "d", "e", alpha=0.3),
            node("AveragePool", "e", "y", kernel_shape=[2, 2]),
        ],
        {},
    ),
    "HardSwish": (
        [
            FIRST,
            node("HardSigmoid", "c", "k", alpha=1 / 6),
            node("Mul", "c k", "r"),
            node("Conv", "r v", "d", **SAME),
            node("HardSwish", "d", "y"),
        ],
        {},
    ),
    "SiLU": (
        [
            FIRST,
            node("Sigmoid", "c", "k"),
            node("Mul", "c k", "r"),
            node("Conv", "r v", "d", **SAME),
            node("Concat", "d r", "t", axis=1),
            node("Softmax", "t", "y", axis=1),
        ],
        {},
    ),
    "enlarged and split": (
        [
            FIRST,
            node("Clip", "c zero six", "r"),
            node("Resize", "r - twice", "u", mode="nearest"),
            node("Conv", "u one", "d", group=8, **SAME),
            several("Split", "d", "e f", axis=1),
            node("Sub", "e f", "y"),
        ],
        {},
    ),
    "MatMul and Add": (
        [
            FIRST,
            node("MaxPool", "c", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("Reshape", "p flat", "q"),
            node("MatMul", "q m", "a"),
            node("Add", "a h", "y"),
        ],
        {},
    ),
    "PRelu": ([FIRST, node("PRelu", "c slope", "r"), node("Conv", "r v", "y", **SAME)], {}),
    "one dimension": (
        [
            node("Reshape", "x rows", "z"),
            node("Conv", "z w b", "c", pads=[1, 1]),
            node("Relu", "c", "r"),
            node("Conv", "r v", "y", pads=[0, 2]),
        ],
        LINE,
    ),
    "three dimensions": (
        [node("Unsqueeze", "x two", "z"), node("Conv", "z w b", "c", pads=[1] * 6), node("Relu", "c", "y")],
        CUBE,
    ),
}


class Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self._images = iter([{"x": random(*SHAPE, seed=i)} for i in range(4)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._images, None)


def runtime(path: Path, x: Array) -> Array:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]  # type: ignore[no-any-return]


def written(name: str, form: QuantFormat | str, types: tuple[QuantType, QuantType], each: bool, folder: Path) -> Path:
    """Let ONNX Runtime's tool quantize a network."""
    nodes, stored = NETS[name]
    source, path = folder / "float.onnx", folder / "int8.onnx"
    proto = model(nodes, {**STORED, **stored}, SHAPE)
    used = {array for n in nodes for array in n.input}
    for tensor in [t for t in proto.graph.initializer if t.name not in used]:
        proto.graph.initializer.remove(tensor)
    onnx.save(proto, source)
    if form == "dynamic":
        quantize_dynamic(source, path, per_channel=each, weight_type=types[1], reduce_range=True)
    else:
        kinds = {"activation_type": types[0], "weight_type": types[1]}
        quantize_static(source, path, Images(), quant_format=form, per_channel=each, reduce_range=True, **kinds)
    return path


U8S8, S8S8, U16S8 = (
    (QuantType.QUInt8, QuantType.QInt8),
    (QuantType.QInt8, QuantType.QInt8),
    (QuantType.QUInt16, QuantType.QInt8),
)
FORMS = [
    pytest.param(QuantFormat.QDQ, U8S8, True, id="QDQ, each channel"),
    pytest.param(QuantFormat.QDQ, S8S8, False, id="QDQ, signed"),
    pytest.param(QuantFormat.QDQ, U16S8, False, id="QDQ, 16 bits"),
    pytest.param(QuantFormat.QOperator, U8S8, True, id="QOperator, each channel"),
    pytest.param(QuantFormat.QOperator, S8S8, False, id="QOperator, signed"),
    pytest.param("dynamic", U8S8, False, id="dynamic"),
]


@pytest.mark.parametrize(("form", "types", "each"), FORMS)
@pytest.mark.parametrize("name", NETS)
def test_onnx_runtimes_tool(
    name: str, form: Any, types: tuple[QuantType, QuantType], each: bool, tmp_path: Path
) -> None:
    """Loaded, saved and loaded again: as ONNX Runtime has it, up to a byte that is rounded the other way."""
    path = written(name, form, types, each, tmp_path)
    net, x = network.load(path), random(*SHAPE, seed=9)
    y, expected = net(x), runtime(path, x)
    assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    near = 0.03 * np.abs(expected).max()
    assert np.abs(y - expected).max() <= near
    if name != "three dimensions":
        assert not any("Conv" in row.op for row in net.layers.fallbacks)
    saved = tmp_path / "saved.onnx"
    net.save(saved)
    assert np.abs(network.load(saved)(x) - y).max() <= 1e-6 * np.abs(y).max()
    assert np.abs(runtime(saved, x) - expected).max() <= near


def conversions(*names: str) -> list[onnx.NodeProto]:
    """A QuantizeLinear and a DequantizeLinear of each name: `x` becomes `x_q` and `x_d`, by `x_s` and `x_z`."""
    found = []
    for name in names:
        found.append(node("QuantizeLinear", f"{name} {name}_s {name}_z", f"{name}_q"))
        found.append(node("DequantizeLinear", f"{name}_q {name}_s {name}_z", f"{name}_d"))
    return found


def steps(name: str, scale: float, zero: np.integer[Any]) -> dict[str, Any]:
    return {f"{name}_s": np.float32(scale), f"{name}_z": zero}


@pytest.mark.parametrize("channels", [1, 16], ids=["plain", "in lanes"])
def test_a_leaky_relu_comes_before_the_sum_is_cut_off(channels: int) -> None:
    """y holds -1.02 to 4.08; a sum of -10 becomes -1, which it can hold."""
    nodes = [
        *conversions("x"),
        node("DequantizeLinear", "w w_s w_z", "w_d"),
        node("Conv", "x_d w_d", "c"),
        node("LeakyRelu", "c", "y", alpha=0.1),
        *conversions("y"),
    ]
    w = (100 * np.eye(channels)).reshape(channels, channels, 1, 1).astype(np.int8)
    stored = {
        **steps("x", 0.1, np.uint8(128)),
        "w": w,
        **steps("w", 0.01, np.int8(0)),
        **steps("y", 0.02, np.uint8(51)),
    }
    net = network.load(model(nodes, stored, (1, channels, 1, 4), ("y_d",)))
    assert "QLinearConv" in [n.op for n in net.graph.nodes]
    x = np.tile(np.array([-10, -5, -1, 4], np.float32), (1, channels, 1, 1))
    assert np.allclose(net(x), np.tile([-1, -0.5, -0.1, 4], (channels, 1, 1)), atol=0.011)


@pytest.mark.parametrize("bias", ["in 32 bits", "in float32"])
def test_channels_with_a_scale_of_zero(bias: str) -> None:
    """A filter without weights; what its bias stands for is 0, unless it is a number of its own."""
    draw = np.random.default_rng(0)
    w, scale = draw.integers(-127, 128, (4, 8, 3, 3)), np.array([0.01, 0, 0.02, 0], np.float32)
    stored: dict[str, Any] = {"w": w.astype(np.int8), "w_s": scale, "w_z": np.zeros(4, np.int8)}
    stored |= steps("x", 0.03, np.uint8(128)) | steps("c", 0.05, np.uint8(100))
    nodes = [*conversions("x"), node("DequantizeLinear", "w w_s w_z", "w_d", axis=0)]
    if bias == "in 32 bits":
        stored |= {"b": np.array([5, 7, 0, 9], np.int32), "b_s": scale * np.float32(0.03), "b_z": np.zeros(4, np.int32)}
        nodes.append(node("DequantizeLinear", "b b_s b_z", "b_d", axis=0))
    else:
        stored["b_d"] = np.array([0.5, 1, 0, -1], np.float32)
    proto = model([*nodes, node("Conv", "x_d w_d b_d", "c", **SAME), *conversions("c")], stored, (1, 8, 6, 6), ("c_d",))
    net, x = network.load(proto), random(1, 8, 6, 6)
    assert np.abs(net(x) - as_written(proto, x)[0]).max() <= 0.0501
    assert ("QLinearConv" in [n.op for n in net.graph.nodes]) == (bias == "in 32 bits")


SCALE = {"s": np.float32(1 / 64), "z": np.uint8(128)}


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "function"),
    [
        ("QLinearMul", "x s z x s z s z", {}, lambda v: v * v),
        ("QLinearSigmoid", "x s z s z", {}, lambda v: 1 / (1 + np.exp(-v))),
        ("QLinearLeakyRelu", "x s z s z", {"alpha": 0.5}, lambda v: np.where(v < 0, v / 2, v)),
        ("QLinearAdd", "x s z x s z s z", {}, lambda v: v + v),
        ("QLinearConcat", "s z x s z x s z", {"axis": 1}, lambda v: np.concatenate([v, v], 1)),
        ("QLinearGlobalAveragePool", "x s z s z", {}, lambda v: v.mean((2, 3), keepdims=True)),
        ("QLinearGlobalAveragePool", "x s z s z", {"channels_last": 1}, lambda v: v.mean((1, 2), keepdims=True)),
        (
            "QLinearAveragePool",
            "x s z s z",
            {"channels_last": 1, "kernel_shape": [2, 4]},
            lambda v: v.mean((1, 2), keepdims=True),
        ),
    ],
)
def test_operators_of_onnx_runtime_on_bytes(op: str, inputs: str, attributes: dict[str, Any], function: Any) -> None:
    nodes = [node(op, inputs, "y", domain=MICROSOFT, **attributes)]
    x = np.arange(0, 256, 8, dtype=np.uint8).reshape(1, 2, 4, 4)
    y = network.load(model(nodes, SCALE, x.shape, x_dtype=np.uint8))(x)
    expected = np.clip(np.rint(function((x.astype(np.float64) - 128) / 64) * 64) + 128, 0, 255)
    assert y.dtype == np.uint8
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1


def test_types_that_only_the_kernels_take_beside_an_operator_that_only_onnx_runtime_knows() -> None:
    """Of a QLinearConv, ONNX Runtime lacks int8 with filters of uint8."""
    nodes = [
        node("QLinearConv", "x s z w s w_z s z", "c"),
        node("QLinearAdd", "c s z c s z s z", "sum", domain=MICROSOFT),
        node("Transpose", "sum", "turned", perm=[0, 1, 3, 2]),
        node("QLinearMul", "turned s z sum s z s z", "y", domain=MICROSOFT),
    ]
    one = np.full((1, 1, 1, 1), 129, np.uint8)
    stored = {"s": np.float32(1), "z": np.int8(0), "w": one, "w_z": np.uint8(128)}
    x = np.arange(-4, 5, dtype=np.int8).reshape(1, 1, 3, 3)
    y = network.load(model(nodes, stored, x.shape, x_dtype=np.int8))(x)
    assert y.dtype == np.int8
    assert y.tolist() == (2 * x * 2 * x.transpose(0, 1, 3, 2)).tolist()


@pytest.mark.parametrize("turned", [0, 1])
def test_products_on_bytes_with_and_without_transB(turned: int) -> None:
    b = np.random.default_rng(0).integers(0, 256, (5, 3)).astype(np.uint8)
    stored = {**SCALE, "b": b if turned else np.ascontiguousarray(b.T), "q": np.int32([10, -10, 0, 99, 7])}
    nodes = [node("QGemm", "x s z b s z q s z", "y", domain=MICROSOFT, transB=turned)]
    proto, x = model(nodes, stored, (2, 3), x_dtype=np.uint8), np.array([[130, 140, 9], [1, 255, 128]], np.uint8)
    net = network.load(proto)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert net.layers.fallbacks == ()
    assert np.array_equal(net(x), session.run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ((8, 4, 3, 3), {"pads": [1, 0, 2, 1], "strides": [2, 1], "group": 2}),
        ((8, 8, 3), {"pads": [1, 2], "dilations": [2]}),
        ((8, 8, 2, 2), {"auto_pad": "SAME_UPPER"}),
    ],
)
@pytest.mark.parametrize("zero", ["", "wz"])
def test_dynamic_quantization_is_native(shape: tuple[int, ...], attributes: dict[str, Any], zero: str) -> None:
    """ConvInteger with the zero point of x computed, and that of w stored or left out."""
    draw = np.random.default_rng(0).integers
    nodes = [
        several("DynamicQuantizeLinear", "x", "q s z"),
        node("ConvInteger", f"q w z {zero}", "i", **attributes),
        node("Cast", "i", "f", to=1),
        node("Mul", "f s", "m"),
        node("Relu", "m", "y"),
    ]
    stored = {"w": draw(0, 256, shape).astype(np.uint8), "wz": np.uint8(119)}
    image = (2, 8, 30) if len(shape) == 3 else (2, 8, 9, 7)
    proto, x = model(nodes, stored, image), random(*image)
    net = network.load(proto)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert "ConvInteger" in [row.op for row in net.layers.rows if row.native]
    assert np.allclose(net(x), session.run(None, {"x": x})[0], rtol=1e-5, atol=1e-5)
