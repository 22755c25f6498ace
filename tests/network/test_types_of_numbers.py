"""Types are ONNX's: float16, bfloat16 and float64 run, outputs have the type that inference gives them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from graphs import SAME, model, node, norm, random
from onnx import TensorProto, helper
from test_network import runtime

from workbook import network
from workbook.quantize.scheme import Scheme

Array = npt.NDArray[Any]
ERRORS = {np.float16: 4e-3, ml_dtypes.bfloat16: 3e-2, np.float64: 1e-5}
NORM = norm("n", 8)
NETS = {
    "conv, norm, relu": [
        node("Conv", "x w b", "c", **SAME),
        node("BatchNormalization", "c " + " ".join(NORM), "n"),
        node("Relu", "n", "y"),
    ],
    "a residual, clipped and pooled": [
        node("Conv", "x w b", "c", **SAME),
        node("Add", "c x", "s"),
        node("Clip", "s zero six", "k"),
        node("MaxPool", "k", "p", kernel_shape=[2, 2]),
        node("GlobalAveragePool", "p", "g"),
        node("Flatten", "g", "y"),
    ],
    "what has no kernel between convolutions": [
        node("Conv", "x w", "c", **SAME),
        node("Sigmoid", "c", "s"),
        node("Mul", "c s", "m"),
        node("Conv", "m w", "y", **SAME),
    ],
    "no convolution": [node("Mul", "x x", "a"), node("Exp", "a", "e"), node("Add", "e x", "y")],
}


def typed(nodes: list[onnx.NodeProto], dtype: Any) -> onnx.ModelProto:
    stored = {"w": random(8, 8, 3, 3) / 8, "b": random(8), "zero": np.float32(0), "six": np.float32(6), **NORM}
    return model(
        nodes, {name: np.asarray(array).astype(dtype) for name, array in stored.items()}, opset=22, x_dtype=dtype
    )


@pytest.mark.parametrize("dtype", ERRORS, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("name", NETS)
def test_same_numbers_as_float32_in_the_type_of_the_model(name: str, dtype: Any) -> None:
    x = random(2, 8, 6, 5) / 2
    proto = typed(NETS[name], dtype)
    net = network.load(proto)
    y = net(x.astype(dtype))
    expected = runtime(typed(NETS[name], np.float32), x)[0]
    inferred = onnx.shape_inference.infer_shapes(proto).graph.output[0].type.tensor_type.elem_type
    assert helper.np_dtype_to_tensor_dtype(y.dtype) == inferred
    assert np.abs(y.astype(np.float64) - expected).max() <= ERRORS[dtype] * max(1, np.abs(expected).max())
    if "convolution" not in name or "between" in name:
        work = [row.work for row in net.layers.rows]
        assert sum("Conv" in one and "ONNX" not in one for one in work) == len(
            [n for n in NETS[name] if n.op_type == "Conv"]
        )
        assert any("Cast" in one for one in work)


def test_relu_and_residual_of_float16_by_hand() -> None:
    """relu(2 x + x)."""
    nodes = [node("Conv", "x w", "c"), node("Add", "c x", "s"), node("Relu", "s", "y")]
    proto = model(nodes, {"w": np.full((1, 1, 1, 1), 2, np.float16)}, (1, 1, 2, 2), x_dtype=np.float16)
    y = network.load(proto)(np.array([[[[1, -2], [3, -4]]]], np.float16))
    assert y.dtype == np.float16
    assert y.tolist() == [[[[3, 0], [9, 0]]]]


def test_float16_beside_float32() -> None:
    """What a converter writes that keeps inputs and outputs in float32."""
    nodes = [
        node("Cast", "x", "h", to=TensorProto.FLOAT16),
        node("Mul", "h large", "m"),
        node("Cast", "m", "y", to=TensorProto.FLOAT),
    ]
    net = network.load(model(nodes, {"large": np.float16(1000)}, (2,)))
    y = net(np.array([0.001, -2], np.float32))
    assert y.dtype == np.float32
    assert np.allclose(y, [1, -2000], rtol=1e-3)


def test_a_network_in_float16_is_quantized_and_saved(tmp_path: Any) -> None:
    nodes = [*NETS["a residual, clipped and pooled"]]
    net, x = network.load(typed(nodes, np.float16)), random(4, 8, 6, 5).astype(np.float16)
    expected = net(x)
    net.save(tmp_path / "half.onnx")
    assert np.array_equal(network.load(tmp_path / "half.onnx")(x), expected)
    int8 = net.quantize(x, Scheme(reduce_range=True))
    assert "QLinearConv" in [n.op for n in int8.graph.nodes]
    assert np.abs(int8(x) - expected).max() < 0.1


@pytest.mark.parametrize(
    "dtype",
    [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.float16, np.float64],
    ids=lambda dtype: np.dtype(dtype).name,
)
def test_stored_in_another_type_and_cast(dtype: Any) -> None:
    w = random(8, 8, 3, 3).astype(dtype)
    nodes = [node("Cast", "w", "v", to=TensorProto.FLOAT), node("Conv", "x v", "c", **SAME), node("Relu", "c", "y")]
    net, x = network.load(model(nodes, {"w": w}, opset=21)), random(1, 8, 5, 5)
    assert [row.work for row in net.layers.rows] == ["Conv + relu"]
    plain = model([node("Conv", "x w", "c", **SAME), node("Relu", "c", "y")], {"w": w.astype(np.float32)})
    assert np.array_equal(net(x), network.load(plain)(x))


def test_large_weights_of_float16_are_cast_when_they_are_packed(tmp_path: Any) -> None:
    w = random(512, 1024, 3, 3).astype(np.float16)
    nodes = [node("Cast", "w", "v", to=TensorProto.FLOAT), node("Conv", "x v", "y")]
    onnx.save(model(nodes, {"w": w}, (1, 1024, 3, 3)), tmp_path / "large.onnx")
    net, x = network.load(tmp_path / "large.onnx", threads=1), random(1, 1024, 3, 3)
    assert [row.work for row in net.layers.rows] == ["Conv"]
    expected = np.einsum("crs,kcrs->k", x[0].astype(np.float64), w.astype(np.float64))
    assert np.allclose(net(x).reshape(-1), expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("dtype", [ml_dtypes.int4, ml_dtypes.uint4], ids=["int4", "uint4"])
def test_weights_of_four_bits(dtype: Any) -> None:
    low, high = (-8, 8) if dtype is ml_dtypes.int4 else (0, 16)
    draw = np.random.default_rng(0).integers
    q, zero, scale = draw(low, high, (8, 8, 3, 3)), draw(low, high, 8), np.abs(random(8)) + np.float32(0.1)
    nodes = [node("DequantizeLinear", "q s z", "w", axis=0), node("Conv", "x w", "y", **SAME)]
    proto = model(nodes, {"q": q.astype(dtype), "s": scale, "z": zero.astype(dtype)}, opset=21)
    w = (q - zero.reshape(-1, 1, 1, 1)).astype(np.float32) * scale.reshape(-1, 1, 1, 1)
    x = random(1, 8, 5, 5)
    plain = network.load(model([node("Conv", "x w", "y", **SAME)], {"w": w}))
    assert np.array_equal(network.load(proto)(x), plain(x))


def test_blocks_of_four_bits() -> None:
    q = np.random.default_rng(0).integers(-8, 8, (16, 6))
    scale = np.abs(random(2, 6))
    nodes = [node("DequantizeLinear", "q s", "w", axis=0, block_size=8), node("MatMul", "x w", "y")]
    net = network.load(model(nodes, {"q": q.astype(ml_dtypes.int4), "s": scale}, (3, 16), opset=21))
    w = q * np.repeat(scale, 8, axis=0)
    x = random(3, 16)
    assert np.allclose(net(x), x @ w, rtol=1e-4, atol=1e-4)


def test_an_input_of_another_type_is_refused() -> None:
    net = network.load(typed(NETS["no convolution"], np.float16))
    with pytest.raises(network.ModelError, match="the input 'x' must hold float16, not float32"):
        net(random(1, 8, 5, 5))
