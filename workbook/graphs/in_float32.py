"""Rewrite of a graph: what the kernels compute of float16, bfloat16 or float64 is computed in float32.

    x in float16 -> Conv -> Relu -> Softmax        becomes        x -> Cast -> Conv -> Relu -> Cast -> Softmax

The kernels have float32 and bytes. Convolutions, and the operators around them that have a kernel, take weights and
arrays as float32; Cast nodes stand where such a region begins and ends, and a table of layers shows them. The rest
stays in its own type, which ONNX Runtime computes; of bfloat16 it has hardly an operator, so there all that can is
computed in float32.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import helper

from kernels import Stored
from workbook.graphs.graph import Graph, Node
from workbook.graphs.operators import OPERATORS
from workbook.graphs.storage import Storage

_OTHERS = ("float16", "bfloat16", "float64")
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_FLOAT32 = np.dtype(np.float32)
_TYPED = (
    "Cast",
    "CastLike",
    "ConstantOfShape",
    "EyeLike",
    "RandomNormalLike",
    "RandomUniformLike",
    "If",
    "Loop",
    "Scan",
)


def in_float32(graph: Graph) -> Graph:
    """Let convolutions of other types, and what stands around them, compute in float32."""
    chosen = _chosen(graph)
    return _Work(graph, chosen).rewritten() if chosen else graph


def _chosen(graph: Graph) -> set[str]:
    """Return the names of the nodes that are to compute in float32."""
    able = {node.name: node for node in graph.nodes if _is_able(node, graph)}
    chosen = {name for name, node in able.items() if node.op in _CONVOLUTIONS or _kind(node, graph) == "bfloat16"}
    writers = {name: node.name for node in able.values() for name in node.writes}
    beside: dict[str, set[str]] = {name: set() for name in able}
    for node in able.values():
        for name in node.reads:
            if name in writers:
                beside[node.name].add(writers[name])
                beside[writers[name]].add(node.name)
    new = list(chosen)
    while new:
        for name in beside[new.pop()] - chosen:
            if able[name].op in OPERATORS:
                chosen.add(name)
                new.append(name)
    return chosen


def _kind(node: Node, graph: Graph) -> str:
    """Return the name of the type of the first array that a node reads or writes in another type than float32."""
    names = (*node.inputs, *node.writes)
    return next((d.name for name in names if name and (d := graph.type_of(name)) and d.name in _OTHERS), "")


def _is_able(node: Node, graph: Graph) -> bool:
    """Whether a node means the same in float32, if all its arrays of another type change to that."""
    if not _kind(node, graph) or node.domain or node.op in _TYPED or node.captured:
        return False
    return onnx.defs.has(node.op, node.opset)


class _Work:
    """The graph as far as it is rewritten."""

    def __init__(self, graph: Graph, chosen: set[str]) -> None:
        self.graph, self.chosen = graph, chosen
        self.constants, self.types, self.shapes = Storage.of(graph.constants), dict(graph.types), dict(graph.shapes)
        self.nodes = list[Node]()

    def rewritten(self) -> Graph:
        """Return the graph."""
        graph = self.graph
        others = {name for node in graph.nodes if node.name not in self.chosen for name in node.reads}
        outside = others | set(graph.outputs)
        for node in graph.nodes:
            if node.name not in self.chosen:
                self.nodes.append(node)
                continue
            inputs = tuple(self.read(name) if self.changes(name) else name for name in node.inputs)
            outputs = tuple(_new(name) if self.changes(name) else name for name in node.outputs)
            self.nodes.append(replace(node, inputs=inputs, outputs=outputs))
            for name in filter(self.changes, node.writes):
                self.know(name)
                if name in outside:
                    kind = helper.np_dtype_to_tensor_dtype(graph.types[name])
                    self.nodes.append(
                        Node(f"cast {name} back", "Cast", (_new(name),), (name,), {"to": kind}, node.opset)
                    )
        return replace(
            graph, nodes=tuple(self.nodes), constants=self.constants, types=self.types, shapes=self.shapes
        ).without_unread()

    def changes(self, name: str) -> bool:
        """Whether an array is of a type that becomes float32."""
        dtype = self.graph.type_of(name) if name else None
        return dtype is not None and dtype.name in _OTHERS

    def read(self, name: str) -> str:
        """Return the name of an array in float32, which is made if it is not there yet."""
        new = _new(name)
        if name in self.constants:
            if new not in self.constants:
                self.constants |= {new: self.converted(name)}
        elif new not in self.types:
            kind = helper.np_dtype_to_tensor_dtype(_FLOAT32)
            opset = max((node.opset for node in self.graph.nodes if not node.domain), default=1)
            self.nodes.append(Node(f"cast {name}", "Cast", (name,), (new,), {"to": kind}, opset))
            self.know(name)
        return new

    def converted(self, name: str) -> Any:
        """Return a constant in float32; a large one is converted when it is read."""
        source = self.constants.stored(name)
        if isinstance(self.constants.outline(name), Stored):
            return Stored(source.shape, _FLOAT32, lambda: source.read().astype(np.float32))
        return source.read().astype(np.float32)

    def know(self, name: str) -> None:
        """Note type and shape of an array in float32."""
        self.types[_new(name)] = _FLOAT32
        if name in self.graph.shapes:
            self.shapes[_new(name)] = self.graph.shapes[name]


def _new(name: str) -> str:
    return f"{name} in float32"
