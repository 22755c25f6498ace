"""Operators whose kernel works number by number: activations, sums and conversions of bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbook.graphs.graph import Array, Node
from workbook.graphs.operators.operator import UNKNOWN, Operator, Outline, Plan, alike


class EachNumber(Operator):
    """An operator whose kernel works number by number, on arrays of one shape.

    Parameters
    ----------
    node : Node
    reads : sequence of str
    kernel : such as kernels.QLinearAdd
    dtype : numpy.dtype
        Of the result.
    otherwise : function, optional
        For arrays that repeat each other.
    """

    def __init__(
        self,
        node: Node,
        reads: Sequence[str],
        kernel: Any,
        dtype: np.dtype[Any],
        otherwise: Callable[..., Array] | None = None,
    ) -> None:
        super().__init__(node, reads)
        self._kernel, self._dtype, self._otherwise = kernel, dtype, otherwise

    def compute(self, *read: Array) -> Array:
        """Return an array of the shape that all are repeated to."""
        if self._otherwise and any(array.shape != read[0].shape for array in read):
            return self._otherwise(*read)
        y: Array = self._kernel(*read)
        return y

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel to arrays of one shape."""
        arrays = [array for array in read if array is not None]
        if len(arrays) < len(read):
            return UNKNOWN
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        y = Outline(shape, self._dtype)
        if any(array.shape != shape for array in arrays):
            return Plan(y)
        return Plan(y, lambda given, out: self._kernel.bind(*given, out), alike, tuple(range(len(arrays))))
