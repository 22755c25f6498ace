"""Pools in NumPy: every element of the window is one shifted view of the image, and the views are combined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from kernels.geometry import Window
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.step import NotNativeError
from workbook.network.windows import depends_on_image, window


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
    round_up : bool
        Whether a last window may reach beyond the padding; nothing there counts.
    node : Node, optional
        For a padding that depends on the image's size.
    """

    taps: tuple[int, int]
    window: Window
    count_padding: bool = False
    round_up: bool = False
    node: Node | None = None

    @classmethod
    def of(cls, node: Node) -> Pool:
        """Read the attributes of a MaxPool or AveragePool."""
        taps = tuple(node.attributes.get("kernel_shape", ()))
        if len(taps) in (1, 3):
            raise NotNativeError(f"{node}: kernel_shape {taps} is not of an image; pools of two dimensions run here")
        if len(taps) != 2 or min(taps) < 1:
            raise ModelError(f"{node}: kernel_shape must be two numbers of at least 1, not {taps}")
        return cls(
            taps,
            window(node, taps),
            bool(node.attributes.get("count_include_pad")),
            bool(node.attributes.get("ceil_mode")),
            node if depends_on_image(node) else None,
        )

    def maximum(self, x: Array) -> Array:
        """Return the largest of each window; x is (N, C, H, W), numbers or bytes, the result (N, C, P, Q)."""
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return reduce(np.maximum, self._views(framed(x, self.padding(x.shape), lowest)))

    def average(self, x: FloatArray) -> FloatArray:
        """Return the mean of each window; x is (N, C, H, W), the result (N, C, P, Q)."""
        padding = self.padding(x.shape)
        total: FloatArray = reduce(np.add, self._views(framed(x, padding, 0)))
        R, S = self.taps
        if self.count_padding and not self.round_up:
            return total / np.float32(R * S)
        counted = np.ones((1, 1, *x.shape[2:]), np.float32)
        if self.count_padding:
            counted = framed(counted, self.window.padding, 1)
        own = self.window.padding if self.count_padding else (0, 0, 0, 0)
        beyond = tuple(all_ - counts for all_, counts in zip(padding, own, strict=True))
        inside: FloatArray = reduce(np.add, self._views(framed(counted, beyond, 0)))
        return total / inside

    def padding(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return rows and columns at the top, left, bottom and right, with those that a rounded up size adds."""
        image = (x_shape[2], x_shape[3])
        moves = self.window if self.node is None else window(self.node, self.taps, image)
        if not self.round_up:
            return moves.padding
        first, last = moves.padding[:2], moves.padding[2:]
        more = []
        for size, tap, stride, step, a, b in zip(
            image, self.taps, moves.stride, moves.dilation, first, last, strict=True
        ):
            reach = (tap - 1) * step + 1
            starts = -(-(size + a + b - reach) // stride) + 1
            if (starts - 1) * stride >= size + a:  # a window that would lie in the padding alone
                starts -= 1
            more.append(max((starts - 1) * stride + reach - size - a, b))
        return (*first, more[0], more[1])

    def _views(self, padded: Array) -> Iterator[Array]:
        """Yield R * S views: in the one of (r, s), element (p, q) is number (r, s) of the window of output (p, q)."""
        (down, across), (step_r, step_s) = self.window.stride, self.window.dilation
        R, S = self.taps
        P = (padded.shape[2] - (R - 1) * step_r - 1) // down + 1
        Q = (padded.shape[3] - (S - 1) * step_s - 1) // across + 1
        if min(P, Q) < 1:
            raise ValueError(f"the pool of {R}x{S} exceeds the padded image of {padded.shape[2]}x{padded.shape[3]}")
        for r in range(0, R * step_r, step_r):
            for s in range(0, S * step_s, step_s):
                yield padded[:, :, r : r + down * P : down, s : s + across * Q : across][:, :, :P, :Q]


def framed(x: Array, padding: tuple[int, ...], border: float = 0) -> Array:
    """Return images with their padding."""
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=border)
