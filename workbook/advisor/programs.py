"""The programs that one network can run by, and what each layer takes in them.

im2col         every convolution as a matrix product: the baseline, and as fast as the libraries that do the same
direct         the same sums, read where they lie
winograd_f2    F(2x2, 3x3), and winograd_f4: F(4x4, 3x3); the layers that it cannot run are by im2col
auto           what the kernels choose, as a network is loaded
float32        the fastest of these for each layer
int8 direct    every layer on bytes, that can be, multiplied as the definition says
int8           the same, by Winograd's algorithm on bytes where that is faster
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from workbook.graphs.graph import Array, Port
from workbook.network import Graph, Network, Node

BASE = "im2col"
WINOGRAD = ("winograd_f2", "winograd_f4")
FLOAT = (BASE, "direct", *WINOGRAD)
BYTES, BYTES_DIRECT = "int8", "int8 direct"
AUTO = "auto"
BEST_FLOAT = "float32"

_PARTS = (" sum", " activation")  # how a convolution's residual is named when it is a node of its own


def with_algorithms(graph: Graph, chosen: Mapping[str, str]) -> Graph:
    """Return a graph whose convolutions run each by its own algorithm, those that are not named by im2col.

    One by "auto" is left as it is.
    """

    def placed(node: Node) -> Node:
        algorithm = chosen.get(node.name, BASE)
        if algorithm == AUTO:
            return node
        return replace(node, attributes={**node.attributes, "algorithm": algorithm}) if node.op == "Conv" else node

    return replace(graph, nodes=tuple(map(placed, graph.nodes)))


def network(graph: Graph, chosen: Mapping[str, str], threads: int | None, beside: Iterable[Network] = ()) -> Network:
    """Return a network whose convolutions run each by its own algorithm; `beside` as in `Network`."""
    return Network(with_algorithms(graph, chosen), threads=threads, beside=beside)


def owner(node: Node) -> str:
    """Return the name of the layer that a node of a quantized graph is a part of."""
    for part in _PARTS:
        if node.name.endswith(part):
            return node.name.removesuffix(part)
    return node.name


def on_bytes(graph: Graph) -> frozenset[str]:
    """Return the names of the layers of a quantized graph whose outputs are bytes."""
    written = {name for node in graph.nodes if node.op == "DequantizeLinear" for name in node.outputs}
    return frozenset(
        owner(node)
        for node in graph.nodes
        if node.op != "QuantizeLinear" and node.outputs[0].endswith(" in bytes") and node.outputs[0] not in written
    )


def conversions() -> Network:
    """Return a network that turns numbers into bytes and back, to time both."""
    reads = ("scale", "zero")
    nodes = (
        Node("to bytes", "QuantizeLinear", ("x", *reads), ("q",)),
        Node("to floats", "DequantizeLinear", ("q", *reads), ("y",)),
    )
    constants: dict[str, Array] = {"scale": np.array(1 / 64, np.float32), "zero": np.array(128, np.uint8)}
    return Network(Graph(nodes, constants, (Port("x", None),), ("y",)), threads=1)
