"""Rewrites that leave out what needs no run: what reads constants alone, shapes that are known, what passes on.

They come before the passes of passes.py, which look at what stands next to a convolution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.operators import prepare
from workbook.graphs.operators.operator import Settings
from workbook.graphs.storage import Storage

_LARGEST = 2**22  # numbers; a larger constant is made at each run, where its memory is given back
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")


def fold_constants(graph: Graph) -> Graph:
    """Compute what reads nothing but constants, and the shapes that are known, once and for all."""
    constants, nodes = Storage.of(graph.constants), list[Node]()
    for node in graph.nodes:
        y = _value(node, graph, constants)
        if y is None:
            nodes.append(node)
        else:
            constants |= {node.outputs[0]: y}
    return replace(graph, nodes=tuple(nodes), constants=constants).without_unread()


def _value(node: Node, graph: Graph, constants: Storage) -> Array | None:
    """Return a node's output if it is the same in every run."""
    shape = graph.shapes.get(node.inputs[0]) if node.op == "Shape" else None
    if shape is not None and None not in shape:
        return np.array(shape[node.attributes.get("start", 0) : node.attributes.get("end")], np.int64)
    if node.op in _RANDOM or not constants.keys() >= set(node.reads):
        return None
    size = graph.shapes.get(node.outputs[0], ())
    if np.prod([float(n) for n in size if n is not None]) > _LARGEST:
        return None
    operator = prepare(node, constants, Settings())
    y = operator(*(constants[name] if name else None for name in operator.reads))
    return y if y.size <= _LARGEST else None


def drop_passing(graph: Graph) -> Graph:
    """Leave out Identity, and Dropout, which drops nothing in use; their readers read what they read."""
    given, nodes = dict[str, str](), list[Node]()
    for node in graph.nodes:
        node = _renamed(node, given)
        idle = node.op == "Dropout" and len(node.inputs) < 3 and "output" not in node.attributes
        if (idle or node.op == "Identity") and node.outputs[0] not in graph.outputs:
            given[node.outputs[0]] = node.inputs[0]
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _renamed(node: Node, given: dict[str, str]) -> Node:
    return replace(node, inputs=tuple(given.get(name, name) for name in node.inputs))


def sum_is_add(graph: Graph) -> Graph:
    """A Sum of two arrays is an Add."""
    nodes = [replace(node, op="Add") if node.op == "Sum" and len(node.inputs) == 2 else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))
