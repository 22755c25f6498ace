"""The smallest case of a mix: layers in a row, each with its time in float32 and on bytes, and a price to convert."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from workbook.analysis.mix import best_mix
from workbook.network import Graph, Node
from workbook.network.graph import Port


def chain_mix(floats: Sequence[float], on_bytes: Sequence[float], convert: float) -> float:
    """Return what a chain takes at least, by the minimum cut; it begins and ends in float32.

    Parameters
    ----------
    floats, on_bytes : sequence of float
        Time of each layer in float32 and on bytes.
    convert : float
        Time to convert an array, in either direction.
    """
    names = [f"layer {i}" for i in range(len(floats))]
    arrays = ["x", *names]
    nodes = tuple(Node(name, "Conv", (x,), (name,)) for x, name in zip(arrays, names, strict=False))
    graph = Graph(nodes, {}, (Port("x", None),), (arrays[-1],))
    price = dict.fromkeys(arrays, convert)
    side = best_mix(graph, dict(zip(names, floats, strict=True)), dict(zip(names, on_bytes, strict=True)), price, price)
    forms = [False, *(name in side for name in names), False]
    conversions = sum(a != b for a, b in pairwise(forms))
    layers = sum(b if name in side else f for name, f, b in zip(names, floats, on_bytes, strict=True))
    return layers + convert * conversions
