"""Networks from ONNX files: the same numbers as ONNX Runtime's, with and without the passes."""

from __future__ import annotations

import weakref
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from graphs import BN1, CASES, READS_BN1, W33, model, node, random

from workbook import network
from workbook.graphs import passes
from workbook.network import Network

Array = npt.NDArray[Any]


def runtime(proto: onnx.ModelProto, x: Array) -> list[Array]:
    """What ONNX Runtime makes of it, without rewrites of its own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})  # type: ignore[no-any-return]


def assert_close(ours: list[Array], theirs: list[Array]) -> None:
    assert len(ours) == len(theirs)
    for y, expected in zip(ours, theirs, strict=True):
        assert y.shape == expected.shape
        assert y.dtype == expected.dtype
        assert np.abs(y - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("proto", "left"), CASES.values(), ids=CASES)
def test_equal_to_onnx_runtime(proto: onnx.ModelProto, left: list[str]) -> None:
    x = random(2, 8, 9, 7)
    expected = runtime(proto, x)
    net = network.load(proto)
    assert [n.op for n in net.graph.nodes] == left
    assert_close(net.run(x), expected)
    assert_close(Network(network.read(proto)).run(x), expected)  # nothing folded, nothing fused


@pytest.mark.parametrize("algorithm", ["naive", "direct", "im2col", "winograd_f4"])
def test_algorithm_and_threads_are_the_kernels(algorithm: str) -> None:
    proto, _ = CASES["conv, norm, relu"]
    x = random(1, 8, 12, 12)
    ours = network.load(proto, algorithm=algorithm, threads=1)(x)
    assert np.abs(ours - runtime(proto, x)[0]).max() <= 1e-5 * np.abs(ours).max()
    assert np.array_equal(ours, network.load(proto, algorithm=algorithm, threads=3)(x))


def test_folding_in_float64_on_paper() -> None:
    """One weight of 2 and a bias of 1; scale 3, shift 4, mean 5, variance 0.21 + 0.04: y = (2 x + 1 - 5) 3/0.5 + 4."""
    names = ("b", "scale", "shift", "mean", "variance")
    stored = {name: np.full(1, value, np.float32) for name, value in zip(names, (1, 3, 4, 5, 0.21), strict=True)}
    stored["w"] = np.full((1, 1, 1, 1), 2, np.float32)
    nodes = [node("Conv", "x w b", "a"), node("BatchNormalization", "a scale shift mean variance", "y", epsilon=0.04)]
    graph = passes.fold_batch_norm(network.read(model(nodes, stored)))
    (conv,) = graph.nodes
    weight, bias = (graph.constants[name] for name in conv.inputs[1:])
    assert weight.dtype == bias.dtype == np.float32
    assert weight.item() == pytest.approx(12)
    assert bias.item() == pytest.approx((1 - 5) * 6 + 4)


@pytest.mark.parametrize("proto", [proto for proto, _ in CASES.values()], ids=CASES)
def test_passes_in_any_order_and_again_change_no_result(proto: onnx.ModelProto) -> None:
    x = random(2, 8, 9, 7)
    expected = runtime(proto, x)
    for order in permutations(network.PASSES):
        graph = network.read(proto)
        for rewrite in order * 2:
            graph = rewrite(graph)
        assert_close(Network(graph).run(x), expected)


def test_shapes_that_are_known_are_no_work() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s zero two", "n"),
        node("Concat", "n rest", "t", axis=0),
        node("Reshape", "x t", "y"),
    ]
    stored = {"zero": np.array([0]), "two": np.array([2]), "rest": np.array([-1])}
    net = network.load(model(nodes, stored, x_shape=(2, 8, 9, 7)))
    assert [n.op for n in net.graph.nodes] == ["Reshape"]
    assert net(random(2, 8, 9, 7)).shape == (2, 8, 63)


def test_size_of_a_pool_that_rounds_up() -> None:
    """onnx counts a third window in each direction, which would begin behind the image."""
    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
        node("Shape", "p", "s"),
        node("Concat", "s one", "t", axis=0),
        node("Reshape", "p t", "y"),
    ]
    proto, x = model(nodes, {"one": np.array([1])}, x_shape=(2, 8, 3, 3)), random(2, 8, 3, 3)
    assert network.load(proto)(x).shape == (2, 8, 2, 2, 1)
    assert_close(network.load(proto).run(x), runtime(proto, x))


def test_passes_leave_the_given_graph_as_it_is() -> None:
    graph = network.read(CASES["conv, norm, relu"][0])
    before = (graph.nodes, dict(graph.constants))
    after = network.fold_batch_norm(graph)
    assert (graph.nodes, dict(graph.constants)) == before
    assert [n.op for n in after.nodes] == ["Conv", "Relu"]
    assert not after.constants.keys() & BN1.keys()  # what nobody reads is not kept


def test_a_run_leaves_its_input_and_the_weights_as_they_are() -> None:
    for proto, _ in CASES.values():
        net, x = network.load(proto), random(2, 8, 9, 7)
        before = {name: array.copy() for name, array in net.graph.constants.items()}
        first = [y.copy() for y in net.run(x)]
        assert np.array_equal(x, random(2, 8, 9, 7))
        assert all(np.array_equal(array, before[name]) for name, array in net.graph.constants.items())
        assert all(map(np.array_equal, first, net.run(x)))


def test_trace_shows_every_array_and_keeps_none() -> None:
    chain = [node("Conv", "x w", "a0", pads=[1] * 4)]
    chain += [node("Conv", f"a{i} w", f"a{i + 1}", pads=[1] * 4) for i in range(3)]
    net = network.load(model(chain, {"w": W33}, outputs=("a3",)))
    x = random(1, 8, 5, 5)
    for images in (x, x[:0]):  # an empty batch is not planned
        kept = list[weakref.ref[Array]]()
        for _, y in net.trace(images):
            kept.append(weakref.ref(y))
            assert sum(array() is not None for array in kept) <= 2
        assert len(kept) == 4
    *_, (last, y) = net.trace(x)
    assert last.outputs == ("a3",)
    assert np.array_equal(y, net(x))


def test_inputs_by_name() -> None:
    proto = model([node("Add", "x z", "y")], {})
    proto.graph.input.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["N", 8, "H", "W"]))
    net, x = network.load(proto), random(1, 8, 3, 3)
    assert np.array_equal(net({"z": x, "x": -x}), 0 * x)
    with pytest.raises(network.ModelError, match=r"has the inputs x, z; pass a mapping"):
        net(x)
    with pytest.raises(network.ModelError, match=r"has the inputs x, z, not x, q"):
        net({"x": x, "q": x})


def test_layers_tell_what_was_fused() -> None:
    proto, _ = CASES["conv with bias, norm with epsilon, clip"]
    layers = network.load(proto).layers
    (row,) = layers.rows
    assert (row.name, row.work, row.weights) == ("c", "Conv + relu6", (8, 1, 3, 3))
    assert layers.parameters == row.parameters == 8 * 9 + 8
    assert "8x1x3x3" in str(layers)
    proto, _ = CASES["residual, then relu"]
    assert network.load(proto).layers.rows[0].work == "Conv + Add + relu"


def test_head_counts_its_weights_alone() -> None:
    net = network.load(CASES["head with a reshape"][0])
    assert [row.parameters for row in net.layers.rows] == [0, 0, 8 * 10]
    assert net.profile(random(3, 8, 5, 5), seconds=0.01).macs == 3 * 8 * 10


def test_profile_counts_and_times_every_node() -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1] * 4),
        node("BatchNormalization", f"c {READS_BN1}", "n"),
        node("MaxPool", "n", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("Gemm", "f g", "y"),
    ]
    net = network.load(model(nodes, {"w": W33, **BN1, "g": random(8 * 3 * 2, 10)}))
    profile = net.profile(random(2, 8, 6, 4), seconds=0.01)
    assert [row.name for row in profile.layers.rows] == ["c", "p", "f", "y"]
    assert profile.shapes == ((2, 8, 6, 4), (2, 8, 3, 2), (2, 48), (2, 10))
    assert profile.macs == 2 * 8 * 6 * 4 * 8 * 9 + 2 * 48 * 10
    assert profile.whole.rounds >= 3
    assert all(timing.median > 0 for timing in profile.times)
    lines = str(profile).splitlines()
    assert len(lines) == 6
    assert all(line.endswith("ms [measured]") for line in lines[1:])
