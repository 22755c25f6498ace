"""Writes a Graph as an ONNX model that any runtime takes.

What was fused is written as nodes of its own. A layer on bytes is written as the same layer in float32 between
DequantizeLinear and QuantizeLinear (QDQ), which runtimes fuse again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper

from workbook.graphs.graph import OPSET, Array, Graph, ModelError, Node
from workbook.graphs.operators import form_in_float32
from workbook.graphs.operators.entry import OnBytes
from workbook.graphs.passes import residual_parts
from workbook.graphs.protos import initializers, node_proto, port_proto, small_model
from workbook.graphs.storage import Storage

_MOST_BYTES = 2**31 - 1  # of a file; protobuf's own limit


def to_onnx(graph: Graph) -> onnx.ModelProto:
    """Return a graph as a model.

    Raises
    ------
    ModelError
        If a node of an old operator set means something else in today's; the message names it.
    """
    work = _Writer(graph)
    for node in graph.nodes:
        work.take(node)
    opset = max([OPSET, *(node.opset for node in work.nodes if "." not in node.op)])
    nodes = tuple(_of_opset(node, opset, work) for node in work.nodes)
    plain = replace(graph, nodes=nodes, constants=work.constants).without_unread()
    stored = [work.constants.outline(name) for name in plain.constants]
    sizes = sum(array.size * array.dtype.itemsize for array in stored)
    if sizes > _MOST_BYTES:
        raise ModelError(f"the weights are {sizes / 1e9:.1f} GB; a file holds at most 2.1 GB")
    inferred = onnx.shape_inference.infer_shapes(small_model(plain)).graph
    ports = [port_proto(p.name, p.shape, helper.np_dtype_to_tensor_dtype(p.dtype)) for p in plain.inputs]
    proto = helper.make_graph(
        list(map(node_proto, nodes)), "workbook", ports, inferred.output, initializers(plain.constants)
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        proto, producer_name="edge-ai-workbook", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )


class _Writer:
    """The nodes that are written so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.constants, self.nodes = graph, Storage.of(graph.constants), list[Node]()
        self.steps: dict[str, tuple[str, str]] = {}  # scale and zero point of each array in bytes

    def take(self, node: Node) -> None:
        """Write one node."""
        form = form_in_float32(node.op)
        if node.op == "QuantizeLinear":
            self.quantize(node)
        elif form:
            self.layer(node, *form)
        elif node.op != "DequantizeLinear" and node.inputs and node.inputs[0] in self.steps:
            self.passing(node)
        else:
            self.unfused(node)

    def unfused(self, node: Node) -> None:
        """Write a node in float32; what was fused into it follows."""
        if node.attributes.get("residual") or node.attributes.get("activation"):
            parts, constants = residual_parts(node)
            self.constants |= constants
            self.nodes += parts
        else:
            self.nodes.append(node)

    def quantize(self, node: Node) -> None:
        """Write a QuantizeLinear, and keep what its bytes stand for."""
        scale, *stated = node.inputs[1:]
        zero = next(iter(stated), "")
        if not zero:  # it is left out, and stands for 0 in uint8
            shape = self.constants[scale].shape if scale in self.constants else ()
            zero = self.store(f"{node.outputs[0]} zero point", np.zeros(shape, np.uint8))
        self.steps[node.outputs[0]] = scale, zero
        self.nodes.append(node)

    def layer(self, node: Node, op: str, form: OnBytes) -> None:
        """Write a layer on bytes as the operator in float32 that it stands for."""
        given = form.read(node)
        reads = [self.number(x, node) for x in given.x]
        if given.w:
            reads.append(self.number(given.w, node, axis=0))
        if given.w and given.bias:
            unit = self.constants[given.x[0][1]].reshape(-1) * self.constants[given.w[1]].reshape(-1)
            unit = unit.reshape(()) if unit.size == 1 else unit
            scale, zero = f"{given.bias} scale", f"{given.bias} zero point"
            self.constants |= {scale: unit, zero: np.zeros(unit.shape, np.int32)}
            reads.append(self.number((given.bias, scale, zero), node, axis=0))
        self.between(node, op, reads, given.y)

    def passing(self, node: Node) -> None:
        """Write what moves bytes, or takes the largest; stored bounds are bytes, too."""
        steps = self.steps[node.inputs[0]]
        bounds = [(name, *steps) for name in node.inputs[1:] if node.op in ("Min", "Max")]
        reads = [self.number((node.inputs[0], *steps), node), *(self.number(bound, node) for bound in bounds)]
        self.between(node, node.op, [*reads, *(() if bounds else node.inputs[1:])], steps)

    def number(self, parts: Iterable[str], node: Node, axis: int | None = None) -> str:
        """Write a DequantizeLinear of an array for one reader, as runtimes want it; return the name of the numbers."""
        q, scale, zero = parts
        name = f"{q} for {node.name}"
        if all(name not in written.outputs for written in self.nodes[-8:]):
            along = {"axis": axis} if axis is not None and self.constants[scale].ndim else {}
            self.nodes.append(Node(f"dequantize {name}", "DequantizeLinear", (q, scale, zero), (name,), along))
        return name

    def between(self, node: Node, op: str, reads: list[str], steps: tuple[str, ...]) -> None:
        """Write a layer in float32, and the QuantizeLinear behind it."""
        (q,) = node.outputs
        name = f"{q} before rounding"
        layer = replace(node, op=op, inputs=tuple(reads), outputs=(name,))
        self.unfused(replace(layer, opset=OPSET) if node.op != op else layer)
        self.nodes.append(Node(f"quantize {q}", "QuantizeLinear", (name, *steps), (q,)))
        self.steps[q] = steps[0], steps[1]

    def store(self, name: str, array: Array) -> str:
        self.constants |= {name: array}
        return name


def _of_opset(node: Node, opset: int, work: _Writer) -> Node:
    """Return a node as the operator set of the file describes it."""
    if "." in node.op or node.opset == opset:
        return node
    given, attributes, end = node.attributes, dict(node.attributes), node.outputs[0]
    if node.op in ("Softmax", "LogSoftmax", "Hardmax") and node.opset < 13:
        attributes["axis"] = _one_axis(node, work.graph)
    elif node.op == "Clip" and node.opset < 11:
        bounds = [attributes.pop(key, start) for key, start in (("min", -np.inf), ("max", np.inf))]
        names = [
            work.store(f"{end} {key}", np.array(b, np.float32)) for key, b in zip(("low", "high"), bounds, strict=True)
        ]
        return replace(node, inputs=(node.inputs[0], *names), attributes=attributes, opset=opset)
    elif node.op in ("Squeeze", "Unsqueeze", "ReduceSum") and "axes" in given:
        axes = work.store(f"{end} axes", np.array(attributes.pop("axes"), np.int64))
        return replace(node, inputs=(*node.inputs, axes), attributes=attributes, opset=opset)
    schema = onnx.defs.get_schema(node.op, opset)
    unknown = attributes.keys() - schema.attributes.keys() - {"output"}
    if unknown or not schema.min_input <= len(node.inputs) <= schema.max_input:
        raise ModelError(f"{node} is of operator set {node.opset}, and cannot be written in {opset}")
    return replace(node, attributes=attributes, opset=opset)


def _one_axis(node: Node, graph: Graph) -> int:
    """Return the axis of an old Softmax, which looked at all axes from its own on: one of them may be longer than 1."""
    axis, shape = node.attributes.get("axis", 1), graph.shapes.get(node.inputs[0])
    if shape is None:
        raise ModelError(
            f"{node} is of operator set {node.opset}; the shape of what it reads must be known to write it"
        )
    longer = [i for i in range(axis % len(shape), len(shape)) if shape[i] != 1]
    if len(longer) > 1:
        raise ModelError(f"{node} is of operator set {node.opset}, and looks at the axes {longer}; today's take one")
    return longer[0] if longer else axis
