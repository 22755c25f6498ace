"""What quantization needs of a network: that it runs, and makes one like itself of another graph.

`workbook.network.Network` does, and quantizes itself with this package. So nothing here imports it: the network that is
given makes the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self, TypeVar

from workbook.graphs.graph import Array, Feed, Graph, Node, Port


class Runs(Protocol):
    """A network; its methods and attributes are those of `workbook.network.Network`."""

    graph: Graph
    inputs: tuple[Port, ...]

    def run(self, x: Feed) -> list[Array]:
        """Return all outputs."""

    def trace(self, x: Feed) -> Iterator[tuple[Node, Array]]:
        """Yield each node with its output."""

    def of_graph(self, graph: Graph, *, threads: int | None = None, integer_algorithm: str = "auto") -> Self:
        """Return a network that runs another graph."""


AnyNetwork = TypeVar("AnyNetwork", bound=Runs)
