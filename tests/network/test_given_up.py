"""A network that nobody holds any more is gone at once, with the weights that it packed: an analysis makes dozens.

What holds itself lives on until Python looks for cycles, which it does by the number of objects and not by their size:
twelve networks of 143 million weights took 10 GB before it did.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbook.graphs.graph import Array
from workbook.network import Network, load

X = np.random.default_rng(0).standard_normal((1, 16, 8, 8), np.float32)


def model() -> onnx.ModelProto:
    """Return a network with a node of every kind: of the kernels, of NumPy, and of ONNX Runtime."""
    random = np.random.default_rng(1)

    def weight(*shape: int) -> Array:
        return random.standard_normal(shape, np.float32) / 8

    stored = {
        "w1": weight(16, 16, 3, 3), "w2": weight(32, 32, 1, 1), "w3": weight(32, 4), "slope": weight(32, 1, 1),
        "factor": weight(16), "shift": weight(16), "mean": weight(16), "variance": np.abs(weight(16)) + 1,
        "sizes": np.array([1, 1, 2, 2], np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv", pads=[1] * 4),
        helper.make_node("Sin", ["a"], ["b"], "by runtime"),
        helper.make_node("BatchNormalization", ["b", "factor", "shift", "mean", "variance"], ["c"], "norm"),
        helper.make_node("Concat", ["c", "a"], ["d"], "concat", axis=1),
        helper.make_node("Resize", ["d", "", "sizes"], ["e"], "resize", mode="nearest"),
        helper.make_node("Conv", ["e", "w2"], ["f"], "conv of one"),
        helper.make_node("PRelu", ["f", "slope"], ["g"], "prelu"),
        helper.make_node("ReduceMean", ["g"], ["h"], "mean", axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["h", "w3"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def _no_search() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_search")
@pytest.mark.parametrize("form", ["float32", "bytes"])
@pytest.mark.parametrize("use", ["made", "run", "traced", "profiled"])
def test_a_network_goes_with_its_last_reference(form: str, use: str) -> None:
    net: Network | None = load(model(), threads=1)
    assert net
    if form == "bytes":
        net = net.quantize([X])
    if use == "run":
        net(X)
    elif use == "traced":
        assert len(list(net.trace(X))) >= 9
    elif use == "profiled":
        net.profile(X, 0)
    held = [weakref.ref(operator) for operator in net.operators]
    held += [weakref.ref(run) for runs in net._runs.values() for run in runs]
    del net
    assert [found for ref in held if (found := ref())] == []
