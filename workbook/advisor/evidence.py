"""How far a program's outputs lie from the exact ones, image by image, and how sure that is.

The interval of a mean loss is the percentile bootstrap's, that of a share of images Wilson's
(`workbook/measuring/intervals.py`), both of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbook.graphs.graph import Array
from workbook.measuring import intervals
from workbook.measuring.intervals import Interval

Outputs = Sequence[Array]
"""All outputs of a network for one image, or for as many as it takes at once."""

_LEAST = 1e-3  # of a scale: where a detector sees nothing, all is of the size of rounding
_SCORES = 2  # axes of an output that may be scores: images and classes


@dataclass(frozen=True)
class Evidence:
    """How far outputs lie from the exact ones, on images that did not calibrate.

    Attributes
    ----------
    loss : Interval
        Mean over the images of the root mean square error over the root mean square output.
    worst : float
        The largest loss of an image.
    within : Interval
        The share of images whose loss is within the limit.
    same : Interval or None
        The share of images whose largest score is at the same place; None if the first output holds no scores.
    images : int
        Or as many batches, of a network that takes several images at once.
    """

    loss: Interval
    worst: float
    within: Interval
    same: Interval | None
    images: int

    @classmethod
    def of(cls, found: Sequence[Outputs], exact: Sequence[Outputs], max_loss: float) -> Evidence | None:
        """Return what outputs show; None of fewer than two images."""
        lost = losses(found, exact)
        if len(lost) < 2:
            return None
        kept = sum(loss <= max_loss for loss in lost)
        return cls(_mean(lost), max(lost), intervals.of_share(kept, len(lost)), _same(found, exact), len(lost))


def scales(exact: Sequence[Outputs]) -> list[float]:
    """Return the root mean square of each output over all images, a thousandth at least."""
    return [max(_rms(output), _LEAST) for output in zip(*exact, strict=True)]


def losses(found: Sequence[Outputs], exact: Sequence[Outputs], over: Sequence[float] | None = None) -> list[float]:
    """Return each image's root mean square difference over the root mean square output of all images.

    An image on which a detector sees nothing has an output of almost zero, and no scale of its own. Of several outputs
    the largest loss counts. It is infinite where shapes differ, or a number is not finite.

    Parameters
    ----------
    found, exact : sequence of outputs
        Of each image.
    over : sequence of float, optional
        The scales; those of `exact` if None.
    """
    over = scales(exact) if over is None else over
    return [
        max((_loss(y, right, scale) for y, right, scale in zip(ys, rights, over, strict=True)), default=0.0)
        if len(ys) == len(rights)
        else math.inf
        for ys, rights in zip(found, exact, strict=True)
    ]


def decibels(losses: Sequence[float]) -> float:
    """Return the SQNR of several images of equal strength; inf without noise."""
    mean = float(np.mean(np.square(losses)))
    return -10 * math.log10(mean) if 0 < mean < math.inf else math.inf if not mean else -math.inf


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


def _mean(losses: Sequence[float]) -> Interval:
    if all(map(math.isfinite, losses)):
        return intervals.of_mean(losses)
    return Interval(math.inf, math.inf, math.inf)


def _same(found: Sequence[Outputs], exact: Sequence[Outputs]) -> Interval | None:
    """Compare the places of the largest scores."""
    pairs = [(ys[0], rights[0]) for ys, rights in zip(found, exact, strict=True) if ys and rights]
    if not pairs or any(y.shape != right.shape or right.ndim != _SCORES or right.shape[1] < 2 for y, right in pairs):
        return None
    hits = [np.argmax(y, axis=1) == np.argmax(right, axis=1) for y, right in pairs]
    return intervals.of_share(int(np.sum(hits)), int(np.size(hits)))
