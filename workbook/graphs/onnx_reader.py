"""Reads an ONNX model into a Graph, and says what is wrong with one that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper

from kernels import Stored
from workbook.graphs.graph import FUSES, OURS, Array, Graph, ModelError, Node, Port, in_order
from workbook.graphs.inline_functions import inlined
from workbook.graphs.onnx_without_weights import skeleton
from workbook.graphs.shapes import shape_of
from workbook.graphs.storage import Storage
from workbook.graphs.tensors import array_of, dense, graphs_within, stored_beside, stored_within
from workbook.graphs.weights_file import WeightsFile

_DOMAINS = ("", "ai.onnx")  # both are ONNX's own
_OLDEST_OPSET = 7  # the first in which Add and Gemm broadcast as NumPy does


def read(model: str | os.PathLike[str] | onnx.ModelProto) -> Graph:
    """Read a model, as it is: nothing is folded or fused.

    Parameters
    ----------
    model : path or onnx.ModelProto

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError
        If `model` is neither a path nor a ModelProto.
    ModelError
        If the file is no ONNX model, is cut off, or a node reads what nothing provides.
    """
    if isinstance(model, onnx.ModelProto):
        return _checked(model, "the model", {})
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(f"a model is a path or an onnx.ModelProto, not {type(model).__name__}")
    path = Path(model)
    with open(path, "rb") as file:
        rest, weights = skeleton(file), WeightsFile(file)
    try:
        loaded = onnx.load_model_from_string(rest.content)
    except DecodeError:
        raise ModelError(f"{path} is not an ONNX model, or it was cut off") from None
    try:
        elsewhere = stored_beside(loaded, path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} keeps weights in another file, which cannot be read: {error}") from None
    return _checked(loaded, str(path), elsewhere | stored_within(loaded, weights, rest.spans))


def _checked(model: onnx.ModelProto, source: str, elsewhere: Mapping[str, Stored]) -> Graph:
    """Refuse what is no model, or too old; a file that was cut off at a lucky place parses, but misses its end."""
    opsets = {"" if opset.domain in _DOMAINS else opset.domain: opset.version for opset in model.opset_import}
    if not (model.graph.node or model.graph.output) or not opsets:
        raise ModelError(
            f"{source} names no operators, or not their version: it is not an ONNX model, or it was cut off"
        )
    newest = onnx.defs.onnx_opset_version()
    if not _OLDEST_OPSET <= opsets.get("", newest) <= newest:
        raise ModelError(
            f"{source} is of operator set {opsets['']}; export it with one of {_OLDEST_OPSET} to {newest}, "
            "or install a newer onnx"
        )
    graph = _graph(inlined(model, source).graph, source, opsets, elsewhere)
    return _told_apart(_without_unread_outputs(graph))


def _without_unread_outputs(graph: Graph) -> Graph:
    """Return a graph without nodes that nobody reads, and without outputs behind the last one that is read."""
    read, kept = set(graph.outputs), list[Node]()
    for node in reversed(graph.nodes):
        if not read.intersection(node.writes):
            continue
        read.update(node.reads)
        least, outputs = _least_outputs(node), list(node.outputs)
        while len(outputs) > least and outputs[-1] not in read:
            outputs.pop()
        named = (name or f"{node.name} output {i}" if i < least else name for i, name in enumerate(outputs))
        kept.append(replace(node, outputs=tuple(named)))
    return replace(graph, nodes=tuple(reversed(kept)), constants=Storage.of(graph.constants).only(read))


def _least_outputs(node: Node) -> int:
    """Return how many outputs an operator must have; where their number says what it does, it is all of them."""
    op = node.op.removeprefix(f"{node.domain}.")
    if not onnx.defs.has(op, node.opset, node.domain):
        return len(node.outputs)
    schema = onnx.defs.get_schema(op, node.opset, node.domain)
    variadic = schema.outputs[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic
    return len(node.outputs) if variadic else int(schema.min_output)


def _told_apart(graph: Graph) -> Graph:
    """Return a graph with a name of its own for each node; ONNX allows that several have the same."""
    taken, nodes = set[str](), list[Node]()
    for node in graph.nodes:
        name = f"{node.name} ({node.writes[0]})" if node.name in taken else node.name
        while name in taken:
            name += "'"
        taken.add(name)
        nodes.append(replace(node, name=name))
    return replace(graph, nodes=tuple(nodes))


def _graph(proto: onnx.GraphProto, source: str, opsets: Mapping[str, int], elsewhere: Mapping[str, Stored]) -> Graph:
    if any(isinstance(name, bytes) for name in _names(proto)):
        raise ModelError(f"{source} has a name that is no text: it is damaged")
    constants: dict[str, Array | Stored] = {
        tensor.name: elsewhere[tensor.name] if tensor.name in elsewhere else array_of(tensor)
        for tensor in proto.initializer
    }
    constants |= {sparse.values.name: dense(sparse) for sparse in proto.sparse_initializer}
    nodes = []
    for written in proto.node:
        node = _node(written, opsets)
        _check_form(node, {attribute.name: attribute.type for attribute in written.attribute})
        if node.op == "Constant":
            constants[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    inputs = tuple(_port(value, source) for value in proto.input if value.name not in constants)
    outputs = tuple(value.name for value in proto.output)
    types = {port.name: port.dtype for port in inputs}
    graph = Graph(_in_order(nodes), Storage(constants), inputs, outputs, types=types)
    _check_complete(graph, source)
    return graph


def _in_order(nodes: list[Node]) -> tuple[Node, ...]:
    """Return nodes in an order in which they can run; tools write others, too. Those on a circle come last."""
    places = {name: i for i, node in enumerate(nodes) for name in node.writes}
    if all(places.get(name, -1) < i for i, node in enumerate(nodes) for name in node.reads):
        return tuple(nodes)
    order = in_order({i: {places[name] for name in node.reads if name in places} for i, node in enumerate(nodes)})
    left = sorted(set(range(len(nodes))) - set(order))
    return tuple(nodes[i] for i in (*order, *left))


def _names(proto: onnx.GraphProto) -> Iterator[str | bytes]:
    """Yield all names; protobuf gives bytes in place of a text that it cannot decode."""
    for named in (*proto.initializer, *proto.input, *proto.output, *proto.node):
        yield named.name
    for node in proto.node:
        yield from (node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _node(proto: onnx.NodeProto, opsets: Mapping[str, int]) -> Node:
    domain = "" if proto.domain in _DOMAINS else proto.domain
    op = f"{domain}.{proto.op_type}" if domain else proto.op_type
    node = Node(proto.name or next(iter(proto.output), "?"), op, tuple(proto.input), tuple(proto.output))
    try:
        attributes = {attribute.name: _value(attribute) for attribute in proto.attribute}
    except (ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{node} has an attribute that cannot be read: {error}") from None
    if node.op in FUSES and (foreign := attributes.keys() & set(OURS)):
        raise ModelError(f"{node} has the attribute {min(foreign)!r}, which its operator does not have")
    captured = tuple(dict.fromkeys(name for graph in graphs_within(proto) for name in _captured(graph)))
    return replace(node, attributes=attributes, opset=opsets.get(domain, 1), captured=captured)


def _captured(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the names that a graph within a node reads, and that stand outside of it."""
    known = {value.name for value in (*graph.input, *graph.initializer)}
    known.update(sparse.values.name for sparse in graph.sparse_initializer)
    known.update(name for node in graph.node for name in node.output)
    for node in graph.node:
        for name in (*node.input, *(name for inner in graphs_within(node) for name in _captured(inner))):
            if name and name not in known:
                yield name
    yield from (value.name for value in graph.output if value.name not in known)


def _check_form(node: Node, kinds: Mapping[str, int]) -> None:
    """Compare a node, and of what kind its attributes are, with ONNX's own description of its operator."""
    if not any(node.outputs):
        raise ModelError(f"{node} writes nothing")
    domain, op = node.domain, node.op.rpartition(".")[2]
    if not onnx.defs.has(op, node.opset, domain):
        return
    schema = onnx.defs.get_schema(op, node.opset, domain)
    if not schema.min_input <= len(node.inputs) <= schema.max_input:
        raise ModelError(f"{node} has {len(node.inputs)} inputs; it takes {schema.min_input} to {schema.max_input}")
    if not schema.min_output <= len(node.outputs) <= schema.max_output:
        raise ModelError(
            f"{node} has {len(node.outputs)} outputs; it writes {schema.min_output} to {schema.max_output}"
        )
    if node.op == "Split" and node.attributes.get("num_outputs", len(node.outputs)) != len(node.outputs):
        raise ModelError(  # onnx's shape inference would end the process
            f"{node} has {len(node.outputs)} outputs, but its num_outputs is {node.attributes['num_outputs']}"
        )
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in node.attributes:
            raise ModelError(f"{node} lacks the attribute {name!r}")
        kind: int = attribute.type.value  # type: ignore[attr-defined]
        if kinds.get(name, kind) != kind:
            word = onnx.AttributeProto.AttributeType.Name(kind)
            raise ModelError(f"{node}: the attribute {name!r} is not of the kind {word}")


def _value(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _constant(node: Node) -> Array:
    for name, dtype in (("float", np.float32), ("floats", np.float32), ("int", np.int64), ("ints", np.int64)):
        if f"value_{name}" in node.attributes:
            return np.array(node.attributes[f"value_{name}"], dtype)
    for name in ("string", "strings"):
        if f"value_{name}" in node.attributes:
            return np.array(node.attributes[f"value_{name}"], object)
    if "sparse_value" in node.attributes:
        return dense(node.attributes["sparse_value"])
    if "value" not in node.attributes:
        raise ModelError(f"{node} has no value that is an array of numbers")
    return array_of(node.attributes["value"])


def _port(value: onnx.ValueInfoProto, source: str) -> Port:
    tensor = value.type.tensor_type
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    except KeyError:
        raise ModelError(f"{source} names the input {value.name!r}, which is no array of numbers") from None
    return Port(value.name, shape_of(value), dtype, tuple(size.dim_param for size in tensor.shape.dim))


def _check_complete(graph: Graph, source: str) -> None:
    known = {*graph.constants, *(port.name for port in graph.inputs)}
    for node in graph.nodes:
        for name in node.reads:
            if name not in known:
                raise ModelError(f"{node} reads {name!r}, which {source} does not store and no node before it writes")
        for name in node.writes:
            if name in known:
                raise ModelError(f"{node} writes {name!r}, which is there already")
            known.add(name)
    for name in graph.outputs:
        if name not in known:
            raise ModelError(f"no node writes {name!r}, which {source} names as an output")
    if not graph.outputs:
        raise ModelError(f"{source} names no output")
