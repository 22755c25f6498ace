"""Who computes what: the kernels the nodes that they have, ONNX Runtime the rest, each part of it in one session.

Native nodes that make a byte of each byte are one step, a table (operators/byte_table.py).

A node is native if `OPERATORS` takes it in its form, with the types of its arrays. An operator that is a small part of
the work (`Entry.joins`, `joins_below`) is native only where all that it reads comes from the kernels or enters the
network: elsewhere it would cut a part of ONNX Runtime's in two. A small product that such a part alone reads belongs to
it as well, for a call costs as much as the product. Nodes of one part must not wait for each other through the kernels,
so

    stage(node) = max over what it reads of  stage(writer) + (1 if the two are not computed by the same)

and a part is what hangs together among ONNX Runtime's nodes of one stage, and of one version of ONNX's operators. A
node of ONNX Runtime's that only such nodes read, later ones, waits for them.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbook.graphs.graph import Graph, Node, in_order
from workbook.graphs.operators import OPERATORS, fits, prepare
from workbook.graphs.operators.byte_table import byte_tables
from workbook.graphs.operators.operator import NotNativeError, Operator, Settings
from workbook.graphs.passes import residual_parts
from workbook.graphs.runtime_part import RuntimePart
from workbook.graphs.storage import Storage

Step = Operator | RuntimePart


def steps_of(graph: Graph, settings: Settings, known: Sequence[Step] = ()) -> tuple[Step, ...]:
    """Return what computes a graph, in the order in which it runs.

    Parameters
    ----------
    graph : Graph
        With the types of its arrays.
    settings : Settings
    known : sequence of (Operator or RuntimePart)
        Made with these settings and the same stored arrays: of nodes that are alike, they are taken as they are.

    Raises
    ------
    ModelError
        If a node can be computed by neither; the message names it.
    """
    native, graph = _native(graph, settings, [step for step in known if isinstance(step, Operator)])
    parts = [step for step in known if isinstance(step, RuntimePart)]
    groups = _groups(graph.nodes, native)
    read = {name: {groups[node.name]} for node in graph.nodes for name in node.writes}  # by whom, beside its own part
    for node in graph.nodes:
        for name in node.reads:
            read.get(name, set()).add(groups[node.name])
    members: dict[int, list[Node]] = {}
    for node in graph.nodes:
        members.setdefault(groups[node.name], []).append(node)
    tables = {table.node.name: table for table in byte_tables(graph, native, settings)}
    within = {node.name for table in tables.values() for node in table.nodes} - tables.keys()
    steps: dict[int, Step] = {}
    for group, nodes in members.items():
        name = nodes[0].name
        if name in native and name not in within:
            steps[group] = tables.get(name) or native[name]
        elif name not in native:
            ends = [n for node in nodes for n in node.writes if n in graph.outputs or len(read[n]) > 1]
            alike = (part for part in parts if part.writes == tuple(ends) and _same(part.nodes, nodes))
            steps[group] = next(alike, None) or RuntimePart(nodes, graph, ends, settings.threads)
    return tuple(steps[group] for group in _order(members) if group in steps)


def _same(nodes: Sequence[Node], others: Sequence[Node]) -> bool:
    return len(nodes) == len(others) and all(map(operator.is_, nodes, others))


def _native(graph: Graph, settings: Settings, known: Sequence[Operator]) -> tuple[dict[str, Operator], Graph]:
    """Return the operators of the native nodes by name, and the graph: of the others, what was fused is undone."""
    native, nodes, constants = dict[str, Operator](), list[Node](), Storage.of(graph.constants)
    types, elsewhere = dict(graph.types), set[str]()
    made: dict[str, list[Operator]] = {}
    for step in known:
        made.setdefault(step.node.name, []).append(step)
    for node in graph.nodes:
        try:
            if node.op not in OPERATORS or not fits(node, graph):
                raise NotNativeError(f"{node}: it is of another type")
            if elsewhere.intersection(node.reads) and _joins(node, constants):
                raise NotNativeError(f"{node}: it belongs to a part")
            alike = (step for step in made.get(node.name, ()) if step.node == node)
            native[node.name] = next(alike, None) or prepare(node, graph.constants, settings)
            nodes.append(node)
        except NotNativeError:
            parts, more = residual_parts(node) if node.fused else ((node,), {})
            constants |= more
            nodes += parts
            elsewhere.update(name for part in parts for name in part.writes)
            types |= {part.outputs[0]: types[node.outputs[0]] for part in parts if node.fused}
    for name in _small_before_parts(nodes, native, graph.outputs, constants):
        del native[name]
    return native, replace(graph, nodes=tuple(nodes), constants=constants, types=types)


def _small_before_parts(
    nodes: Sequence[Node], native: Mapping[str, Operator], outputs: Sequence[str], constants: Storage
) -> list[str]:
    """Return the native products that are small, and that only nodes of ONNX Runtime read."""
    kept = {name for node in nodes if node.name in native for name in node.reads}.union(outputs)
    small = (node for node in nodes if node.name in native and _is_small_product(node, constants) and not node.fused)
    read = {name for node in nodes for name in node.reads}
    return [node.name for node in small if read.issuperset(node.writes) and kept.isdisjoint(node.writes)]


def _joins(node: Node, constants: Storage) -> bool:
    """Whether a node is a small part of the work."""
    return OPERATORS[node.op].joins or _is_small_product(node, constants)


def _is_small_product(node: Node, constants: Storage) -> bool:
    stored = sum(constants.outline(name).size for name in node.inputs if name in constants)
    return stored < OPERATORS[node.op].joins_below


def _groups(nodes: Sequence[Node], native: Mapping[str, Operator]) -> dict[str, int]:
    """Return a number for each node, by name: native ones have one of their own, those of a part the same."""
    writers = {name: node for node in nodes for name in node.writes}
    version = max((node.opset for node in nodes if not node.domain), default=1)  # that other domains stand beside
    kinds = {n.name: 0 if n.name in native else version if n.domain else n.opset for n in nodes}
    readers: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for name in node.reads:
            if name in writers:
                readers[writers[name].name].append(node.name)
    stages: dict[str, int] = {}
    for node in nodes:
        before = [writers[name].name for name in node.reads if name in writers]
        stages[node.name] = max((stages[w] + (kinds[w] != kinds[node.name]) for w in before), default=0)
    for node in reversed(nodes):
        after = readers[node.name]
        if kinds[node.name] and after and all(kinds[name] == kinds[node.name] for name in after):
            stages[node.name] = max(stages[node.name], min(stages[name] for name in after))
    groups = {node.name: i for i, node in enumerate(nodes)}
    roots = list(range(len(nodes)))  # a forest: each number leads to another one of the same part, or to itself

    def root(i: int) -> int:
        while roots[i] != i:
            roots[i] = i = roots[roots[i]]
        return i

    for node in nodes:
        for name in node.reads:
            other = writers.get(name)
            if not other or not kinds[node.name]:
                continue
            if (kinds[other.name], stages[other.name]) == (kinds[node.name], stages[node.name]):
                roots[root(groups[node.name])] = root(groups[other.name])
    return {name: root(i) for name, i in groups.items()}


def _order(members: Mapping[int, Sequence[Node]]) -> list[int]:
    """Return the groups in an order in which they can run."""
    group_of = {name: group for group, nodes in members.items() for node in nodes for name in node.writes}
    return in_order(
        {
            group: {group_of[name] for node in nodes for name in node.reads if name in group_of} - {group}
            for group, nodes in members.items()
        }
    )
