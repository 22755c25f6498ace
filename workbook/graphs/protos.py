"""Nodes and graphs as onnx's own objects: for shape inference, onnx.reference, and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx
from onnx import TensorProto, helper, numpy_helper

from workbook.graphs.graph import Array, Graph, Node, Shape
from workbook.graphs.storage import Storage

OURS = ("residual", "activation", "output")  # attributes that the passes add
_SMALL = 1024  # numbers; larger constants cannot be shapes or axes, which are all that inference looks at


def node_proto(node: Node) -> onnx.NodeProto:
    """Return a node without what the passes fused into it; an output that nobody reads has a name of its own."""
    domain, _, op = node.op.rpartition(".")
    attributes = {name: value for name, value in node.attributes.items() if name not in OURS and value not in ([], ())}
    (written,), (place, count) = node.outputs, node.attributes.get("output", (0, 1))
    outputs = [written if i == place else f"{written} beside {i}" for i in range(count)]
    return helper.make_node(op, node.inputs, outputs, node.name, domain=domain, **attributes)


def opset_imports(nodes: Iterable[Node]) -> list[onnx.OperatorSetIdProto]:
    """Return the operator sets of the nodes, a version for each domain."""
    versions = {node.op.rpartition(".")[0]: node.opset for node in nodes}
    return [helper.make_opsetid(domain, version) for domain, version in versions.items()]


def port_proto(name: str, shape: Shape | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return what a file says of an array."""
    return helper.make_tensor_value_info(name, dtype, shape)


def small_model(graph: Graph) -> onnx.ModelProto:
    """Return a graph for inference: large constants are inputs of their shape, so nothing large is copied."""
    ports = [port_proto(port.name, port.shape, helper.np_dtype_to_tensor_dtype(port.dtype)) for port in graph.inputs]
    stored = []
    constants = Storage.of(graph.constants)
    for name in constants:
        array = constants.outline(name)
        if array.size <= _SMALL:
            stored.append(numpy_helper.from_array(constants[name], name))
        else:
            ports.append(port_proto(name, array.shape, helper.np_dtype_to_tensor_dtype(array.dtype)))
    ends = [onnx.ValueInfoProto(name=name) for name in graph.outputs]
    proto = helper.make_graph(list(map(node_proto, graph.nodes)), "graph", ports, ends, stored)
    return helper.make_model(proto, opset_imports=opset_imports(graph.nodes), ir_version=_IR_VERSION)


def initializers(constants: Mapping[str, Array]) -> list[onnx.TensorProto]:
    """Return constants as a file stores them."""
    return [numpy_helper.from_array(array, name) for name, array in constants.items()]


_IR_VERSION = 8  # of opset 17
