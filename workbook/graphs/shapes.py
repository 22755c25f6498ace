"""What can be told of the arrays before a run: their shapes and types, and whether those of inputs fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import helper

from workbook.graphs.graph import Graph, ModelError, Node, Port, Shape
from workbook.graphs.protos import small_model
from workbook.graphs.runtime_part import ports_by_runtime
from workbook.graphs.storage import Storage

LARGEST = 2**31  # numbers in an array: 8 GiB of float32, more than any of a network's


def infer_shapes(graph: Graph) -> Graph:
    """Return the graph with the shapes and types of its arrays, as far as onnx and ONNX Runtime can tell them.

    Raises
    ------
    ModelError
        If the types or shapes of a node's inputs do not fit each other, or if an array would be too large.
    """
    computed = {name for node in graph.nodes for name in node.writes}
    entering = {name: dtype for name, dtype in graph.types.items() if name not in computed}
    graph = _by_onnx(replace(graph, types=entering, shapes={}))
    if _foreign(graph):
        graph = _by_runtime(graph)
    for node in graph.nodes:
        for name in node.writes:
            try:
                check_size(graph.shapes.get(name, ()))
            except ValueError as error:
                raise ModelError(f"{node}: {error}") from None
    return graph


def _by_onnx(graph: Graph) -> Graph:
    """Return the graph with what onnx tells beside what is known."""
    inferred = _inferred(graph)
    types = _types(inferred)
    shapes = {port.name: shape_of(port) for port in inferred}
    if any(map(_rounds_up, graph.nodes)):  # of what follows from such a pool, only the number of axes is known
        sized = _inferred(replace(graph, nodes=tuple(map(_of_any_size, graph.nodes)), types=types))
        types |= _types(sized)
        free = {name: (None,) * len(shape) for name, shape in shapes.items() if shape is not None}
        shapes = free | {port.name: shape for port in sized if (shape := shape_of(port)) is not None}
    known = {name: shape for name, shape in shapes.items() if shape is not None}
    return replace(graph, types={**graph.types, **types}, shapes={**graph.shapes, **known})


def _by_runtime(graph: Graph) -> Graph:
    """Return the graph with what ONNX Runtime tells of the operators that onnx does not know, and what follows from it.

    It is asked about all nodes at once. If it refuses, for the sake of one that runs here alone, it is asked about each
    of those operators by itself.
    """
    with suppress(ModelError):
        return _with(graph, ports_by_runtime(graph))
    asked = set[str]()
    while ready := [node for node in _foreign(graph) if node.name not in asked and _are_known(node.reads, graph)]:
        for node in ready:
            asked.add(node.name)
            with suppress(ModelError):  # whoever computes it refuses it, too
                graph = _with(graph, ports_by_runtime(_alone(node, graph)))
        graph = _by_onnx(graph)
    return graph


def _foreign(graph: Graph) -> list[Node]:
    """Return the nodes of other domains of whose outputs a type is not known."""
    return [node for node in graph.nodes if node.domain and not _are_known(node.writes, graph)]


def _are_known(names: Iterable[str], graph: Graph) -> bool:
    return all(graph.type_of(name) is not None for name in names)


def _alone(node: Node, graph: Graph) -> Graph:
    """Return a graph of one node: what it reads enters, unless it is stored."""
    read = [name for name in dict.fromkeys(node.reads) if name not in graph.constants]
    ports = tuple(Port(name, graph.shapes.get(name), graph.types[name]) for name in read)
    stored = Storage.of(graph.constants).only(node.reads)
    return replace(graph, nodes=(node,), constants=stored, inputs=ports, outputs=node.writes)


def _with(graph: Graph, ports: Iterable[onnx.ValueInfoProto]) -> Graph:
    """Return the graph with what ports tell, where nothing was known."""
    types, shapes = dict(graph.types), dict(graph.shapes)
    for port in ports:
        types.setdefault(port.name, helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type))
        if (shape := shape_of(port)) is not None:
            shapes.setdefault(port.name, shape)
    return replace(graph, types=types, shapes=shapes)


def typed(graph: Graph) -> Graph:
    """Return a graph that knows the types of its arrays: as it is, or with those that it lacks inferred."""
    written = {name for node in graph.nodes for name in node.writes}
    entering = {port.name: port.dtype for port in graph.inputs}
    if graph.types.keys() >= written | entering.keys():
        return graph
    new = infer_shapes(replace(graph, types=entering))
    return replace(graph, types={**new.types, **graph.types}, shapes={**new.shapes, **graph.shapes})


def _inferred(graph: Graph) -> list[onnx.ValueInfoProto]:
    try:
        inferred = onnx.shape_inference.infer_shapes(
            small_model(graph), check_type=True, strict_mode=False, data_prop=True
        )
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError) as error:
        raise ModelError(f"the arrays of the model do not fit each other: {str(error).strip()}") from None
    ports = (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)
    return [port for port in ports if port.HasField("type")]  # an input that is an output, too, comes without one


def _types(ports: list[onnx.ValueInfoProto]) -> dict[str, np.dtype[Any]]:
    """Return the types of arrays by name, as far as they are known."""
    kinds = {port.name: port.type.tensor_type.elem_type for port in ports}
    return {name: helper.tensor_dtype_to_np_dtype(kind) for name, kind in kinds.items() if kind}


def _rounds_up(node: Node) -> bool:
    """Whether the last window of a pool may begin behind the image."""
    given = node.attributes
    gaps = any(s > k for s, k in zip(given.get("strides", ()), given.get("kernel_shape", ()), strict=False))
    return bool(given.get("ceil_mode")) and (gaps or any(given.get("pads", ())))


def _of_any_size(node: Node) -> Node:
    """Return a node, or one that onnx does not know for a pool of which it counts too many windows.

    If a size is rounded up, the last window may begin behind the image, in the padding or in the gap between windows.
    It has no number to look at, so neither ONNX's definition nor any runtime has it, but onnx's inference does.
    """
    return replace(node, op=f"unknown.{node.op}") if _rounds_up(node) else node


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
