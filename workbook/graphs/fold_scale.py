"""Rewrite of a graph: a Conv or BatchNormalization takes over a number for each channel that is multiplied or added.

(conv(x, w) + b) * s = conv(x, w * s) + b * s
(conv(x, w) + b) + a = conv(x, w) + (b + a)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kernels import Stored
from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.storage import Storage

_OPERATORS = ("Mul", "Add", "Sub", "Div")


def fold_scale(graph: Graph) -> Graph:
    """Let a Conv or BatchNormalization multiply and add what the node behind it does, one stored number a channel."""
    for node in graph.nodes:
        if node.op not in _OPERATORS:
            continue
        array, constant = _sides(graph, node)
        writer = graph.writer(array) if array else None
        if writer is None or writer.op not in ("Conv", "BatchNormalization") or graph.reader(array) is None:
            continue
        if any(writer.attributes.get(key) for key in ("residual", "activation", "training_mode")):
            continue
        if not writer.attributes.get("spatial", 1):
            continue
        new = _rewritten(graph, writer, node, constant)
        if new is not None:
            graph = graph.replaced((writer, node), *new)
    return graph


def _sides(graph: Graph, node: Node) -> tuple[str, str]:
    """Return the names of the computed and of the stored side; empty if there are not both."""
    a, b = node.inputs
    if b in graph.constants and a not in graph.constants:
        return a, b
    turned = a in graph.constants and b not in graph.constants and node.op in ("Mul", "Add")
    return (b, a) if turned else ("", "")


def _rewritten(graph: Graph, writer: Node, node: Node, number: str) -> tuple[Node, dict[str, Array | Stored]] | None:
    """Return the writer with the node's work, and its new constants."""
    conv = writer.op == "Conv"
    names = [writer.inputs[i] if i < len(writer.inputs) else "" for i in (1, 2)]  # weight, bias; or scale, shift
    constants = Storage.of(graph.constants)
    if not all(name in constants for name in names if name) or constants.outline(number).dtype != np.float32:
        return None
    factor = constants.outline(names[0])
    channels = factor.shape[0] if factor.shape else 0
    if constants.outline(number).size > channels:
        return None
    axes = factor.ndim if conv else graph.rank(writer.inputs[0])
    each = per_channel(constants[number], channels, axes) if axes else None
    if each is None or factor.dtype != np.float32:
        return None
    shift: Array = constants[names[1]] if names[1] else np.zeros(channels, np.float32)
    along = each.reshape(-1, *(1,) * (factor.ndim - 1))
    if node.op == "Mul":
        factor, shift = constants.changed(names[0], lambda w: (w * along).astype(np.float32)), shift * each
    elif node.op == "Div":
        factor, shift = constants.changed(names[0], lambda w: (w / along).astype(np.float32)), shift / each
    else:
        shift = shift + each if node.op == "Add" else shift - each
    end = f"of {writer.outputs[0]} with {node.outputs[0]}"
    new = {f"factor {end}": factor, f"shift {end}": shift.astype(np.float32)}
    return replace(writer, inputs=(writer.inputs[0], *new, *writer.inputs[3:]), outputs=node.outputs), new


def per_channel(number: Array, channels: int, dimensions: int) -> npt.NDArray[np.float64] | None:
    """Return one number a channel in float64; None if the array is of another form.

    Parameters
    ----------
    number : array
        As it meets an image in an Add: (), (1,), (K, 1, 1), (1, K, 1, 1).
    channels : int
        K.
    dimensions : int
        Of the images.
    """
    if number.ndim > dimensions or not channels:
        return None
    shape = (1,) * (dimensions - number.ndim) + number.shape
    if number.size != shape[1] or shape[1] not in (1, channels):
        return None
    return np.broadcast_to(number.astype(np.float64).reshape(-1), channels)
