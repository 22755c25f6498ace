"""A graph whose nodes have one output each, which is what the passes and the tables go by."""

from __future__ import annotations

from dataclasses import replace

import onnx

from workbook.graphs.graph import Graph, Node
from workbook.graphs.storage import Storage


def one_output_each(graph: Graph) -> Graph:
    """Leave out outputs and nodes that nobody reads; a node with several outputs becomes a node for each.

    Such a node has the attribute `output`: which output it writes, and of how many. A Split then costs nothing more;
    another operator is computed once for each output.
    """
    read, kept = set(graph.outputs), list[Node]()
    for node in reversed(graph.nodes):
        wanted = [i for i, name in enumerate(node.outputs) if name in read]
        if wanted:
            read.update(node.reads)
            kept += reversed([_only(node, i, wanted) for i in wanted])
    return replace(graph, nodes=tuple(reversed(kept)), constants=Storage.of(graph.constants).only(read))


def _least_outputs(node: Node) -> int:
    """Return how many outputs an operator must have."""
    domain, _, op = node.op.rpartition(".")
    return int(onnx.defs.get_schema(op, node.opset, domain).min_output) if onnx.defs.has(op, node.opset, domain) else 1


def _only(node: Node, i: int, wanted: list[int]) -> Node:
    """Return the node that writes output i."""
    if wanted == [0] and _least_outputs(node) < 2 and node.op != "Split":
        return replace(node, outputs=node.outputs[:1])
    name = node.name if len(wanted) == 1 else f"{node.name} output {i}"
    attributes = {**node.attributes, "output": (i, len(node.outputs))}
    return replace(node, name=name, outputs=(node.outputs[i],), attributes=attributes)
