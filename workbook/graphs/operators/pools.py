"""Pools: on the kernels where an image is two-dimensional, in NumPy otherwise.

In NumPy every element of the window is one shifted view of the image, and the views are combined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

import kernels
from kernels.geometry import Window
from workbook.graphs.graph import Array, FloatArray, ModelError, Node, Shape
from workbook.graphs.operators.entry import PASSING, Entries, Entry, NcnnLayer, OnBytes
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    stored,
)
from workbook.graphs.quantize_linear import dequantize_linear, quantize_linear
from workbook.graphs.windows import depends_on_image, window

Kernel = kernels.Pool2d | kernels.QLinearPool


class Pooling(Operator):
    """A pool.

    Parameters
    ----------
    node : Node
    compute : function
        For arrays that no kernel takes.
    kernel : function
        Takes the outline of an image; returns the kernel for it, or None.
    """

    def __init__(
        self, node: Node, compute: Callable[[Array], Array], kernel: Callable[[Outline], Kernel | None]
    ) -> None:
        super().__init__(node, node.inputs[:1], compute)
        self._kernel = kernel

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel, if there is one."""
        (x,) = read
        kernel = self._kernel(x) if x is not None and len(x.shape) == 4 else None
        if x is None or kernel is None:
            return UNKNOWN
        shape = kernel.y_shape(x.shape)
        one_pixel = shape[2] * shape[3] == 1  # which lies in both forms
        alike = () if x.dtype == np.float32 or one_pixel else (0,)
        return Plan(
            Outline(shape, kernel.y_dtype), lambda arrays, out: kernel.bind(arrays[0], out), kernel.takes, alike
        )


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
        return reduce(np.maximum, self._views(_framed(x, self.padding(x.shape), lowest)))

    def average(self, x: FloatArray) -> FloatArray:
        """Return the mean of each window; x is (N, C, H, W), the result (N, C, P, Q)."""
        padding = self.padding(x.shape)
        total: FloatArray = reduce(np.add, self._views(_framed(x, padding, 0)))
        R, S = self.taps
        if self.count_padding and not self.round_up:
            return total / np.float32(R * S)
        counted = np.ones((1, 1, *x.shape[2:]), np.float32)
        if self.count_padding:
            counted = _framed(counted, self.window.padding, 1)
        own = self.window.padding if self.count_padding else (0, 0, 0, 0)
        beyond = tuple(all_ - counts for all_, counts in zip(padding, own, strict=True))
        inside: FloatArray = reduce(np.add, self._views(_framed(counted, beyond, 0)))
        return total / inside

    def kernel(self, x: Outline, kind: Literal["maximum", "mean"], threads: int | None) -> kernels.Pool2d | None:
        """Return the pool of float32 for an image; None for what the kernel counts otherwise."""
        if x.dtype != np.float32 or self.counts_a_part:
            return None
        return kernels.Pool2d(
            kind,
            self.taps,
            stride=self.window.stride,
            padding=self.padding(x.shape),
            dilation=self.window.dilation,
            count_padding=self.count_padding,
            threads=threads,
        )

    def byte_kernel(
        self, x: Outline, kind: Literal["maximum", "mean"], steps: tuple[Array, ...], threads: int | None
    ) -> kernels.QLinearPool | None:
        """Return the same on bytes; `steps` are scale and zero point of x and of y."""
        if self.counts_a_part:
            return None
        x_scale, x_zero, y_scale, y_zero = steps
        return kernels.QLinearPool(
            kind,
            self.taps,
            x_scale,
            x_zero,
            y_scale,
            y_zero,
            stride=self.window.stride,
            padding=self.padding(x.shape),
            dilation=self.window.dilation,
            count_padding=self.count_padding,
            threads=threads,
        )

    @property
    def counts_a_part(self) -> bool:
        """Whether a mean counts the padding, but not what a rounded up size adds to it."""
        return self.round_up and self.count_padding

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


def _framed(x: Array, padding: tuple[int, ...], border: float = 0) -> Array:
    """Return images with their padding."""
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=border)


def _max_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    pool = Pool.of(node)

    def kernel(x: Outline) -> Kernel | None:
        if x.dtype in (np.uint8, np.int8):
            same = (np.array(1, np.float32), np.array(0, x.dtype)) * 2  # scale and zero point do not matter
            return pool.byte_kernel(x, "maximum", same, settings.threads)
        return pool.kernel(x, "maximum", settings.threads)

    return Pooling(node, pool.maximum, kernel)


def _average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    pool = Pool.of(node)
    return Pooling(node, pool.average, lambda x: pool.kernel(x, "mean", settings.threads))


def _qlinear_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    x_scale, x_zero, y_scale, y_zero = steps = _steps(node, constants)
    pool = Pool.of(node)

    def average(q: Array) -> Array:
        kernel = pool.byte_kernel(Outline.of(q), "mean", steps, settings.threads)
        if kernel:
            return kernel(q)
        y: Array = quantize_linear(pool.average(dequantize_linear(q, x_scale, x_zero)), y_scale, y_zero)
        return y

    return Pooling(node, average, lambda x: pool.byte_kernel(x, "mean", steps, settings.threads))


def _over_image(compute: Callable[..., Array], x: Array) -> Array:
    return compute(x, axis=tuple(range(2, x.ndim)), keepdims=True)


def _global_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    kernel = kernels.Pool2d("mean", threads=settings.threads)
    return Pooling(node, lambda x: _over_image(np.mean, x), lambda x: kernel if x.dtype == np.float32 else None)


def _global_max_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    return Operator(node, node.inputs, lambda x: _over_image(np.max, x))


def _qlinear_global_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    kernel = kernels.QLinearPool("mean", None, *_steps(node, constants), threads=settings.threads)
    return Pooling(node, kernel, lambda x: kernel)


def _steps(node: Node, constants: Constants) -> tuple[Array, ...]:
    """Return scale and zero point of x and of y."""
    return tuple(stored(node, i, f"input {i}", constants).reshape(()) for i in range(1, 5))


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    pool = Pool.of(node)
    if pool.round_up or pool.node or pool.window.dilation != (1, 1):
        return None
    (R, S), (down, across), (top, left, bottom, right) = pool.taps, pool.window.stride, pool.window.padding
    mean = int(node.op == "AveragePool")
    sides: dict[int, object] = {3: left, 13: top, 14: right, 15: bottom}
    parameters = {0: mean, 1: S, 11: R, 2: across, 12: down, **sides, 5: 1, 6: int(pool.count_padding)}
    return (NcnnLayer("Pooling", parameters),)


def _global_in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...]:
    """The mean has one axis in ncnn; it becomes an image of one pixel, as ONNX has it."""
    return NcnnLayer("Pooling", {0: 1, 4: 1}), NcnnLayer("Reshape", {0: 1, 1: 1, 2: -1})


QLINEAR_AVERAGE = OnBytes("layer", "com.microsoft.QLinearAveragePool", ("x", "y"))
QLINEAR_GLOBAL_AVERAGE = OnBytes("layer", "com.microsoft.QLinearGlobalAveragePool", ("x", "y"))

POOLS: Entries = {
    "AveragePool": Entry(_average_pool, QLINEAR_AVERAGE, _in_ncnn, keeps_scales=True),
    "GlobalAveragePool": Entry(_global_average_pool, QLINEAR_GLOBAL_AVERAGE, _global_in_ncnn, keeps_scales=True),
    "GlobalMaxPool": Entry(_global_max_pool, keeps_scales=True),
    "MaxPool": Entry(_max_pool, PASSING, _in_ncnn, keeps_scales=True),
    "com.microsoft.QLinearAveragePool": Entry(_qlinear_average_pool),
    "com.microsoft.QLinearGlobalAveragePool": Entry(_qlinear_global_average_pool),
}
