"""ONNX's operators: how each runs, how it computes on bytes, how other formats write it.

`OPERATORS` is the whole list, put together from a file for each family. To add an operator, write what prepares it, a
function (node, constants, settings) -> Operator, and enter it there. One that is not in the list, or not in the form
that a model has, is computed by onnx.reference (onnx_reference.py).
"""

from __future__ import annotations

from workbook.graphs.graph import ModelError, Node
from workbook.graphs.operators.convolutions import CONVOLUTIONS
from workbook.graphs.operators.elementwise import ELEMENTWISE
from workbook.graphs.operators.entry import Entries, OnBytes
from workbook.graphs.operators.joining import JOINING
from workbook.graphs.operators.normalising import NORMALISING
from workbook.graphs.operators.on_bytes import ON_BYTES
from workbook.graphs.operators.onnx_reference import by_reference
from workbook.graphs.operators.operator import Constants, NotNativeError, Operator, Settings
from workbook.graphs.operators.pools import POOLS
from workbook.graphs.operators.products import PRODUCTS
from workbook.graphs.operators.reshaping import RESHAPING
from workbook.graphs.operators.resizing import RESIZING
from workbook.graphs.operators.transposed import TRANSPOSED

OPERATORS: Entries = {
    **CONVOLUTIONS,
    **ELEMENTWISE,
    **JOINING,
    **NORMALISING,
    **ON_BYTES,
    **POOLS,
    **PRODUCTS,
    **RESHAPING,
    **RESIZING,
    **TRANSPOSED,
}


def prepare(node: Node, constants: Constants, settings: Settings) -> Operator:
    """Make a node ready to run.

    Raises
    ------
    ModelError
        If neither `OPERATORS` nor onnx.reference has the operator, or if it cannot be prepared; the message names the
        node.
    """
    try:
        if node.op not in OPERATORS:
            raise NotNativeError(f"{node}: the operator is supported neither here nor by onnx.reference")
        if "output" in node.attributes and node.op not in ("Split", "Dropout"):
            raise NotNativeError(f"{node}: of its outputs only the first is computed here")
        return OPERATORS[node.op].prepare(node, constants, settings)
    except NotNativeError as why:
        return by_reference(node, why)
    except ModelError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise ModelError(f"{node}: {error}") from error


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
