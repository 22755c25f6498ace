"""The best mix of float32 and bytes, layer by layer: a minimum cut.

Each node runs in float32, at `floats[node]` seconds, or on bytes, at `bytes[node]`. An array that is written in one
form and read in the other is converted, once, at `to_bytes` or `to_floats` seconds. The sum is least where a cut
through this graph is: source = float32, sink = bytes, and a node stands on the side of its form.

    source -> node           bytes[node]     is cut if the node is on bytes
    node -> sink             floats[node]    is cut if it is in float32
    writer -> a -> reader    to_bytes, inf   is cut once if the writer is in float32 and a reader on bytes
    reader -> b -> writer    inf, to_floats  is cut once if a reader is in float32 and the writer on bytes
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from workbook.network import Graph

_FLOAT, _BYTES = "float32", "bytes"


def best_mix(
    graph: Graph,
    floats: Mapping[str, float],
    bytes: Mapping[str, float],
    to_bytes: Mapping[str, float],
    to_floats: Mapping[str, float],
) -> frozenset[str]:
    """Return the names of the nodes that run on bytes where all of it takes least.

    Parameters
    ----------
    graph : Graph
        In float32; the network's inputs and outputs are float32 too.
    floats, bytes : mapping of node's name to float
        Seconds; a node that `bytes` does not have runs in float32.
    to_bytes, to_floats : mapping of array's name to float
        Seconds to convert an array.
    """
    flow = nx.DiGraph()
    flow.add_nodes_from([(_FLOAT,), (_BYTES,)])
    for node in graph.nodes:
        if node.name in bytes:
            flow.add_edge((_FLOAT,), ("node", node.name), capacity=bytes[node.name])
            flow.add_edge(("node", node.name), (_BYTES,), capacity=floats[node.name])
        else:
            flow.add_edge((_FLOAT,), ("node", node.name))  # without a capacity: it cannot be cut
    writers = {name: ("node", node.name) for node in graph.nodes for name in node.outputs}
    readers: dict[str, list[tuple[str, ...]]] = {name: [(_FLOAT,)] for name in graph.outputs}
    for node in graph.nodes:
        for name in set(node.reads) - graph.constants.keys():
            readers.setdefault(name, []).append(("node", node.name))
    for name, places in readers.items():
        writer = writers.get(name, (_FLOAT,))
        flow.add_edge(writer, ("to bytes", name), capacity=to_bytes[name])
        flow.add_edge(("to floats", name), writer, capacity=to_floats[name])
        for place in places:
            flow.add_edge(("to bytes", name), place)
            flow.add_edge(place, ("to floats", name))
    _, (_, side) = nx.minimum_cut(flow, (_FLOAT,), (_BYTES,))
    return frozenset(place[1] for place in side if place[0] == "node")
