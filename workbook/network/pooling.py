"""Pools in NumPy: every element of the window is one shifted view of the image, and the views are combined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from kernels.geometry import Window
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.windows import window


@dataclass(frozen=True)
class Pool:
    """A window of R x S elements that moves over each channel.

    Attributes
    ----------
    taps : (int, int)
        R, S.
    window : Window
        Strides, padding and dilation.
    count_padding : bool
        Whether an average counts the zeros round the image.
    """

    taps: tuple[int, int]
    window: Window
    count_padding: bool = False

    @classmethod
    def of(cls, node: Node) -> Pool:
        """Read the attributes of a MaxPool or AveragePool."""
        taps = tuple(node.attributes.get("kernel_shape", ()))
        if len(taps) != 2 or min(taps) < 1:
            raise ModelError(f"{node}: kernel_shape must be two numbers of at least 1, not {taps}")
        if node.attributes.get("ceil_mode"):
            raise ModelError(f"{node}: ceil_mode=1 is not supported; export the model with ceil_mode=0")
        if len(node.outputs) > 1:
            raise ModelError(f"{node}: its second output {node.outputs[1]!r}, the indices, is not supported")
        return cls(taps, window(node, taps), bool(node.attributes.get("count_include_pad")))

    def maximum(self, x: Array) -> Array:
        """Return the largest of each window; x is (N, C, H, W), numbers or bytes, the result (N, C, P, Q)."""
        return reduce(np.maximum, self._views(x, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min))

    def average(self, x: FloatArray) -> FloatArray:
        """Return the mean of each window; x is (N, C, H, W), the result (N, C, P, Q)."""
        total: FloatArray = reduce(np.add, self._views(x, 0))
        R, S = self.taps
        if self.count_padding:
            return total / np.float32(R * S)
        ones = np.ones((1, 1, *x.shape[2:]), np.float32)
        inside: FloatArray = reduce(np.add, self._views(ones, 0))
        return total / inside

    def _views(self, x: Array, border: float) -> Iterator[Array]:
        """Yield R * S views: in the one of (r, s), element (p, q) is number (r, s) of the window of output (p, q)."""
        top, left, bottom, right = self.window.padding
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=border)
        (down, across), (step_r, step_s) = self.window.stride, self.window.dilation
        R, S = self.taps
        P = (padded.shape[2] - (R - 1) * step_r - 1) // down + 1
        Q = (padded.shape[3] - (S - 1) * step_s - 1) // across + 1
        if min(P, Q) < 1:
            raise ValueError(f"the pool of {R}x{S} exceeds the padded image of {padded.shape[2]}x{padded.shape[3]}")
        for r in range(0, R * step_r, step_r):
            for s in range(0, S * step_s, step_s):
                yield padded[:, :, r : r + down * P : down, s : s + across * Q : across][:, :, :P, :Q]
