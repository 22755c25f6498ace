"""Filters of bytes, packed once for each form of image that they meet, with their zero points and bias.

The compiled kernels multiply unsigned x by signed w; where the CPU multiplies signed bytes only, x is signed too. Bytes
of the other sign are turned into these by adding or subtracting 128, to the zero point too, which changes no difference
x - x_zero_point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import bytes_lanes, bytes_plain, bytes_winograd
from kernels.arrays import Arenas, Place, Stored, check_array, check_dtype, readable, thread_count
from kernels.bound import Bound
from kernels.geometry import Geometry, Window, filter_sizes
from kernels.layout import LANES, in_lanes
from kernels.probe import operands, tile_shape
from kernels.registry import obstacle as obstacle_of_floats

ByteArray = npt.NDArray[np.uint8] | npt.NDArray[np.int8]
Integer = int | np.integer[Any] | npt.NDArray[Any]

BYTES = ("uint8", "int8")
DIRECT = ("direct", "saturating")  # their numbers are those of bytes.h
WINOGRAD = {"winograd_f2": 2, "winograd_f4": 4}  # m of F(m x m, 3 x 3)
ALGORITHMS = (*DIRECT, *WINOGRAD)

_, _COLUMNS = tile_shape()  # output channels of a tile
_, _LESS = operands()  # than unsigned bytes, where x is multiplied exactly


class Filters:
    """Filters of bytes with their zero points and bias, as `QLinearConv` takes them.

    Attributes
    ----------
    shape : (int, int, int, int)
        (K, C / groups, R, S).
    groups : int
    algorithm : str
        One of ALGORITHMS.
    threads : int
    """

    def __init__(
        self,
        w: ByteArray | Stored,
        w_zero_point: Integer,
        bias: npt.NDArray[np.int32] | None,
        window: Window,
        algorithm: str,
        threads: int | None,
    ) -> None:
        self._weight = _stored(w)
        self.shape, self.groups = filter_sizes(self._weight.shape), window.groups
        K, groups = self.shape[0], window.groups
        if K % groups:
            raise ValueError(f"groups={groups} does not divide the {K} output channels of w")
        zero = _zero_points(w_zero_point, K, self._weight.dtype)
        less = 128 if self._weight.dtype == np.uint8 else 0  # signed bytes
        self._sums: npt.NDArray[np.int64] | None = None  # of each filter, known when they are packed
        self._zero = np.array(np.broadcast_to(zero - less, K), np.int32)
        self._bias = np.zeros(K, np.int64)
        if bias is not None:
            check_array(bias, "bias", ("int32",))
            if bias.shape != (K,):
                raise ValueError(f"bias must have shape ({K},), one number an output channel, not {bias.shape}")
            self._bias += bias
        if not isinstance(algorithm, str) or algorithm not in ("auto", *ALGORITHMS):
            raise ValueError(f"algorithm {algorithm!r} is unknown; choose auto, {', '.join(ALGORITHMS)}")
        self.algorithm = "direct" if algorithm == "auto" else algorithm
        if why_not := obstacle(self.algorithm, self.shape, window):
            raise ValueError(f"{algorithm} cannot run this layer: {why_not}")
        self._kind = DIRECT.index(self.algorithm) if self.algorithm in DIRECT else 0
        self._least = np.zeros((2, K), np.int64)  # of a sum, if x - x_zero is -1 where w is positive, or 1 where not
        self.threads = thread_count(threads)
        self._packed: dict[str, npt.NDArray[np.int32]] = {}  # by the form of image
        self._arenas = Arenas(np.int32)
        self._offsets: dict[int, npt.NDArray[np.int32]] = {}  # by the zero point of x, of which a plan sees few

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed filters, of every form that has been used so far."""
        return sum(packed.nbytes for packed in self._packed.values())

    def obstacle(self, x_lanes: bool, y_lanes: bool) -> str:
        """Say why x and y cannot have these forms; empty if they can."""
        K, C, _, _ = self.shape
        if not (x_lanes or y_lanes):
            return ""
        if self.groups > 1:
            return f"the {self.groups} groups of channels are known to plain images only"
        if self._kind or (self._zero.any() and self.algorithm not in WINOGRAD):
            return "filters with a zero point, and sums that saturate, are known to plain images only"
        odd = next((n for n, lanes in ((C, x_lanes), (K, y_lanes)) if lanes and n % LANES), 0)
        return f"{odd} channels are no multiple of the {LANES} lanes of this instruction set" if odd else ""

    def bind(
        self,
        shape: Geometry,
        x: ByteArray,
        x_zero: int,
        scale: npt.NDArray[np.float32] | None,
        output: dict[str, float],
        y: npt.NDArray[Any],
    ) -> Bound:
        """Return the layer with its arrays; both may be in lanes. Without `scale`, y is the sums themselves."""
        forms = in_lanes(x.shape), in_lanes(y.shape)
        if why_not := self.obstacle(*forms):
            raise ValueError(f"this layer cannot be computed in lanes: {why_not}")
        if scale is not None and shape.H * shape.W == shape.P * shape.Q == 1:  # a pixel lies in both forms
            both = shape.C % LANES == 0, shape.K % LANES == 0
            forms = both if any(both) and not self.obstacle(*both) else forms
        more = 128 if x.dtype == np.int8 else 0  # to make x unsigned
        array, zero = readable(x).reshape(shape.x_shape).view(np.uint8), x_zero & 255
        if not shape.N:
            return Bound(self.algorithm, 0, self.threads, None)
        if self.algorithm in WINOGRAD:
            return self._bind_winograd(shape, forms, (array, zero, more), scale, output, y)
        more -= 0 if self._kind else _LESS
        flip = abs(more)  # adding or subtracting 128 turns the highest bit
        arrays = array, zero, flip
        packed, out = self._pack("lanes" if any(forms) else "plain"), y.reshape(shape.y_shape).view(np.uint8)
        offset = self._offset(x_zero + more)
        if any(forms):
            assert scale is not None
            layer, numbers = _in_lanes(shape, self.threads, flip, *forms)
            columns = -(-shape.K // _COLUMNS) * _COLUMNS
            factors = np.resize(offset, columns), np.resize(scale, columns)
            run: Callable[[npt.NDArray[np.int32], int], None] = partial(
                bytes_lanes.run, layer, *arrays, packed, *factors, output, out
            )
        else:
            zeros = self._zero if self._zero.any() else None
            layer, numbers = _plain(shape, self.threads, self._kind, zeros is not None)
            run = partial(bytes_plain.run, layer, *arrays, packed, offset, zeros, scale, output, out, self._kind)
        return Bound(self.algorithm, numbers, self.threads, on_words(run))

    def _bind_winograd(
        self,
        shape: Geometry,
        forms: tuple[bool, bool],
        x: tuple[npt.NDArray[np.uint8], int, int],
        scale: npt.NDArray[np.float32] | None,
        output: dict[str, float],
        y: npt.NDArray[Any],
    ) -> Bound:
        """Return the layer by Winograd's algorithm; in and out of both forms it takes the same filters."""
        array, zero, flip = x
        m, columns = WINOGRAD[self.algorithm], -(-shape.K // _COLUMNS) * _COLUMNS
        layer, numbers = _by_winograd(shape, self.threads, m, *forms)
        zero ^= flip  # of bytes that are unsigned
        packed = self._pack("winograd")
        low = zero * self._least[0] + (255 - zero) * self._least[1]  # (4) of bytes_winograd.pyx
        ends = np.resize(low.astype(np.int32), columns), np.resize(self._bias.astype(np.int32), columns)
        factors = None if scale is None else np.resize(scale, columns)
        out = y.reshape(shape.y_shape).view(np.uint8)
        run = partial(bytes_winograd.run, layer, array, zero, flip, packed, *ends, factors, output, out, m)
        return Bound(self.algorithm, numbers, self.threads, on_words(run))

    def relocated(self, place: Place) -> Filters:
        """Return the filters with what is packed so far, and zero points, where `place` lays a copy of an array."""
        other = copy(self)
        other._packed = {form: place(packed) for form, packed in self._packed.items()}
        other._offsets = {x_zero: place(offset) for x_zero, offset in self._offsets.items()}
        other._zero = place(self._zero)
        return other

    def call(self, bound: Bound) -> None:
        """Run a layer with scratch of its own."""
        self._arenas.run(bound)

    def _pack(self, form: str) -> npt.NDArray[np.int32]:
        if form not in self._packed:
            signed = _signed(self._weight.read())
            if self._sums is None:
                self._sums = signed.sum((1, 2, 3), dtype=np.int64)
            if form == "winograd":
                packed = self._pack_winograd(signed)
            elif form == "lanes":
                packed = bytes_lanes.pack(signed)
            else:
                packed = bytes_plain.pack(signed, self.groups, self._kind, bool(self._zero.any()))
            self._packed[form] = packed
        return self._packed[form]

    def _pack_winograd(self, signed: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        differences, m = signed.astype(np.int32) - self._zero[:, None, None, None], WINOGRAD[self.algorithm]
        if why_not := too_large(differences, m):
            raise ValueError(f"{self.algorithm} cannot compute this layer exactly: {why_not}")
        signs = np.stack([-np.maximum(differences, 0), np.minimum(differences, 0)])
        self._least = signs.sum((2, 3, 4), dtype=np.int64)
        return bytes_winograd.pack(differences, m)

    def _offset(self, x_zero: int) -> npt.NDArray[np.int32]:
        """What does not depend on x in  bias + sum of (x - x_zero)*(w - w_zero), for every output channel; it wraps."""
        if x_zero not in self._offsets:
            assert self._sums is not None  # what is bound is packed
            zeros = math.prod(self.shape[1:]) * self._zero.astype(np.int64)
            offset: npt.NDArray[np.int64] = self._bias - x_zero * self._sums + x_zero * zeros
            self._offsets[x_zero] = offset.astype(np.int32)
        return self._offsets[x_zero]


def obstacle(algorithm: str, weight_shape: tuple[int, int, int, int], window: Window) -> str:
    """Say why an algorithm of bytes cannot run a layer; empty if it can."""
    if algorithm in WINOGRAD and window.groups > 1:
        return f"it has {window.groups} groups of channels, not 1"
    return obstacle_of_floats(algorithm, weight_shape, window)


def too_large(differences: npt.NDArray[np.int32], m: int) -> str:
    """Say which w - w_zero are too large for F(m x m, 3 x 3) to be exact, by (5) of bytes_winograd.pyx; else empty."""
    largest = np.abs(differences).max((1, 2, 3))
    if (largest > bytes_winograd.MOST).any():
        k = int(largest.argmax())
        return f"output channel {k} has |w - w_zero_point| = {largest[k]}, more than {bytes_winograd.MOST}"
    span, bits = 255 * np.abs(differences).sum((1, 2, 3), dtype=np.int64), bytes_winograd.BITS[m]
    if (span >= 1 << bits).any():
        k = int(span.argmax())
        return f"255 * sum of |w - w_zero_point| of output channel {k} is {span[k]}, and must be below 2**{bits}"
    return ""


@lru_cache(maxsize=1024)
def _plain(shape: Geometry, threads: int, kind: int, has_zeros: bool) -> tuple[dict[str, float], int]:
    """Return the layer as the compiled kernel takes it, and how many words of scratch it needs."""
    layer = shape.compiled()
    return layer, bytes_plain.scratch_size(layer, threads, kind, has_zeros)


@lru_cache(maxsize=1024)
def _in_lanes(shape: Geometry, threads: int, flip: int, x_lanes: bool, y_lanes: bool) -> tuple[dict[str, float], int]:
    """The same where x, y or both are in lanes."""
    layer = shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes)
    return layer, bytes_lanes.scratch_size(layer, threads, flip)


@lru_cache(maxsize=1024)
def _by_winograd(shape: Geometry, threads: int, m: int, x_lanes: bool, y_lanes: bool) -> tuple[dict[str, float], int]:
    """The same for F(m x m, 3 x 3)."""
    layer = shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes)
    return layer, bytes_winograd.scratch_size(layer, threads, m)


def on_words(run: Callable[[npt.NDArray[np.int32], int], None]) -> Callable[[npt.NDArray[Any], int], None]:
    """Return the run on scratch of any type of four bytes."""
    return lambda scratch, threads: run(scratch.view(np.int32), threads)


def _stored(w: ByteArray | Stored) -> Stored:
    """Return filters as something to be read; of an array a copy, which the caller cannot change."""
    if isinstance(w, Stored):
        check_dtype(w.dtype, "w", BYTES)
        return w
    check_array(w, "w", BYTES)
    own = np.array(w, order="C")
    return Stored(own.shape, own.dtype, lambda: own)


def _signed(w: ByteArray) -> npt.NDArray[np.int8]:
    """Return the bytes, those of uint8 less 128: their highest bit is turned round."""
    flip = np.uint8(128 if w.dtype == np.uint8 else 0)
    return (readable(w).view(np.uint8) ^ flip).view(np.int8)


def _zero_points(zero: Integer, count: int, dtype: np.dtype[Any]) -> npt.NDArray[np.int64]:
    """Check one zero point of w, or one for each output channel."""
    array = np.asarray(zero)
    if array.ndim > 1 or array.size not in (1, count):
        expected = f"one integer, or one for each of the {count} output channels"
        raise ValueError(f"w_zero_point must be {expected}, not of shape {array.shape}")
    return np.array([zero_point(number, "w_zero_point", dtype) for number in array.reshape(-1)])


def zero_point(zero: Integer, name: str, dtype: np.dtype[Any]) -> int:
    """Check a zero point: an integer that the bytes it is taken from can be."""
    array = np.asarray(zero)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer, not {zero!r}")
    value, limits = int(array.reshape(-1)[0]), np.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise ValueError(f"{name} must be in the range of {dtype}, {limits.min} to {limits.max}, not {value}")
    return value
