"""Rewrites that leave out what needs no run: what reads constants alone, shapes that are known, what passes on.

They come before the passes of passes.py, which look at what stands next to a convolution.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import onnx

from kernels import Stored
from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.operators.operator import Settings
from workbook.graphs.partition import steps_of
from workbook.graphs.storage import Storage
from workbook.graphs.tensors import graphs_within

_LARGEST = 2**22  # numbers; a larger constant is made at each run, where its memory is given back
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")


def fold_constants(graph: Graph) -> Graph:
    """Compute what reads nothing but constants, and the shapes that are known, once and for all."""
    constants, folded, left = Storage.of(graph.constants), list[Node](), list[Node]()
    for node in graph.nodes:
        if (shape := _known_shape(node, graph)) is not None:
            constants |= {node.outputs[0]: shape}
        elif (cast := _cast_when_read(node, constants, graph)) is not None:
            constants |= Storage({node.outputs[0]: cast})
        elif _is_constant(node, constants, folded) and not _is_large(node, graph):
            folded.append(node)
        else:
            left.append(node)
    read = {name for node in left for name in node.reads} | set(graph.outputs)
    ends = tuple(name for node in folded for name in node.writes if name in read)
    part = replace(graph, nodes=tuple(folded), constants=constants, inputs=(), outputs=ends)
    constants |= _computed(part.without_unread())
    return replace(graph, nodes=tuple(left), constants=constants).without_unread()


def _known_shape(node: Node, graph: Graph) -> Array | None:
    """Return what a Shape writes, if that is known."""
    shape = graph.shapes.get(node.inputs[0]) if node.op == "Shape" else None
    if shape is None or None in shape:
        return None
    return np.array(shape[node.attributes.get("start", 0) : node.attributes.get("end")], np.int64)


def _cast_when_read(node: Node, constants: Storage, graph: Graph) -> Stored | None:
    """Return what a Cast makes of weights that are too large to be kept twice."""
    if node.op != "Cast" or node.inputs[0] not in constants or not _is_large(node, graph):
        return None
    source, dtype = constants.stored(node.inputs[0]), graph.type_of(node.outputs[0])
    if dtype is None or dtype != np.float32 or source.dtype.name not in ("float16", "bfloat16", "float64"):
        return None
    return Stored(source.shape, dtype, lambda: source.read().astype(dtype))


def _is_constant(node: Node, constants: Storage, folded: list[Node]) -> bool:
    """Whether a node computes the same in every run."""
    known = {name for other in folded for name in other.writes}
    return not _is_random(node) and all(name in constants or name in known for name in node.reads)


def _is_random(node: Node) -> bool:
    within = (graph for graph in node.attributes.values() if isinstance(graph, onnx.GraphProto))
    return node.op in _RANDOM or any(map(_draws, within))


def _draws(graph: onnx.GraphProto) -> bool:
    """Whether a graph within a node, or one within that, has an operator that draws numbers."""
    return any(node.op_type in _RANDOM or any(map(_draws, graphs_within(node))) for node in graph.node)


def _is_large(node: Node, graph: Graph) -> bool:
    sizes = (graph.shapes.get(name, ()) for name in node.writes)
    return any(math.prod(float(n) for n in shape if n is not None) > _LARGEST for shape in sizes)


def _computed(graph: Graph) -> dict[str, Array]:
    """Return the outputs of a graph that reads nothing but constants."""
    values: dict[str, Array] = {}
    for step in steps_of(graph, Settings()):
        read = [None if not name else values[name] if name in values else graph.constants[name] for name in step.reads]
        values.update(zip(step.writes, step.run(*read), strict=True))
    return {name: values[name] for name in graph.outputs}


def drop_passing(graph: Graph) -> Graph:
    """Leave out Identity, and Dropout, which drops nothing in use; their readers read what they read."""
    given, nodes = dict[str, str](), list[Node]()
    captured = {name for node in graph.nodes for name in node.captured}
    for node in graph.nodes:
        node = _renamed(node, given)
        idle = node.op == "Identity" or (node.op == "Dropout" and not _trains(node, graph))
        if idle and len(node.writes) == 1 and node.outputs[0] not in captured and node.outputs[0] not in graph.outputs:
            given[node.outputs[0]] = node.inputs[0]
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)).without_unread()


def _trains(node: Node, graph: Graph) -> bool:
    """Whether a Dropout drops anything: its third input says so, or may say so."""
    name = node.inputs[2] if len(node.inputs) > 2 else ""
    return bool(name) and (name not in graph.constants or bool(np.any(graph.constants[name])))


def _renamed(node: Node, given: dict[str, str]) -> Node:
    return replace(node, inputs=tuple(given.get(name, name) for name in node.inputs))


def sum_is_add(graph: Graph) -> Graph:
    """A Sum of two arrays is an Add."""
    nodes = [replace(node, op="Add") if node.op == "Sum" and len(node.inputs) == 2 else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))
