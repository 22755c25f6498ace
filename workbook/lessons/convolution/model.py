"""The numbers of lesson 1: a photo, a few filters, one window with its products, and the count of multiply-adds.

Several filters on a photo in colour: a filter has a table for each input channel and makes one output channel.

    y[k, p, q] = sum over c of  (sum over r, s of  x[c, p + r, q + s] * weight[k, c, r, s])

Pixels and filter elements are small whole numbers (or sixteenths), so float32 holds every product and sum exactly, and
the sum by hand *equals* what the kernel computes, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

import kernels
from workbook.lessonkit.arguments import at_least

FloatArray = npt.NDArray[np.float32]

_CORNER, _SIDE, _SHRINK = (20, 80), 288, 3  # the part of the photo: head and shoulders, every pixel a mean of 3 x 3


def _filter(*rows: tuple[float, float, float]) -> FloatArray:
    return np.array(rows, np.float32)


FILTERS: dict[str, FloatArray] = {
    "vertical edges": _filter((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "horizontal edges": _filter((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "blur": _filter((1, 2, 1), (2, 4, 2), (1, 2, 1)) / np.float32(16),
    "sharpen": _filter((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "nothing": _filter((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}


@cache
def colour_photo() -> FloatArray:
    """Return a photo as an array (3, H, W), red, green and blue: whole numbers from 0 (dark) to 255 (bright).

    It is a part of scikit-image's bundled "astronaut", a picture by NASA, made smaller.
    """
    from skimage.data import astronaut

    top, left = _CORNER
    part = astronaut()[top : top + _SIDE, left : left + _SIDE].astype(np.float32)
    side = _SIDE // _SHRINK
    small = part.reshape(side, _SHRINK, side, _SHRINK, 3).mean(axis=(1, 3)).round()
    channels: FloatArray = np.ascontiguousarray(small.transpose(2, 0, 1))
    channels.flags.writeable = False
    return channels


@cache
def photo() -> FloatArray:
    """Return the same photo in grey as an array (H, W): the mean of the three colours, rounded to a whole number."""
    grey: FloatArray = colour_photo().mean(axis=0).round()
    grey.flags.writeable = False
    return grey


@dataclass(frozen=True)
class Window:
    """One position of a filter on the photo.

    Attributes
    ----------
    image : (H, W) float32
        The photo.
    output : (P, Q) float32
        The filter's output at every position, computed by the kernel.
    weight : (R, S) float32
        The filter.
    filter_name : str
    row, column : int
        The window's top left pixel; also the place of its output pixel.
    """

    image: FloatArray
    output: FloatArray
    weight: FloatArray
    filter_name: str
    row: int
    column: int

    @property
    def values(self) -> FloatArray:
        """The R x S pixels under the filter."""
        R, S = self.weight.shape
        return self.image[self.row : self.row + R, self.column : self.column + S]

    @property
    def products(self) -> FloatArray:
        """Each pixel times the filter element above it."""
        return self.values * self.weight

    @property
    def total(self) -> float:
        """The sum of the products."""
        return float(self.products.sum())

    @property
    def kernel(self) -> float:
        """The kernel's number at this position."""
        return float(self.output[self.row, self.column])


def window(row: int, column: int, filter: str) -> Window:
    """Return the window whose top left pixel is (row, column) of the photo.

    Raises
    ------
    ValueError
        For a filter that is not in FILTERS, or a place where it would stick out of the photo.
    """
    if filter not in FILTERS:
        raise ValueError(f"no filter {filter!r}; there are {', '.join(FILTERS)}")
    for name, place, places in zip(("row", "column"), (row, column), output_shape(), strict=True):
        if not 0 <= place < places:
            raise ValueError(f"{name} must be from 0 to {places - 1}, {place} is not: the filter would stick out")
    weight = FILTERS[filter]
    return Window(photo(), _output(filter), weight, filter, row, column)


@cache
def _output(filter: str) -> FloatArray:
    """Convolve the photo with a filter, as a layer of one input and one output channel."""
    output: FloatArray = kernels.conv2d(photo()[None, None], FILTERS[filter][None, None], threads=1)[0, 0]
    output.flags.writeable = False
    return output


def macs(K: int, C: int, R: int, S: int, P: int, Q: int) -> int:
    """Count the multiply-adds of a layer: each of the K x P x Q outputs is a sum of C x R x S products.

    Raises
    ------
    ValueError
        For a size below 1.
    """
    at_least(1, K=K, C=C, R=R, S=S, P=P, Q=Q)
    return K * P * Q * C * R * S


def output_shape() -> tuple[int, int]:
    """Return (P, Q): the window's top left pixel can stand on this many rows and columns."""
    P, Q = _output(next(iter(FILTERS))).shape
    return P, Q


COLOURS = ("red", "green", "blue")


def _in_colours(red: FloatArray, green: FloatArray, blue: FloatArray) -> FloatArray:
    return np.stack([red, green, blue])


_VERTICAL, _HORIZONTAL = FILTERS["vertical edges"], FILTERS["horizontal edges"]
_ONE, _ZERO = np.ones_like(_VERTICAL), np.zeros_like(_VERTICAL)

BANK: dict[str, FloatArray] = {
    "vertical edges": _in_colours(_VERTICAL, _VERTICAL, _VERTICAL),
    "horizontal edges": _in_colours(_HORIZONTAL, _HORIZONTAL, _HORIZONTAL),
    "red, not green": _in_colours(_ONE, -_ONE, _ZERO),
    "blue, not red": _in_colours(-_ONE, _ZERO, _ONE),
    "edges in red": _in_colours(_VERTICAL, _ZERO, _ZERO),
    "blur": _in_colours(_ONE, _ONE, _ONE),
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
