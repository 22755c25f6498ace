"""The public face of the integer kernels: ONNX's QLinearConv and ConvInteger on arrays of uint8 or int8, in any mix.

How bytes of the other sign are treated is in bytes_filters.py.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.arrays import Place, Stored, check_array, check_out, finite_copy, readable
from kernels.bound import Bound
from kernels.bytes_choice import ALGORITHMS
from kernels.bytes_filters import BYTES, ByteArray, Filters, Integer, Prepared, zero_point
from kernels.explain import Explanation
from kernels.geometry import Activation, Padding, Pair, Window, byte_activation_code, geometry_of
from kernels.layout import in_lanes, lanes_shape, plain_shape

__all__ = ["ALGORITHMS", "BYTES", "ConvInteger", "QLinearConv", "conv_integer", "qlinear_conv"]

Scale = float | np.floating[Any] | npt.NDArray[Any]

_SHAPES = 64  # that a plan remembers
_NO_OUTPUT = {"low": 0.0, "high": 0.0, "zero": 0, "size": 4, "activation": 0, "slope": 0.0}  # the sums themselves


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
        "auto", the cheapest of those that are exact; "direct"; "winograd_f2" or "winograd_f4", for a 3x3 layer with
        stride 1, exact too, if the filters are not too large; or "saturating", which is not exact: it cuts off sums of
        two products at 16 bits, as CPUs without VNNI do when they are programmed for speed (vpmaddubsw).

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
    plan = ConvInteger(
        w,
        w_zero_point,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        algorithm=algorithm,
        threads=threads,
    )
    return plan(x, x_zero_point)


class ConvInteger:
    """A ConvInteger with its weights packed, to be called on many inputs; the parameters are those of `conv_integer`.

    Attributes
    ----------
    weight_shape : (int, int, int, int)
        (K, C / groups, R, S).
    """

    def __init__(
        self,
        w: ByteArray | Stored,
        w_zero_point: Integer = 0,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        algorithm: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._window = Window.of(stride, padding, dilation, groups)
        self._filters = Filters(w, w_zero_point, None, self._window, algorithm, threads)
        self.weight_shape = self._filters.shape

    def __call__(self, x: ByteArray, x_zero_point: Integer = 0) -> npt.NDArray[np.int32]:
        """Return (N, K, P, Q) int32 for x of (N, C, H, W) bytes.

        Raises
        ------
        TypeError, ValueError
            For arguments of a wrong type or value; the message names the value.
        """
        check_array(x, "x", BYTES)
        zero = zero_point(x_zero_point, "x_zero_point", x.dtype)
        shape = geometry_of(x.shape, self.weight_shape, self._window)
        y = np.empty(shape.y_shape, np.int32)
        prepared = self._filters.prepare(shape, x.dtype, (False, False), zero, None, _NO_OUTPUT)
        self._filters.call(prepared.bind(x, y))
        return y

    def explain(self, x_shape: tuple[int, ...]) -> Explanation:
        """Tell which algorithm an input of this shape gets, as `QLinearConv.explain`."""
        return self._filters.explain(geometry_of(x_shape, self.weight_shape, self._window), False, False, sums=True)

    def padded(self, padding: Padding) -> ConvInteger:
        """Return the layer with another padding; both share what is packed of the filters."""
        other = copy(self)
        other._window = replace(self._window, padding=Window.of(1, padding, 1, 1).padding)
        return other

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights."""
        return self._filters.packed_bytes


class QLinearConv:
    """A quantized convolution layer with its weights packed, to be called on many inputs.

    The parameters are those of `qlinear_conv`. The plan may be called from several threads at once.

    Parameters
    ----------
    w : (K, C / groups, R, S) uint8 or int8, or Stored
        What is stored is read when it is packed: once for each form of image, plain or in lanes, that is met.
    activation : None, "relu", "relu6" or ("leaky_relu", slope)
        Applied to each output number before it is rounded and cut off at the ends of its type.
    compact : bool
        Whether "auto" passes over an algorithm that packs the filters in more than 8 MiB, unless it saves a quarter of
        the time.

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
        w: ByteArray | Stored,
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
        compact: bool = False,
    ) -> None:
        self._window = Window.of(stride, padding, dilation, groups)
        self._filters = Filters(w, w_zero_point, bias, self._window, algorithm, threads, compact)
        self.weight_shape, self.algorithm = self._filters.shape, algorithm
        self.threads = self._filters.threads
        K = self.weight_shape[0]
        x_scale, y_scale = scales(x_scale, "x_scale", 1), scales(y_scale, "y_scale", 1)
        w_scales = scales(w_scale, "w_scale", K, least=0)  # a filter without weights may have a scale of 0
        self._scale = np.ascontiguousarray(np.broadcast_to(x_scale * w_scales / y_scale, K))
        if not (np.isfinite(self._scale) & ((self._scale > 0) | (w_scales == 0))).all():
            raise ValueError(f"x_scale * w_scale / y_scale leaves the range of float32: {self._scale}")
        self._x_zero_point = x_zero_point
        if getattr(y_zero_point, "dtype", None) not in (np.uint8, np.int8):
            raise TypeError(
                f"y_zero_point must be a numpy.uint8 or numpy.int8, whose type is the output's, not {y_zero_point!r}"
            )
        self._dtype = np.asarray(y_zero_point).dtype
        zero = zero_point(y_zero_point, "y_zero_point", self._dtype)
        self._dtype_name = self._dtype.name
        self._output = cut_off(zero, self._dtype, float(y_scale[0]), byte_activation_code(activation))
        self._prepared: dict[tuple[tuple[int, ...], str, bool], Prepared] = {}

    def __call__(self, x: ByteArray, out: ByteArray | None = None, *, lanes: bool = False) -> ByteArray:
        """Compute the layer.

        Parameters
        ----------
        x : (N, C, H, W) uint8 or int8, or (N, C / LANES, H, W, LANES)
            Plain, or in lanes (see `kernels.to_lanes`).
        out : (N, K, P, Q) uint8 or int8, or the same in lanes, optional
            Where to write; contiguous, writeable, sharing no memory with x.
        lanes : bool
            Whether the output is in lanes, if there is no `out`.

        Returns
        -------
        (N, K, P, Q) uint8 or int8, as y_zero_point, or the same in lanes
            `out` if it was given.
        """
        check_array(x, "x", BYTES)
        if out is None:
            shape = self.y_shape(x.shape)
            out = np.empty(lanes_shape(shape) if lanes else shape, self._dtype)
        self._filters.call(self._bound(x, out))
        return out

    def bind(self, x: ByteArray, out: ByteArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then; the parameters are those of a call.

        Raises
        ------
        TypeError, ValueError
            As a call does; also for an `x` that is not contiguous.
        """
        if isinstance(x, np.ndarray) and readable(x) is not x:
            raise ValueError("x must be contiguous (C order) to be bound; its copy would grow old")
        return self._bound(x, out)

    def _bound(self, x: ByteArray, out: ByteArray) -> Bound:
        check_array(x, "x", BYTES)
        prepared = self._prepare(x.shape, x.dtype, isinstance(out, np.ndarray) and in_lanes(out.shape))
        check_out(out, prepared.y_shape, {"x": x}, self._dtype_name)
        return prepared.bind(x, out)

    def _prepare(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], lanes: bool) -> Prepared:
        """Return the layer for an x of this shape; what has been met before is remembered."""
        key = x_shape, dtype.char, lanes
        prepared = self._prepared.get(key)
        if prepared is None:
            zero = zero_point(self._x_zero_point, "x_zero_point", dtype)
            shape = geometry_of(plain_shape(x_shape), self.weight_shape, self._window)
            forms = in_lanes(x_shape), lanes
            prepared = self._filters.prepare(shape, dtype, forms, zero, self._scale, self._output)
            if len(self._prepared) >= _SHAPES:
                self._prepared.clear()
            self._prepared[key] = prepared
        return prepared

    def y_shape(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return (N, K, P, Q) for an input of this shape, plain or in lanes."""
        return geometry_of(plain_shape(x_shape), self.weight_shape, self._window).y_shape

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether x and y may have these forms, as `Conv2d.takes`."""
        return not self._filters.obstacle(x_lanes, y_lanes)

    def explain(self, x_shape: tuple[int, ...], *, lanes: bool = False) -> Explanation:
        """Tell which algorithm an input of this shape gets, what is predicted of each, and why not the others.

        Where Winograd would not be exact, the reason names the output channel whose filter is too large, and its sum.
        The parameters are those of `Conv2d.explain`.
        """
        shape = geometry_of(plain_shape(x_shape), self.weight_shape, self._window)
        return self._filters.explain(shape, in_lanes(x_shape), lanes)

    def padded(self, padding: Padding) -> QLinearConv:
        """Return the layer with another padding; both share what is packed of the filters."""
        other = copy(self)
        other._window = replace(self._window, padding=Window.of(1, padding, 1, 1).padding)
        other._prepared = {}
        return other

    def relocated(self, place: Place) -> QLinearConv:
        """Return the layer with what it keeps, and packed so far, where `place` lays it, as `Conv2d.relocated`."""
        other = copy(self)
        other._filters, other._scale, other._prepared = self._filters.relocated(place), place(self._scale), {}
        return other

    @property
    def y_dtype(self) -> np.dtype[Any]:
        """The output's type."""
        return self._dtype

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights."""
        return self._filters.packed_bytes


def cut_off(
    zero: int, dtype: np.dtype[Any], scale: float, activation: tuple[int, float] = (0, 0.0)
) -> dict[str, float]:
    """Return where y is cut off, with relu and relu6, and the leaky_relu that comes before."""
    kind, slope = activation
    limits = np.iinfo(dtype)
    low, high = float(limits.min - zero), float(limits.max - zero)
    if kind in (1, 2):
        low = 0.0
    if kind == 2:
        high = min(high, float(np.float32(6) / np.float32(scale)))
    leaky = kind if kind == 3 else 0
    return {"low": low, "high": high, "zero": zero, "size": 1, "activation": leaky, "slope": slope}


def scales(scale: Scale, name: str, count: int, least: float | None = None) -> npt.NDArray[np.float32]:
    """Check one scale, or `count` of them: above 0, or at least `least`."""
    array = finite_copy(np.asarray(scale, np.float32).reshape(-1), name)
    if array.size not in (1, count) or np.ndim(scale) > 1:
        expected = "one number" if count == 1 else f"one number, or one for each of the {count} output channels"
        raise ValueError(f"{name} must be {expected}, not of shape {np.shape(scale)}")
    allowed = array > 0 if least is None else array >= least
    if not allowed.all():
        raise ValueError(
            f"{name} must be {'above 0' if least is None else f'at least {least}'}, not {array[~allowed][0]}"
        )
    return array
