"""The numbers of lesson 1: a photo, a few filters, one window with its products, and the count of multiply-adds.

Pixels and filter elements are small whole numbers (or sixteenths), so float32 holds every product and sum exactly, and
the sum by hand *equals* what the kernel computes, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

import kernels

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
    """Return the window whose top left pixel is (row, column) of the photo."""
    weight = FILTERS[filter]
    return Window(photo(), _output(filter), weight, filter, row, column)


@cache
def _output(filter: str) -> FloatArray:
    """Convolve the photo with a filter, as a layer of one input and one output channel."""
    output: FloatArray = kernels.conv2d(photo()[None, None], FILTERS[filter][None, None], threads=1)[0, 0]
    output.flags.writeable = False
    return output


def macs(K: int, C: int, R: int, S: int, P: int, Q: int) -> int:
    """Count the multiply-adds of a layer: each of the K x P x Q outputs is a sum of C x R x S products."""
    return K * P * Q * C * R * S


def output_shape() -> tuple[int, int]:
    """Return (P, Q): the window's top left pixel can stand on this many rows and columns."""
    P, Q = _output(next(iter(FILTERS))).shape
    return P, Q
