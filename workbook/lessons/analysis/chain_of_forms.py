"""The smallest case of a mix: layers in a row, each with its time in float32 and on bytes, and prices to convert."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from workbook.advisor.mix import best_mix
from workbook.graphs.graph import Port
from workbook.network import Graph, Node


def chain_mix(
    floats: Sequence[float], on_bytes: Sequence[float], to_bytes: float, to_floats: float | None = None
) -> float:
    """Return what a chain takes at least, by the minimum cut; it begins and ends in float32.

    Parameters
    ----------
    floats, on_bytes : sequence of float
        Time of each layer in float32 and on bytes.
    to_bytes, to_floats : float
        Time to convert an array; back to float32 it is that of `to_bytes` if it is not given.
    """
    back = to_bytes if to_floats is None else to_floats
    names = [f"layer {i}" for i in range(len(floats))]
    arrays = ["x", *names]
    nodes = tuple(Node(name, "Conv", (x,), (name,)) for x, name in zip(arrays, names, strict=False))
    graph = Graph(nodes, {}, (Port("x", None),), (arrays[-1],))
    as_float, as_bytes = (dict(zip(names, times, strict=True)) for times in (floats, on_bytes))
    side = best_mix(graph, as_float, as_bytes, dict.fromkeys(arrays, to_bytes), dict.fromkeys(arrays, back))
    forms = [False, *(name in side for name in names), False]
    conversions = sum(to_bytes if later else back for form, later in pairwise(forms) if form != later)
    layers = sum(b if name in side else f for name, f, b in zip(names, floats, on_bytes, strict=True))
    return layers + conversions
