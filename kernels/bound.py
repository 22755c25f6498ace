"""A layer with its arrays, as `Conv2d.bind` and `Pool2d.bind` return it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Bound:
    """A layer with its arrays, to be computed again and again: a call checks and allocates nothing.

    Attributes
    ----------
    algorithm : str
    scratch : int
        Numbers of float32 that a call needs beside the arrays.
    threads : int
        At most this many work on a call.
    """

    algorithm: str
    scratch: int
    threads: int
    _run: Callable[..., Any] | None  # None for an empty batch

    def __call__(self, scratch: npt.NDArray[np.float32]) -> None:
        """Compute the layer into its `out`; `scratch` is contiguous, and no other call is using it."""
        if self._run:
            self._run(scratch)


def without_scratch(
    name: str, bind: Callable[[int], Callable[..., None]], threads: int, out: npt.NDArray[Any]
) -> Bound:
    """Return an operator that needs no scratch, or what does nothing for an empty output."""
    return Bound(name, 0, threads, bind(threads) if out.size else None)
