"""A histogram of any amount of numbers in 32 KiB, which does not depend on the order in which they came.

Bin i counts the numbers in  [i * width, (i + 1) * width),  -BINS <= i < BINS,  and the width is the smallest power of 2
for which all numbers fit. When a larger number comes, the width doubles and pairs of neighbours are added: since
floor(x / 2w) = floor(floor(x / w) / 2), the counts are those that the wider bins would have had from the start. So
histograms of parts, merged, are the histogram of the whole, bit for bit.

The largest magnitude lies in the outer half of the bins, so a bin is at most  2 / BINS  of it wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

BINS = 2048  # on each side of 0; an 8-bit step over a range of one sign is 4 to 8 bins wide

_SMALLEST = -126  # exponent of the smallest normal float32: narrower bins would distinguish what float32 does not
_AT_A_TIME = 1 << 20  # numbers that are looked at together, so that memory does not grow with the array


@dataclass
class Histogram:
    """Counts of numbers by size.

    Attributes
    ----------
    low, high : float
        The exact smallest and largest number; inf and -inf before there is one.
    exponent : int
        Bins are 2**exponent wide.
    counts : (2 * BINS,) int64
    """

    low: float = np.inf
    high: float = -np.inf
    exponent: int = _SMALLEST
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * BINS, np.int64))

    @property
    def size(self) -> int:
        """How many numbers were seen."""
        return int(self.counts.sum())

    @property
    def width(self) -> float:
        """Of a bin: the error of whatever is read from the counts."""
        return float(2.0**self.exponent)

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """The middle of each bin."""
        return (np.arange(-BINS, BINS, dtype=np.float64) + 0.5) * self.width

    def observe(self, x: npt.NDArray[np.float32]) -> None:
        """Count an array's numbers.

        Raises
        ------
        ValueError
            If one is a NaN or infinite; nothing is counted then.
        """
        if not x.size:
            return
        low, high = float(x.min()), float(x.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = np.argwhere(~np.isfinite(x))
            raise ValueError(f"{len(bad)} of {x.size} numbers are not finite; the first is {x[tuple(bad[0])]}")
        self._make_room(low, high)
        numbers = x.reshape(-1)
        for start in range(0, numbers.size, _AT_A_TIME):
            part = numbers[start : start + _AT_A_TIME].astype(np.float64)
            places = np.floor(part / self.width).astype(np.int64) + BINS
            self.counts += np.bincount(places, minlength=2 * BINS)

    def merge(self, other: Histogram) -> None:
        """Count what another histogram has counted."""
        if not other.size:
            return
        self._make_room(other.low, other.high)
        self.counts += other._widened(self.exponent)

    def quantile(self, share: float) -> float:
        """Return the centre of the bin with the number that `share` of all numbers do not exceed.

        It is within half a bin of that number, and not beyond `low` or `high`.

        Raises
        ------
        ValueError
            If nothing was observed, or the share is not within 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share must be within 0 and 1, not {share}")
        if not self.size:
            raise ValueError("nothing was observed: a histogram of no numbers has no quantiles")
        rank = max(1, int(np.ceil(share * self.size)))
        centre = float(self.centres[np.searchsorted(np.cumsum(self.counts), rank)])
        return min(max(centre, self.low), self.high)

    def _make_room(self, low: float, high: float) -> None:
        """Take in new extremes, and widen the bins until they fit."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        exponent = self.exponent
        while self.low < -BINS * 2.0**exponent or self.high >= BINS * 2.0**exponent:
            exponent += 1
        self.counts, self.exponent = self._widened(exponent), exponent

    def _widened(self, exponent: int) -> npt.NDArray[np.int64]:
        """Return the counts in bins of 2**exponent."""
        counts = self.counts
        for _ in range(exponent - self.exponent):
            counts = np.concatenate(
                [np.zeros(BINS // 2, np.int64), counts.reshape(-1, 2).sum(axis=1), np.zeros(BINS // 2, np.int64)]
            )
            if not counts.any():
                break
        return counts
