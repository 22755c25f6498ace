"""The public face of pooling.pyx: checks the arrays and runs it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from kernels import pooling
from kernels.arrays import Arenas, check_array, check_out, readable, thread_count
from kernels.bound import Bound
from kernels.geometry import Geometry, Padding, Pair, Window
from kernels.layout import in_lanes, lanes_shape, plain_shape

FloatArray = npt.NDArray[np.float32]


class PoolWindow:
    """What a pool takes together: its kind and window, checked; the parameters are those of `Pool2d`."""

    def __init__(
        self,
        kind: Literal["maximum", "mean"],
        taps: Pair | None,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        count_padding: bool,
    ) -> None:
        if kind not in ("maximum", "mean"):
            raise ValueError(f"kind must be 'maximum' or 'mean', not {kind!r}")
        self.maximum, self.count_padding = kind == "maximum", bool(count_padding)
        self._moves = Window.of(stride, padding, dilation, 1)
        self._taps = Window.of(taps, 0, 1, 1).stride if taps is not None else None

    def geometry(self, x_shape: tuple[int, ...]) -> Geometry:
        """Return the sizes: those of a depthwise convolution."""
        channels, taps = x_shape[1] if len(x_shape) == 4 else 1, self._taps or x_shape[2:]
        window = Window(self._moves.stride, self._moves.padding, self._moves.dilation, channels)
        return Geometry.of(x_shape, (channels, 1, *taps), window)


class Pool2d:
    """The largest number, or the mean, of each window of each channel, as ONNX's MaxPool and AveragePool.

    Parameters
    ----------
    kind : "maximum" or "mean"
    taps : int or (int, int), optional
        Rows and columns of the window; the whole image if None.
    stride, padding, dilation
        As `conv2d` takes them; what lies outside of the image is not counted.
    count_padding : bool
        Whether a mean counts it, as zeros.
    threads : int, optional
        At most this many; all cores that the process may use if None. The result does not depend on it.
    """

    def __init__(
        self,
        kind: Literal["maximum", "mean"],
        taps: Pair | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        count_padding: bool = False,
        threads: int | None = None,
    ) -> None:
        self._window = PoolWindow(kind, taps, stride, padding, dilation, count_padding)
        self.threads = thread_count(threads)
        self._arenas = Arenas(np.float32)

    def __call__(self, x: FloatArray, out: FloatArray | None = None, *, lanes: bool = False) -> FloatArray:
        """Pool an image; `x`, `out`, `lanes` and the result are as in a call of `Conv2d`, with K = C."""
        check_array(x, "x")
        if out is None:
            shape = self._window.geometry(plain_shape(x.shape)).y_shape
            out = np.empty(lanes_shape(shape) if lanes else shape, np.float32)
        bound = self._bound(x, out)
        self._arenas.run(bound)
        return out

    def bind(self, x: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then, as `Conv2d.bind`."""
        if isinstance(x, np.ndarray) and readable(x) is not x:
            raise ValueError("x must be contiguous (C order) and aligned to be bound; its copy would grow old")
        return self._bound(x, out)

    def _bound(self, x: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays; an image that is not contiguous is copied."""
        check_array(x, "x")
        shape = self._window.geometry(plain_shape(x.shape))
        forms = in_lanes(x.shape), isinstance(out, np.ndarray) and in_lanes(out.shape)
        check_out(out, lanes_shape(shape.y_shape) if forms[1] else shape.y_shape, {"x": x})
        layer, scratch = _described(shape, self.threads, *forms)
        if not shape.N:
            return Bound("pool", scratch, self.threads, None)
        zeros = np.zeros(shape.C, np.float32)
        images = readable(x).reshape(shape.x_shape), zeros, out.reshape(shape.y_shape)
        call = pooling.bind(layer, *images, self.threads, self._window.maximum, self._window.count_padding)
        return Bound("pool", scratch, self.threads, call)

    def y_shape(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return (N, C, P, Q) for an input of this shape, plain or in lanes."""
        return self._window.geometry(plain_shape(x_shape)).y_shape

    @property
    def y_dtype(self) -> np.dtype[np.float32]:
        """The output's type."""
        return np.dtype(np.float32)

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether x and y may have these forms: any, as `Conv2d.takes` says it of a convolution."""
        return True


@lru_cache(maxsize=1024)
def _described(shape: Geometry, threads: int, x_lanes: bool, y_lanes: bool) -> tuple[dict[str, float], int]:
    layer = shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes)
    return layer, pooling.scratch_size(layer, threads)
