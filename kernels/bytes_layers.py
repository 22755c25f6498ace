"""The public face of bytes_elementwise.pyx and bytes_pooling.pyx: operators on bytes beside the convolution.

A byte q stands for scale * (q - zero_point). Sums and means are scaled in float32, cut off, and rounded to the nearest
byte, halves to the even one. Each operator can be called, and can be bound to its arrays, as `Conv2d`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kernels import bytes_elementwise, bytes_pooling
from kernels.arrays import Arenas, check_array, check_out, readable, thread_count
from kernels.bound import Bound, without_scratch
from kernels.bytes_conv import Scale, cut_off, scales
from kernels.bytes_filters import BYTES, ByteArray, Integer, zero_point
from kernels.bytes_sum import linear
from kernels.geometry import Activation, Geometry, Padding, Pair, byte_activation_code
from kernels.layout import in_lanes, lanes_shape, plain_shape
from kernels.pooling_layers import PoolWindow

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Steps:
    """What the bytes of an array stand for: scale * (q - zero)."""

    scale: np.float32
    zero: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, scale: Scale, zero: Integer, name: str) -> Steps:
        """Check a scale and a zero point, whose type is that of the bytes."""
        dtype = np.asarray(zero).dtype
        if dtype.name not in BYTES:
            raise TypeError(f"{name}_zero_point must be a numpy.uint8 or numpy.int8, not {zero!r}")
        return cls(scales(scale, f"{name}_scale", 1)[0], zero_point(zero, f"{name}_zero_point", dtype), dtype)

    @property
    def flip(self) -> int:
        """What makes the bytes unsigned; the zero point of those is as much larger."""
        return 128 if self.dtype == np.int8 else 0

    @property
    def unsigned(self) -> tuple[float, int, int]:
        """As the kernels take it: scale, zero point of the unsigned bytes, and what makes them so."""
        return float(self.scale), self.zero + self.flip, self.flip

    @property
    def operand(self) -> dict[str, float]:
        """As the kernels take what is added."""
        return {"zero": self.zero + self.flip, "flip": self.flip, "scale": float(self.scale)}


class QLinearAdd:
    """The sum of two arrays of bytes, com.microsoft's QLinearAdd.

    Parameters
    ----------
    a_scale, b_scale, y_scale : float
        Above 0.
    a_zero_point, b_zero_point, y_zero_point : numpy.uint8 or numpy.int8
        Their types are those of the arrays.
    activation : None, "relu" or "relu6"
        Applied before rounding.
    threads : int, optional
        At most this many; all cores that the process may use if None. The result does not depend on it.
    """

    def __init__(
        self,
        a_scale: Scale,
        a_zero_point: Integer,
        b_scale: Scale,
        b_zero_point: Integer,
        y_scale: Scale,
        y_zero_point: Integer,
        *,
        activation: Activation = None,
        threads: int | None = None,
    ) -> None:
        self._a, self._b = Steps.of(a_scale, a_zero_point, "a"), Steps.of(b_scale, b_zero_point, "b")
        self._y = y = Steps.of(y_scale, y_zero_point, "y")
        kind, _ = byte_activation_code(activation)
        if kind == 3:
            raise ValueError(f"QLinearAdd has no activation {activation!r}; it knows relu and relu6")
        self.threads = thread_count(threads)
        self._output = cut_off(y.zero, y.dtype, float(y.scale), (kind, 0.0))
        scales_ = {"a": self._a.operand, "b": self._b.operand, "scale": float(y.scale)}
        self._sum = linear(scales_, self._output)

    def __call__(self, a: ByteArray, b: ByteArray, out: ByteArray | None = None) -> ByteArray:
        """Return the sum of two arrays of one shape; `out` is where to write it."""
        out = np.empty(a.shape, self._y.dtype) if out is None else out
        self.bind(readable(a), readable(b), out)(_NOTHING)
        return out

    def bind(self, a: ByteArray, b: ByteArray, out: ByteArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then; in whatever order, they are in the same one."""
        for name, array, steps in (("a", a, self._a), ("b", b, self._b)):
            check_array(array, name, (steps.dtype.name,))
            if array.shape != a.shape:
                raise ValueError(f"{name} must have the shape of a, {a.shape}, not {array.shape}")
        check_out(out, a.shape, {"a": a, "b": b}, self._y.dtype.name)
        bind = partial(bytes_elementwise.add, _flat(a, "a"), _flat(b, "b"), self._sum, self._output, _flat(out, "out"))
        return without_scratch("add", bind, self.threads, out)


class QuantizeLinear:
    """From float32 to bytes, ONNX's QuantizeLinear of one scale: nearest of x / scale, and the zero point added."""

    def __init__(self, scale: Scale, zero_point: Integer, *, threads: int | None = None) -> None:
        self._y, self.threads = Steps.of(scale, zero_point, "y"), thread_count(threads)

    def __call__(self, x: FloatArray, out: ByteArray | None = None) -> ByteArray:
        """Return x in bytes; `out` is where to write them. A NaN is a ValueError."""
        out = np.empty(x.shape, self._y.dtype) if out is None else out
        self.bind(readable(x), out)(_NOTHING)
        return out

    def bind(self, x: FloatArray, out: ByteArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x")
        check_out(out, x.shape, {"x": x}, self._y.dtype.name)
        numbers, y = _flat(x, "x", np.float32), self._y
        steps = float(y.scale), _inverse(y.scale), cut_off(y.zero, y.dtype, float(y.scale))
        run = partial(bytes_elementwise.quantize, numbers, *steps, _flat(out, "out"), self.threads)

        def checked(_: object) -> None:
            if run():
                raise ValueError("the array to be quantized holds a NaN, which no integer stands for")

        return without_scratch("quantize", lambda _: checked, self.threads, out)


class DequantizeLinear:
    """From bytes to the float32 numbers that they stand for, ONNX's DequantizeLinear of one scale."""

    def __init__(self, scale: Scale, zero_point: Integer, *, threads: int | None = None) -> None:
        self._x, self.threads = Steps.of(scale, zero_point, "x"), thread_count(threads)

    def __call__(self, x: ByteArray, out: FloatArray | None = None) -> FloatArray:
        """Return the numbers; `out` is where to write them."""
        out = np.empty(x.shape, np.float32) if out is None else out
        self.bind(readable(x), out)(_NOTHING)
        return out

    def bind(self, x: ByteArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        steps = self._x
        check_array(x, "x", (steps.dtype.name,))
        check_out(out, x.shape, {"x": x})
        bind = partial(bytes_elementwise.dequantize, _flat(x, "x"), *steps.unsigned, _flat(out, "out", np.float32))
        return without_scratch("dequantize", bind, self.threads, out)


class LookUp:
    """A byte for each byte: a table of 256, by the bits of x."""

    def __init__(self, table: ByteArray, *, threads: int | None = None) -> None:
        check_array(table, "table", BYTES)
        if table.shape != (256,):
            raise ValueError(f"table must have 256 bytes, not the shape {table.shape}")
        self._table, self._dtype, self.threads = np.array(table.view(np.uint8)), table.dtype, thread_count(threads)

    def __call__(self, x: ByteArray, out: ByteArray | None = None) -> ByteArray:
        """Return the bytes of the table; `out` is where to write them."""
        y: npt.NDArray[Any] = np.empty(x.shape, self._dtype) if out is None else out
        self.bind(readable(x), y)(_NOTHING)
        return y

    def bind(self, x: ByteArray, out: ByteArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x", BYTES)
        check_out(out, x.shape, {"x": x}, self._dtype.name)
        bind = partial(bytes_elementwise.look_up, self._table, _flat(x, "x"), _flat(out, "out"))
        return without_scratch("table", bind, self.threads, out)


class QLinearPool:
    """The largest byte, or the mean, of each window of each channel.

    Parameters
    ----------
    kind : "maximum" or "mean"
    taps : int or (int, int), optional
        Rows and columns of the window; the whole image if None.
    x_scale, y_scale, x_zero_point, y_zero_point
        As `QLinearAdd` takes them; of a maximum, y's are x's.
    stride, padding, dilation, count_padding, threads
        As `Pool2d` takes them.
    """

    def __init__(
        self,
        kind: Literal["maximum", "mean"],
        taps: Pair | None,
        x_scale: Scale,
        x_zero_point: Integer,
        y_scale: Scale,
        y_zero_point: Integer,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        count_padding: bool = False,
        threads: int | None = None,
    ) -> None:
        self._window = PoolWindow(kind, taps, stride, padding, dilation, count_padding)
        self._x, self._y = Steps.of(x_scale, x_zero_point, "x"), Steps.of(y_scale, y_zero_point, "y")
        if self._window.maximum and self._x != self._y:
            raise ValueError(f"a maximum has the scale and zero point of x, {self._x}, not {self._y}")
        self.threads = thread_count(threads)
        self._arenas = Arenas(np.int32)

    def __call__(self, x: ByteArray, out: ByteArray | None = None) -> ByteArray:
        """Pool an image; the result lies as x does, plain or in lanes. `out` is where to write it."""
        check_array(x, "x", (self._x.dtype.name,))
        if out is None:
            shape = self._window.geometry(plain_shape(x.shape)).y_shape
            out = np.empty(lanes_shape(shape) if in_lanes(x.shape) else shape, self._y.dtype)
        bound = self.bind(readable(x), out)
        self._arenas.run(bound)
        return out

    def bind(self, x: ByteArray, out: ByteArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x", (self._x.dtype.name,))
        shape = self._window.geometry(plain_shape(x.shape))
        lanes = in_lanes(x.shape)
        if lanes and out.shape == shape.y_shape and shape.P * shape.Q == 1:  # a pixel lies in both forms
            out = out.reshape(lanes_shape(shape.y_shape))
        check_out(out, lanes_shape(shape.y_shape) if lanes else shape.y_shape, {"x": x}, self._y.dtype.name)
        if not shape.N:
            return Bound("pool", 0, self.threads, None)
        layer, scratch = _described(shape, self.threads, lanes)
        output = cut_off(self._y.zero, self._y.dtype, float(self._y.scale))
        call = bytes_pooling.bind(
            layer,
            _flat(x, "x").reshape(shape.x_shape),
            self._x.zero + self._x.flip,
            self._x.flip,
            float(self._x.scale / self._y.scale),
            output,
            _flat(out, "out").reshape(shape.y_shape),
            self._window.maximum,
            self._window.count_padding,
            self.threads,
        )
        return Bound("pool", scratch, self.threads, call)

    def y_shape(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return (N, C, P, Q) for an input of this shape, plain or in lanes."""
        return self._window.geometry(plain_shape(x_shape)).y_shape

    @property
    def y_dtype(self) -> np.dtype[Any]:
        """The output's type."""
        return self._y.dtype

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether x and y may have these forms: the same one, but a y of one pixel lies in both."""
        return x_lanes or not y_lanes


_NOTHING = np.empty(0, np.float32)  # the scratch of what needs none


def _inverse(scale: np.float32) -> float:
    """Return 1 / scale, by which the kernel divides; 0 where a step of that could leave float32."""
    return float(np.float32(1) / scale) if 2.0**-40 < scale < 2.0**40 else 0.0


def _flat(array: npt.NDArray[Any], name: str, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
    """Return the numbers in the order in which they lie, bytes as unsigned ones."""
    if readable(array) is not array:
        raise ValueError(f"{name} must be contiguous (C order) and aligned to be bound; its copy would grow old")
    return array.reshape(-1).view(dtype)


@lru_cache(maxsize=1024)
def _described(shape: Geometry, threads: int, lanes: bool) -> tuple[dict[str, float], int]:
    layer = shape.compiled(x_lanes=lanes, y_lanes=lanes)
    return layer, bytes_pooling.scratch_size(layer, threads)
