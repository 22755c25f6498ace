"""Networks in ncnn's form: ncnn computes what we do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import SAME, model, node, norm, random

from workbook import network
from workbook.benchmarks.random_networks import light
from workbook.graphs.ncnn_writer import write_ncnn
from workbook.network import ModelError
from workbook.peers import whole_networks

FILTERS = {"w": random(8, 8, 3, 3), "b": random(8), "v": random(12, 8, 1, 1)}
X = (1, 8, 9, 7)


def conv(inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return node("Conv", inputs, output, **(SAME | attributes))


CASES: dict[str, onnx.ModelProto] = {
    "relu": model([conv("x w b", "a"), node("Relu", "a", "y")], FILTERS, X),
    "leaky relu": model([conv("x w b", "a"), node("LeakyRelu", "a", "y", alpha=0.3)], FILTERS, X),
    "relu6": model(
        [conv("x w", "a"), node("Clip", "a low high", "y")], {**FILTERS, "low": np.float32(0), "high": np.float32(6)}, X
    ),
    "strides, pads, dilation": model(
        [node("Conv", "x w b", "y", strides=[2, 1], pads=[2, 0, 1, 3], dilations=[1, 2])], FILTERS, X
    ),
    "depthwise": model([conv("x w", "y", group=8)], {"w": random(8, 1, 3, 3)}, X),
    "groups": model([conv("x w b", "y", group=2)], {"w": random(6, 4, 3, 3), "b": random(6)}, X),
    "residual": model(
        [conv("x w", "a"), node("Add", "a x", "e"), node("Relu", "e", "c"), conv("c w", "d"), node("Add", "c d", "y")],
        {"w": random(8, 8, 3, 3)},
        X,
    ),
    "concat": model(
        [conv("x w", "a"), node("Conv", "x v", "d"), node("Concat", "a d x", "c", axis=1), node("Relu", "c", "y")],
        FILTERS,
        X,
    ),
    "normalisation": model([node("BatchNormalization", "x " + " ".join(norm("n", 8)), "y")], norm("n", 8), X),
    "response norm": model([node("LRN", "x", "y", size=5, alpha=0.1, beta=0.6, bias=2.0)], {}, X),
    "max pool": model([node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1])], {}, X),
    "average pool": model([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 0, 1, 2])], {}, X),
    "average with zeros": model(
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)], {}, X
    ),
    "head": model(
        [
            node("GlobalAveragePool", "x", "a"),
            node("Conv", "a v", "e"),
            node("Flatten", "e", "c"),
            node("Gemm", "c h s", "d"),
            node("Softmax", "d", "y", axis=1),
        ],
        {**FILTERS, "h": random(12, 5), "s": random(5)},
        X,
    ),
}


def by_ncnn(net: network.Network, x: np.ndarray, folder: Path) -> np.ndarray:
    pytest.importorskip("ncnn")
    write_ncnn(net.graph, folder / "net.param", folder / "net.bin")
    return whole_networks.ncnn(folder / "net.onnx", x, threads=1)()


@pytest.mark.parametrize("proto", CASES.values(), ids=CASES)
def test_ncnn_computes_the_same(proto: onnx.ModelProto, tmp_path: Path) -> None:
    net, x = network.load(proto), random(*X)
    expected = net(x)
    y = by_ncnn(net, x, tmp_path).reshape(expected.shape)
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(expected).max()


def test_squeezenet(tmp_path: Path) -> None:
    net, x = network.load(light("squeezenet")), random(1, 3, 224, 224)
    expected = net(x)
    y = by_ncnn(net, x, tmp_path).reshape(expected.shape)
    assert np.abs(y - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize(
    "last",
    [
        node("Tanh", "a", "y"),
        node("MaxPool", "a", "y", kernel_shape=[2, 2], ceil_mode=1),
        node("Concat", "a x", "y", axis=2),
        node("Reshape", "a shape", "y"),
    ],
    ids=lambda last: last.op_type,
)
def test_what_has_no_form_is_named(last: onnx.NodeProto, tmp_path: Path) -> None:
    shape = {"shape": np.array([1, 4, 2, -1])}
    net = network.load(model([conv("x w", "a"), last], {**FILTERS, **shape}, X))
    with pytest.raises(ModelError, match=rf"node 'y' \({last.op_type}\) has no form in ncnn"):
        write_ncnn(net.graph, tmp_path / "net.param", tmp_path / "net.bin")
