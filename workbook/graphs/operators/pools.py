"""Pools of images, on the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

import kernels
from kernels.geometry import Window
from workbook.graphs.graph import Array, ModelError, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT, PASSING, WINDOW, Entries, Entry, NcnnLayer, OnBytes
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
from workbook.graphs.windows import depends_on_image, window

Kernel = kernels.Pool2d | kernels.QLinearPool


class Pooling(Operator):
    """A pool.

    Parameters
    ----------
    node : Node
    kernel : function
        Takes the outline of an image; returns the kernel for it.
    """

    def __init__(self, node: Node, kernel: Callable[[Outline], Kernel]) -> None:
        super().__init__(node, node.inputs[:1], lambda x: kernel(Outline.of(x))(x))
        self._kernel = kernel

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel."""
        (x,) = read
        if x is None:
            return UNKNOWN
        kernel = self._kernel(x)
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
        if len(taps) != 2:
            raise NotNativeError(f"{node}: kernel_shape {taps} is not of an image; pools of two dimensions run here")
        if min(taps) < 1:
            raise ModelError(f"{node}: kernel_shape must be two numbers of at least 1, not {taps}")
        counts, rounds_up = (bool(node.attributes.get(name)) for name in ("count_include_pad", "ceil_mode"))
        if counts and rounds_up:
            raise NotNativeError(f"{node}: a mean that counts the padding, but not what ceil_mode adds, has no kernel")
        return cls(taps, window(node, taps), counts, rounds_up, node if depends_on_image(node) else None)

    def kernel(self, x: Outline, kind: Literal["maximum", "mean"], threads: int | None) -> kernels.Pool2d:
        """Return the pool of float32 for an image."""
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
    ) -> kernels.QLinearPool:
        """Return the same on bytes; `steps` are scale and zero point of x and of y."""
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


def _max_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    pool = Pool.of(node)
    if node.attributes.get("storage_order"):
        raise NotNativeError(f"{node}: indices have no kernel")

    def kernel(x: Outline) -> Kernel:
        if x.dtype in (np.uint8, np.int8):
            same = (np.array(1, np.float32), np.array(0, x.dtype)) * 2  # scale and zero point do not matter
            return pool.byte_kernel(x, "maximum", same, settings.threads)
        return pool.kernel(x, "maximum", settings.threads)

    return Pooling(node, kernel)


def _average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    pool = Pool.of(node)
    return Pooling(node, lambda x: pool.kernel(x, "mean", settings.threads))


def _qlinear_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    steps, pool = _steps(node, constants), Pool.of(node)
    return Pooling(node, lambda x: pool.byte_kernel(x, "mean", steps, settings.threads))


def _global_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    kernel = kernels.Pool2d("mean", threads=settings.threads)
    return Pooling(node, lambda x: kernel)


def _qlinear_global_average_pool(node: Node, constants: Constants, settings: Settings) -> Operator:
    kernel = kernels.QLinearPool("mean", None, *_steps(node, constants), threads=settings.threads)
    return Pooling(node, lambda x: kernel)


def _steps(node: Node, constants: Constants) -> tuple[Array, ...]:
    """Return scale and zero point of x and of y."""
    if node.attributes.get("channels_last"):
        raise NotNativeError(f"{node}: channels come first here")
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

_POOL = (*WINDOW, "ceil_mode", "count_include_pad")
_ON_BYTES = (*_POOL, "channels_last")

POOLS: Entries = {
    "AveragePool": Entry(_average_pool, QLINEAR_AVERAGE, _in_ncnn, keeps_scales=True, attributes=_POOL, axes=(4,)),
    "GlobalAveragePool": Entry(
        _global_average_pool, QLINEAR_GLOBAL_AVERAGE, _global_in_ncnn, keeps_scales=True, axes=(4,)
    ),
    "MaxPool": Entry(
        _max_pool,
        PASSING,
        _in_ncnn,
        keeps_scales=True,
        attributes=(*_POOL, "storage_order"),
        types=(*FLOAT, *BYTES),
        axes=(4,),
    ),
    "com.microsoft.QLinearAveragePool": Entry(_qlinear_average_pool, attributes=_ON_BYTES, types=BYTES, axes=(4,)),
    "com.microsoft.QLinearGlobalAveragePool": Entry(
        _qlinear_global_average_pool, attributes=("channels_last",), types=BYTES, axes=(4,)
    ),
}
