"""Functions that a model defines for itself: each call becomes the nodes of its body."""

from __future__ import annotations

import onnx
from onnx import inliner

from workbook.graphs.graph import ModelError

_MOST_NODES = 100_000  # when all calls are written out


def inlined(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    """Return the model without functions of its own.

    Raises
    ------
    ModelError
        If a function calls itself, or if the calls are too many to be written out.
    """
    if not model.functions:
        return model
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: list[onnx.NodeProto], calling: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in calling:
                raise ModelError(f"{source}: the function {node.op_type!r} calls itself")
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key], (*calling, key))
            total += sizes.get(key, 1)
        return total

    if (total := size(model.graph.node, ())) > _MOST_NODES:
        raise ModelError(
            f"{source}: its functions, written out, are {total:.1e} nodes; at most {_MOST_NODES} are taken"
        )
    try:
        return inliner.inline_local_functions(_of_one_opset(model, source))
    except RuntimeError as error:  # what the C++ of onnx raises
        raise ModelError(f"{source}: its functions cannot be written out: {error}") from None


def _of_one_opset(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    """Return the model with functions of its own operator sets, if their nodes have the same form there."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    aligned = onnx.ModelProto()
    aligned.CopyFrom(model)
    for function in aligned.functions:
        for opset in function.opset_import:
            version = versions.get(opset.domain, opset.version)
            for node in function.node if version != opset.version else ():
                if node.domain == opset.domain and not _has_form(node, version):
                    raise ModelError(
                        f"{source}: the function {function.name!r} is of operator set {opset.version}, and its node "
                        f"{node.name!r} ({node.op_type}) has another form in {version}, the model's"
                    )
            opset.version = version
    return aligned


def _has_form(node: onnx.NodeProto, version: int) -> bool:
    """Whether an operator set takes a node's attributes and as many inputs."""
    if not onnx.defs.has(node.op_type, version, node.domain):
        return True  # nobody but the model knows it
    schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    known = all(attribute.name in schema.attributes for attribute in node.attribute)
    return known and bool(schema.min_input <= len(node.input) <= schema.max_input)
