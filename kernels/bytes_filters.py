"""Filters of bytes, packed once for each form of image that they meet, with their zero points and bias.

The compiled kernels multiply unsigned x by signed w; where the CPU multiplies signed bytes only, x is signed too. Bytes
of the other sign are turned into these by adding or subtracting 128, to the zero point too, which changes no difference
x - x_zero_point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import bytes_depthwise, bytes_lanes, bytes_plain, bytes_winograd
from kernels.arrays import Arenas, Place, Stored, check_array, check_dtype, readable, thread_count
from kernels.bound import Bound
from kernels.bytes_choice import ALGORITHMS, DIRECT, EXACT, WINOGRAD, Work, obstacle, packed_bytes, too_large, work
from kernels.call import Call
from kernels.explain import Explanation, Option
from kernels.geometry import Geometry, Window, filter_sizes
from kernels.layout import LANES, lanes_shape
from kernels.probe import operands, tile_shape

ByteArray = npt.NDArray[np.uint8] | npt.NDArray[np.int8]
Integer = int | np.integer[Any] | npt.NDArray[Any]
Signed = Callable[[], npt.NDArray[np.int8]]
"""Gives filters as signed bytes."""

BYTES = ("uint8", "int8")

_COMPACT, _WORTH = 8 << 20, 0.75  # bytes of packed filters; of direct's time, where more of them are worth it
_, _COLUMNS = tile_shape()  # output channels of a tile
_, _LESS = operands()  # than unsigned bytes, where x is multiplied exactly


@dataclass(frozen=True)
class Prepared:
    """A layer of one shape in one form, packed: all that a call needs but its arrays.

    Attributes
    ----------
    algorithm : str
    threads : int
    shape : Geometry
    y_shape : tuple of int
        Of y, which may be in lanes.
    scratch : int
        Numbers of four bytes.
    """

    algorithm: str
    threads: int
    shape: Geometry
    y_shape: tuple[int, ...]
    scratch: int
    _bind: Callable[..., Call] | None  # None for an empty batch
    _layer: dict[str, float] = field(default_factory=dict)
    _before: tuple[Any, ...] = ()  # what stands before y among the arguments of `_bind`, and after it
    _after: tuple[Any, ...] = ()

    def bind(self, x: ByteArray, y: npt.NDArray[Any]) -> Bound:
        """Return the layer with its arrays, which are of its shapes."""
        if not self._bind:
            return Bound(self.algorithm, 0, self.threads, None)
        arrays = readable(x).reshape(self.shape.x_shape).view(np.uint8), *self._before
        out = y.reshape(self.shape.y_shape).view(np.uint8)
        call = self._bind(self._layer, *arrays, out, self.threads, *self._after)
        return Bound(self.algorithm, self.scratch, self.threads, call)


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
        Whether `auto` passes over an algorithm that packs more than 8 MiB and saves little time.
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

    def prepare(
        self,
        shape: Geometry,
        dtype: np.dtype[Any],
        forms: tuple[bool, bool],
        x_zero: int,
        scale: npt.NDArray[np.float32] | None,
        output: dict[str, float],
    ) -> Prepared:
        """Return the layer for all x of this shape and dtype, and y, of these forms; without `scale` y is the sums."""
        if why_not := self.obstacle(*forms):
            raise ValueError(f"this layer cannot be computed in lanes: {why_not}")
        y_shape = lanes_shape(shape.y_shape) if forms[1] else shape.y_shape
        if scale is not None and shape.H * shape.W == shape.P * shape.Q == 1:  # a pixel lies in both forms
            both = shape.C % LANES == 0, shape.K % LANES == 0
            forms = both if any(both) and not self.obstacle(*both) else forms
        more = 128 if dtype == np.int8 else 0  # to make x unsigned
        signed = cache(self._read)  # once, to choose and to pack
        name = self.choice(shape, *forms, sums=scale is None, signed=signed) if shape.N else "direct"
        form = name if name in WINOGRAD else self._form(shape, *forms, sums=scale is None)
        if not shape.N:
            return Prepared(name, self.threads, shape, y_shape, 0, None)
        packed = self._pack(form, signed)
        before: tuple[Any, ...]
        if form in WINOGRAD:
            m, zero = WINOGRAD[form], (x_zero & 255) ^ more  # of bytes that are unsigned
            layer, numbers = _by_winograd(shape, self.threads, m, *forms)
            low = zero * self._least[0] + (255 - zero) * self._least[1]  # (4) of bytes_winograd.pyx
            ends = _whole(low.astype(np.int32), _COLUMNS), _whole(self._bias.astype(np.int32), _COLUMNS)
            factors = None if scale is None else _whole(scale, _COLUMNS)
            before, after = (zero, more, packed, *ends, factors, output), (m,)
            return Prepared(name, self.threads, shape, y_shape, numbers, bytes_winograd.bind, layer, before, after)
        more -= 0 if self._kind else _LESS
        flip = abs(more)  # adding or subtracting 128 turns the highest bit
        offset, zero = self._offset(x_zero + more), x_zero & 255
        if form == "plain":
            zeros = self._zero if self._zero.any() else None
            layer, numbers = _plain(shape, self.threads, self._kind, zeros is not None)
            before, after = (zero, flip, packed, offset, zeros, scale, output), (self._kind,)
            return Prepared(name, self.threads, shape, y_shape, numbers, bytes_plain.bind, layer, before, after)
        assert scale is not None
        bind: Callable[..., Call]
        if form == "depthwise":
            layer, numbers = _depthwise(shape, self.threads, *forms)
            bind, whole = bytes_depthwise.bind, LANES
        else:
            layer, numbers = _in_lanes(shape, self.threads, flip, *forms)
            bind, whole = bytes_lanes.bind, _COLUMNS
        before = zero, flip, packed, _whole(offset, whole), _whole(scale, whole), output
        return Prepared(name, self.threads, shape, y_shape, numbers, bind, layer, before)

    def choice(
        self, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool = False, signed: Signed | None = None
    ) -> str:
        """Return the algorithm for this shape: as asked for, or the cheapest of those that are exact.

        `signed` gives the filters as signed bytes, if they were read before.
        """
        if self.algorithm != "auto":
            return self.algorithm
        if len(self._able) == 1:
            return self._able[0]

        prices = {name: self._work(name, shape, x_lanes, y_lanes, sums).price() for name in self._able}
        by_price = sorted(prices, key=prices.__getitem__)
        return next(name for name in by_price if not self.why_not(name, prices[name] / prices["direct"], signed))

    def explain(self, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool = False) -> Explanation:
        """Return every exact algorithm with its predicted time, or why it cannot compute these filters.

        Raises
        ------
        ValueError
            If that is the one that was asked for.
        """
        if not shape.N:
            raise ValueError(f"an empty batch takes no time: the shape is {shape.x_shape}")
        chosen = self.choice(shape, x_lanes, y_lanes, sums)
        if why_not := self.why_not(chosen):
            raise ValueError(f"{chosen} cannot compute this layer exactly: {why_not}")
        options = []
        direct = self._work("direct", shape, x_lanes, y_lanes, sums).price()
        for name in dict.fromkeys((*EXACT, chosen)):
            why_not, seconds = obstacle(name, self.shape, shape.window), math.nan
            if not why_not:
                work_ = self._work(name, shape, x_lanes, y_lanes, sums)
                why_not = self.why_not(name, work_.price() / direct)
                seconds = math.nan if why_not else work_.seconds()
            options.append(Option(name, seconds, 0.0 if name in EXACT and not why_not else math.nan, why_not))
        moved = math.prod(shape.x_shape) + math.prod(self.shape) + math.prod(shape.y_shape) * (4 if sums else 1)
        return Explanation(chosen, shape.macs, moved, tuple(options))

    def _work(self, name: str, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool) -> Work:
        form = self._form(shape, x_lanes, y_lanes, sums)
        return work(name, form, shape, x_lanes, y_lanes, bool(self._zero.any()), self.threads)

    def why_not(self, name: str, share: float = 0.0, signed: Signed | None = None) -> str:
        """Say why these filters are not for an algorithm that takes such a share of direct's time; empty if they are.

        In a compact plan, filters that take much memory must save time.
        """
        if name not in WINOGRAD:
            return ""
        if self._compact and self.algorithm == "auto" and share > _WORTH and packed_bytes(name, self.shape) > _COMPACT:
            return f"its packed filters would take more than {_COMPACT >> 20} MiB, and save less than a quarter of time"
        if not self._limits:
            self._measure((signed or self._read)())
        largest, sums = self._limits
        return too_large(largest, sums, WINOGRAD[name])

    @property
    def _is_depthwise(self) -> bool:
        """Whether the layer is of bytes_depthwise.pyx; filters with a zero point, and sums that saturate, are not."""
        one = self.groups == self.shape[0] > 1 and self.shape[1] == 1
        return one and not self._kind and not self._zero.any()

    def _form(self, shape: Geometry, x_lanes: bool, y_lanes: bool, sums: bool) -> str:
        """Return how the definition packs its filters: between plain images too, lanes may take less time."""
        if self._is_depthwise and not sums:
            return "depthwise"
        if x_lanes or y_lanes:
            return "lanes"
        if sums or self.groups > 1 or self._kind or self._zero.any():
            return "plain"
        return min(
            ("lanes", "plain"), key=lambda form: work("direct", form, shape, False, False, False, self.threads).price()
        )

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

    def _read(self) -> npt.NDArray[np.int8]:
        return _signed(self._weight.read())

    def _pack(self, form: str, read: Signed) -> npt.NDArray[np.int32]:
        if form not in self._packed:
            signed = read()
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


def _whole(numbers: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Return a copy that is as long as whole vectors or tiles."""
    return np.resize(numbers, -(-numbers.size // count) * count)


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
