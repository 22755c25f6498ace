"""Rewrite of a graph: HardSigmoid and HardSwish as exporters write them for operator sets that lack them.

hard_sigmoid(x) = clip(x + 3, 0, 6) / 6
hard_swish(x) = x * clip(x + 3, 0, 6) / 6, divided before or after it is multiplied
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from workbook.graphs.activations import clip_bounds
from workbook.graphs.graph import Graph, Node
from workbook.graphs.storage import Storage


def name_hard_gates(graph: Graph) -> Graph:
    """Turn an Add, a Clip and a Div into a HardSigmoid; a Mul between them comes after it."""
    for clip in graph.nodes:
        if clip.op != "Clip" or clip_bounds(clip, graph.constants) != (0, 6):
            continue
        add, after = graph.writer(clip.inputs[0]), graph.reader(clip.outputs[0])
        if add is None or after is None or graph.reader(clip.inputs[0]) is not clip:
            continue
        x = _other_side(graph, add, "Add", 3)
        if x is None:
            continue
        gate = Node(clip.name, "HardSigmoid", (x,), clip.outputs, {"alpha": 1 / 6, "beta": 0.5}, opset=clip.opset)
        if _divides(graph, after) == clip.outputs[0]:
            graph = graph.replaced((add, clip, after), replace(gate, outputs=after.outputs))
        elif after.op == "Mul" and set(after.inputs) == {x, clip.outputs[0]}:
            last = graph.reader(after.outputs[0])
            if last is not None and _divides(graph, last) == after.outputs[0]:
                graph = graph.replaced((add, clip), gate).replaced((after, last), replace(after, outputs=last.outputs))
    return graph


def _divides(graph: Graph, node: Node) -> str | None:
    """Return what a node divides by 6, or multiplies by a sixth."""
    return _other_side(graph, node, "Div", 6) or _other_side(graph, node, "Mul", 1 / 6)


def _other_side(graph: Graph, node: Node, op: str, number: float) -> str | None:
    """Return the array of float32 that an operator takes beside a stored number; None if that is another one."""
    if node.op != op:
        return None
    constants = Storage.of(graph.constants)
    for x, name in (node.inputs, node.inputs[::-1]) if op != "Div" else (node.inputs,):
        if name not in constants or x in constants or graph.type_of(x) != np.float32:
            continue
        outline, axes = constants.outline(name), graph.rank(x)
        fits = outline.size == 1 and (not outline.ndim or (axes is not None and outline.ndim <= axes))
        if fits and math.isclose(constants[name].item(), number, rel_tol=1e-6):
            return x
    return None
