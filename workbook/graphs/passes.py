"""Rewrites of a graph that leave its result as it is: a convolution takes over what follows it.

Each pass takes a Graph and returns a new one. All change a node only where nobody else reads the array between
the two nodes. The order of `PASSES` matters: `kernels.Conv2d` adds the residual before it applies the activation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from kernels.geometry import Activation
from workbook.graphs.fold_scale import fold_scale
from workbook.graphs.graph import Array, FloatArray, Graph, ModelError, Node
from workbook.graphs.storage import Storage


def normalisation_factor(scale: FloatArray, variance: FloatArray, epsilon: float) -> npt.NDArray[np.float64]:
    """Return scale / sqrt(variance + epsilon), which a batch normalisation multiplies each channel by."""
    factor: npt.NDArray[np.float64] = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return factor


def scaled(weight: FloatArray, factor: npt.NDArray[np.float64]) -> FloatArray:
    """Return filters (K, C / groups, ...), each times its factor, rounded once."""
    result: FloatArray = (weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))).astype(np.float32)
    return result


def fold_batch_norm(graph: Graph) -> Graph:
    """Turn each Conv and the BatchNormalization behind it into one Conv.

    y = (conv(x, w) + b - mean) * f + shift = conv(x, f * w) + (b - mean) * f + shift, f = scale / sqrt(variance + eps),

    computed in float64. The weights and bias are new constants, named after the outputs of both nodes.
    """
    for norm in graph.nodes:
        if not _is_norm(norm):
            continue
        conv = _private_conv(graph, norm.inputs[0])
        if conv is None or conv.attributes.get("residual"):
            continue
        constants, (weight, *bias) = Storage.of(graph.constants), conv.inputs[1:]
        stored = _stored(graph, (*bias, *norm.inputs[1:]))
        if stored is None or any(array.dtype != np.float32 for array in stored):
            continue
        K = constants.outline(weight).shape[0]
        if any(array.shape != (K,) for array in stored):
            raise ModelError(
                f"{norm} does not fit the convolution {conv.name!r} before it, which has {K} channels: "
                f"the stored arrays are of {', '.join(str(array.shape) for array in stored)}"
            )
        *before, scale, shift, mean, variance = stored
        f = normalisation_factor(scale, variance, norm.attributes.get("epsilon", 1e-5))
        start = before[0].astype(np.float64) if before else np.zeros(K)
        names = tuple(f"{part} of {conv.outputs[0]} with {norm.outputs[0]}" for part in ("weight", "bias"))
        new = constants.changed(weight, partial(scaled, factor=f)), ((start - mean) * f + shift).astype(np.float32)
        fused = {"activation": norm.attributes["activation"]} if "activation" in norm.attributes else {}
        attributes = {**conv.attributes, **fused}
        node = replace(conv, inputs=(conv.inputs[0], *names), outputs=norm.outputs[:1], attributes=attributes)
        graph = graph.replaced((conv, norm), node, dict(zip(names, new, strict=True)))
    return graph


def fuse_residual(graph: Graph) -> Graph:
    """Let a Conv add the array that an Add adds to its output.

    If both sides of the Add are convolutions, the later one takes it.
    """
    for add in graph.nodes:
        if add.op != "Add" or any(name in graph.constants for name in add.inputs):
            continue
        sides = ((_private_conv(graph, a), b) for a, b in (add.inputs, add.inputs[::-1]))
        able = [(conv, other) for conv, other in sides if conv is not None and not conv.attributes.get("residual")]
        if able:
            conv, other = max(able, key=lambda side: graph.nodes.index(side[0]))
            node = replace(conv, outputs=add.outputs, attributes={**conv.attributes, "residual": other})
            graph = graph.replaced((conv, add), node)
    return graph


def fuse_activation(graph: Graph) -> Graph:
    """Let a Conv or BatchNormalization apply the Relu, Clip or LeakyRelu behind it, if `kernels.Conv2d` has it."""
    for node in graph.nodes:
        activation = activation_of(node, graph)
        if activation is None:
            continue
        before = _private_conv(graph, node.inputs[0]) or _private_norm(graph, node.inputs[0])
        if before is not None:
            taken = replace(before, outputs=node.outputs, attributes={**before.attributes, "activation": activation})
            graph = graph.replaced((before, node), taken)
    return graph


def activation_of(node: Node, graph: Graph) -> Activation:
    """Return a node as `kernels.Conv2d` names it; None if it is no activation, or not one that the kernels have."""
    if node.op == "Relu":
        return "relu"
    if node.op == "LeakyRelu":
        return ("leaky_relu", float(node.attributes.get("alpha", 0.01)))
    if node.op == "Clip":
        bounds = clip_bounds(node, graph)
        if bounds is not None and bounds[0] == 0:
            return {6.0: "relu6", np.inf: "relu"}.get(bounds[1])  # type: ignore[return-value]
    return None


def clip_bounds(node: Node, graph: Graph) -> tuple[float, float] | None:
    """Return the bounds of a Clip: attributes up to opset 10, inputs since; None if they are not stored numbers."""
    low, high = node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)
    names = (*node.inputs[1:], "", "")[:2]
    if any(name and (name not in graph.constants or graph.constants[name].size != 1) for name in names):
        return None
    if names[0]:
        low = graph.constants[names[0]].item()
    if names[1]:
        high = graph.constants[names[1]].item()
    return float(low), float(high)


def _private_conv(graph: Graph, name: str) -> Node | None:
    """Return the Conv that writes an array, if it has no activation yet and only one node reads the array."""
    writer = _private_writer(graph, name)
    return writer if writer is not None and is_image_conv(writer, graph.constants) else None


def _private_norm(graph: Graph, name: str) -> Node | None:
    """Return the BatchNormalization with stored numbers that writes an array; the rest as for a Conv."""
    writer = _private_writer(graph, name)
    if writer is None or not _is_norm(writer):
        return None
    stored = _stored(graph, writer.inputs[1:])
    return writer if stored is not None and all(array.dtype == np.float32 for array in stored) else None


def _is_norm(node: Node) -> bool:
    """Whether a node is a BatchNormalization in use, with a number a channel."""
    given = node.attributes
    return node.op == "BatchNormalization" and not given.get("training_mode") and bool(given.get("spatial", 1))


def _private_writer(graph: Graph, name: str) -> Node | None:
    writer = graph.writer(name)
    free = writer is not None and not writer.attributes.get("activation") and graph.reader(name) is not None
    return writer if free else None


def is_image_conv(node: Node, constants: Mapping[str, Array]) -> bool:
    """Tell whether a node is a convolution of images, or of rows, with stored filters of float32."""
    if node.op != "Conv" or node.inputs[1] not in constants:
        return False
    weight = Storage.of(constants).outline(node.inputs[1])
    return weight.ndim in (3, 4) and weight.dtype == np.float32


def _stored(graph: Graph, names: tuple[str, ...]) -> tuple[Array, ...] | None:
    """Return the constants of these names; None if one of them is computed."""
    present = [name for name in names if name]
    return tuple(graph.constants[name] for name in present) if graph.constants.keys() >= set(present) else None


PASSES: tuple[Callable[[Graph], Graph], ...] = (fold_batch_norm, fold_scale, fuse_residual, fuse_activation)


def split_residual(graph: Graph) -> Graph:
    """Undo `fuse_residual`: a Conv that adds an array becomes a Conv, an Add, and a node for the activation."""
    for node in graph.nodes:
        if node.attributes.get("residual"):
            parts, constants = residual_parts(node)
            nodes = tuple(new for old in graph.nodes for new in (parts if old is node else (old,)))
            graph = replace(graph, nodes=nodes, constants=Storage.of(graph.constants) | constants)
    return graph


def residual_parts(node: Node) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """Return a layer, the Add of its residual and its activation as nodes of their own, and what these read beside."""
    activation, residual = node.attributes.get("activation"), node.attributes.get("residual")
    end, before = node.outputs[0], f"{node.outputs[0]} before the sum"
    total = f"{end} before the activation" if activation else end
    left = {key: value for key, value in node.attributes.items() if key not in ("residual", "activation")}
    layer = replace(node, outputs=(before if residual else total,), attributes=left)
    add = (Node(f"{node.name} sum", "Add", (before, residual), (total,)),) if residual else ()
    if not activation:
        return (layer, *add), {}
    name = f"{node.name} activation"
    if isinstance(activation, tuple):
        return (layer, *add, Node(name, "LeakyRelu", (total,), (end,), {"alpha": activation[1]})), {}
    if activation == "relu":
        return (layer, *add, Node(name, "Relu", (total,), (end,))), {}
    bounds: dict[str, Array] = {f"{end} {side}": np.full((), b, np.float32) for side, b in (("low", 0), ("high", 6))}
    return (layer, *add, Node(name, "Clip", (total, *bounds), (end,))), bounds
