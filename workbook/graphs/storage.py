"""What a network stores, by name. A large array stays in its file, and is read whenever somebody asks for it.

Layers pack their weights in an order of their own. If the plain ones were kept beside them, a network would take twice
its memory, for numbers that only a look at the network or another form of it needs again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from kernels import Stored
from kernels.arrays import Array


class Storage(Mapping[str, Array]):
    """Arrays by name, some of them stored elsewhere; an item of those is read anew each time.

    Parameters
    ----------
    entries : mapping of str to array or Stored
    """

    def __init__(self, entries: Mapping[str, Array | Stored]) -> None:
        self._entries = entries

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Storage:
        """Return the arrays as they are, if they are of this kind already."""
        return arrays if isinstance(arrays, Storage) else cls(arrays)

    def __getitem__(self, name: str) -> Array:
        entry = self._entries[name]
        return entry.read() if isinstance(entry, Stored) else entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __or__(self, others: Mapping[str, Array]) -> Storage:
        return Storage({**self._entries, **Storage.of(others)._entries})

    def only(self, names: Collection[str]) -> Storage:
        """Return those of these names."""
        return Storage({name: entry for name, entry in self._entries.items() if name in names})

    def outline(self, name: str) -> Array | Stored:
        """Return what has an array's shape and dtype, without reading it."""
        return self._entries[name]

    def stored(self, name: str) -> Stored:
        """Return what reads an array when it is needed, wherever it is."""
        entry = self._entries[name]
        return entry if isinstance(entry, Stored) else Stored(entry.shape, entry.dtype, lambda: entry)

    def blank(self, name: str) -> Array:
        """Return an array, or zeros of its shape if it is stored elsewhere."""
        entry = self._entries[name]
        return np.zeros(entry.shape, entry.dtype) if isinstance(entry, Stored) else entry

    def changed(self, name: str, change: Callable[[Array], Array]) -> Array | Stored:
        """Return what `change` makes of an array, of the same shape and dtype; at each reading, if it is stored."""
        entry = self._entries[name]
        if isinstance(entry, Stored):
            return replace(entry, read=lambda: change(entry.read()))
        return change(entry)
