"""Pages to find digits in: photos with digits strewn over them, and how good a detector is on such pages.

A detector says for each cell of the picture, of STRIDE pixels, where a digit around it lies and how likely it is each
of the ten. The digits and photos of a part are those of the same part of `digits` and `photos`; the quantizer's digits
lie on the photos of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from skimage.transform import resize

from workbook.models import photos
from workbook.models.digits import CLASSES, Part, digits

FloatArray = npt.NDArray[np.float32]

SIDE = 640  # pixels of a page, both ways
STRIDE = 8  # pixels of a cell
COUNTS = {"calibration": 4, "test": 16}  # pages
LARGEST = 64  # pixels of a box at most
_DENSITY = 6_000  # pixels of a page for each digit
_SIZES = (24, 48)  # pixels of the square that a digit comes in, from and below
_INK = 0.3  # from here on a pixel is the digit's: its box is around them
_TRIES = 20  # to place a digit where no other is
SCORE, OVERLAP = 0.1, 0.5  # least score that counts; boxes that share more, of one digit, are the same
MATCH = 0.5  # share of its union with a true box that makes a box right


@dataclass(frozen=True)
class Page:
    """A picture and the digits in it.

    Attributes
    ----------
    image : (1, H, W) float32
        From 0 to 1; the digits are bright.
    boxes : (N, 4) float32
        Centre and size, in pixels: x, y, width, height.
    labels : (N,) int64
    """

    image: FloatArray
    boxes: FloatArray
    labels: npt.NDArray[np.int64]


def page(part: Part, random: np.random.Generator, side: int = SIDE) -> Page:
    """Return a page of digits of a part, of whole cells."""
    known = digits(part)
    image = _paper("test" if part == "test" else "train", random, side)
    taken, boxes, labels = np.zeros((side, side), bool), [], []
    for _ in range(max(1, side * side // _DENSITY)):
        row = random.integers(len(known))
        size = int(random.integers(*_SIZES))
        ink = resize(known.images[row, 0], (size, size), order=1, anti_aliasing=False).astype(np.float32)
        rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
        for _ in range(_TRIES):
            top, left = random.integers(side - size + 1, size=2)
            here = np.s_[top : top + size, left : left + size]
            if not taken[here].any():
                break
        else:
            continue
        taken[here] = True
        image[here] += ink * (random.uniform(0.85, 1) - image[here])
        low, high = np.array([left + columns[0], top + rows[0]]), np.array([left + columns[-1], top + rows[-1]]) + 1
        boxes.append([*(low + high) / 2, *(high - low)])
        labels.append(known.labels[row])
    return Page(image[None], np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64))


def _paper(part: photos.Part, random: np.random.Generator, side: int) -> FloatArray:
    """Return a dark piece of a photo; a small photo is mirrored at its edges."""
    photo = photos.photo(str(random.choice(photos.names(part))))[0, 0]
    photo = np.pad(photo, [(0, max(0, side - size)) for size in photo.shape], mode="symmetric")
    top, left = (random.integers(size - side + 1) for size in photo.shape)
    shade: FloatArray = photo[top : top + side, left : left + side] * np.float32(random.uniform(0.2, 0.6))
    return shade


@cache
def pages(part: Part) -> tuple[Page, ...]:
    """Return the pages of "calibration" or "test"; of the training there is no end."""
    random = np.random.default_rng([COUNTS[part], 640])
    return tuple(page(part, random) for _ in range(COUNTS[part]))


@dataclass(frozen=True)
class Found:
    """What a detector finds on a page: boxes as those of `Page`, what they hold, how likely that is."""

    boxes: FloatArray
    labels: npt.NDArray[np.int64]
    scores: FloatArray


def found(y: FloatArray) -> Found:
    """Read what the detector writes of a page: (1, 4 + CLASSES, rows, columns), boxes in pixels and scores.

    Of boxes with the same digit that overlap, the likeliest one stays (non-maximum suppression).
    """
    cells = y.reshape(4 + CLASSES, -1).T
    which, labels = np.nonzero(cells[:, 4:] >= SCORE)
    order = np.argsort(-cells[which, 4 + labels], kind="stable")
    which, labels = which[order], labels[order]
    boxes, kept = cells[which, :4], list[int]()
    for i in range(len(which)):
        same = [j for j in kept if labels[j] == labels[i]]
        if not same or overlaps(boxes[i : i + 1], boxes[same]).max() <= OVERLAP:
            kept.append(i)
    return Found(boxes[kept], labels[kept], cells[which[kept], 4 + labels[kept]])


def overlaps(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the share of their union that each box of a has in common with each of b: (len(a), len(b))."""
    (a_low, a_high), (b_low, b_high) = (
        (boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2) for boxes in (a, b)
    )
    common = np.minimum(a_high[:, None], b_high) - np.maximum(a_low[:, None], b_low)
    shared = np.clip(common, 0, None).prod(axis=-1)
    areas = [box[:, 2:].prod(axis=-1) for box in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    share: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def precisions(answers: Sequence[Found], truth: Sequence[Page]) -> list[float]:
    """Return the average precision of each digit: the mean over recall of the best precision from there on.

    A box is right if it shares MATCH of the union with a true box of its digit that no likelier one has taken. The mean
    of the ten is what papers call mAP at 0.5.
    """
    return [_precision(label, answers, truth) for label in range(CLASSES)]


def _precision(label: int, answers: Sequence[Found], truth: Sequence[Page]) -> float:
    wanted = [on.boxes[on.labels == label] for on in truth]
    free = [np.ones(len(boxes), bool) for boxes in wanted]
    claims = [
        (score, n, box)
        for n, answer in enumerate(answers)
        for score, box in zip(answer.scores[answer.labels == label], answer.boxes[answer.labels == label], strict=True)
    ]
    right = []
    for _, n, box in sorted(claims, key=lambda claim: -claim[0]):
        shares = overlaps(box[None], wanted[n])[0] * free[n] if len(wanted[n]) else np.zeros(1)
        best = int(shares.argmax())
        right.append(shares[best] >= MATCH)
        if right[-1]:
            free[n][best] = False
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best_from_there = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_there[np.array(right, bool)].sum() / sum(map(len, wanted)))


def detect(run: Callable[[FloatArray], FloatArray], part: Part = "test") -> list[Found]:
    """Return what a detector finds on the pages of a part, one after the other."""
    return [found(run(on.image[None])) for on in pages(part)]
