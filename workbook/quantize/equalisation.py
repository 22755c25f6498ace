"""Cross-layer equalisation: channels whose ranges differ widely are brought to one size before they share a scale.

Between two layers, channel i can be made s[i] times smaller if the next layer's weights for it are made s[i] times
larger, since  relu(y / s) = relu(y) / s  for s > 0:

    W1[i] / s[i],   b1[i] / s[i],   W2[:, i] * s[i]        s[i] = sqrt(range(W1[i]) / range(W2[:, i]))

makes both ranges  sqrt(range(W1[i]) * range(W2[:, i])).  One layer's new ranges change those of its neighbours, so the
pairs are visited until no factor changes. Here factors are powers of 2, the nearest ones: such a product has no
rounding error, and the network in float32 gives the same numbers as before, to the last bit.

ReLU6 becomes  min(relu(y), 6 / s[i]).  Nagel et al. take ReLU in its place, which changes the network.

Nagel et al., "Data-free quantization through weight equalization and bias correction", arXiv:1906.04721, section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workbook.graphs.graph import FloatArray, Graph, Node
from workbook.graphs.operators import OPERATORS
from workbook.graphs.storage import Storage

Factors = Mapping[str, npt.NDArray[np.float64]]

_ROUNDS = 100  # of visiting all pairs; a chain of ten layers needs about as many


@dataclass(frozen=True)
class Pair:
    """Two layers with nothing between them that would notice a scaled channel.

    Attributes
    ----------
    first, second : str
        Names of the nodes.
    groups : int
        Of the second.
    """

    first: str
    second: str
    groups: int


def equalise(graph: Graph) -> Graph:
    """Return a graph with the same results and weights whose channels are alike in range."""
    return rescale(graph, factors(graph))


def factors(graph: Graph) -> dict[str, npt.NDArray[np.float64]]:
    """Return what `equalise` divides each output channel of a layer by, by the layer's name: powers of 2."""
    found = tuple(pairs(graph))
    nodes = {node.name: node for node in graph.nodes}
    involved = {name for pair in found for name in (pair.first, pair.second)}
    rows = {name: _matrix(nodes[name], graph) for name in involved}  # by output channel
    result = {pair.first: np.ones(len(rows[pair.first])) for pair in found}
    for _ in range(_ROUNDS):
        before = {name: s.copy() for name, s in result.items()}
        for pair in found:
            outgoing = np.abs(rows[pair.first]).max(axis=(1, 2))
            incoming = _by_input(np.abs(rows[pair.second]).max(axis=2), pair.groups)
            dead = (outgoing == 0) | (incoming == 0)
            step = _nearest_power(np.sqrt(np.where(dead, 1, outgoing) / np.where(dead, 1, incoming)))
            rows[pair.first] = rows[pair.first] / step[:, None, None]
            rows[pair.second] = _times_input(rows[pair.second], step, pair.groups)
            result[pair.first] = result[pair.first] * step
        if all(np.array_equal(before[name], s) for name, s in result.items()):
            break
    return result


def rescale(graph: Graph, factors: Factors) -> Graph:
    """Divide output channels of layers by factors, and multiply them in the layers that follow.

    Parameters
    ----------
    graph : Graph
    factors : mapping of str to (K,) array
        By the name of the first layer of one of `pairs(graph)`; above 0. With powers of 2 no result changes by a bit.

    Raises
    ------
    ValueError
        If a layer is in no pair, or a factor is not above 0.
    """
    known = {pair.first: pair for pair in pairs(graph)}
    for name, s in factors.items():
        if name not in known:
            raise ValueError(f"the layer {name!r} cannot be rescaled; those that can: {', '.join(known)}")
        if not (np.isfinite(s) & (s > 0)).all():
            raise ValueError(f"the factors of {name!r} must be finite and above 0")
        graph = _rescaled(graph, known[name], s)
    return graph


def spread(graph: Graph, octaves: int = 4, seed: int = 0) -> Graph:
    """Return a graph with the same results whose channels differ widely in range: the reverse of `equalise`.

    Each output channel that `pairs(graph)` allows is divided by a random power of 2. It makes a network into what
    networks with depthwise layers often are when their training ends (Nagel et al., figure 2), and lets a lesson show
    what one scale for all channels then costs.

    Parameters
    ----------
    graph : Graph
    octaves : int
        Factors lie within 2**-octaves and 2**octaves.
    seed : int
    """
    random = np.random.default_rng(seed)
    nodes = {node.name: node for node in graph.nodes}
    counts = {pair.first: len(_matrix(nodes[pair.first], graph)) for pair in pairs(graph)}
    return rescale(graph, {name: np.exp2(random.integers(-octaves, octaves + 1, K)) for name, K in counts.items()})


def pairs(graph: Graph) -> Iterator[Pair]:
    """Find the layers that can pass scales on to the next: convolutions read by one convolution or by a Gemm."""
    for node in graph.nodes:
        if node.op != "Conv" or node.attributes.get("residual") or node.inputs[1] not in graph.constants:
            continue
        array, averaged = node.outputs[0], False
        reader = graph.reader(array)
        while reader is not None and (_keeps_scales(reader) or is_cap(reader, graph) or _is_flat(reader, averaged)):
            averaged = averaged or reader.op == "GlobalAveragePool"
            array = reader.outputs[0]
            reader = graph.reader(array)
        if reader is None or reader.inputs[0] != array or not graph.constants.keys() & {*reader.inputs[1:2]}:
            continue
        if reader.op == "Conv":
            yield Pair(node.name, reader.name, reader.attributes.get("group", 1))
        elif reader.op == "Gemm" and averaged and not reader.attributes.get("transA"):
            yield Pair(node.name, reader.name, 1)


def is_cap(node: Node, graph: Graph) -> bool:
    """Whether a node is a Min with stored bounds, as it takes over from relu6."""
    return node.op == "Min" and len(node.inputs) == 2 and node.inputs[1] in graph.constants


def _keeps_scales(node: Node) -> bool:
    return node.op in OPERATORS and OPERATORS[node.op].keeps_scales


def _is_flat(node: Node, averaged: bool) -> bool:
    """Whether channels are still what they were: a Flatten of single pixels."""
    return node.op == "Flatten" and averaged and node.attributes.get("axis", 1) == 1


def _rescaled(graph: Graph, pair: Pair, s: npt.NDArray[np.float64]) -> Graph:
    first, second = (next(node for node in graph.nodes if node.name == name) for name in (pair.first, pair.second))
    graph = _with_weights(graph, second, _times_input(_matrix(second, graph), s, pair.groups))
    graph = _with_weights(graph, first, _matrix(first, graph) / s[:, None, None])
    first = next(node for node in graph.nodes if node.name == pair.first)
    if len(first.inputs) > 2 and first.inputs[2]:
        name, bias = f"rescaled bias of {first.name}", (graph.constants[first.inputs[2]] / s).astype(np.float32)
        first, old = replace(first, inputs=(*first.inputs[:2], name)), first
        graph = graph.replaced([old], first, {name: bias})
    cap = graph.reader(first.outputs[0])
    if cap is not None and is_cap(cap, graph):
        name = f"rescaled bounds of {cap.name}"
        bounds = (graph.constants[cap.inputs[1]] / s[:, None, None]).astype(np.float32)
        return graph.replaced([cap], replace(cap, inputs=(cap.inputs[0], name)), {name: bounds})
    return _capped(graph, first, s) if first.attributes.get("activation") == "relu6" else graph


def _capped(graph: Graph, node: Node, s: npt.NDArray[np.float64]) -> Graph:
    """Let a Min with one bound a channel take over from relu6."""
    end, uncapped, bounds = node.outputs[0], f"{node.outputs[0]} uncapped", f"rescaled bounds of {node.name} cap"
    conv = replace(node, outputs=(uncapped,), attributes={**node.attributes, "activation": "relu"})
    cap = Node(f"{node.name} cap", "Min", (uncapped, bounds), (end,))
    constants = Storage.of(graph.constants) | {bounds: (6 / s[:, None, None]).astype(np.float32)}
    nodes = tuple(new for old in graph.nodes for new in ((conv, cap) if old is node else (old,)))
    return replace(graph, nodes=nodes, constants=constants)


def _matrix(node: Node, graph: Graph) -> npt.NDArray[np.float64]:
    """Return a layer's weights as (output channel, input channel of its group, filter element)."""
    weight = graph.constants[node.inputs[1]].astype(np.float64)
    if node.op == "Gemm" and not node.attributes.get("transB"):
        weight = weight.T
    return weight.reshape(*weight.shape[:2], -1)


def _with_weights(graph: Graph, node: Node, rows: npt.NDArray[np.float64]) -> Graph:
    """Return the graph with another matrix of weights for a layer, under a name of its own."""
    old = Storage.of(graph.constants).outline(node.inputs[1])
    turned = node.op == "Gemm" and not node.attributes.get("transB")
    weight: FloatArray = (rows[:, :, 0].T if turned else rows.reshape(old.shape)).astype(np.float32)
    name = f"rescaled weight of {node.name}"
    inputs = (node.inputs[0], name, *node.inputs[2:])
    return graph.replaced([node], replace(node, inputs=inputs), {name: weight})


def _by_input(ranges: npt.NDArray[np.float64], groups: int) -> npt.NDArray[np.float64]:
    """Return the largest weight that reads each input channel; ranges are (output channel, channel of its group)."""
    K, C = ranges.shape
    largest: npt.NDArray[np.float64] = ranges.reshape(groups, K // groups, C).max(axis=1).reshape(-1)
    return largest


def _times_input(rows: npt.NDArray[np.float64], s: npt.NDArray[np.float64], groups: int) -> npt.NDArray[np.float64]:
    """Multiply the weights that read input channel i by s[i]."""
    K, C, taps = rows.shape
    scaled = rows.reshape(groups, K // groups, C, taps) * s.reshape(groups, 1, C, 1)
    result: npt.NDArray[np.float64] = scaled.reshape(K, C, taps)
    return result


def _nearest_power(s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the nearest power of 2, by ratio."""
    power: npt.NDArray[np.float64] = np.exp2(np.rint(np.log2(s)))
    return power
