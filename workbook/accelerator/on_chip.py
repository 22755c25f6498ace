"""The memory on the chip as the multipliers see it: what a cycle may move, and what must lie near them.

A level of memory has a size, `Machine.sram_kb`, and ports. A layer that needs more bytes in a cycle than a port moves
waits for it, however many multipliers there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class OnChip:
    """How the memory on the chip feeds the multipliers.

    Attributes
    ----------
    input_bytes, weight_bytes, sum_bytes : float
        A cycle, through the ports for inputs, for weights, and for sums, which has two: one writes them, one reads them
        again. The width of a bank times the banks that work at once; infinite: never in the way.
    sum_size : float
        Bytes of a partial sum.
    strip_kb : float
        Of the memory that holds the input rows of one pass. As many channels as fit there (a power of two) are added
        up near the multipliers; then the sums go to the memory, and come back for the next channels.
    double : bool
        Whether one half of the memory is loaded while the other is used, so that moving and computing can overlap.
    rows : bool
        Whether the multipliers of pixels lie along rows of the image, one row each, from its begin to its end; if not,
        they take pixels one after the other, from row to row and image to image.
    """

    input_bytes: float = math.inf
    weight_bytes: float = math.inf
    sum_bytes: float = math.inf
    sum_size: float = 4
    strip_kb: float = math.inf
    double: bool = True
    rows: bool = False

    def __post_init__(self) -> None:
        for name in ("input_bytes", "weight_bytes", "sum_bytes", "sum_size", "strip_kb"):
            if not getattr(self, name) > 0:
                raise ValueError(f"on_chip.{name} must be above 0, not {getattr(self, name)}")

    def without_ports(self) -> OnChip:
        """Return what tiles depend on: memory of the same use, with ports that are never in the way."""
        return OnChip(sum_size=self.sum_size, double=self.double, rows=self.rows)
