"""The minimum cut against every mix there is: on chains, and on graphs that branch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbook.advisor.mix import best_mix
from workbook.graphs.graph import Port
from workbook.lessons.analysis.chain_of_forms import chain_mix
from workbook.network import Graph, Node


def seconds(
    graph: Graph,
    side: frozenset[str],
    floats: dict[str, float],
    on_bytes: dict[str, float],
    to_bytes: dict[str, float],
    to_floats: dict[str, float],
) -> float:
    """Price a mix by what its nodes and its conversions take."""
    total = sum(on_bytes[n.name] if n.name in side else floats[n.name] for n in graph.nodes)
    writers = {name: node.name for node in graph.nodes for name in node.outputs}
    for name in ("x", *writers):
        written = writers.get(name) in side
        forms = {node.name in side for node in graph.nodes if name in node.reads}
        forms |= {False} if name in graph.outputs else set()
        if not written and True in forms:
            total += to_bytes[name]
        if written and False in forms:
            total += to_floats[name]
    return total


def branching(random: np.random.Generator, count: int) -> Graph:
    """Return a graph whose nodes read one or two of the arrays before them."""
    nodes: list[Node] = []
    for i in range(count):
        before = ["x", *(f"a{j}" for j in range(i))]
        reads = tuple(dict.fromkeys(random.choice(before[-3:], size=random.integers(1, 3)).tolist()))
        nodes.append(Node(f"n{i}", "Conv", reads, (f"a{i}",)))
    return Graph(tuple(nodes), {}, (Port("x", None),), (f"a{count - 1}", "a1"))


@pytest.mark.parametrize("seed", range(12))
def test_no_mix_takes_less(seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = branching(random, 7)
    names = [node.name for node in graph.nodes]
    floats, on_bytes = ({name: float(random.uniform(1, 5)) for name in names} for _ in range(2))
    fixed = names[3]
    able = [name for name in names if name != fixed]
    to_bytes, to_floats = ({a: float(random.uniform(0, 2)) for a in ("x", *(f"a{i}" for i in range(7)))} for _ in "12")
    prices = floats, {name: on_bytes[name] for name in able}, to_bytes, to_floats
    found = best_mix(graph, *prices)
    assert fixed not in found
    every = (frozenset(side) for size in range(len(able) + 1) for side in itertools.combinations(able, size))
    least = min(seconds(graph, side, floats, on_bytes, to_bytes, to_floats) for side in every)
    assert seconds(graph, found, floats, on_bytes, to_bytes, to_floats) == pytest.approx(least)


def test_free_conversions_give_each_layer_its_faster_form() -> None:
    assert chain_mix([4, 8, 2], [2, 9, 1], 0) == 2 + 8 + 1


def test_dear_conversions_keep_all_in_float32() -> None:
    assert chain_mix([4, 8, 2], [2, 1, 1], 100) == 14


def test_a_chain_pays_each_direction() -> None:
    assert chain_mix([9, 9, 1, 9], [1, 1, 9, 1], 0.5, 0.25) == 1 + 1 + 1 + 1 + 2 * (0.5 + 0.25)


def test_an_array_is_converted_once_for_all_its_readers() -> None:
    nodes = tuple(Node(f"n{i}", "Conv", ("x",), (f"a{i}",)) for i in range(3))
    graph = Graph(nodes, {}, (Port("x", None),), tuple(f"a{i}" for i in range(3)))
    names = [node.name for node in nodes]
    arrays = dict.fromkeys(("a0", "a1", "a2"), 0.0)
    found = best_mix(
        graph, dict.fromkeys(names, 2.0), dict.fromkeys(names, 1.0), {"x": 2.5, **arrays}, {"x": 0.0, **arrays}
    )
    assert found == set(names)  # saves 3, costs 2.5; thrice 2.5 would not pay
