"""Well-known networks, whole, at 224 x 224: the same numbers as ONNX Runtime's."""

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from workbook import network
from workbook.network import Network
from workbook.network.light import NETWORKS, light

MOST_ERROR = 1e-4  # relative to the largest number of the output


def image(seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((1, 3, 224, 224), np.float32)


def feed(net: Network, x: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """The image by its name; two networks have a second input, which nothing reads."""
    return {port.name: x if port.shape == x.shape else np.zeros(port.shape, port.dtype) for port in net.inputs}


@pytest.mark.parametrize("name", NETWORKS)
def test_light_network_equals_onnx_runtime(name: str) -> None:
    proto = light(name)
    last = proto.graph.node[-1]
    if last.op_type == "Softmax":  # which would hide errors of all but the largest numbers
        proto.graph.output.append(onnx.ValueInfoProto(name=last.input[0]))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every stored array that is an input, too
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    net = network.load(proto, threads=1)
    del proto  # vgg19 has 574 MB of weights
    given = feed(net, image())
    for y, expected in zip(net.run(given), session.run(None, given), strict=True):
        assert y.shape == expected.shape
        assert np.abs(y - expected).max() <= MOST_ERROR * np.abs(expected).max()
    assert [row.name for row in net.layers.rows if not row.native] == []
    gc.collect()


def test_weights_keep_the_size_of_numbers() -> None:
    proto = light("squeezenet")
    proto.graph.output.append(onnx.ValueInfoProto(name=proto.graph.node[-1].input[0]))
    _, y = network.load(proto).run(image())
    assert 0.1 < y.std() < 10
    same = light("squeezenet", seed=0).graph.initializer
    assert same == light("squeezenet").graph.initializer
    assert same != light("squeezenet", seed=1).graph.initializer


def test_unknown_light_network() -> None:
    with pytest.raises(ValueError, match=r"no light network 'lenet'; there are bvlc_alexnet, densenet121"):
        light("lenet")
