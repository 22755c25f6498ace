"""What can be told of the arrays before a run: their shapes, and whether the types of inputs fit each other."""

from __future__ import annotations

import math
from dataclasses import replace

import onnx

from workbook.graphs.graph import Graph, ModelError, Node, Shape
from workbook.graphs.protos import small_model

LARGEST = 2**31  # numbers in an array: 8 GiB of float32, more than any of a network's


def infer_shapes(graph: Graph) -> Graph:
    """Return the graph with the shapes of its arrays, as far as onnx can tell them.

    Raises
    ------
    ModelError
        If the types or shapes of a node's inputs do not fit each other, or if an array would be too large.
    """
    model = small_model(replace(graph, nodes=tuple(map(_of_any_size, graph.nodes))))
    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=False, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError) as error:
        raise ModelError(f"the arrays of the model do not fit each other: {str(error).strip()}") from None
    ports = (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)
    shapes = {port.name: shape_of(port) for port in ports}
    known = {name: shape for name, shape in shapes.items() if shape is not None}
    for node in graph.nodes:
        for name in node.outputs:
            try:
                check_size(known.get(name, ()))
            except ValueError as error:
                raise ModelError(f"{node}: {error}") from None
    return replace(graph, shapes=known)


def _of_any_size(node: Node) -> Node:
    """Return a node, or one that onnx does not know for a pool of which it counts too many windows.

    If a size is rounded up, the last window may begin behind the image, in the padding. It has no number to look at, so
    neither ONNX's definition nor any runtime has it, but onnx's inference does.
    """
    if not node.attributes.get("ceil_mode") or not any(node.attributes.get("pads", ())):
        return node
    return replace(node, op=f"unknown.{node.op}")


def shape_of(port: onnx.ValueInfoProto) -> Shape | None:
    """Return what a file says of an array's shape."""
    tensor = port.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(size.dim_value if size.dim_value > 0 else None for size in tensor.shape.dim)


def check_size(shape: Shape) -> None:
    """Refuse an array that no machine here can hold, before anything is allocated.

    Raises
    ------
    ValueError
        If it has more than 2^31 numbers.
    """
    numbers = math.prod(size for size in shape if size is not None)
    if numbers > LARGEST:
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"its output would have the shape ({sizes}): {numbers:.1e} numbers; at most 2^31 are taken")
