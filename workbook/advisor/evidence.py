"""How far a program's outputs lie from the exact ones, image by image, and how sure that is.

A detector's file may hold boxes in pixels and scores below 1 in one output. Over both, scores that are all rounded to
zero lose nothing: 0.1 in 100. So numbers of far different size are judged apart.

The interval of a mean loss is the percentile bootstrap's, that of a share of images Wilson's
(`workbook/measuring/intervals.py`), both of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbook.graphs.graph import Array
from workbook.measuring import intervals
from workbook.measuring.intervals import Interval

Outputs = Sequence[Array]
"""All outputs of a network for one image, or for as many as it takes at once."""

_LEAST = 1e-3  # of a scale: where a detector sees nothing, all is of the size of rounding
_SCORES = 2  # axes of an output that may be scores: images and classes
_APART = 100  # times as large: 256 steps of one scale, wide enough for the larger numbers, leave nothing of the others


@dataclass(frozen=True)
class Kind:
    """Numbers of an output that are of one size: all of them, or a detector's boxes, or its scores.

    Attributes
    ----------
    output : int
        Which one.
    axis : int
    places : array or None
        Along the axis; None: all.
    scale : float
        Root mean square over all images, a thousandth at least.
    """

    output: int
    axis: int
    places: Array | None
    scale: float

    def of(self, outputs: Outputs) -> Array:
        """Return these numbers."""
        y = outputs[self.output]
        return y if self.places is None else y.take(self.places, self.axis)

    def __str__(self) -> str:
        if self.places is None:
            return f"output {self.output}"
        return f"output {self.output}[{':, ' * self.axis}{self.places[0]}:{self.places[-1] + 1}]"


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
    where : str
        The numbers with the largest mean loss; empty if all outputs are of one kind.
    """

    loss: Interval
    worst: float
    within: Interval
    same: Interval | None
    images: int
    where: str = ""

    @classmethod
    def of(cls, found: Sequence[Outputs], exact: Sequence[Outputs], max_loss: float) -> Evidence | None:
        """Return what outputs show; None of fewer than two images."""
        over = kinds(exact)
        lost = losses(found, exact, over)
        if len(lost) < 2:
            return None
        kept = sum(loss <= max_loss for loss in lost)
        worst = max(over, key=lambda kind: sum(losses(found, exact, [kind])), default=None)
        where = str(worst) if len(over) > 1 else ""
        return cls(_mean(lost), max(lost), intervals.of_share(kept, len(lost)), _same(found, exact), len(lost), where)


def kinds(exact: Sequence[Outputs]) -> list[Kind]:
    """Return the numbers of each size in the outputs of all images."""
    found = list[Kind]()
    for number, arrays in enumerate(zip(*exact, strict=True)):
        axis, parts = _parts(arrays)
        for places in parts:
            kind = Kind(number, axis, places if len(parts) > 1 else None, 1.0)
            found.append(replace(kind, scale=max(_rms([kind.of(outputs) for outputs in exact]), _LEAST)))
    return found


def _parts(arrays: Sequence[Array]) -> tuple[int, list[Array]]:
    """Divide an output's channels, or whatever lies along its shortest axis but that of the images, by their size.

    Where nothing is seen is no size of its own: it stays with the next larger one.
    """
    shape = arrays[0].shape
    if len(shape) <= _SCORES or any(array.shape != shape for array in arrays):
        return 0, [np.arange(0)]
    axis = min(range(1, len(shape)), key=shape.__getitem__)
    others = tuple(place for place in range(len(shape)) if place != axis)
    with np.errstate(all="ignore"):
        rms = np.sqrt(np.mean([np.mean(np.square(y.astype(np.float64)), axis=others) for y in arrays], axis=0))
    order = np.argsort(-rms, kind="stable")
    ordered = rms[order]
    ends = 1 + np.flatnonzero((ordered[:-1] > _APART * ordered[1:]) & (ordered[1:] >= _LEAST))
    return axis, [np.sort(part) for part in np.split(order, ends)]


def losses(found: Sequence[Outputs], exact: Sequence[Outputs], over: Sequence[Kind] | None = None) -> list[float]:
    """Return each image's root mean square difference over the root mean square output of all images.

    An image on which a detector sees nothing has an output of almost zero, and no scale of its own. Of several outputs,
    and of numbers of different size in one, the largest loss counts. It is infinite where shapes differ, or a number is
    not finite.

    Parameters
    ----------
    found, exact : sequence of outputs
        Of each image.
    over : sequence of Kind, optional
        What is compared; `kinds` of `exact` if None.
    """
    over = kinds(exact) if over is None else over
    return [
        max((_loss(kind.of(ys), kind.of(rights), kind.scale) for kind in over), default=0.0)
        if [y.shape for y in ys] == [right.shape for right in rights]
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
