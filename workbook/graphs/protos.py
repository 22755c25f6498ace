"""Nodes and graphs as onnx's own objects: for shape inference, ONNX Runtime, and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx
from onnx import TensorProto, helper, numpy_helper

from workbook.graphs.graph import FUSES, OURS, Array, Graph, ModelError, Node, Shape
from workbook.graphs.storage import Storage

IR_VERSION = 10  # the first that knows all types of numbers: those of 4 and 8 bits
_SMALL = 1024  # numbers; larger constants cannot be shapes or axes, which are all that inference looks at


def node_proto(node: Node) -> onnx.NodeProto:
    """Return a node as onnx has it.

    Raises
    ------
    ModelError
        If something was fused into it, which would be lost.
    """
    if node.fused:
        raise ModelError(
            f"{node}: its {' and '.join(node.fused)} have no form in ONNX; write them as nodes of their own"
        )
    return _bare(node)


def _bare(node: Node) -> onnx.NodeProto:
    """Return a node without what the passes fused into it."""
    domain, _, op = node.op.rpartition(".")
    ours = OURS if node.op in FUSES else ()
    attributes = {name: value for name, value in node.attributes.items() if name not in ours and value not in ([], ())}
    return helper.make_node(op, node.inputs, node.outputs, node.name, domain=domain, **attributes)


def opset_imports(nodes: Iterable[Node]) -> list[onnx.OperatorSetIdProto]:
    """Return the operator sets of the nodes, a version for each domain."""
    versions: dict[str, int] = {}
    for node in nodes:
        own = not node.domain.startswith("com.microsoft")  # whose operators are of version 1
        versions[node.domain] = max(node.opset if own else 1, versions.get(node.domain, 1))
    return [helper.make_opsetid(domain, version) for domain, version in versions.items()]


def port_proto(name: str, shape: Shape | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return what a file says of an array."""
    return helper.make_tensor_value_info(name, dtype, shape)


def small_model(graph: Graph) -> onnx.ModelProto:
    """Return a graph for inference: large constants are inputs of their shape, so nothing large is copied.

    What was fused is left out, and the types and shapes that the graph knows are stated.
    """
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
    entering = {port.name for port in graph.inputs}
    known = [
        port_proto(name, graph.shapes.get(name), helper.np_dtype_to_tensor_dtype(dtype))
        for name, dtype in graph.types.items()
        if name not in entering
    ]
    proto = helper.make_graph(list(map(_bare, graph.nodes)), "graph", ports, ends, stored, value_info=known)
    return helper.make_model(proto, opset_imports=opset_imports(graph.nodes), ir_version=IR_VERSION)


def initializers(constants: Mapping[str, Array]) -> list[onnx.TensorProto]:
    """Return constants as a file stores them."""
    return [numpy_helper.from_array(array, name) for name, array in constants.items()]
