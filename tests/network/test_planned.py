"""Runs that are planned ahead: the same numbers, no array in another's memory, and nothing allocated on the way."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from graphs import LIMITS, SAME, model, node, norm, random
from hypothesis import given
from hypothesis import strategies as st
from test_network import assert_close, runtime

import kernels
from workbook import network
from workbook.graphs.runtime_part import RuntimePart
from workbook.network.arena import Life, offsets

Array = npt.NDArray[Any]
ONE = random(16, 16, 1, 1, seed=1) / 4
THREE = random(16, 16, 3, 3, seed=2) / 12
NORM = norm("n", 16)
HALF = {"kernel_shape": [2, 2], "strides": [2, 2]}

# Every array of these has lanes on some instruction set, or a neighbour that has none.
NETS: dict[str, onnx.ModelProto] = {
    "a residual between convolutions": model(
        [
            node("Conv", "x one", "a"),
            node("Conv", "a three", "b", **SAME),
            node("Add", "a b", "c"),
            node("Relu", "c", "d"),
            node("Conv", "d one", "y"),
        ],
        {"one": ONE, "three": THREE},
        ("N", 16, "H", "W"),
    ),
    "branches joined, twice": model(
        [
            node("Conv", "x one", "a"),
            node("Conv", "a three", "b", **SAME),
            node("Conv", "a one", "c"),
            node("Concat", "b c", "d", axis=1),
            node("Relu", "d", "e"),
            node("Concat", "e b", "f", axis=1),
            node("Concat", "f f", "g", axis=1),
            node("MaxPool", "g", "h", **HALF),
            node("Conv", "h wide", "i"),
            node("GlobalAveragePool", "i", "j"),
            node("Flatten", "j", "k"),
            node("Gemm", "k head shift", "y", transB=1, alpha=0.5, beta=2.0),
        ],
        {"one": ONE, "three": THREE, "wide": random(32, 96, 1, 1), "head": random(10, 32), "shift": random(10)},
        ("N", 16, "H", "W"),
    ),
    "normalised before a convolution": model(
        [
            node("Conv", "x one", "a"),
            node("BatchNormalization", "a " + " ".join(NORM), "b"),
            node("LeakyRelu", "b", "c", alpha=0.2),
            node("Conv", "c three", "d", **SAME),
            node("Concat", "a d", "e", axis=1),
            node("Conv", "e wide", "y"),
        ],
        {"one": ONE, "three": THREE, "wide": random(8, 32, 1, 1), **NORM},
        ("N", 16, "H", "W"),
    ),
    "number by number in NumPy, with stored numbers": model(
        [
            node("Conv", "x one", "a"),
            node("Add", "a three_", "b"),
            node("Clip", "b zero six", "c"),
            node("Mul", "a c", "d"),
            node("Div", "d six", "e"),
            node("Sigmoid", "e", "f"),
            node("Sub", "zero f", "g"),
            node("Conv", "g three", "h", **SAME),
            node("Tanh", "h", "i"),
            node("Mul", "i gate", "y"),
        ],
        {
            "one": ONE,
            "three": THREE,
            "gate": random(1, 16, 1, 1),
            **LIMITS,
            "three_": np.full((1, 1, 1), 3, np.float32),
        },
        ("N", 16, "H", "W"),
    ),
    "a view by NumPy that is read later": model(
        [
            node("Conv", "x one", "a"),
            node("Shape", "a", "s"),
            node("Slice", "s zero two", "n"),
            node("Concat", "n rest", "t", axis=0),
            node("Reshape", "a t", "b"),
            node("Conv", "x three", "c", **SAME),
            node("Conv", "c three", "d", **SAME),
            node("Reshape", "d t", "e"),
            node("Concat", "b e", "y", axis=2),
        ],
        {"one": ONE, "three": THREE, "zero": np.array([0]), "two": np.array([2]), "rest": np.array([-1])},
        ("N", 16, "H", "W"),
    ),
    "an operator of NumPy in the middle": model(
        [
            node("Conv", "x one", "a"),
            node("Relu", "a", "b"),
            node("Sub", "b a", "c"),
            node("Conv", "c three", "d", **SAME),
            node("AveragePool", "d", "e", kernel_shape=[3, 3], pads=[1, 0, 1, 2], strides=[2, 1]),
            node("Identity", "e", "y"),
        ],
        {"one": ONE, "three": THREE},
        ("N", 16, "H", "W"),
    ),
    "channels without lanes": model(
        [
            node("Conv", "x odd", "a"),
            node("Conv", "x one", "b"),
            node("Concat", "a b", "c", axis=1),
            node("Conv", "c back", "d"),
            node("MaxPool", "d", "e", **HALF),
            node("Reshape", "e rows", "f"),
            node("Gemm", "f head", "y"),
        ],
        {
            "odd": random(7, 16, 1, 1),
            "one": ONE,
            "back": random(16, 23, 1, 1),
            "rows": np.array([0, -1]),
            "head": random(192, 5),
        },
        ("N", 16, "H", "W"),
    ),
    "padding that follows from the image, as TensorFlow exports it": model(
        [
            node("Conv", "x one", "a"),
            node("Conv", "a three", "b", auto_pad="SAME_UPPER", strides=[2, 2]),
            node("Conv", "b each", "c", auto_pad="SAME_LOWER", strides=[2, 2], group=16),
            node("MaxPool", "c", "d", auto_pad="SAME_UPPER", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", "d one", "y"),
        ],
        {"one": ONE, "three": THREE, "each": random(16, 1, 3, 3)},
        ("N", 16, "H", "W"),
    ),
    "outputs on the way": model(
        [
            node("Conv", "x one", "a"),
            node("Relu", "a", "b"),
            node("Concat", "a b", "c", axis=1),
            node("Identity", "b", "y"),
        ],
        {"one": ONE},
        ("N", 16, "H", "W"),
        outputs=("a", "c", "y", "b"),
    ),
}
on_every_net = pytest.mark.parametrize("proto", NETS.values(), ids=NETS)


@on_every_net
@pytest.mark.parametrize("images", [1, 3])
def test_equal_to_onnx_runtime(proto: onnx.ModelProto, images: int) -> None:
    net, x = network.load(proto), random(images, 16, 6, 8)
    first = net.run(x)
    kept = [y.copy() for y in first]
    assert_close(first, runtime(proto, x))
    other = random(images, 16, 6, 8, seed=9)
    assert_close(net.run(other), runtime(proto, other))
    assert all(map(np.array_equal, first, kept))  # a later run does not write to what an earlier one returned
    assert all(map(np.array_equal, net.run(x), kept))


@on_every_net
def test_trace_and_profile_see_plain_arrays(proto: onnx.ModelProto) -> None:
    net, x = network.load(proto), random(1, 16, 6, 8)
    seen = {node.outputs[0]: y for node, y in net.trace(x)}
    expected = called(net, x)
    assert seen.keys() == expected.keys()
    for name, y in seen.items():
        assert_close([y], [expected[name]])
    last = [step.writes[-1] for step in net.operators]
    assert net.profile(x, seconds=0.01).shapes == tuple(expected[name].shape for name in last)


def called(net: network.Network, x: Array) -> dict[str, Array]:
    """Every array of a run without a plan: each operator is called."""
    arrays: dict[str, Array] = {}
    for step in net.operators:
        known = {"x": x, "": None, **net.graph.constants, **arrays}
        read = [known[name] for name in step.reads]
        if isinstance(step, RuntimePart):
            arrays |= {name: y for _, name, y in step.trace(*read)}
        else:
            arrays[step.writes[0]] = step(*read)
    return arrays


@pytest.mark.parametrize("name", [name for name in NETS if "NumPy" not in name])
@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_allocated_between_native_operators(name: str, threads: int) -> None:
    net, x = (
        network.load(NETS[name], threads=threads),
        random(1, 16, 48, 64) if "without" not in name else random(1, 16, 6, 8),
    )
    outputs = sum(y.nbytes for y in net.run(x))
    tracemalloc.start()
    try:
        net.run(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < outputs + 16384  # Python's own objects


def test_bytes_whose_padding_follows_from_the_image_are_planned_too() -> None:
    net = network.load(NETS["padding that follows from the image, as TensorFlow exports it"], threads=1)
    int8 = net.quantize(random(8, 16, 48, 64))
    assert [node.op for node in int8.graph.nodes].count("QLinearConv") == 4
    for height, width in ((48, 64), (47, 64), (48, 63), (5, 6)):  # each parity pads another side
        x = random(1, 16, height, width)
        outputs = int8(x).nbytes
        tracemalloc.start()
        try:
            y = int8(x)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < outputs + 16384
        assert np.array_equal(y, called(int8, x)["y"])
    packed = int8.packed_bytes
    int8(random(1, 16, 47, 63))
    assert int8.packed_bytes == packed  # another padding packs nothing more


def test_callers_at_once_and_shapes_in_turn() -> None:
    proto = NETS["branches joined, twice"]
    net = network.load(proto, threads=2)
    images = [random(1 + i % 2, 16, 4 + i % 7, 6, seed=i) for i in range(40)]
    expected = [network.load(proto, threads=1)(x) for x in images]
    with ThreadPoolExecutor(4) as callers:
        assert all(map(np.array_equal, callers.map(net, images), expected))


def test_a_shape_that_follows_from_the_numbers() -> None:
    """What an operator returns may have another shape in the next run; the plan is given up."""
    proto = model(
        [node("Conv", "x one", "a"), node("Relu", "a", "b"), node("Softmax", "b", "c", axis=1), node("Relu", "c", "y")],
        {"one": ONE},
        ("N", 16, "H", "W"),
    )
    net, x = network.load(proto), random(1, 16, 6, 8)
    expected = net(x)
    (softmax,) = (operator for operator in net.operators if operator.node.op == "Softmax")
    whole = softmax.compute
    softmax.compute = lambda b: whole(b)[:, :, :3]
    assert np.array_equal(net(x), expected[:, :, :3])
    assert np.array_equal(net(x), expected[:, :, :3])


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 20), st.integers(0, 10)), max_size=30))
def test_arrays_that_meet_share_no_memory(lives: list[tuple[int, int, int]]) -> None:
    named = {str(i): Life(numbers, first, first + more) for i, (numbers, first, more) in enumerate(lives)}
    places, total = offsets(named)
    for a, life in named.items():
        assert places[a] % 16 == 0
        assert 0 <= places[a] <= total - life.numbers
        for b, other in named.items():
            if a < b and life.meets(other):
                assert places[a] + life.numbers <= places[b] or places[b] + other.numbers <= places[a]
    most = max(
        (sum(life.numbers for life in named.values() if life.first <= i <= life.last) for i in range(31)), default=0
    )
    assert total >= most


def test_a_chain_takes_two_places() -> None:
    places, total = offsets({f"{i}": Life(160, i, i + 1) for i in range(10)})
    assert total == 320
    assert set(places.values()) == {0, 160}


def test_an_output_that_the_file_stores() -> None:
    proto = model([node("Conv", "x one", "y")], {"one": ONE}, ("N", 16, "H", "W"), outputs=("y", "one"))
    net, x = network.load(proto), random(1, 16, 3, 3)
    for _ in range(2):
        assert_close(net.run(x), [runtime(proto, x)[0], ONE])


def test_zeros_that_find_the_shapes_raise_nothing() -> None:
    """0 / 0 is met only by the run that finds the shapes; weights are packed only for what runs then."""
    proto = model([node("Conv", "x one", "a"), node("Div", "a a", "y")], {"one": ONE}, ("N", 16, "H", "W"))
    net, x = network.load(proto), random(1, 16, 6, 8)
    np.testing.assert_array_equal(net(x), np.ones_like(x))
    alone = kernels.Conv2d(ONE)
    alone(x)
    assert net.packed_bytes == alone.packed_bytes


def test_a_normalisation_by_infinity_is_numpy_s() -> None:
    stored = {**NORM, "n.variance": np.zeros(16, np.float32)}
    proto = model([node("BatchNormalization", "x " + " ".join(NORM), "y", epsilon=0.0)], stored, ("N", 16, "H", "W"))
    y = network.load(proto)(random(1, 16, 4, 4))
    assert not np.isfinite(y).any()


def test_networks_beside_each_other_pack_a_layer_once() -> None:
    """One whose layer runs by another algorithm, or holds other numbers, packs its own."""
    weights = {"one": random(16, 16, 3, 3), "two": random(16, 16, 3, 3, seed=1), "flat": random(64, 5, seed=2)}
    nodes = [
        node("Conv", "x one", "a", **SAME),
        node("Conv", "a two", "b", **SAME),
        node("Flatten", "b", "c"),
        node("Gemm", "c flat", "y"),
    ]
    proto = model(nodes, weights, (1, 16, 2, 2))
    first, x = network.load(proto, algorithm="im2col"), random(1, 16, 2, 2)
    conv, other, *_ = first.graph.nodes
    changed = replace(other, attributes={**other.attributes, "algorithm": "direct"})
    graph = replace(first.graph, nodes=(conv, changed, *first.graph.nodes[2:]))
    beside = network.Network(graph, algorithm="im2col", beside=[first])
    same = [a is b for a, b in zip(first.operators, beside.operators, strict=True)]
    assert same == [True, False, False, True]
    alone = network.Network(graph, algorithm="im2col")
    assert np.array_equal(beside(x), alone(x))
    assert np.allclose(first(x), alone(x), atol=1e-3)
    stored, product = {"one": ONE, "flat": random(64, 5)}, [node("Conv", "x one", "a"), node("Flatten", "a", "b")]
    own = network.load(model([*product, node("Gemm", "b flat", "c"), node("Erf", "c", "y")], stored, (1, 16, 2, 2)))
    again = network.Network(own.graph, beside=[own])
    assert [step for step in again.operators if isinstance(step, RuntimePart)]
    assert all(
        (a is b) == (isinstance(a, RuntimePart) or a.packs) for a, b in zip(own.operators, again.operators, strict=True)
    )
    for far in (
        network.Network(graph, beside=[first]),  # other settings
        network.Network(replace(graph, constants=dict(graph.constants)), algorithm="im2col", beside=[first]),
    ):
        assert not set(far.operators) & set(first.operators)
