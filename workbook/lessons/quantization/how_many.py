"""How many calibration images are enough: accuracy, and how close the scores stay to those in float32.

Accuracy counts answers, and few answers change. The SQNR of the ten scores shows earlier that a range was too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from workbook.lessons.quantization.trained import accuracy, network
from workbook.models import digits
from workbook.plain_text import Text
from workbook.quantize.calibration import Observations, observe
from workbook.quantize.layer_errors import sqnr
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

COUNTS = (1, 4, 16, 64, 256)
DRAWS = 3
NAME = "digits_cnn"
_TEST = 200  # digits whose scores are compared


@dataclass(frozen=True)
class Enough(Text):
    """What came of calibrating with a number of images, drawn at random, several times.

    Attributes
    ----------
    accuracies, sqnrs : dict of int to tuple of float
        By the number of images; SQNR in dB.
    training : int
        Images that the network was trained with.
    """

    accuracies: dict[int, tuple[float, ...]]
    sqnrs: dict[int, tuple[float, ...]]
    training: int

    def __str__(self) -> str:
        lines = [f"{'images':>7}{'of training':>13}{'worst accuracy':>16}   SQNR of the scores in each draw, dB"]
        for count, found in self.accuracies.items():
            share, draws = count / self.training, "".join(f"{db:>8.0f}" for db in self.sqnrs[count])
            lines.append(f"{count:>7}{share:>13.2%}{min(found):>16.1%}   {draws}")
        return "\n".join(lines)

    __repr__ = __str__


@cache
def enough() -> Enough:
    """Calibrate with each number of COUNTS images, DRAWS times; some seconds the first time.

    A draw of more images holds the smaller ones, and looks only at the images that they did not.
    """
    net, known = network(NAME), digits.digits("calibration").images
    test = digits.digits("test").images[:_TEST]
    exact = net(test)
    accuracies: dict[int, list[float]] = {count: [] for count in COUNTS}
    sqnrs: dict[int, list[float]] = {count: [] for count in COUNTS}
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(known))
        seen = Observations()
        for count in COUNTS:
            seen.merge(observe(net, known[order[seen.images : count]]))
            int8 = quantize(net, seen.recipe(Scheme()))
            accuracies[count].append(accuracy(int8))
            sqnrs[count].append(sqnr(int8(test), exact))
    training = len(digits.digits("train"))
    return Enough(
        {count: tuple(found) for count, found in accuracies.items()},
        {count: tuple(found) for count, found in sqnrs.items()},
        training,
    )


def dimmed(factor: float) -> float:
    """Return the accuracy if the images of the calibration are darker than those of the test.

    Parameters
    ----------
    factor : float
        Of their brightness.

    Raises
    ------
    ValueError
        For a factor of 0 or less, or an infinite one.
    """
    if not 0 < factor < math.inf:
        raise ValueError(f"factor must be a number above 0, such as 0.5, not {factor}")
    net = network(NAME)
    return accuracy(quantize(net, digits.digits("calibration").images[:64] * np.float32(factor)))
