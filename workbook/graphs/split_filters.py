"""Rewrite of a graph: a Conv whose output is split becomes a Conv for each part.

    conv(x, w) -> Split -> a, b        becomes        conv(x, first filters of w) -> a, conv(x, the others) -> b

Then each part is written where it is read: nobody copies them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from kernels import Stored
from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.storage import Storage


def split_filters(graph: Graph) -> Graph:
    """Let convolutions of fewer filters take the place of one and the Split of its channels."""
    for node in graph.nodes:
        conv = graph.writer(node.inputs[0]) if node.op == "Split" else None
        if conv is None or conv.op != "Conv" or graph.reader(node.inputs[0]) is not node:
            continue
        grouped = conv.attributes.get("group", 1) != 1 or conv.attributes.get("residual")
        names, axis = [name for name in conv.inputs[1:] if name], node.attributes.get("axis", 0)
        axes = graph.rank(conv.outputs[0])
        if grouped or axes is None or axis not in (1, 1 - axes) or not graph.constants.keys() >= set(names):
            continue
        sizes = _sizes(node, graph, Storage.of(graph.constants).outline(names[0]).shape[0])
        if sizes and all(node.outputs) and len(sizes) == len(node.outputs):
            graph = _rewritten(graph, conv, node, sizes)
    return graph


def _sizes(node: Node, graph: Graph, channels: int) -> tuple[int, ...]:
    """Return how many channels each part has; nothing if the file does not say, or if they do not fit."""
    if len(node.inputs) > 1 and node.inputs[1]:
        sizes = graph.constants[node.inputs[1]].tolist() if node.inputs[1] in graph.constants else ()
    else:
        part = -(-channels // len(node.outputs))
        sizes = node.attributes.get("split") or [min(part, channels - i * part) for i in range(len(node.outputs))]
    return tuple(sizes) if sum(sizes) == channels and min(sizes, default=0) > 0 else ()


def _rewritten(graph: Graph, conv: Node, split: Node, sizes: Sequence[int]) -> Graph:
    stored, constants, parts = Storage.of(graph.constants), dict[str, Array | Stored](), list[Node]()
    for end, size, output in zip(accumulate(sizes), sizes, split.outputs, strict=True):
        reads = [conv.inputs[0]]
        for name in conv.inputs[1:]:
            reads.append(f"{name} of {output}" if name else "")
            if name:
                constants[reads[-1]] = _part(stored.stored(name), end - size, end)
        parts.append(replace(conv, name=f"{conv.name} for {output}", inputs=tuple(reads), outputs=(output,)))
    nodes = [new for node in graph.nodes for new in (parts if node is split else () if node is conv else (node,))]
    return replace(graph, nodes=tuple(nodes), constants=stored | Storage(constants)).without_unread()


def _part(whole: Stored, begin: int, end: int) -> Stored:
    return Stored((end - begin, *whole.shape[1:]), whole.dtype, lambda: whole.read()[begin:end])
