"""Reads QDQ models: a layer between DequantizeLinear and QuantizeLinear computes on bytes.

    q -> DequantizeLinear -> Conv -> Relu -> QuantizeLinear -> q        becomes        q -> QLinearConv -> q

Such a file says in float32 what is meant, and leaves it to the runtime to find the layers. What is not found runs as it
is written: in float32, between two conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kernels import Stored
from kernels.geometry import Activation, is_for_bytes
from workbook.graphs.activations import activation_of
from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.operators import form_on_bytes, is_native
from workbook.graphs.operators.entry import ByteInputs, OnBytes, Parts
from workbook.graphs.storage import Storage


def fuse_quantized(graph: Graph) -> Graph:
    """Turn layers between DequantizeLinear and QuantizeLinear into layers on bytes."""
    work = _Work(graph)
    new = {node.name: made for node in graph.nodes if (made := work.fused(node)) is not None}
    gone = {name for made in new.values() for name in made.replaces}
    nodes = list[Node]()
    for node in graph.nodes:
        if node.name in new:
            nodes.append(new[node.name].node)
        elif node.name not in gone:
            nodes.append(node)
    constants = work.stored | Storage(work.constants)
    return replace(graph, nodes=tuple(nodes), constants=constants).without_unread()


@dataclass(frozen=True)
class _Fused:
    """A node on bytes, and the names of those behind it that it makes up for."""

    node: Node
    replaces: tuple[str, ...]


class _Work:
    """What the layers of a graph read and write."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.stored = graph, Storage.of(graph.constants)
        self.constants: dict[str, Array | Stored] = {}  # new ones
        self._writer = {name: node for node in graph.nodes for name in node.outputs}
        readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.reads:
                readers.setdefault(name, []).append(node)
        self._readers = readers

    def fused(self, node: Node) -> _Fused | None:
        """Return a layer on bytes, if this one stands between the conversions that it needs."""
        form = form_on_bytes(node.op)
        if form is None or len(node.writes) != 1 or node.fused:
            return None
        activation = self._reader(node.outputs[0])
        last, behind = node, list[str]()
        if activation is not None and form.activated and (kind := self._activation(activation)):
            last, node = activation, replace(node, attributes={**node.attributes, "activation": kind})
            behind.append(activation.name)
        rounding = self._reader(last.outputs[0])
        if rounding is None or rounding.op != "QuantizeLinear" or self._parts(rounding, one_scale=True) is None:
            return None
        kinds = {"weighted": self._weighted, "layer": self._layer, "passing": self._passing}
        made = kinds[form.kind](node, form, rounding) if form.kind in kinds else None
        return None if made is None else _Fused(made, (*behind, rounding.name))

    def _activation(self, node: Node) -> Activation:
        """Return an activation that a layer on bytes applies; None for other nodes."""
        kind = activation_of(node, self.stored)
        return kind if is_for_bytes(kind) else None

    def _reader(self, name: str) -> Node | None:
        readers = self._readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.graph.outputs else None

    def _parts(self, node: Node, *, one_scale: bool) -> Parts | None:
        """Return what a conversion reads; None unless scale and zero point are stored, and the zero point is a byte."""
        if len(node.inputs) < 3 or not all(name in self.graph.constants for name in node.inputs[1:3]):
            return None
        scale, zero = (self.graph.constants[name] for name in node.inputs[1:3])
        if zero.dtype not in (np.uint8, np.int8) or scale.dtype != np.float32 or (one_scale and scale.size != 1):
            return None
        if node.attributes.keys() - {"axis", "saturate"} or (one_scale and not (scale > 0).all()):
            return None
        return node.inputs[0], node.inputs[1], node.inputs[2]

    def _given(self, name: str, *, one_scale: bool = True) -> Parts | None:
        """Return an array in bytes, if a DequantizeLinear makes this one of it."""
        writer = self._writer.get(name)
        return self._parts(writer, one_scale=one_scale) if writer and writer.op == "DequantizeLinear" else None

    def _stored(self, name: str) -> Parts | None:
        """Return stored weights in bytes, with a scale for all or for each place along axis 0."""
        parts = self._given(name, one_scale=False)
        if parts is None or parts[0] not in self.graph.constants:
            return None
        along = self._writer[name].attributes.get("axis", 1) == 0
        return parts if along or self.graph.constants[parts[1]].size == 1 else None

    def _bias(self, node: Node, x: Parts, w: Parts) -> str | None:
        """Return the name of the bias in 32 bits; empty if there is none, None if it cannot be had."""
        if len(node.inputs) < 3 or not node.inputs[2]:
            return ""
        unit = self.graph.constants[x[1]].reshape(-1) * self.graph.constants[w[1]].reshape(-1)
        name, writer = node.inputs[2], self._writer.get(node.inputs[2])
        if writer is not None and writer.op == "DequantizeLinear" and writer.inputs[0] in self.graph.constants:
            q, scale = self.graph.constants[writer.inputs[0]], self.graph.constants.get(writer.inputs[1])
            if q.dtype != np.int32 or scale is None or not np.allclose(scale.reshape(-1), unit, rtol=1e-5, atol=0):
                return None
            return writer.inputs[0]
        if name not in self.graph.constants:
            return None
        bias = self.graph.constants[name].astype(np.float64).reshape(-1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a filter without weights may have a scale of 0
            steps = np.rint(np.where(bias == 0, 0, bias / unit))
        if not (np.abs(steps) < 2**31).all():
            return None
        return self._keep(f"{name} in steps", steps.astype(np.int32))

    def _weighted(self, node: Node, form: OnBytes, rounding: Node) -> Node | None:
        """A layer with stored weights; alpha and beta are those of a Gemm."""
        x, w = self._given(node.inputs[0]), self._stored(node.inputs[1])
        bias = self._bias(node, x, w) if x and w else None
        plain = node.attributes.get("alpha", 1) == node.attributes.get("beta", 1) == 1
        if x is None or w is None or bias is None or not plain:
            return None
        weight = self.stored.outline(w[0])
        turned = form.turned(node, weight)
        if turned is None or (turned and self.graph.constants[w[1]].size != 1):
            return None
        if turned:
            name, read = f"{w[0]} turned", self.stored.stored(w[0]).read
            self.constants[name] = Stored(weight.shape[::-1], weight.dtype, lambda: np.ascontiguousarray(read().T))
            w = (name, *w[1:])
        return _made(node, form, ByteInputs((x,), _steps(rounding), w, bias), rounding)

    def _layer(self, node: Node, form: OnBytes, rounding: Node) -> Node | None:
        given = [self._given(name) for name in node.inputs]
        x = tuple(parts for parts in given if parts is not None)
        if len(x) < len(given):
            return None
        made = _made(node, form, ByteInputs(x, _steps(rounding)), rounding)
        return made if is_native(made, self.stored) else None  # its form on bytes takes fewer types in ONNX Runtime

    def _passing(self, node: Node, form: OnBytes, rounding: Node) -> Node | None:
        """What moves numbers, or takes the largest, does so with bytes, if they mean the same before and after."""
        x = self._given(node.inputs[0])
        if x is None or not all(
            _equal(self.graph.constants[a], self.graph.constants[b])
            for a, b in zip(x[1:], rounding.inputs[1:3], strict=True)
        ):
            return None
        return replace(node, inputs=(x[0], *node.inputs[1:]), outputs=rounding.outputs)

    def _keep(self, name: str, array: Array) -> str:
        self.constants[name] = array
        return name


def _equal(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and np.array_equal(a.reshape(-1), b.reshape(-1))


def _steps(rounding: Node) -> tuple[str, str]:
    """Return the names of scale and zero point."""
    return rounding.inputs[1], rounding.inputs[2]


def _made(node: Node, form: OnBytes, given: ByteInputs, rounding: Node) -> Node:
    attributes = form.attributes(node)
    return replace(node, op=form.op, inputs=form.inputs(given), outputs=rounding.outputs, attributes=attributes)
