"""Writes a Graph as an ONNX model that any runtime takes.

What was fused is written as nodes of its own. A layer on bytes is written as the same layer in float32 between
DequantizeLinear and QuantizeLinear (QDQ), which runtimes fuse again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import helper

from workbook.graphs.graph import OPSET, Array, Graph, ModelError, Node
from workbook.graphs.operators import form_in_float32, form_on_bytes, is_native
from workbook.graphs.operators.entry import OnBytes
from workbook.graphs.passes import residual_parts
from workbook.graphs.protos import initializers, node_proto, opset_imports, port_proto
from workbook.graphs.shapes import infer_shapes
from workbook.graphs.storage import Storage

_MOST_BYTES = 2**31 - 1  # of a file; protobuf's own limit
_ONE_AXIS = ("Softmax", "LogSoftmax", "Hardmax")  # since operator set 13; before, all axes from that one on
_CALLED = {"constant_value": "value"}  # an input that was an attribute of another name
_CHANGED = ("GroupNormalization",)  # the same form, with another meaning
_IR_VERSIONS = {"int4": 10, "uint4": 10} | {f"float8_e{kind}": 9 for kind in ("4m3fn", "4m3fnuz", "5m2", "5m2fnuz")}


def to_onnx(graph: Graph) -> onnx.ModelProto:
    """Return a graph as a model.

    Nodes of an old operator set are written in today's form. Where one has none, the file is of the old set, if what
    was made here means the same there.

    Raises
    ------
    ModelError
        If a node of an old operator set means something else in today's; the message names it.
    """
    work = _Writer(graph)
    for node in graph.nodes:
        work.take(node)
    nodes = _of_one_opset(work)
    plain = replace(graph, nodes=nodes, constants=work.constants).without_unread()
    stored = [work.constants.outline(name) for name in plain.constants]
    sizes = sum(array.size * array.dtype.itemsize for array in stored)
    if sizes > _MOST_BYTES:
        raise ModelError(f"the weights are {sizes / 1e9:.1f} GB; a file holds at most 2.1 GB")
    entering = {port.name: port.dtype for port in graph.inputs}
    known = infer_shapes(replace(plain, types=entering))
    ports = [port_proto(p.name, p.shape, helper.np_dtype_to_tensor_dtype(p.dtype)) for p in plain.inputs]
    ends = [_end(name, known) for name in plain.outputs]
    proto = helper.make_graph(
        list(map(node_proto, plain.nodes)), "workbook", ports, ends, initializers(plain.constants)
    )
    opsets = opset_imports(plain.nodes) if plain.nodes else [helper.make_opsetid("", OPSET)]
    oldest = helper.find_min_ir_version_for([opset for opset in opsets if not opset.domain], ignore_unknown=True)
    ir_version = max(oldest, max((_IR_VERSIONS.get(array.dtype.name, 0) for array in stored), default=0))
    return helper.make_model(proto, producer_name="edge-ai-workbook", opset_imports=opsets, ir_version=ir_version)


def _end(name: str, graph: Graph) -> onnx.ValueInfoProto:
    """Return what a file says of an output."""
    dtype = graph.type_of(name)
    if dtype is None:
        return onnx.ValueInfoProto(name=name)
    return port_proto(name, graph.shapes.get(name), helper.np_dtype_to_tensor_dtype(dtype))


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
        elif form and is_native(node, self.graph.constants):  # others are written as they are
            self.layer(node, *form)
        elif self.passes_bytes(node):
            self.passing(node)
        else:
            self.unfused(node)

    def passes_bytes(self, node: Node) -> bool:
        """Whether a node moves bytes of a known scale, or takes the larger or smaller of them and a stored bound."""
        if len(node.writes) != 1 or not node.inputs or node.inputs[0] not in self.steps:
            return False
        form = form_on_bytes(node.op)
        bounded = node.op in ("Min", "Max") and all(name in self.constants for name in node.inputs[1:])
        return bounded or (form is not None and form.kind == "passing")

    def unfused(self, node: Node) -> None:
        """Write a node in float32; what was fused into it follows."""
        if node.fused:
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
            rows = op == "Gemm" and not node.attributes.get("transB")  # whose output channels are the last axis
            reads.append(self.number(given.w, node, axis=int(rows)))
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
        attributes = {key: value for key, value in node.attributes.items() if key != "channels_last"}
        layer = replace(node, op=op, inputs=tuple(reads), outputs=(name,), attributes=attributes)
        self.unfused(replace(layer, opset=OPSET) if node.op != op else layer)
        self.nodes.append(Node(f"quantize {q}", "QuantizeLinear", (name, *steps), (q,)))
        self.steps[q] = steps[0], steps[1]

    def store(self, name: str, array: Array) -> str:
        self.constants |= {name: array}
        return name


def _of_one_opset(work: _Writer) -> tuple[Node, ...]:
    """Return the nodes as one operator set describes them: today's, or the newest among them."""
    versions = [node.opset for node in work.nodes if not node.domain]
    newest = max([OPSET, *versions])
    try:
        nodes = [part for node in work.nodes for part in _of_one_axis(node, work.graph)]
        return tuple(_of_opset(node, newest, work) for node in nodes)
    except ModelError:
        own = max(node.opset for node in work.graph.nodes if not node.domain and node.opset != OPSET)
        if not all(node.domain or node.opset == own or _has_form(node, own) for node in work.nodes):
            raise
        return tuple(node if node.domain else replace(node, opset=own) for node in work.nodes)


def _means_the_same(node: Node, opset: int) -> bool:
    """Whether an operator set describes an operator as the node's own does."""
    if not (_has(node.op, opset) and onnx.defs.has(node.op, node.opset)):
        return False
    since: int = onnx.defs.get_schema(node.op, opset).since_version
    return since == onnx.defs.get_schema(node.op, node.opset).since_version


def _has(op: str, opset: int) -> bool:
    """Whether an operator set has an operator still."""
    return onnx.defs.has(op, opset) and not onnx.defs.get_schema(op, opset).deprecated


def _has_form(node: Node, opset: int) -> bool:
    """Whether a node that was made here, a simple one, has the same form in an older operator set."""
    if node.opset != OPSET or not onnx.defs.has(node.op, opset):
        return False
    schema = onnx.defs.get_schema(node.op, opset)
    known = node.attributes.keys() <= schema.attributes.keys()
    return known and bool(schema.min_input <= len(node.inputs) <= schema.max_input)


def _of_opset(node: Node, opset: int, work: _Writer) -> Node:
    """Return a node as the operator set of the file describes it."""
    if node.domain or node.opset == opset or _means_the_same(node, opset):
        return replace(node, opset=opset) if not node.domain else node
    node = _without_defaults(node)
    if node.op in ("Resize", "Upsample") and node.opset < 11:
        node = _resize(node)
    refusal = ModelError(f"{node} is of operator set {node.opset}, and cannot be written in {opset}")
    if not _has(node.op, opset):
        raise refusal
    schema = onnx.defs.get_schema(node.op, opset)
    inputs, attributes = list(node.inputs), dict(node.attributes)
    places = {_CALLED.get(port.name, port.name.lower()): i for i, port in enumerate(schema.inputs)}
    for name in sorted(attributes.keys() - schema.attributes.keys(), key=lambda name: places.get(name, 0)):
        if name not in places:
            raise refusal
        inputs += [""] * (places[name] + 1 - len(inputs))
        inputs[places[name]] = work.store(f"{node.writes[0]} {name}", _as_input(name, attributes.pop(name), node, work))
    if not schema.min_input <= len(inputs) <= schema.max_input or node.op in _CHANGED:
        raise refusal
    return replace(node, inputs=tuple(inputs), attributes=attributes, opset=opset)


def _without_defaults(node: Node) -> Node:
    """Return an old node without attributes that say what holds anyway, and that its newer forms lack."""
    idle = {"spatial": 1, "consumed_inputs": None, "is_test": 1}
    if node.op == "Dropout":
        idle["ratio"] = None  # nothing is dropped in use
    left = {name: v for name, v in node.attributes.items() if name not in idle or idle[name] not in (None, v)}
    return replace(node, attributes=left)


def _as_input(name: str, value: Any, node: Node, work: _Writer) -> Array:
    """Return what was an attribute, as the input that it has become."""
    if isinstance(value, float):
        dtype = work.graph.type_of(node.inputs[0])
        return np.array(value, np.float32 if dtype is None else dtype)
    return np.array(value, np.float32 if name == "scales" else np.int64).reshape(-1)


def _resize(node: Node) -> Node:
    """Return a Resize or Upsample of before operator set 11, which knew one rule, as today's Resize."""
    mode = node.attributes.get("mode", "nearest")
    attributes = {
        **node.attributes,
        "mode": "linear" if mode == "bilinear" else mode,
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    inputs = (node.inputs[0], "", *node.inputs[1:])
    return replace(node, op="Resize", inputs=inputs if len(node.inputs) > 1 else node.inputs, attributes=attributes)


def _of_one_axis(node: Node, graph: Graph) -> tuple[Node, ...]:
    """Return today's form of an old Softmax, which takes all axes from its own on as one; other nodes as they are.

    If one of them alone is longer than 1, it is the axis. Else, they are made one: softmax(flatten(x)), in x's shape.
    """
    if node.op not in _ONE_AXIS or node.opset >= 13:
        return (node,)
    axis, shape = node.attributes.get("axis", 1), graph.shapes.get(node.inputs[0])
    longer = [i for i in range(axis % len(shape), len(shape)) if shape[i] != 1] if shape else [axis, axis + 1]
    last = axis == -1 or (shape is not None and axis == len(shape) - 1)
    if last or len(longer) < 2:
        only = axis if last or not longer else longer[0]
        return (replace(node, attributes={**node.attributes, "axis": only}, opset=OPSET),)
    (x,), (y,) = node.inputs, node.outputs
    rows, result, sizes = (f"{y} {what}" for what in ("rows", "of rows", "sizes"))
    return (
        Node(f"{node.name} rows", "Flatten", (x,), (rows,), {"axis": axis}),
        replace(node, inputs=(rows,), outputs=(result,), attributes={"axis": 1}, opset=OPSET),
        Node(f"{node.name} sizes", "Shape", (x,), (sizes,)),
        Node(f"{node.name} back", "Reshape", (result, sizes), (y,)),
    )
