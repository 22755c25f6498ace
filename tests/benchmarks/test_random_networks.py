"""Well-known networks, whole, at 224 x 224: the same numbers as ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx.version_converter
import onnxruntime
import pytest

from kernels import probe
from workbook import network
from workbook.benchmarks.random_networks import NETWORKS, light
from workbook.network import Network
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

MOST_ERROR = 1e-4  # relative to the largest number of the output
MOST_STEPS = 2.01  # of the output's scale, on bytes; with room for the rounding of their difference


def image(seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((1, 3, 224, 224), np.float32)


def runtime(model: str | bytes) -> npt.NDArray[np.float32]:
    """What ONNX Runtime makes of the image."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image()})[0]  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=NETWORKS)
def proto(request: pytest.FixtureRequest) -> Iterator[onnx.ModelProto]:
    """Without a Softmax at the end, which would hide errors of all but the largest numbers."""
    model = light(request.param)
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        del model.graph.node[-1], model.graph.output[:]
        model.graph.output.append(onnx.ValueInfoProto(name=last.input[0]))
    known = {name for node in model.graph.node for name in node.input} | {t.name for t in model.graph.initializer}
    for port in [port for port in model.graph.input if port.name not in known]:  # one network has an unread input
        model.graph.input.remove(port)
    yield model
    model.Clear()  # vgg19 has 574 MB of weights


@pytest.fixture(scope="module")
def net(proto: onnx.ModelProto) -> Network:
    return network.load(proto, threads=1)


def test_float32(proto: onnx.ModelProto, net: Network) -> None:
    expected = runtime(proto.SerializeToString())
    y = net(image())
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= MOST_ERROR * np.abs(expected).max()
    assert net.layers.fallbacks == ()


def test_bytes(net: Network, tmp_path: Path) -> None:
    """ONNX Runtime finds the layers on bytes in the file by itself, and rounds alike."""
    exact = probe.operands()[0] == 4
    scheme = Scheme(
        reduce_range=not exact
    )  # to 7 bits: without VNNI, ONNX Runtime's sums of larger products are cut off
    int8 = quantize(net, image(), scheme, threads=1)
    int8.save(tmp_path / "int8.onnx")
    y, expected = int8(image()), runtime(str(tmp_path / "int8.onnx"))
    (end,) = (node for node in int8.graph.nodes if node.outputs == int8.outputs)
    step = int8.graph.constants[end.inputs[1]].item()
    assert end.op == "DequantizeLinear"
    assert np.abs(y - expected).max() <= MOST_STEPS * step
    assert np.array_equal(network.load(tmp_path / "int8.onnx", threads=1)(image()), y)
    lost = y - net(image())
    least = 25 if exact else 19  # dB, a bit is 6: the bytes mean what they should
    assert 10 * np.log10(np.square(y).mean() / np.square(lost).mean()) > least


def test_weights_keep_the_size_of_numbers() -> None:
    proto = light("squeezenet")
    proto.graph.output.append(onnx.ValueInfoProto(name=proto.graph.node[-1].input[0]))
    _, y = network.load(proto).run(image())
    assert 0.1 < y.std() < 10
    same = light("squeezenet", seed=0).graph.initializer
    assert same == light("squeezenet").graph.initializer
    assert same != light("squeezenet", seed=1).graph.initializer


def test_other_tools_take_it() -> None:
    """Such as ONNX Runtime's quantizer, which begins with this conversion."""
    proto = light("squeezenet")
    onnx.checker.check_model(proto)
    assert [port.name for port in proto.graph.input] == ["data_0"]
    assert onnx.version_converter.convert_version(proto, 13).graph.node


def test_unknown_light_network() -> None:
    with pytest.raises(ValueError, match=r"no light network 'lenet'; there are bvlc_alexnet, densenet121"):
        light("lenet")
