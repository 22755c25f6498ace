"""Several filters on a photo in colour: a filter has a table for each input channel and makes one output channel.

    y[k, p, q] = sum over c of  (sum over r, s of  x[c, p + r, q + s] * weight[k, c, r, s])

As in `model`, the numbers are whole and small, and the sum by hand equals the kernel's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import kernels
from workbook.lessons.convolution.model import FILTERS, FloatArray, colour_photo, macs

COLOURS = ("red", "green", "blue")


def _filter(red: FloatArray, green: FloatArray, blue: FloatArray) -> FloatArray:
    return np.stack([red, green, blue])


_VERTICAL, _HORIZONTAL = FILTERS["vertical edges"], FILTERS["horizontal edges"]
_ONE, _ZERO = np.ones_like(_VERTICAL), np.zeros_like(_VERTICAL)

BANK: dict[str, FloatArray] = {
    "vertical edges": _filter(_VERTICAL, _VERTICAL, _VERTICAL),
    "horizontal edges": _filter(_HORIZONTAL, _HORIZONTAL, _HORIZONTAL),
    "red, not green": _filter(_ONE, -_ONE, _ZERO),
    "blue, not red": _filter(-_ONE, _ZERO, _ONE),
    "edges in red": _filter(_VERTICAL, _ZERO, _ZERO),
    "blur": _filter(_ONE, _ONE, _ONE),
}


@dataclass(frozen=True)
class Channels:
    """A layer of the first K filters of BANK at one position; the last of them is looked at closely.

    Attributes
    ----------
    image : (C, H, W) float32
        The photo; C is 3.
    weight : (K, C, R, S) float32
        The filters.
    outputs : (K, P, Q) float32
        One output channel a filter, computed by the kernel.
    row, column : int
        The window's top left pixel; also the place of its output pixel.
    """

    image: FloatArray
    weight: FloatArray
    outputs: FloatArray
    row: int
    column: int

    @property
    def names(self) -> list[str]:
        """The filters' names."""
        return list(BANK)[: len(self.weight)]

    @property
    def values(self) -> FloatArray:
        """The pixels under the window: (C, R, S)."""
        R, S = self.weight.shape[2:]
        return self.image[:, self.row : self.row + R, self.column : self.column + S]

    @property
    def partial_sums(self) -> list[float]:
        """For each input channel, the sum of its products with the last filter."""
        return [float(total) for total in (self.values * self.weight[-1]).sum(axis=(1, 2))]

    @property
    def total(self) -> float:
        """The last filter's output pixel: the partial sums, added."""
        return sum(self.partial_sums)

    @property
    def kernel(self) -> float:
        """The kernel's number at this position of the last output channel."""
        return float(self.outputs[-1, self.row, self.column])

    @property
    def macs(self) -> int:
        """Multiply-adds of the whole layer."""
        K, C, R, S = self.weight.shape
        return macs(K, C, R, S, *self.outputs.shape[1:])


def channels(filters: int, row: int, column: int) -> Channels:
    """Return the layer of the first `filters` filters of BANK, with the window at (row, column) of the photo."""
    weight = np.stack(list(BANK.values())[:filters])
    return Channels(colour_photo(), weight, _outputs()[:filters], row, column)


@cache
def _outputs() -> FloatArray:
    """Convolve the photo with every filter of BANK."""
    outputs: FloatArray = kernels.conv2d(colour_photo()[None], np.stack(list(BANK.values())), threads=1)[0]
    outputs.flags.writeable = False
    return outputs
