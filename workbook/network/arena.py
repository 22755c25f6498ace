"""One piece of memory for all arrays of a run: where each lies is planned ahead.

Two arrays may share memory if no step needs both. The largest is placed first, each at the lowest place that is free
throughout its life (the greedy order by size of Pisarchyk and Lee, arXiv:2001.03288).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LINE = 16  # float32 numbers in a cache line: each array begins on one


@dataclass(frozen=True)
class Life:
    """An array's size, and the steps that need it.

    Attributes
    ----------
    numbers : int
        Of float32.
    first, last : int
        The step that writes it, and the last that reads it.
    """

    numbers: int
    first: int
    last: int

    def meets(self, other: Life) -> bool:
        """Whether some step needs both."""
        return self.first <= other.last and other.first <= self.last


def offsets(lives: Mapping[str, Life]) -> tuple[dict[str, int], int]:
    """Return where each array begins, in numbers, and how many numbers all of them take."""
    placed: dict[str, int] = {}
    for name in sorted(lives, key=lambda name: -lives[name].numbers):
        life, at = lives[name], 0
        taken = sorted(
            (placed[other], _end(placed[other], lives[other])) for other in placed if life.meets(lives[other])
        )
        for begin, end in taken:
            if at + life.numbers <= begin:
                break
            at = max(at, end)
        placed[name] = at
    return placed, max((_end(at, lives[name]) for name, at in placed.items()), default=0)


def aligned(numbers: int) -> npt.NDArray[np.float32]:
    """Return memory for so many numbers that begins on a cache line."""
    memory = np.empty(numbers + _LINE, np.float32)
    return memory[-memory.ctypes.data % 64 // 4 :][:numbers]


def _end(at: int, life: Life) -> int:
    return at + -(-life.numbers // _LINE) * _LINE
