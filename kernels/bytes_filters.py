"""Filters of bytes, packed once for each form of image that they meet, with their zero points and bias.

The compiled kernels multiply unsigned x by signed w. Bytes of the other sign are turned into these by adding or
subtracting 128, to the zero point too, which changes no difference x - x_zero_point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import bytes_depthwise, bytes_lanes, bytes_plain, bytes_winograd
from kernels.arrays import Arenas, Place, Stored, check_array, check_dtype, readable, thread_count
from kernels.bound import Bound
from kernels.bytes_choice import ALGORITHMS, DIRECT, EXACT, WINOGRAD, obstacle, packed_bytes, price, too_large
from kernels.geometry import Geometry, Window, filter_sizes
from kernels.layout import LANES, in_lanes
from kernels.probe import tile_shape

ByteArray = npt.NDArray[np.uint8] | npt.NDArray[np.int8]
Integer = int | np.integer[Any] | npt.NDArray[Any]

BYTES = ("uint8", "int8")

_COMPACT = 8 << 20  # bytes of packed filters
_, _COLUMNS = tile_shape()  # output channels of a tile


class Filters:
    """Filters of bytes with their zero points and bias, as `QLinearConv` takes them.

    Attributes
    ----------
    shape : (int, int, int, int)
        (K, C / groups, R, S).
    groups : int
    algorithm : str
        "auto", or one of ALGORITHMS.
    threads : int
    compact : bool
        Whether `auto` passes over an algorithm that packs more than 8 MiB.
    """

    def __init__(
        self,
        w: ByteArray | Stored,
        w_zero_point: Integer,
        bias: npt.NDArray[np.int32] | None,
        window: Window,
        algorithm: str,
        threads: int | None,
        compact: bool = False,
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
        self.algorithm, self._compact = algorithm, compact
        self._able = tuple(name for name in EXACT if not obstacle(name, self.shape, window))  # for `auto`
        if algorithm != "auto" and (why_not := obstacle(algorithm, self.shape, window)):
            raise ValueError(f"{algorithm} cannot run this layer: {why_not}")
        self._kind = DIRECT.index(algorithm) if algorithm in DIRECT else 0
        self._limits: tuple[npt.NDArray[np.int64], ...] = ()  # of each filter's |w - w_zero|: the largest, their sum
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
        K, C = self.shape[0], self.shape[1] * self.groups
        if not (x_lanes or y_lanes):
            return ""
        if self.groups > 1 and not self._is_depthwise:
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
        flip = 128 if x.dtype == np.int8 else 0  # signed x is 128 more
        arrays = readable(x).reshape(shape.x_shape).view(np.uint8), x_zero & 255, flip
        name = self.choice(shape, *forms, sums=scale is None) if shape.N else "direct"
        if not shape.N:
            return Bound(name, 0, self.threads, None)
        if name in WINOGRAD:
            return self._bind_winograd(name, shape, forms, arrays, scale, output, y)
        form = self._form(forms, sums=scale is None)
        packed, out = self._pack(form), y.reshape(shape.y_shape).view(np.uint8)
        offset = self._offset(x_zero + flip)
        if form == "depthwise":
            assert scale is not None
            layer, numbers = _depthwise(shape, self.threads, *forms)
            channels = -(-shape.K // LANES) * LANES
            ends = np.resize(offset, channels), np.resize(scale, channels)
            run: Callable[[npt.NDArray[np.int32], int], None] = partial(
                bytes_depthwise.run, layer, *arrays, packed, *ends, output, out
            )
        elif form == "lanes":
            assert scale is not None
            layer, numbers = _in_lanes(shape, self.threads, flip, *forms)
            columns = -(-shape.K // _COLUMNS) * _COLUMNS
            factors = np.resize(offset, columns), np.resize(scale, columns)
            run = partial(bytes_lanes.run, layer, *arrays, packed, *factors, output, out)
        else:
            zeros = self._zero if self._zero.any() else None
            layer, numbers = _plain(shape, self.threads, self._kind, zeros is not None)
            run = partial(bytes_plain.run, layer, *arrays, packed, offset, zeros, scale, output, out, self._kind)
        return Bound(name, numbers, self.threads, on_words(run))

    def choice(self, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool = False) -> str:
        """Return the algorithm for this shape: as asked for, or the cheapest of those that are exact."""
        if self.algorithm != "auto":
            return self.algorithm
        if len(self._able) == 1:
            return self._able[0]

        def cost(name: str) -> float:
            return self.price(name, shape, x_lanes, y_lanes, sums)

        return next(name for name in sorted(self._able, key=cost) if not self._why_not(name))

    def price(self, name: str, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool = False) -> float:
        """Return the vector multiply-adds that an algorithm takes as long as."""
        form = self._form((x_lanes, y_lanes), sums)
        return price(name, form, shape, x_lanes, y_lanes, bool(self._zero.any()), self.threads)

    def _why_not(self, name: str) -> str:
        """Say why `auto` may not take an algorithm, whose obstacles are known; empty if it may."""
        if name not in WINOGRAD:
            return ""
        if self._compact and packed_bytes(name, self.shape) > _COMPACT:
            return f"its packed filters would take more than {_COMPACT >> 20} MiB"
        if not self._limits:
            self._measure(_signed(self._weight.read()))
        largest, sums = self._limits
        return too_large(largest, sums, WINOGRAD[name])

    @property
    def _is_depthwise(self) -> bool:
        """Whether the layer is of bytes_depthwise.pyx; filters with a zero point, and sums that saturate, are not."""
        one = self.groups == self.shape[0] > 1 and self.shape[1] == 1
        return one and not self._kind and not self._zero.any()

    def _form(self, forms: tuple[bool, bool], sums: bool) -> str:
        """Return how the definition packs its filters for images of these forms."""
        if self._is_depthwise and not sums:
            return "depthwise"
        return "lanes" if any(forms) else "plain"

    def _bind_winograd(
        self,
        name: str,
        shape: Geometry,
        forms: tuple[bool, bool],
        x: tuple[npt.NDArray[np.uint8], int, int],
        scale: npt.NDArray[np.float32] | None,
        output: dict[str, float],
        y: npt.NDArray[Any],
    ) -> Bound:
        """Return the layer by Winograd's algorithm; in and out of both forms it takes the same filters."""
        array, zero, flip = x
        m, columns = WINOGRAD[name], -(-shape.K // _COLUMNS) * _COLUMNS
        layer, numbers = _by_winograd(shape, self.threads, m, *forms)
        zero ^= flip  # of bytes that are unsigned
        packed = self._pack(name)
        low = zero * self._least[0] + (255 - zero) * self._least[1]  # (4) of bytes_winograd.pyx
        ends = np.resize(low.astype(np.int32), columns), np.resize(self._bias.astype(np.int32), columns)
        factors = None if scale is None else np.resize(scale, columns)
        out = y.reshape(shape.y_shape).view(np.uint8)
        run = partial(bytes_winograd.run, layer, array, zero, flip, packed, *ends, factors, output, out, m)
        return Bound(name, numbers, self.threads, on_words(run))

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
            if form in WINOGRAD:
                packed = self._pack_winograd(signed, form)
            elif form == "depthwise":
                packed = bytes_depthwise.pack(signed)
            elif form == "lanes":
                packed = bytes_lanes.pack(signed)
            else:
                packed = bytes_plain.pack(signed, self.groups, self._kind, bool(self._zero.any()))
            self._packed[form] = packed
        return self._packed[form]

    def _measure(self, signed: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        """Return w - w_zero, whose limits are known from now on."""
        differences = signed.astype(np.int32) - self._zero[:, None, None, None]
        size = np.abs(differences)
        self._limits = size.max((1, 2, 3)).astype(np.int64), size.sum((1, 2, 3), dtype=np.int64)
        return differences

    def _pack_winograd(self, signed: npt.NDArray[np.int8], name: str) -> npt.NDArray[np.int32]:
        differences, m = self._measure(signed), WINOGRAD[name]
        largest, sums = self._limits
        if why_not := too_large(largest, sums, m):
            raise ValueError(f"{name} cannot compute this layer exactly: {why_not}")
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
def _depthwise(shape: Geometry, threads: int, x_lanes: bool, y_lanes: bool) -> tuple[dict[str, float], int]:
    """The same for a depthwise layer."""
    layer = shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes)
    return layer, bytes_depthwise.scratch_size(layer, threads)


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
