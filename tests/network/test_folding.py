"""Constants: what is computed once, when a model is loaded, and what must not be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from graphs import model, node, random
from onnx import helper, numpy_helper
from test_runtime_parts import branch

from workbook import network

Array = npt.NDArray[Any]


def test_constants_are_folded_by_the_same_sessions() -> None:
    nodes = [node("Erf", "k", "a"), node("Transpose", "a", "b"), node("Mul", "x b", "y")]
    k = random(7, 1, 1)
    net = network.load(model(nodes, {"k": k}, ("N", 1, 1, 7)))
    assert [n.op for n in net.graph.nodes] == ["Mul"]
    (folded,) = net.graph.constants.values()
    assert np.allclose(folded.reshape(-1), [math.erf(v) for v in k.reshape(-1)], atol=1e-6)


def test_random_numbers_are_not_folded() -> None:
    draw = node("RandomNormal", "", "n", shape=[1, 1, 1, 1])
    net, x = network.load(model([draw, node("Add", "x n", "y")], {})), random(1, 8, 3, 3)
    assert not np.array_equal(net(x), net(x))


def test_random_numbers_of_a_branch_within_a_branch_are_not_folded() -> None:
    draw = branch("n", helper.make_node("RandomNormal", [], ["n"], shape=[1, 1, 1, 1]))
    inner = branch("m", helper.make_node("If", ["yes"], ["m"], then_branch=draw, else_branch=draw))
    outer = helper.make_node("If", ["yes"], ["k"], "outer", then_branch=inner, else_branch=inner)
    net = network.load(model([outer, node("Add", "x k", "y")], {"yes": np.array(True)}))
    x = random(1, 8, 3, 3)
    assert not np.array_equal(net(x), net(x))


@pytest.mark.parametrize("places", [np.array([1, 3]), np.array([[0, 1], [1, 1]])], ids=["linear", "by axis"])
def test_sparse_arrays_are_read(places: Array) -> None:
    values = numpy_helper.from_array(np.array([2, 5], np.float32), "k")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(places, "i"), [2, 2])
    constant = helper.make_node("Constant", [], ["k"], "k", sparse_value=sparse)
    stored = model([node("Add", "x k", "y")], {}, (2, 2))
    stored.graph.sparse_initializer.append(sparse)
    for proto in (model([constant, node("Add", "x k", "y")], {}, (2, 2)), stored):
        assert network.load(proto)(np.zeros((2, 2), np.float32)).tolist() == [[0, 2], [0, 5]]
