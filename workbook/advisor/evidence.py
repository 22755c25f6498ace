"""How far a program's outputs lie from the exact ones, image by image, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbook.graphs.graph import Array
from workbook.measuring import intervals
from workbook.measuring.intervals import Interval

Outputs = Sequence[Array]
"""All outputs of a network for one image, or for as many as it takes at once."""


def losses(found: Sequence[Outputs], exact: Sequence[Outputs]) -> list[float]:
    """Return each image's root mean square difference over the root mean square output of all images.

    An image on which a detector sees nothing has an output of almost zero, and no scale of its own. Of several outputs
    the largest loss counts. It is infinite where shapes differ, or a number is not finite.
    """
    scales = [_rms(output) for output in zip(*exact, strict=True)]
    return [
        max((_loss(y, right, scale) for y, right, scale in zip(ys, rights, scales, strict=True)), default=0.0)
        for ys, rights in zip(found, exact, strict=True)
    ]


def _rms(arrays: Sequence[Array]) -> float:
    return math.sqrt(sum(_square(y) for y in arrays) / max(1, sum(y.size for y in arrays)))


def _square(y: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.square(y.astype(np.float64)).sum())


def _loss(found: Array, exact: Array, scale: float) -> float:
    if found.shape != exact.shape:
        return math.inf
    noise = _rms((found.astype(np.float64) - exact.astype(np.float64),))
    if not noise:
        return 0.0
    return noise / scale if scale and math.isfinite(noise / scale) else math.inf


def decibels(losses: Sequence[float]) -> float:
    """Return the SQNR of several images of equal strength; inf without noise."""
    mean = float(np.mean(np.square(losses)))
    return -10 * math.log10(mean) if 0 < mean < math.inf else math.inf if not mean else -math.inf


def interval(losses: Sequence[float]) -> Interval | None:
    """Return the mean loss and its 95 % interval; None of fewer than two images."""
    if len(losses) < 2:
        return None
    return intervals.of_mean(losses) if all(map(math.isfinite, losses)) else Interval(math.inf, math.inf, math.inf)
