"""Nodes that together make a byte of each byte: one table of 256, which the nodes themselves compute.

    q -> DequantizeLinear -> Sigmoid -> Mul -> QuantizeLinear -> q        becomes        q -> table -> q

So SiLU on bytes, which nobody names so, costs one pass over bytes, and its bits are those of the nodes one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

import kernels
from workbook.graphs.graph import Array, Graph, ModelError, Node
from workbook.graphs.operators.arithmetic import Elementwise
from workbook.graphs.operators.each_number import EachNumber
from workbook.graphs.operators.entry import BYTES
from workbook.graphs.operators.operator import UNKNOWN, Operator, Outline, Plan, Settings, alike
from workbook.graphs.storage import Storage


class ByteTable(Operator):
    """Several operators on each number, from the bytes that the first ones read to those that the last one writes.

    Parameters
    ----------
    operators : sequence of Operator
        In an order in which they can run; the last one writes the bytes.
    x : str
        Name of the bytes that they read.
    graph : Graph
        That they are a part of.
    settings : Settings

    Raises
    ------
    ModelError
        If a byte has none, such as one that would be divided by zero.
    """

    def __init__(self, operators: Sequence[Operator], x: str, graph: Graph, settings: Settings) -> None:
        self._operators, self._constants = tuple(operators), Storage.of(graph.constants)
        super().__init__(operators[-1].node, (x,))
        self.nodes = tuple(operator.node for operator in operators)
        *_, (_, _, table) = self.trace(np.arange(256, dtype=np.uint8).view(graph.types[x]))
        self._dtype, self._kernel = table.dtype, kernels.LookUp(table.reshape(-1), threads=settings.threads)

    def compute(self, x: Array) -> Array:
        """Return the byte of each."""
        return self._kernel(x)

    def trace(self, x: Array) -> list[tuple[Node, str, Array]]:
        """Return every array that the nodes compute, with the node and the array's name."""
        seen, found = {self.reads[0]: x}, list[tuple[Node, str, Array]]()
        for operator in self._operators:
            y = operator(*(seen[name] if name in seen else self._constants.get(name) for name in operator.reads))
            seen[operator.writes[0]] = y
            found.append((operator.node, operator.writes[0], y))
        return found

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the table."""
        (x,) = read
        if x is None:
            return UNKNOWN
        return Plan(Outline(x.shape, self._dtype), lambda given, y: self._kernel.bind(given[0], y), alike, (0,))


def byte_tables(graph: Graph, native: Mapping[str, Operator], settings: Settings) -> list[ByteTable]:
    """Return the tables that make up for native operators of a graph; none of their other arrays is read elsewhere."""
    writers = {name: node for node in graph.nodes for name in node.writes}
    readers: dict[str, set[str]] = {}
    for node in graph.nodes:
        for name in node.reads:
            readers.setdefault(name, set()).add(node.name)
    place = {node.name: i for i, node in enumerate(graph.nodes)}
    constants = Storage.of(graph.constants)

    def is_function_of_a_number(node: Node) -> bool:
        operator = native.get(node.name)
        return isinstance(operator, EachNumber | Elementwise) and all(
            name not in constants or constants.outline(name).size == 1 for name in operator.reads
        )

    tables, taken = list[ByteTable](), set[str]()
    for end in reversed(graph.nodes):  # the longest first: what ends one may stand within another
        if end.op != "QuantizeLinear" or end.name in taken or not is_function_of_a_number(end):
            continue
        inner, edge = {end.name: end}, _computed(end, native, constants)
        while edge and not (len(edge) == 1 and _is_of_bytes(graph, *edge)):
            before = writers.get(max(edge, key=lambda name: place[writers[name].name] if name in writers else -1))
            if before is None or not is_function_of_a_number(before) or before.name in taken:
                break
            inner[before.name] = before
            edge = (edge - set(before.writes)) | _computed(before, native, constants)
        private = [name for node in inner.values() for name in node.writes if node is not end]
        within = all(readers.get(name, set()) <= inner.keys() and name not in graph.outputs for name in private)
        if len(edge) != 1 or not within:
            continue
        (x,) = edge
        if not _is_of_bytes(graph, x) or graph.rank(x) != graph.rank(end.writes[0]):
            continue
        operators = [native[name] for name in sorted(inner, key=place.__getitem__)]
        with suppress(ModelError):
            tables.append(ByteTable(operators, x, graph, settings))
            taken.update(inner)
    return tables


def _computed(node: Node, native: Mapping[str, Operator], constants: Storage) -> set[str]:
    """Return the names of the arrays that an operator reads and the file does not store."""
    return {name for name in native[node.name].reads if name and name not in constants}


def _is_of_bytes(graph: Graph, name: str) -> bool:
    return name in graph.types and graph.types[name].name in BYTES
