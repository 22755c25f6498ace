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
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kernels.geometry import Activation
from workbook.network.graph import Array, Graph, ModelError, Node
from workbook.network.passes import residual_parts
from workbook.network.pooling import Pool
from workbook.network.windows import depends_on_image, window

_MAGIC = 7767517
_FLOAT32 = bytes(4)

Layer = tuple[str, dict[int, object]]  # kind and parameters


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
            self.readers.update(self.computed(node))
        self.names: dict[str, list[str]] = {}  # of each array in ncnn, one for each reader to come
        self.layer("Input", (), graph.inputs[0].name, {})

    def take(self, node: Node) -> None:
        """Write one node."""
        forms: dict[str, Callable[[Node], Layer | None]] = {
            "Add": lambda node: ("BinaryOp", {0: 0}) if len(self.computed(node)) == 2 else None,
            "AveragePool": self.pool,
            "BatchNormalization": self.normalisation,
            "Concat": lambda node: ("Concat", {0: 0}) if node.attributes.get("axis") == 1 else None,
            "Conv": self.convolution,
            "Flatten": self.flatten,
            "Gemm": self.product,
            "GlobalAveragePool": self.global_pool,
            "LRN": self.response_norm,
            "MaxPool": self.pool,
            "Relu": lambda node: ("ReLU", {}),
            "Reshape": self.flatten,
            "Softmax": lambda node: ("Softmax", {0: 0, 1: 1}) if node.attributes.get("axis", 1) == 1 else None,
        }
        layer = forms[node.op](node) if node.op in forms else None
        if layer is None:
            raise ModelError(f"{node} has no form in ncnn that is known here")
        self.layer(layer[0], self.computed(node), node.outputs[0], layer[1])

    def computed(self, node: Node) -> tuple[str, ...]:
        """Return the names of what a node reads and the file does not store."""
        return tuple(name for name in node.inputs if name and name not in self.constants)

    def layer(self, kind: str, reads: tuple[str, ...], output: str, parameters: dict[int, object]) -> None:
        """Write a layer, and behind it a Split if several read its output."""
        self.names[output] = self.line(kind, [self.names[name].pop() for name in reads], 1, parameters)
        if self.readers[output] > 1:
            self.names[output] = self.line("Split", self.names[output], self.readers[output], {})

    def line(self, kind: str, reads: list[str], count: int, parameters: dict[int, object]) -> list[str]:
        """Write a line; return the names of the arrays that the layer writes."""
        writes = [f"a{self.arrays + i}" for i in range(count)]
        settings = [f"{number}={value}" for number, value in parameters.items()]
        head = [kind, f"l{len(self.lines)}", str(len(reads)), str(count)]
        self.lines.append(" ".join([*head, *reads, *writes, *settings]))
        self.arrays += count
        return writes

    def store(self, *arrays: Array) -> None:
        for array in arrays:
            self.file.write(np.ascontiguousarray(array, "<f4").data)

    def convolution(self, node: Node) -> Layer | None:
        weight, *bias = (self.constants[name] for name in node.inputs[1:] if name)
        (K, _, R, S), moves = weight.shape, window(node, weight.shape[2:])
        if depends_on_image(node):
            return None
        self.file.write(_FLOAT32)
        self.store(weight, *bias)
        (down, across), (top, left, bottom, right) = moves.stride, moves.padding
        parameters = {0: K, 1: S, 11: R, 2: moves.dilation[1], 12: moves.dilation[0], 3: across, 13: down}
        parameters |= {4: left, 14: top, 15: right, 16: bottom, 5: len(bias), 6: weight.size, 7: moves.groups}
        kind = "Convolution" if moves.groups == 1 else "ConvolutionDepthWise"
        return kind, parameters | _activation(node.attributes.get("activation"))

    def product(self, node: Node) -> Layer | None:
        weight, *bias = (self.constants[name] for name in node.inputs[1:] if name)
        plain = all(node.attributes.get(factor, 1) == 1 for factor in ("alpha", "beta"))
        if not plain or node.attributes.get("transA") or self.computed(node) != node.inputs[:1]:
            return None
        weight = weight if node.attributes.get("transB") else weight.T
        self.file.write(_FLOAT32)
        self.store(weight, *bias)
        return "InnerProduct", {0: len(weight), 1: len(bias), 2: weight.size}

    def pool(self, node: Node) -> Layer | None:
        pool = Pool.of(node)
        if pool.round_up or pool.node or pool.window.dilation != (1, 1):
            return None
        (R, S), (down, across), (top, left, bottom, right) = pool.taps, pool.window.stride, pool.window.padding
        mean = int(node.op == "AveragePool")
        sides = {3: left, 13: top, 14: right, 15: bottom}
        return "Pooling", {0: mean, 1: S, 11: R, 2: across, 12: down, **sides, 5: 1, 6: int(pool.count_padding)}

    def global_pool(self, node: Node) -> Layer | None:
        """The mean has one axis in ncnn; it becomes an image of one pixel, as ONNX has it."""
        (name,) = node.inputs
        self.names[name] += self.line("Pooling", [self.names[name].pop()], 1, {0: 1, 4: 1})
        return "Reshape", {0: 1, 1: 1, 2: -1}

    def normalisation(self, node: Node) -> Layer | None:
        scale, shift, mean, variance = (self.constants[name] for name in node.inputs[1:])
        self.store(scale, mean, variance, shift)
        return "BatchNorm", {0: len(scale), 1: node.attributes.get("epsilon", 1e-5)}

    def response_norm(self, node: Node) -> Layer | None:
        alpha, beta, bias = (
            node.attributes.get(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1))
        )
        return "LRN", {0: 0, 1: node.attributes["size"], 2: alpha, 3: beta, 4: bias}

    def flatten(self, node: Node) -> Layer | None:
        """A row for each image is ncnn's array of one axis."""
        return ("Flatten", {}) if len(self.shapes.get(node.outputs[0], ())) == 2 else None


def _parts(node: Node) -> tuple[Node, ...]:
    """Return a node, and on its own what only a convolution here, or none in ncnn, does in passing."""
    alone = node.op == "Conv" and not node.attributes.get("residual")
    return (node,) if alone else residual_parts(node)[0]


def _activation(activation: Activation) -> dict[int, object]:
    """Return what a convolution applies: its number, and an array of -23300 - 10 that begins with its own length."""
    if isinstance(activation, tuple):
        return {9: 2, -23310: f"1,{activation[1]}"}
    if activation == "relu6":
        return {9: 3, -23310: "2,0,6"}
    return {9: 1} if activation == "relu" else {}
