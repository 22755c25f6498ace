"""Winograd's algorithm on bytes: how many bits its transforms add, what fits 16, and what a wrapped sum still tells.

The matrices are those of lesson 2, each row times the whole number that makes it whole:

    Y = A^T [ (G g G^T) * (B^T d B) ] A       becomes       D^2 * Y = A^T [ U * V ] A,     D: a whole number

Sums wrap at 2^32. If D^2 = 2^t * odd, they tell Y modulo 2^(32 - t); that is Y itself if it lies in an interval that is
no wider. d = x - zero_x lies within +-255, g within +-127. (kernels/bytes_winograd.pyx has the two tiles that fit.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import lcm, log2
from typing import Any

import numpy as np
import numpy.typing as npt

from workbook.lessons.quantization.model import weight_of
from workbook.lessons.quantization.trained import camera, network
from workbook.lessons.winograd.construction import TAPS, cook_toom
from workbook.plain_text import Text
from workbook.quantize.affine import Affine
from workbook.quantize.layer_errors import sqnr
from workbook.quantize.scheme import Scheme

POINTS = {
    "F(2,3): 0, ±1": (2, ("0", "1", "-1")),
    "F(4,3): 0, ±1, ±2": (4, ("0", "1", "-1", "2", "-2")),
    "F(4,3): 0, ±1, ±1/2": (4, ("0", "1", "-1", "1/2", "-1/2")),
    "F(6,3): 0, ±1, ±2, ±1/2": (6, ("0", "1", "-1", "2", "-2", "1/2", "-1/2")),
}
FEWEST_CHANNELS, MOST_CHANNELS, CHANNELS_STEP = 16, 1024, 16
LARGEST_INPUT, LARGEST_WEIGHT = 255, 127  # of |x - zero_x|, of |w|
REGISTER, WRAP = 16, 32  # bits of a transformed number, of a sum
BEFORE, LAYER = "conv3", "conv4"  # of the denoiser: a real layer, and what it reads
_SIDE = 50  # pixels of its input: two less are a multiple of the tiles

FloatArray = npt.NDArray[np.float64]

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Matrices:
    """The matrices of a tile in whole numbers.

    Attributes
    ----------
    BT, G, AT : int64
    factor : int
        D: what A^T [(G g) * (B^T d)] is of y.
    """

    BT: Whole
    G: Whole
    AT: Whole
    factor: int

    @property
    def known(self) -> int:
        """The bits of Y that a sum tells which wraps at 2^32."""
        square = self.factor**2
        return WRAP - (square & -square).bit_length() + 1


@cache
def matrices(points: str) -> Matrices:
    """Make the matrices of POINTS whole: what a row of B^T or G is multiplied by, D holds.

    The row of G for infinity is a single number; where D would make it the largest, a part goes to A instead.
    """
    m, chosen = POINTS[points]
    exact = cook_toom(m, chosen)
    of_inputs = [lcm(*(x.denominator for x in row)) for row in exact.BT]
    below = [lcm(*(x.denominator for x in row)) for row in exact.G]
    factor = lcm(*(a * b for a, b in zip(of_inputs, below, strict=True)))
    G = [[x * factor / by for x in row] for row, by in zip(exact.G, of_inputs, strict=True)]
    most = max(_reach(row) for row in G[:-1])
    spare = next(d for d in range(1, factor + 1) if factor % d == 0 and _reach(G[-1]) / d <= most)
    G[-1] = [x / spare for x in G[-1]]
    AT = exact.AT.copy()
    AT[:, -1] *= spare
    # a point between whole numbers leaves fractions in A: they count as part of D too
    left = lcm(*(x.denominator for row in AT.tolist() for x in row))
    BT = [[x * by for x in row] for row, by in zip(exact.BT, of_inputs, strict=True)]
    return Matrices(_whole(BT), _whole(G), _whole(AT * left), factor * left)


def _reach(row: Any) -> int:
    return int(sum(abs(x) for x in row))


def _whole(rows: Any) -> Whole:
    return np.array([[int(x) for x in row] for row in rows], np.int64)


@dataclass(frozen=True)
class Ranged16:
    """What a layer of 3x3 filters needs in bits, in the worst case.

    Attributes
    ----------
    points : str
        One of POINTS.
    channels, weight : int
        Input channels; the mean of |w| over a filter, from 1 to 127.
    inputs, filters : tuple of float
        Bits of a number and what each of two passes adds; one more is the sign.
    output : float
        Bits of the interval in which a filter's sums lie.
    known : int
        Bits of Y that the wrapped sum tells.
    """

    points: str
    channels: int
    weight: int
    inputs: tuple[float, float, float]
    filters: tuple[float, float, float]
    output: float
    known: int

    @property
    def fits(self) -> bool:
        """Whether inputs and filters stay within 16 bits."""
        return max(sum(self.inputs), sum(self.filters)) < REGISTER - 1

    @property
    def is_exact(self) -> bool:
        """Whether the layer's sums are known without any error."""
        return self.fits and self.output < self.known


def ranges(points: str, channels: int, weight: int) -> Ranged16:
    """Return the bits that a layer needs."""
    made = matrices(points)
    of_inputs, of_filters = (max(_reach(row) for row in matrix) for matrix in (made.BT, made.G))
    inputs = log2(LARGEST_INPUT), log2(of_inputs), log2(of_inputs)
    filters = log2(LARGEST_WEIGHT), log2(of_filters), log2(of_filters)
    span = LARGEST_INPUT * TAPS * TAPS * channels * weight
    return Ranged16(points, channels, weight, inputs, filters, log2(span), made.known)


@dataclass(frozen=True)
class RoundedSums(Text):
    """What a layer's sums come to if transformed numbers are rounded to few bits.

    Attributes
    ----------
    db : dict of str to dict of int to float
        By tile, then by bits: SQNR in dB of the sums of a real layer; inf if they are exact.
    """

    db: dict[str, dict[int, float]]

    def __str__(self) -> str:
        counts = list(next(iter(self.db.values())))
        lines = [f"{'SQNR of the sums':<20}" + "".join(f"{bits:>7} bits" for bits in counts)]
        for tile, found in self.db.items():
            shown = ("exact" if found[bits] == np.inf else f"{found[bits]:.0f} dB" for bits in counts)
            lines.append(f"{tile:<20}" + "".join(f"{text:>12}" for text in shown))
        return "\n".join(lines)

    __repr__ = __str__


def rounded_winograd(bits: tuple[int, ...] = (8, 10, 12, 16)) -> RoundedSums:
    """Compute a layer of the denoiser by Winograd's algorithm, transformed numbers rounded to so many bits.

    Raises
    ------
    ValueError
        For a number of bits below 2 or above 16.
    """
    if not bits or not all(2 <= count <= REGISTER for count in bits):
        raise ValueError(f"bits must be numbers from 2 to {REGISTER}, not {bits}")
    d, g = _layer()
    exact = _direct(d, g)
    return RoundedSums(
        {tile: {count: sqnr(_rounded_sums(tile, d, g, count), exact) for count in bits} for tile in list(POINTS)[:2]}
    )


@cache
def _layer() -> tuple[Whole, Whole]:
    """Return x - zero_x (C, H, W) of LAYER on a piece of the photo, and its weights (K, C, 3, 3), in whole numbers."""
    piece = camera()[1][:, :, :_SIDE, :_SIDE].copy()
    x = next(array for node, array in network("denoiser").trace(piece) if node.name == BEFORE)[0]
    of_x = Affine.of_range(x.min(), x.max())
    weight = weight_of("denoiser", LAYER)
    d = of_x.quantize(x).astype(np.int64) - int(of_x.zero_point)
    return d, Scheme().of_weights(weight).quantize(weight).astype(np.int64)


def _direct(d: Whole, g: Whole) -> FloatArray:
    windows = np.lib.stride_tricks.sliding_window_view(d, (TAPS, TAPS), axis=(1, 2))
    sums: FloatArray = np.einsum("cpqrs,kcrs->kpq", windows.astype(np.float64), g, optimize=True)
    return sums


def _rounded_sums(points: str, d: Whole, g: Whole, bits: int) -> FloatArray:
    """Return a layer's sums (K, P, Q) with V and U rounded to `bits` bits; the rest is exact in float64."""
    made, m = matrices(points), POINTS[points][0]
    n = m + TAPS - 1
    tiles = np.lib.stride_tricks.sliding_window_view(d, (n, n), axis=(1, 2))[:, ::m, ::m]
    V = _rounded(np.einsum("ij,cpqjk,lk->ilcpq", made.BT, tiles, made.BT, optimize=True), bits)
    U = _rounded(np.einsum("ir,kcrs,js->ijkc", made.G, g, made.G, optimize=True), bits)
    M = np.einsum("ijkc,ijcpq->ijkpq", U, V, optimize=True)
    Y = np.einsum("ai,ijkpq,bj->kpaqb", made.AT, M, made.AT, optimize=True) / made.factor**2
    K, P, _, Q, _ = Y.shape
    sums: FloatArray = Y.reshape(K, P * m, Q * m)
    return sums


def _rounded(numbers: Whole, bits: int) -> FloatArray:
    """Return numbers on a grid of so many bits with 0 in its middle; whole numbers stay as they are if they fit."""
    step = max(1.0, float(np.abs(numbers).max()) / (2 ** (bits - 1) - 1))
    on_grid: FloatArray = np.rint(numbers / step) * step
    return on_grid
