"""Networks written as ONNX files: ONNX Runtime takes them and computes the same, in float32 and, as QDQ, on bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from graphs import CASES, W33, model, node, random

from workbook import network
from workbook.network import ModelError, Network
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

Array = npt.NDArray[Any]


def runtime(path: Path, x: Array) -> list[Array]:
    """What ONNX Runtime makes of a file, with all its rewrites: it finds the layers on bytes itself."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # sums of bytes exact on every CPU
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", CASES)
def test_float_network_comes_back(tmp_path: Path, name: str) -> None:
    path, x = tmp_path / "net.onnx", random(2, 8, 9, 7)
    net = network.load(CASES[name][0])
    net.save(path)
    onnx.checker.check_model(path, full_check=True)
    again = network.load(path)
    for y, ours, theirs in zip(net.run(x), again.run(x), runtime(path, x), strict=True):
        assert np.array_equal(y, ours)
        assert np.abs(y - theirs).max() <= 1e-5 * np.abs(theirs).max()


SCHEMES = {  # 7 bits: without VNNI, ONNX Runtime's sums of larger products are cut off
    "u8s8": Scheme(reduce_range=True),
    "s8s8": Scheme(activations="int8", per_channel=False, reduce_range=True),
}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("name", CASES)
def test_quantized_network_comes_back(tmp_path: Path, name: str, scheme: Scheme) -> None:
    """Read again, it is the same network on bytes, with the same bits."""
    path, x = tmp_path / "net.onnx", random(2, 8, 9, 7)
    net = quantize(network.load(CASES[name][0]), x, scheme)
    net.save(path)
    onnx.checker.check_model(path, full_check=True)
    again = network.load(path)
    assert {n.op for n in again.graph.nodes} <= {n.op for n in net.graph.nodes} | {"Clip"}
    assert all(map(np.array_equal, net.run(x), again.run(x)))
    for y, theirs in zip(net.run(x), runtime(path, x), strict=True):
        assert np.abs(y - theirs).max() <= 2.01 * _step(net)


def _step(net: Network) -> float:
    """The largest step of what is turned into float32."""
    scales = [n.inputs[1] for n in net.graph.nodes if n.op == "DequantizeLinear"]
    return max((float(net.graph.constants[name].max()) for name in scales), default=1e-5)


def test_a_file_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    """Scatter is an operator up to set 10; and bytes need a newer set than that."""
    nodes = [node("Conv", "x w", "c"), node("Scatter", "c places w", "y", axis=1)]
    stored = {"w": W33, "places": np.zeros(W33.shape, np.int64)}
    net, x, path = network.load(model(nodes, stored, opset=9)), random(8, 8, 5, 5), tmp_path / "net.onnx"
    net.save(path)
    assert np.allclose(net(x), runtime(path, x)[0], atol=1e-5)
    path.unlink()
    with pytest.raises(ModelError, match=r"node 'y' \(Scatter\) is of operator set 9, and cannot be written in"):
        quantize(net, x).save(path)
    assert not path.exists()


@pytest.mark.parametrize("shape", [(2, 8, 9, 7), ("N", 8, "H", "W")])
@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, None])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax"])
def test_an_old_softmax_takes_all_axes_from_its_own_on(
    tmp_path: Path, op: str, axis: int | None, shape: tuple[int | str, ...]
) -> None:
    """Written in today's set, whose Softmax takes one axis, because bytes need it; axes may be of unknown size."""
    given = {} if axis is None else {"axis": axis}
    nodes = [node("Conv", "x w", "c"), node(op, "c", "y", **given)]
    net, x, path = network.load(model(nodes, {"w": W33}, shape, opset=11)), random(2, 8, 9, 7), tmp_path / "net.onnx"
    small = quantize(net, x)
    small.save(path)
    assert np.allclose(small(x), runtime(path, x)[0], atol=1e-5)
    assert np.array_equal(small(x), network.load(path)(x))


@pytest.mark.parametrize(
    "old",
    [
        node("Softmax", "g", "y"),
        node("Unsqueeze", "g", "y", axes=[0]),
        node("Squeeze", "g", "y", axes=[3]),
        node("Clip", "x", "y", min=0.5),
    ],
    ids=lambda old: old.op_type,
)
def test_old_operators_are_written_as_todays(tmp_path: Path, old: onnx.NodeProto) -> None:
    nodes = [node("GlobalAveragePool", "x", "g"), node("Conv", "x w", "c"), old]
    net, x = network.load(model(nodes, {"w": W33}, opset=9)), random(2, 8, 9, 7)
    net.save(tmp_path / "net.onnx")
    (y,) = runtime(tmp_path / "net.onnx", x)
    assert np.allclose(net(x), y, rtol=1e-6, atol=1e-6)


def test_a_network_of_constants_comes_back(tmp_path: Path) -> None:
    """The shape of an image of fixed size is known, and nothing is left to compute."""
    path, x = tmp_path / "net.onnx", random(1, 3, 4, 5)
    network.load(model([node("Shape", "x", "y")], {}, x.shape)).save(path)
    assert network.load(path)(x).tolist() == runtime(path, x)[0].tolist() == [1, 3, 4, 5]


def test_an_operator_that_is_older_than_its_description_comes_back(tmp_path: Path) -> None:
    """ONNX describes ThresholdedRelu since operator set 10; ONNX Runtime takes it before."""
    path, x = tmp_path / "net.onnx", np.array([[[[-1, 0.5, 2]]]], np.float32)
    network.load(model([node("ThresholdedRelu", "x", "y")], {}, x.shape, opset=7)).save(path)
    assert network.load(path)(x).tolist() == [[[[0, 0, 2]]]]
