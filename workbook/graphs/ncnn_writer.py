"""Writes a network in ncnn's form: a text of layers and a file of weights.

    7767517                                 the format's number
    3 4                                     so many layers and arrays
    Input l0 0 1 a0                         kind, name, how many arrays it reads and writes, which
    Split l1 1 2 a0 a1 a2                   an array has one reader: what several read is split
    Convolution l2 1 1 a1 a3 0=64 1=3       parameter=value; the kind tells what parameter 0 is

The weights follow each other in float32, layer by layer. Behind a tag of four bytes, 0 for float32, come those that
ncnn may keep in another type.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

import numpy as np

from workbook.graphs.graph import Graph, ModelError, Node
from workbook.graphs.operators import OPERATORS
from workbook.graphs.operators.entry import NcnnLayer, computed
from workbook.graphs.passes import residual_parts

_MAGIC = 7767517


def write_ncnn(graph: Graph, param: Path, weights: Path) -> None:
    """Write a graph that has one input and one output. ncnn's arrays have no axis for the batch, which is 1.

    Parameters
    ----------
    graph : Graph
        As a `Network` runs it.
    param, weights : Path
        Where the text of layers and the weights are written.

    Raises
    ------
    ModelError
        If a node has no form in ncnn, or none that is known here; the message names it.
    """
    with weights.open("wb") as file:
        writer = _Writer(graph, file)
        for node in writer.nodes:
            writer.take(node)
    head = f"{_MAGIC}\n{len(writer.lines)} {writer.arrays}\n"
    param.write_text(head + "".join(f"{line}\n" for line in writer.lines), encoding="utf-8")


class _Writer:
    """The layers that are written so far."""

    def __init__(self, graph: Graph, file: BinaryIO) -> None:
        self.nodes = [part for node in graph.nodes for part in _parts(node)]
        self.constants, self.shapes, self.file = graph.constants, graph.shapes, file
        self.lines, self.arrays = list[str](), 0
        self.readers = Counter(graph.outputs)
        for node in self.nodes:
            self.readers.update(computed(node, self.constants))
        port = graph.inputs[0].name
        self.names = {port: self.line(NcnnLayer("Input", {}), [], 1)}  # of each array, one for each reader to come
        self.split(port)

    def take(self, node: Node) -> None:
        """Write one node."""
        form = OPERATORS[node.op].in_ncnn if node.op in OPERATORS else None
        layers = form(node, self.constants, self.shapes) if form else None
        if layers is None:
            raise ModelError(f"{node} has no form in ncnn that is known here")
        *before, last = layers
        reads = [self.names[name].pop() for name in computed(node, self.constants)]
        for layer in before:
            reads = self.line(layer, reads, 1)
        self.names[node.outputs[0]] = self.line(last, reads, 1)
        self.split(node.outputs[0])

    def split(self, name: str) -> None:
        """Write a Split behind the layer that wrote an array, if several read it."""
        if self.readers[name] > 1:
            self.names[name] = self.line(NcnnLayer("Split", {}), self.names[name], self.readers[name])

    def line(self, layer: NcnnLayer, reads: list[str], count: int) -> list[str]:
        """Write a layer and its weights; return the names of the arrays that it writes."""
        writes = [f"a{self.arrays + i}" for i in range(count)]
        settings = [f"{number}={value}" for number, value in layer.parameters.items()]
        head = [layer.kind, f"l{len(self.lines)}", str(len(reads)), str(count)]
        self.lines.append(" ".join([*head, *reads, *writes, *settings]))
        self.arrays += count
        for array in layer.weights:
            self.file.write(np.ascontiguousarray(array, "<f4").data)
        return writes


def _parts(node: Node) -> tuple[Node, ...]:
    """Return a node, and on its own what only a convolution here, or none in ncnn, does in passing."""
    alone = node.op == "Conv" and not node.attributes.get("residual")
    return (node,) if alone else residual_parts(node)[0]
