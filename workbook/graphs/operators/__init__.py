"""ONNX's operators that run here: how each runs, how it computes on bytes, how other formats write it.

`OPERATORS` is the whole list, put together from a file for each family. To add an operator, write what prepares it, a
function (node, constants, settings) -> Operator, and enter it there. One that is not in the list, or not in the form
that a model has, is computed by ONNX Runtime (partition.py).
"""

from __future__ import annotations

from workbook.graphs.graph import FUSES, OURS, Graph, ModelError, Node
from workbook.graphs.operators.arithmetic import ARITHMETIC
from workbook.graphs.operators.convolutions import CONVOLUTIONS
from workbook.graphs.operators.entry import Entries, OnBytes
from workbook.graphs.operators.joining import JOINING
from workbook.graphs.operators.normalising import NORMALISING
from workbook.graphs.operators.on_bytes import ON_BYTES
from workbook.graphs.operators.operator import Constants, NotNativeError, Operator, Settings
from workbook.graphs.operators.pools import POOLS
from workbook.graphs.operators.products import PRODUCTS
from workbook.graphs.operators.reshaping import RESHAPING
from workbook.graphs.operators.resizing import RESIZING

OPERATORS: Entries = {
    **CONVOLUTIONS,
    **ARITHMETIC,
    **JOINING,
    **NORMALISING,
    **ON_BYTES,
    **POOLS,
    **PRODUCTS,
    **RESHAPING,
    **RESIZING,
}


def prepare(node: Node, constants: Constants, settings: Settings) -> Operator:
    """Make a node ready to run on the kernels.

    Raises
    ------
    NotNativeError
        If it does not run here, or not in this form; the message names the node.
    ModelError
        If it cannot be prepared.
    """
    entry = OPERATORS.get(node.op)
    if entry is None or len(node.writes) != 1 or not node.outputs[0]:
        raise NotNativeError(f"{node}: the operator does not run here")
    for name in node.attributes:
        if name not in (*entry.attributes, *(OURS if node.op in FUSES else ())):
            raise NotNativeError(f"{node}: the attribute {name!r} is unknown here")
    try:
        return entry.prepare(node, constants, settings)
    except ModelError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise ModelError(f"{node}: {error}") from error


def is_native(node: Node, constants: Constants) -> bool:
    """Whether a node is in a form that runs here."""
    try:
        prepare(node, constants, Settings())
    except NotNativeError:
        return False
    return True


def fits(node: Node, graph: Graph) -> bool:
    """Whether the array that an operator of this list reads first is of a type, and of so many axes, that it takes."""
    entry, first = OPERATORS[node.op], next(iter(node.inputs), "")
    dtype, axes = graph.type_of(first), graph.rank(first)
    return dtype is not None and dtype.name in entry.types and (not entry.axes or axes in entry.axes)


def form_on_bytes(op: str) -> OnBytes | None:
    """Return how an operator computes on bytes; None if it does not."""
    return OPERATORS[op].on_bytes if op in OPERATORS else None


def form_in_float32(op: str) -> tuple[str, OnBytes] | None:
    """Return the operator that one on bytes stands for, and how it does; None for all others."""
    return _IN_FLOAT32.get(op)


_IN_FLOAT32 = {
    entry.on_bytes.op: (op, entry.on_bytes)
    for op, entry in OPERATORS.items()
    if entry.on_bytes and entry.on_bytes.kind in ("weighted", "layer")
}
