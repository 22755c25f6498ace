"""What a peer offers: a function to time, and what is known of its algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Prepared:
    """A peer that is ready to compute one layer; a call computes it.

    Attributes
    ----------
    run : function
        Returns y, (1, K, P, Q).
    algorithm : str
        As the peer itself calls it; empty if it does not say.
    """

    run: Callable[[], npt.NDArray[Any]]
    algorithm: str = ""

    def __call__(self) -> npt.NDArray[Any]:
        """Compute the layer."""
        return self.run()
