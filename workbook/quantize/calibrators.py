"""Which range of an array's numbers the integers should cover: three answers, from one histogram.

min-max       all that was seen. Nothing is cut off; one outlier makes every step large.
percentile    all but a stated share of the numbers, cut off at both ends alike.
mse           the range for which the mean square of the error is least: of rounding, which grows with the range, and of
              cutting off, which grows as the range shrinks.

The histogram's numbers stand for those of their bin, so a percentile is off by a bin at most, and MSE takes each number
for one that is half a bin away at most (see histogram.py for the width). Min-max is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbook.quantize.affine import Affine
from workbook.quantize.histogram import Histogram

Range = tuple[float, float]
Rule = Callable[[float, float], Affine]  # scale and zero point for a range
Calibrator = Callable[[Histogram, Rule], Range]

CANDIDATES = 128  # ranges that `mse` tries


def minmax(seen: Histogram, rule: Rule) -> Range:
    """Return the smallest and the largest number seen."""
    _check(seen)
    return seen.low, seen.high


def percentile(percent: float) -> Calibrator:
    """Return a calibrator that covers `percent` of the numbers and leaves out as many at either end.

    Raises
    ------
    ValueError
        If percent is not above 0 and at most 100.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile must be above 0 and at most 100, not {percent}")
    tail = (1 - percent / 100) / 2

    def inner(seen: Histogram, rule: Rule) -> Range:
        _check(seen)
        return seen.quantile(tail), seen.quantile(1 - tail)

    return inner


def mse(seen: Histogram, rule: Rule) -> Range:
    """Return the part of low .. high, shrunk at both ends alike, that `rule` rounds with the least squared error."""
    _check(seen)
    places = np.flatnonzero(seen.counts)
    centres = np.clip(seen.centres[places], seen.low, seen.high).astype(np.float32)
    counts = seen.counts[places]

    def error(shrink: float) -> float:
        rounded = rule(shrink * seen.low, shrink * seen.high).rounded(centres)
        return float(counts @ np.square(rounded.astype(np.float64) - centres))

    best = min((i / CANDIDATES for i in range(CANDIDATES, 0, -1)), key=error)
    return best * seen.low, best * seen.high


def _check(seen: Histogram) -> None:
    if not seen.size:
        raise ValueError("nothing was observed: calibrate with at least one image")
