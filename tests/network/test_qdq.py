"""QDQ and QLinear models of others: what ONNX Runtime's own tool writes is found to be layers on bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from graphs import BN1, READS_BN1, SAME, W11, W33, model, node, random
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from workbook import network

Array = npt.NDArray[Any]

NET = model(
    [
        node("Conv", "x w b", "c", **SAME),
        node("BatchNormalization", f"c {READS_BN1}", "n"),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "m v", "d"),
        node("Add", "d m", "s"),
        node("Concat", "s m", "t", axis=1),
        node("GlobalAveragePool", "t", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f k l", "y", transB=1),
    ],
    {"w": W33, "b": random(8), **BN1, "v": W11, "k": random(10, 16), "l": random(10)},
    x_shape=(1, 8, 12, 10),
)


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self._images = iter([{"x": random(1, 8, 12, 10, seed=i)} for i in range(8)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._images, None)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("kind", [QuantFormat.QDQ, QuantFormat.QOperator], ids=["QDQ", "QLinear"])
def test_model_of_onnx_runtimes_tool(tmp_path: Path, kind: QuantFormat, per_channel: bool) -> None:
    source, path = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    network.load(NET).save(source)  # with the BatchNormalization folded, as the tool wants it
    quantize_static(
        source,
        path,
        _Images(),
        quant_format=kind,
        per_channel=per_channel,
        reduce_range=True,  # 7 bits: without VNNI, ONNX Runtime's sums of larger products are cut off
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    net = network.load(path)
    ops = [n.op for n in net.graph.nodes]
    assert ops.count("QLinearConv") == 2
    assert "Conv" not in ops
    assert net.layers.fallbacks == ()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for seed in range(5):
        x = random(1, 8, 12, 10, seed=seed)
        (expected,) = session.run(None, {"x": x})
        steps = np.diff(np.unique(expected)).min()
        assert np.abs(net(x) - expected).max() <= 2.01 * steps


def _conversion(op: str, name: str, output: str, scale: str = "s", zero: str = "z") -> onnx.NodeProto:
    return node(op, f"{name} {scale} {zero}", output)


@pytest.mark.parametrize("zero", ["z", "-"], ids=["stated", "left out"])
def test_layer_that_is_not_found_runs_as_written(tmp_path: Path, zero: str) -> None:
    """A Tanh has no form on bytes, and an array may leave on its way."""
    nodes = [
        _conversion("QuantizeLinear", "x", "q", zero=zero),
        _conversion("DequantizeLinear", "q", "d", zero=zero),
        node("Tanh", "d", "a"),
        _conversion("QuantizeLinear", "a", "p", zero=zero),
        _conversion("DequantizeLinear", "p", "y", zero=zero),
    ]
    stored = {"s": np.float32(0.125), "z": np.uint8(0)}
    proto = model(nodes, stored if zero == "z" else {"s": stored["s"]}, outputs=("y", "a"))
    net = network.load(proto)
    assert "Tanh" in " ".join(row.op for row in net.layers.fallbacks)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = random(1, 8, 5, 5)
    for y, expected in zip(net.run(x), session.run(None, {"x": x}), strict=True):
        assert np.allclose(y, expected, atol=1e-6)
    net.save(tmp_path / "net.onnx")
    assert all(map(np.array_equal, net.run(x), network.load(tmp_path / "net.onnx").run(x)))


def test_bytes_that_move_without_a_zero_point_are_saved(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", "x s", "q"),
        node("Transpose", "q", "t", perm=[0, 1, 3, 2]),
        node("DequantizeLinear", "t s", "y"),
    ]
    net, x = network.load(model(nodes, {"s": np.float32(0.125)})), random(1, 8, 5, 3)
    net.save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert np.array_equal(net(x), session.run(None, {"x": x})[0])


def test_sum_and_its_relu_are_one_layer() -> None:
    nodes = [
        _conversion("QuantizeLinear", "x", "q"),
        _conversion("DequantizeLinear", "q", "a"),
        _conversion("DequantizeLinear", "q", "b"),
        node("Add", "a b", "t"),
        node("Relu", "t", "r"),
        _conversion("QuantizeLinear", "r", "p", "s2", "z2"),
        _conversion("DequantizeLinear", "p", "y", "s2", "z2"),
    ]
    stored = {"s": np.float32(0.05), "z": np.uint8(128), "s2": np.float32(0.1), "z2": np.uint8(7)}
    proto = model(nodes, stored)
    net, x = network.load(proto), random(1, 8, 5, 5)
    assert [n.op for n in net.graph.nodes] == ["QuantizeLinear", "com.microsoft.QLinearAdd", "DequantizeLinear"]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.abs(net(x) - session.run(None, {"x": x})[0]).max() <= 0.1001


def test_product_of_other_channels_names_its_node() -> None:
    """The run that finds the shapes computes no product; that of the numbers meets it."""
    nodes = [
        _conversion("QuantizeLinear", "x", "q"),
        _conversion("DequantizeLinear", "q", "a"),
        _conversion("DequantizeLinear", "k", "b"),
        node("Gemm", "a b", "t", transB=1),
        _conversion("QuantizeLinear", "t", "p"),
        _conversion("DequantizeLinear", "p", "y"),
    ]
    stored = {"s": np.float32(0.05), "z": np.int8(0), "k": np.ones((10, 8), np.int8)}
    net = network.load(model(nodes, stored, x_shape=("N", "C")))
    assert net(random(2, 8)).shape == (2, 10)
    with pytest.raises(network.ModelError, match=r"node 't' \(com.microsoft.QGemm\): x has 1 channels"):
        net(random(2, 1))


def test_nodes_of_the_same_name_are_told_apart() -> None:
    """ONNX Runtime takes such files, too; what is found to be a layer goes by its nodes' names."""
    proto = model(
        [
            _conversion("QuantizeLinear", "x", "q"),
            _conversion("DequantizeLinear", "q", "a"),
            node("MaxPool", "a", "m", kernel_shape=[2, 2]),
            _conversion("QuantizeLinear", "m", "p"),
            _conversion("DequantizeLinear", "p", "d"),
            node("Relu", "d", "y"),
        ],
        {"s": np.float32(0.05), "z": np.uint8(128)},
    )
    x = random(1, 8, 5, 5)
    expected = network.load(proto)(x)
    for written in proto.graph.node:
        written.name = "same"
    net = network.load(proto)
    assert np.array_equal(net(x), expected)
    names = [read.name for read in net.graph.nodes]
    assert names[0] == "same"
    assert len(set(names)) == len(names) == 4
