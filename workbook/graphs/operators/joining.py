"""Concat, in float32 and on bytes: what was written where it belongs is not copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

import kernels
from kernels.bound import Bound
from workbook.graphs.graph import Array, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT, Entries, Entry, NcnnLayer, OnBytes
from workbook.graphs.operators.on_bytes import number_of_each_byte
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    Operator,
    Outline,
    Plan,
    Settings,
    alike,
    stored,
)
from workbook.graphs.quantize_linear import quantize_linear

_NOTHING = np.empty(0, np.float32)  # the scratch of what needs none


class Joining(Operator):
    """A Concat.

    Parameters
    ----------
    node : Node
    reads : sequence of str
    tables : sequence of (kernels.LookUp or None), optional
        For each part what takes its bytes to those of the whole, unless they stay what they are.
    """

    def __init__(self, node: Node, reads: Sequence[str], tables: Sequence[kernels.LookUp | None] | None = None) -> None:
        super().__init__(node, reads)
        self._axis = node.attributes.get("axis", 1)
        self._tables = tables or (None,) * len(self.reads)

    def compute(self, *parts: Array) -> Array:
        """Return the parts side by side."""
        translated = [table(x) if table else x for table, x in zip(self._tables, parts, strict=True)]
        return np.concatenate(translated, self._axis)

    def plan(self, *read: Outline | None) -> Plan:
        """Join images along their channels."""
        parts = [part for part in read if part is not None]
        if len(parts) < len(read) or len(parts[0].shape) != 4 or self._axis not in (1, -3):
            return UNKNOWN
        N, _, H, W = parts[0].shape
        y = Outline((N, sum(part.shape[1] for part in parts), H, W), parts[0].dtype)
        places = tuple(range(len(parts)))
        if any(self._tables):
            return Plan(y, self._bind_tables, alike, places)
        return Plan(y, _bind_copies, alike, places, "parts")

    def _bind_tables(self, read: Sequence[Array], y: Array) -> Bound:
        """Return what translates or copies the parts, image by image: the channels of one then lie side by side."""
        work = list[Callable[[], object]]()
        for table, (x, part) in zip(self._tables, _places(read, y), strict=True):
            for image, place in zip(x, part, strict=True):
                copy = partial(np.copyto, place, image)
                work.append(partial(table.bind(image, place), _NOTHING) if table else copy)

        def translate(*_: object) -> None:
            for one in work:
                one()

        return Bound("table", 0, 1, translate)


def _places(read: Sequence[Array], y: Array) -> list[tuple[Array, Array]]:
    """Return each part, and the channels of y that it becomes."""
    ends = np.cumsum([x.shape[1] for x in read])
    return [(x, y[:, end - x.shape[1] : end]) for end, x in zip(ends, read, strict=True)]


def _bind_copies(read: Sequence[Array], y: Array) -> Bound:
    """Return what copies the arrays that lie elsewhere."""
    elsewhere = [(x, part) for x, part in _places(read, y) if part.ctypes.data != x.ctypes.data]

    def copy(*_: object) -> None:
        for x, part in elsewhere:
            np.copyto(part, x)

    return Bound("NumPy", 0, 1, copy)


QLINEAR_CONCAT = OnBytes("layer", "com.microsoft.QLinearConcat", ("y", "x"), ends=False)


def _qlinear_concat(node: Node, constants: Constants, _: Settings) -> Operator:
    """QLinearConcat: scale and zero point of y, then each array with its own."""
    scale, zero = (stored(node, i, f"input {i}", constants) for i in (0, 1))
    tables = list[kernels.LookUp | None]()
    same = np.arange(256, dtype=np.uint8)
    for i in range(2, len(node.inputs), 3):
        numbers = number_of_each_byte(*(stored(node, j, f"input {j}", constants) for j in (i + 1, i + 2)))
        table = quantize_linear(numbers, scale, zero)
        tables.append(None if np.array_equal(table.view(np.uint8), same) else kernels.LookUp(table, threads=1))
    return Joining(node, node.inputs[2::3], tables)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    return (NcnnLayer("Concat", {0: 0}),) if node.attributes.get("axis") == 1 else None


JOINING: Entries = {
    "Concat": Entry(
        lambda node, constants, settings: Joining(node, node.inputs),
        QLINEAR_CONCAT,
        _in_ncnn,
        attributes=("axis",),
        types=(*FLOAT, *BYTES),
        joins=True,
    ),
    "com.microsoft.QLinearConcat": Entry(_qlinear_concat, attributes=("axis",)),  # it reads a scale first
}
