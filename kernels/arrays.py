"""Checks the arrays that the kernels are given, and lends them memory to work in; every error names the argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.bound import Bound
from kernels.cores import cores

Array = npt.NDArray[Any]
Place = Callable[[Array], Array]  # copies an array to memory of its choice


@dataclass(frozen=True)
class Stored:
    """An array that is somewhere else, such as in a file, and is read when it is needed.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    read : function
        Returns the array, read or computed anew.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Array]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@lru_cache(maxsize=256)
def _is_one_of(dtype: np.dtype[Any], allowed: tuple[str, ...]) -> bool:
    """Remembered: NumPy puts a dtype's name together anew each time, which takes as long as a small layer."""
    return dtype.isnative and dtype.name in allowed


def check_dtype(dtype: np.dtype[Any], name: str, allowed: tuple[str, ...] = ("float32",)) -> None:
    """Raise a TypeError for a dtype that is not among those allowed."""
    if _is_one_of(dtype, allowed):
        return
    if allowed in (("float16",), ("bfloat16",)):
        hint = f", not {allowed[0]} as weight has"
    elif "float32" not in allowed:
        hint = f", not {' or '.join(allowed)}: the integer kernels multiply bytes; quantize it first"
    elif dtype.name in ("float16", "bfloat16"):
        hint = f": the kernels compute in float32; pass {name}.astype(numpy.float32). No {dtype.name} arithmetic here"
    elif dtype.kind == "f":
        hint = f": the kernels compute in float32; pass {name}.astype(numpy.float32)"
    else:
        hint = ": the floating-point kernels take float32 arrays"
    raise TypeError(f"{name} has dtype {dtype}{hint}")


def check_array(array: Array, name: str, allowed: tuple[str, ...] = ("float32",)) -> None:
    """Raise a TypeError for what is no array, or one of another dtype."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
    check_dtype(array.dtype, name, allowed)


def finite_copy(array: Array, name: str, allowed: tuple[str, ...] = ("float32",)) -> Array:
    """Return a contiguous copy: what the caller does to the array later does not reach the plan.

    An array that nobody writes to, such as one read from a file, is taken as it is: it is marked read-only, and so is
    all that it is a view of.
    """
    check_array(array, name, allowed)
    check_finite(array, name)
    return readable(array) if _read_only(array) else np.array(array, order="C")


def check_finite(array: Array, name: str) -> None:
    """Raise a ValueError for an infinity or a NaN, and say where it is."""
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, but {name}{list(where)} is {array[where]}")


def stored_weight(weight: Array | Stored, name: str, allowed: tuple[str, ...]) -> Stored:
    """Return filters as something to be read: a copy of an array, checked here; what is stored is checked when read.

    Raises
    ------
    TypeError, ValueError
        For filters of another dtype, or an array that is not finite.
    """
    if isinstance(weight, Stored):
        given = weight
        check_dtype(given.dtype, name, allowed)

        def read() -> Array:
            array = readable(given.read())
            check_finite(array, name)
            return array

        return replace(given, read=read)
    own = finite_copy(weight, name, allowed)
    return Stored(own.shape, own.dtype, lambda: own)


def _read_only(array: object) -> bool:
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        array = array.base
    return array is None or isinstance(array, bytes)


def readable(array: Array) -> Array:
    """Return the array, or a copy that is contiguous and has each number at a multiple of its size."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=("C", "A"))


def check_out(out: Array, shape: tuple[int, ...], others: dict[str, Array | None], dtype: str = "float32") -> None:
    """Raise a TypeError or ValueError for memory that a result of this shape cannot be written to."""
    check_array(out, "out", (dtype,))
    if out.shape != shape:
        raise ValueError(f"out must have the output's shape {shape}, not {out.shape}")
    if not out.flags.c_contiguous:
        raise ValueError(f"out must be contiguous (C order), but its strides are {out.strides}")
    if not out.flags.aligned:
        raise ValueError(f"out is not aligned: its address {out.ctypes.data} is no multiple of {out.itemsize}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    for name, other in others.items():
        if other is not None and np.may_share_memory(out, other):
            raise ValueError(f"out shares memory with {name}; give it memory of its own")


def thread_count(threads: int | None) -> int:
    """Return the threads asked for; None stands for as many as can run at once."""
    if threads is None:
        return cores()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads must be an integer, not {threads!r}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return min(int(threads), 1024)


class Arenas:
    """Scratch for the calls of one plan or more: each takes a piece that no other call is using, and gives it back."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._free: list[Array] = []

    @property
    def bytes(self) -> int:
        """Of the pieces that no call is using."""
        return sum(arena.nbytes for arena in self._free)

    def run(self, bound: Bound) -> None:
        """Call what is bound to its arrays with the scratch that it needs."""
        arena = self._take(bound.scratch)
        try:
            bound(arena)
        finally:
            self._free.append(arena)

    def _take(self, numbers: int) -> Array:
        """Return memory for at least so many numbers of four bytes; it begins on a cache line."""
        try:
            arena = self._free.pop()
        except IndexError:
            return self._new(numbers)
        return arena if arena.size >= numbers else self._new(numbers)

    def _new(self, numbers: int) -> Array:
        memory = np.empty(numbers + 16, self._dtype)
        return memory[-memory.ctypes.data % 64 // 4 :][:numbers]
