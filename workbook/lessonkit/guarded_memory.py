"""Arrays between pages that may not be touched: who reads or writes beside one is stopped at once, and told where."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

_GUARD = 1 << 20  # bytes on either side
_READABLE, _NOTHING = 1, 0  # of mprotect(2)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Guarded:
    """An array whose first or last number lies beside a page that may not be touched.

    Attributes
    ----------
    name : str
    array : array
        A copy of the content.
    address : int
        Of its first number.
    """

    name: str
    array: npt.NDArray[np.generic]
    address: int
    memory: mmap.mmap = field(repr=False)

    @classmethod
    def of(cls, name: str, content: npt.NDArray[np.generic], *, at_end: bool, writable: bool) -> Guarded:
        """Copy an array to where its end, or else its begin, touches a guard; there is one on both sides."""
        inside = -(-content.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, _GUARD + inside + _GUARD)
        begin = _GUARD + (inside - content.nbytes if at_end else 0)
        array = np.frombuffer(memory, content.dtype, content.size, begin).reshape(content.shape)
        array[...] = content
        base = array.ctypes.data - begin
        for start, size, allowed in (
            (base, _GUARD, _NOTHING),
            (base + _GUARD, inside, _READABLE | (mmap.PROT_WRITE if writable else 0)),
            (base + _GUARD + inside, _GUARD, _NOTHING),
        ):
            if _libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), allowed):
                raise OSError(ctypes.get_errno(), "memory could not be protected")
        return cls(name, array, base + begin, memory)


@dataclass(frozen=True)
class Extent:
    """Where an array lies, as another process may know it."""

    name: str
    address: int
    shape: tuple[int, ...]
    item: int

    @classmethod
    def of(cls, guarded: Guarded) -> Extent:
        """Return the extent of a guarded array."""
        return cls(guarded.name, guarded.address, guarded.array.shape, guarded.array.itemsize)

    def index_of(self, address: int) -> int | None:
        """Return the number that lies there, counted from the array's first; None if it is too far from the array."""
        size = prod(self.shape)
        index = (address - self.address) // self.item
        return index if -_GUARD <= (index * self.item) < size * self.item + _GUARD else None

    def distance(self, address: int) -> int:
        """Return how many bytes an address lies before or behind the array; 0 inside."""
        end = self.address + prod(self.shape) * self.item
        return max(self.address - address, address - end + 1, 0)

    def place_of(self, address: int) -> str:
        """Say which number of the array may not be touched, and why: it is none, or it is read alone."""
        place = f"{self.name}[{self.index_of(address)}]"
        if self.distance(address) == 0:
            return f"{place}, an input: {self.name} may only be read"
        return f"{place}; {self.name} has the numbers 0 to {prod(self.shape) - 1}"
