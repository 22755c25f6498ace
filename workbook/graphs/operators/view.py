"""Operators that name the same numbers anew, maybe with another shape; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kernels.bound import Bound
from workbook.graphs.graph import Array, Node
from workbook.graphs.operators.operator import UNKNOWN, Constants, Operator, Outline, Plan, alike


class View(Operator):
    """A Reshape or the like.

    Parameters
    ----------
    node : Node
    reads : sequence of str
    constants : mapping of str to array
    compute : function
        Returns a view of the first array that it takes.
    """

    def __init__(self, node: Node, reads: Sequence[str], constants: Constants, compute: Callable[..., Array]) -> None:
        super().__init__(node, reads, compute)
        self._constants = constants

    def plan(self, *read: Outline | None) -> Plan:
        """Let the output lie where the input does; with another shape, the order is that of plain numbers."""
        x, *others = read
        if x is None or any(others):
            return UNKNOWN
        stored = [self._constants[name] if name else None for name in self.reads[1:]]
        y = Outline.of(self.compute(np.empty(x.shape, x.dtype), *stored))
        return Plan(y, _bind, alike, (0,), "x") if y == x else Plan(y, _bind, memory="x")


def _bind(read: Sequence[Array], y: Array) -> Bound:
    return Bound("view", 0, 1, None)
