"""The public face of the integer kernels: ONNX's QLinearConv and ConvInteger on arrays of uint8 or int8, in any mix.

The compiled kernel multiplies unsigned x with signed w. Bytes of the other sign are turned into these by adding or
subtracting 128, to the zero point too, which changes no difference x - x_zero_point.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import quantized
from kernels.arrays import Arenas, check_array, check_out, finite_copy, readable, thread_count
from kernels.geometry import Activation, Geometry, Padding, Pair, Window, activation_code, filter_sizes, geometry_of

ByteArray = npt.NDArray[np.uint8] | npt.NDArray[np.int8]
Integer = int | np.integer[Any] | npt.NDArray[Any]
Scale = float | np.floating[Any] | npt.NDArray[Any]

BYTES = ("uint8", "int8")
ALGORITHMS = ("direct", "saturating")  # their numbers are those of simd.h

_NO_OUTPUT = {"low": 0.0, "high": 0.0, "zero": 0, "size": 4}  # the sums themselves


def qlinear_conv(
    x: ByteArray,
    x_scale: Scale,
    x_zero_point: Integer,
    w: ByteArray,
    w_scale: Scale,
    w_zero_point: Integer,
    y_scale: Scale,
    y_zero_point: Integer,
    bias: npt.NDArray[np.int32] | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    algorithm: str = "auto",
    threads: int | None = None,
) -> ByteArray:
    """Convolve quantized images with quantized filters: ONNX's QLinearConv.

    A byte q of x stands for x_scale * (q - x_zero_point), those of w and y likewise. The products are summed exactly in
    32 bits, scaled in float32, rounded to the nearest byte (halves to the even one) and cut off at its range, as ONNX
    Runtime does.

    Parameters
    ----------
    x : (N, C, H, W) uint8 or int8
        Padding stands for 0, that is x_zero_point.
    x_scale, y_scale : float
        Above 0.
    x_zero_point : int
        In the range of x's dtype.
    w : (K, C / groups, R, S) uint8 or int8
    w_scale : float or (K,) float32
        One for all filters, or one for each.
    w_zero_point : int or (K,) array
        In the range of w's dtype.
    y_zero_point : numpy.uint8 or numpy.int8
        Its dtype is that of the output.
    bias : (K,) int32, optional
        In units of x_scale * w_scale.
    stride, padding, dilation, groups, threads
        As in `conv2d`.
    algorithm : str
        "auto", "direct", or "saturating", which is not exact: it cuts off sums of two products at 16 bits, as CPUs
        without VNNI do when they are programmed for speed (vpmaddubsw).

    Returns
    -------
    (N, K, P, Q) uint8 or int8

    Raises
    ------
    TypeError, ValueError
        For arguments of a wrong type or value; the message names the value.

    See Also
    --------
    QLinearConv : the same for many calls, with the weights packed once.
    """
    plan = QLinearConv(
        w,
        w_scale,
        w_zero_point,
        bias,
        x_scale=x_scale,
        x_zero_point=x_zero_point,
        y_scale=y_scale,
        y_zero_point=y_zero_point,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        algorithm=algorithm,
        threads=threads,
    )
    return plan(x)


def conv_integer(
    x: ByteArray,
    w: ByteArray,
    x_zero_point: Integer = 0,
    w_zero_point: Integer = 0,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    algorithm: str = "auto",
    threads: int | None = None,
) -> npt.NDArray[np.int32]:
    """Convolve bytes into 32-bit integers: ONNX's ConvInteger; a sum beyond 32 bits wraps.

    Parameters
    ----------
    x : (N, C, H, W) uint8 or int8
    w : (K, C / groups, R, S) uint8 or int8
    x_zero_point : int
        Taken from x, and what padding holds.
    w_zero_point : int or (K,) array
        Taken from w.
    stride, padding, dilation, groups, algorithm, threads
        As in `qlinear_conv`.

    Returns
    -------
    (N, K, P, Q) int32
    """
    filters = _Filters(w, w_zero_point, None, Window.of(stride, padding, dilation, groups), algorithm, threads)
    check_array(x, "x", BYTES)
    zero = _zero_point(x_zero_point, "x_zero_point", x.dtype)
    shape = geometry_of(x.shape, filters.shape, filters.window)
    y = np.empty(shape.y_shape, np.int32)
    filters.run(shape, x, zero, None, _NO_OUTPUT, None, y)
    return y


class QLinearConv:
    """A quantized convolution layer with its weights packed, to be called on many inputs.

    The parameters are those of `qlinear_conv`. The plan may be called from several threads at once.

    Parameters
    ----------
    activation : None, "relu", "relu6" or ("leaky_relu", slope)
        Applied to each output number: the first two cut off more, the last goes through a table of 256 bytes.

    Attributes
    ----------
    weight_shape : (int, int, int, int)
        (K, C / groups, R, S).
    algorithm : str
        As asked for.
    threads : int
        At most this many work on one call.
    """

    def __init__(
        self,
        w: ByteArray,
        w_scale: Scale,
        w_zero_point: Integer,
        bias: npt.NDArray[np.int32] | None = None,
        *,
        x_scale: Scale,
        x_zero_point: Integer,
        y_scale: Scale,
        y_zero_point: Integer,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        activation: Activation = None,
        algorithm: str = "auto",
        threads: int | None = None,
    ) -> None:
        window = Window.of(stride, padding, dilation, groups)
        self._filters = _Filters(w, w_zero_point, bias, window, algorithm, threads)
        self.weight_shape, self.algorithm = self._filters.shape, algorithm
        self.threads = self._filters.threads
        K = self.weight_shape[0]
        x_scale, y_scale = _scales(x_scale, "x_scale", 1), _scales(y_scale, "y_scale", 1)
        self._scale = np.ascontiguousarray(np.broadcast_to(x_scale * _scales(w_scale, "w_scale", K) / y_scale, K))
        if not (np.isfinite(self._scale) & (self._scale > 0)).all():
            raise ValueError(f"x_scale * w_scale / y_scale leaves the range of float32: {self._scale}")
        self._x_zero_point = x_zero_point
        if getattr(y_zero_point, "dtype", None) not in (np.uint8, np.int8):
            raise TypeError(
                f"y_zero_point must be a numpy.uint8 or numpy.int8, whose type is the output's, not {y_zero_point!r}"
            )
        self._dtype = np.asarray(y_zero_point).dtype
        zero = _zero_point(y_zero_point, "y_zero_point", self._dtype)
        self._output, self._table = _output(zero, self._dtype, float(y_scale[0]), activation_code(activation))

    def __call__(self, x: ByteArray, out: ByteArray | None = None) -> ByteArray:
        """Compute the layer.

        Parameters
        ----------
        x : (N, C, H, W) uint8 or int8
        out : (N, K, P, Q) uint8 or int8, optional
            Where to write; contiguous, writeable, sharing no memory with x.

        Returns
        -------
        (N, K, P, Q) uint8 or int8, as y_zero_point
            `out` if it was given.
        """
        check_array(x, "x", BYTES)
        zero = _zero_point(self._x_zero_point, "x_zero_point", x.dtype)
        shape = geometry_of(x.shape, self.weight_shape, self._filters.window)
        if out is None:
            out = np.empty(shape.y_shape, self._dtype)
        else:
            check_out(out, shape.y_shape, {"x": x}, self._dtype.name)
        self._filters.run(shape, x, zero, self._scale, self._output, self._table, out)
        return out

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights."""
        return self._filters.packed_bytes


class _Filters:
    """Filters of bytes, packed once for each algorithm, with their zero points and bias."""

    def __init__(
        self,
        w: ByteArray,
        w_zero_point: Integer,
        bias: npt.NDArray[np.int32] | None,
        window: Window,
        algorithm: str,
        threads: int | None,
    ) -> None:
        check_array(w, "w", BYTES)
        self.shape, self.window = filter_sizes(w.shape), window
        K = self.shape[0]
        if K % window.groups:
            raise ValueError(f"groups={window.groups} does not divide the {K} output channels of w")
        zero = _zero_points(w_zero_point, K, w.dtype)
        less = 128 if w.dtype == np.uint8 else 0  # signed bytes
        self._w = np.array(w.astype(np.int16) - less, np.int8, order="C")
        self._zero = np.array(np.broadcast_to(zero - less, K), np.int32)
        self._bias = np.zeros(K, np.int64)
        if bias is not None:
            check_array(bias, "bias", ("int32",))
            if bias.shape != (K,):
                raise ValueError(f"bias must have shape ({K},), one number an output channel, not {bias.shape}")
            self._bias += bias
        if not isinstance(algorithm, str) or algorithm not in ("auto", *ALGORITHMS):
            raise ValueError(f"algorithm {algorithm!r} is unknown; choose auto, {', '.join(ALGORITHMS)}")
        self.kind = 0 if algorithm == "auto" else ALGORITHMS.index(algorithm)
        self.threads = thread_count(threads)
        self._packed = quantized.pack(self._w, window.groups, self.kind, bool(self._zero.any()))
        self._arenas = Arenas(np.int32)

    @property
    def packed_bytes(self) -> int:
        return self._packed.nbytes

    def run(
        self,
        shape: Geometry,
        x: ByteArray,
        x_zero: int,
        scale: npt.NDArray[np.float32] | None,
        output: dict[str, float],
        table: npt.NDArray[np.uint8] | None,
        y: npt.NDArray[Any],
    ) -> None:
        """Compute the layer into y; an empty batch needs nothing."""
        if not shape.N:
            return
        flip = 128 if x.dtype == np.int8 else 0  # signed x is 128 more
        zeros = self._zero if self._zero.any() else None
        layer, numbers = _compiled(shape, self.threads, self.kind, zeros is not None)
        arena = self._arenas.take(numbers)
        try:
            quantized.run(
                layer,
                readable(x).view(np.uint8),
                x_zero & 255,
                flip,
                self._packed,
                self._offset(x_zero + flip),
                zeros,
                scale,
                output,
                table,
                y.view(np.uint8),
                arena,
                self.threads,
                self.kind,
            )
        finally:
            self._arenas.give(arena)

    @lru_cache(maxsize=4)  # noqa: B019  a plan sees one zero point of x, or two
    def _offset(self, x_zero: int) -> npt.NDArray[np.int32]:
        """What does not depend on x in  bias + sum of (x - x_zero)*(w - w_zero), for every output channel; it wraps."""
        sums, taps = self._w.sum((1, 2, 3), dtype=np.int64), math.prod(self.shape[1:])
        offset: npt.NDArray[np.int64] = self._bias - x_zero * sums + taps * x_zero * self._zero.astype(np.int64)
        return offset.astype(np.int32)


@lru_cache(maxsize=1024)
def _compiled(shape: Geometry, threads: int, kind: int, has_zeros: bool) -> tuple[dict[str, float], int]:
    """Return the layer as the compiled kernel takes it, and how many words of scratch it needs."""
    layer = shape.compiled()
    return layer, quantized.scratch_size(layer, threads, kind, has_zeros)


def _output(
    zero: int, dtype: np.dtype[Any], scale: float, activation: tuple[int, float]
) -> tuple[dict[str, float], npt.NDArray[np.uint8] | None]:
    """Return where y is cut off, with the activation, and the table of a leaky_relu."""
    kind, slope = activation
    limits = np.iinfo(dtype)
    low, high = float(limits.min - zero), float(limits.max - zero)
    if kind in (1, 2):
        low = 0.0
    if kind == 2:
        high = min(high, float(np.float32(6) / np.float32(scale)))
    table = None
    if kind == 3:
        steps = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float64) - zero
        steps = np.clip(np.rint(np.where(steps < 0, slope * steps, steps)), low, high)
        table = (steps + zero).astype(dtype).view(np.uint8)
    return {"low": low, "high": high, "zero": zero, "size": 1}, table


def _scales(scale: Scale, name: str, count: int) -> npt.NDArray[np.float32]:
    """Check one scale, or `count` of them."""
    array = finite_copy(np.asarray(scale, np.float32).reshape(-1), name)
    if array.size not in (1, count) or np.ndim(scale) > 1:
        expected = "one number" if count == 1 else f"one number, or one for each of the {count} output channels"
        raise ValueError(f"{name} must be {expected}, not of shape {np.shape(scale)}")
    if not (array > 0).all():
        raise ValueError(f"{name} must be above 0, not {array[array <= 0][0]}")
    return array


def _zero_points(zero: Integer, count: int, dtype: np.dtype[Any]) -> npt.NDArray[np.int64]:
    """Check one zero point of w, or one for each output channel."""
    array = np.asarray(zero)
    if array.ndim > 1 or array.size not in (1, count):
        expected = f"one integer, or one for each of the {count} output channels"
        raise ValueError(f"w_zero_point must be {expected}, not of shape {array.shape}")
    return np.array([_zero_point(number, "w_zero_point", dtype) for number in array.reshape(-1)])


def _zero_point(zero: Integer, name: str, dtype: np.dtype[Any]) -> int:
    """Check a zero point: an integer that the bytes it is taken from can be."""
    array = np.asarray(zero)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer, not {zero!r}")
    value, limits = int(array.reshape(-1)[0]), np.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise ValueError(f"{name} must be in the range of {dtype}, {limits.min} to {limits.max}, not {value}")
    return value
