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

from workbook.graphs.activations import activation_of, times_x, written
from workbook.graphs.fold_scale import fold_scale
from workbook.graphs.graph import Array, FloatArray, Graph, ModelError, Node
from workbook.graphs.split_filters import split_filters
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


def fuse_gate(graph: Graph) -> Graph:
    """Let a Conv or BatchNormalization apply x * sigmoid(x) or x * hard_sigmoid(x), two nodes of exporters."""
    for product in graph.nodes:
        if product.op != "Mul":
            continue
        for x, gated in (product.inputs, product.inputs[::-1]):
            gate, before = graph.writer(gated), graph.writer(x)
            if gate is None or before is None or gate.inputs[0] != x or graph.reader(gated) is not product:
                continue
            activation = times_x(activation_of(gate, graph.constants))
            alone = all(x not in node.reads for node in graph.nodes if node not in (gate, product))
            if activation and alone and x not in graph.outputs and _takes_activation(before, graph):
                fused = {**before.attributes, "activation": activation}
                graph = graph.replaced(
                    (before, gate, product), replace(before, outputs=product.outputs, attributes=fused)
                )
                break
    return graph


def fuse_activation(graph: Graph) -> Graph:
    """Let a Conv or BatchNormalization apply the activation behind it, if `kernels.Conv2d` has it."""
    for node in graph.nodes:
        activation = activation_of(node, graph.constants)
        if activation is None:
            continue
        before = graph.writer(node.inputs[0])
        if before is not None and graph.reader(node.inputs[0]) is node and _takes_activation(before, graph):
            taken = replace(before, outputs=node.outputs, attributes={**before.attributes, "activation": activation})
            graph = graph.replaced((before, node), taken)
    return graph


def _private_conv(graph: Graph, name: str) -> Node | None:
    """Return the Conv that writes an array, if it has no activation yet and only one node reads the array."""
    writer = graph.writer(name)
    if writer is None or writer.attributes.get("activation") or graph.reader(name) is None:
        return None
    return writer if is_image_conv(writer, graph.constants) else None


def _takes_activation(node: Node, graph: Graph) -> bool:
    """Whether a node is a convolution, or a BatchNormalization with stored numbers, and has no activation yet."""
    if node.attributes.get("activation"):
        return False
    if _is_norm(node):
        stored = _stored(graph, node.inputs[1:])
        return stored is not None and all(array.dtype == np.float32 for array in stored)
    return is_image_conv(node, graph.constants)


def _is_norm(node: Node) -> bool:
    """Whether a node is a BatchNormalization in use, with a number a channel."""
    given = node.attributes
    return node.op == "BatchNormalization" and not given.get("training_mode") and bool(given.get("spatial", 1))


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


PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_batch_norm,
    fold_scale,
    fuse_residual,
    fuse_gate,
    fuse_activation,
    split_filters,
)


def split(graph: Graph, which: Callable[[Node], bool]) -> Graph:
    """Undo what was fused into some nodes: a Conv becomes a Conv, an Add, and nodes for the activation."""
    for node in filter(which, graph.nodes):
        parts, constants = residual_parts(node)
        nodes = tuple(new for old in graph.nodes for new in (parts if old is node else (old,)))
        graph = replace(graph, nodes=nodes, constants=Storage.of(graph.constants) | constants)
        (end,) = node.outputs
        made = {name for part in parts for name in part.writes} - {end}  # of the type and shape of the last
        graph = replace(
            graph,
            types={**graph.types, **{name: graph.types[end] for name in made if end in graph.types}},
            shapes={**graph.shapes, **{name: graph.shapes[end] for name in made if end in graph.shapes}},
        )
    return graph


def residual_parts(node: Node) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """Return a layer, the Add of its residual and its activation as nodes of their own, and what these read beside."""
    activation, residual = node.attributes.get("activation"), node.attributes.get("residual")
    end, before = node.outputs[0], f"{node.outputs[0]} before the sum"
    total = f"{end} before the activation" if activation else end
    left = {key: value for key, value in node.attributes.items() if key not in ("residual", "activation")}
    layer = replace(node, outputs=(before if residual else total,), attributes=left)
    add = (Node(f"{node.name} sum", "Add", (before, residual), (total,)),) if residual else ()
    nodes, constants = written(activation, f"{node.name} activation", total, end) if activation else ((), {})
    return (layer, *add, *nodes), constants
