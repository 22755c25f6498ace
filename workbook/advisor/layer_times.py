"""What each layer takes by each program, and where else the time of a network goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from workbook.advisor.layer_work import Work
from workbook.advisor.network_race import Raced, clock, race
from workbook.advisor.programs import AUTO, BASE, BYTES, FLOAT, conversions, on_bytes, owner
from workbook.graphs.graph import Array
from workbook.network import Graph, Network

NAIVE = "naive"

_NUMBERS = 1 << 18  # of the array on which conversions are timed
_CONVERT = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Outside:
    """A node, or several that ONNX Runtime runs together, that is none of the layers: its name, work and seconds."""

    name: str
    work: str
    seconds: float


@dataclass(frozen=True)
class Spent:
    """Where the time of the network on bytes goes.

    Attributes
    ----------
    layers : int
        On bytes.
    on_bytes, in_float : float
        Seconds of these layers, and of the same ones by the fastest program in float32 of each.
    conversions : float
        Seconds of what turns arrays into bytes and back.
    left : tuple of Outside
        What is not computed on bytes, the longest first.
    """

    layers: int
    on_bytes: float
    in_float: float
    conversions: float
    left: tuple[Outside, ...]


def times(work: Work, raced: Mapping[str, Raced], slow: Mapping[str, float], small: Network | None) -> dict[str, float]:
    """Return the seconds of a layer by each program that can run it.

    Parameters
    ----------
    work : Work
    raced : mapping of str to Raced
        The networks whose layers run all by one program.
    slow : mapping of str to float
        Seconds of layers by the definition.
    small : Network or None
        The network on bytes, that `raced` has as BYTES.
    """
    able = (*work.eligible, AUTO)
    found = {
        program: raced[program].nodes[work.name] for program in (*FLOAT, AUTO) if program in raced and program in able
    }
    if work.explanation is None:  # a matrix product: one program in float32
        found[BASE] = raced[BASE].nodes[work.name]
    if work.name in slow:
        found[NAIVE] = slow[work.name]
    if (
        small
        and BYTES in raced
        and work.name in on_bytes(small.graph) & (parts := parts_of(small, raced[BYTES])).keys()
    ):
        found[BYTES] = parts[work.name]
    return found


def fastest(times: Mapping[str, float], names: tuple[str, ...]) -> str:
    """Return the program of these that takes least."""
    return min((name for name in names if name in times), key=times.__getitem__)


def outside(works: Iterable[Work], base: Raced) -> tuple[Outside, ...]:
    """Return what is none of the layers, the longest first."""
    named = {work.name for work in works}
    others = [Outside(name, base.works[name], seconds) for name, seconds in base.nodes.items() if name not in named]
    return _longest_first(others)


def parts_of(small: Network, raced: Raced) -> dict[str, float]:
    """Return the seconds of each layer on bytes, with the nodes that its residual became."""
    seconds: dict[str, float] = {}
    for node in small.graph.nodes:
        if node.name in raced.nodes:  # else ONNX Runtime computes it together with others
            seconds[owner(node)] = seconds.get(owner(node), 0) + raced.nodes[node.name]
    return seconds


def spent(works: Iterable[Work], times: Mapping[str, Mapping[str, float]], small: Network, raced: Raced) -> Spent:
    """Return where the time of the network on bytes goes."""
    able, ops = on_bytes(small.graph), {node.name: node.op for node in small.graph.nodes}
    owners = {node.name: owner(node) for node in small.graph.nodes}
    converted, left = 0.0, []
    for name, seconds in raced.nodes.items():
        if ops.get(name) in _CONVERT:
            converted += seconds
        elif owners.get(name, name) not in able:
            left.append(Outside(name, raced.works[name], seconds))
    taken = [times[work.name] for work in works if BYTES in times[work.name]]
    floats = sum(one[fastest(one, FLOAT)] for one in taken)
    return Spent(len(taken), sum(one[BYTES] for one in taken), floats, converted, _longest_first(left))


def traffic(graph: Graph, sizes: Mapping[str, int]) -> int:
    """Return the bytes that all nodes read and write, weights not counted.

    Parameters
    ----------
    graph : Graph
    sizes : mapping of str to int
        Bytes of each array that is not stored.
    """
    return sum(
        sizes.get(name, 0) for node in graph.nodes for name in (*node.reads, *node.writes)
        if name not in graph.constants
    )  # fmt: skip


def array_bytes(net: Network, feed: Mapping[str, Array]) -> dict[str, int]:
    """Return the bytes of a network's arrays, its inputs included."""
    found = {name: array.nbytes for name, array in feed.items()}
    for node, y in net.trace(feed):
        for name in node.writes[:1]:
            found[name] = y.nbytes
    return found


def conversion_rates() -> tuple[float, float]:
    """Return the seconds that one number takes to become a byte, and back."""
    x = np.random.default_rng(0).standard_normal((1, 1, 1, _NUMBERS), np.float32)
    nodes = race({"both": conversions()}, x, seconds=0, clock=clock(1))["both"].nodes
    return nodes["to bytes"] / x.size, nodes["to floats"] / x.size


def _longest_first(nodes: Iterable[Outside]) -> tuple[Outside, ...]:
    return tuple(sorted(nodes, key=lambda node: -node.seconds))
