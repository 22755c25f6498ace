"""What the two panels of lesson 2 show: a layer by one tile, and F(4,3) at points of the learner's choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from workbook.lessonkit.reference import reference
from workbook.lessons.winograd.construction import KERNELS, TAPS
from workbook.lessons.winograd.precision import TYPES, error
from workbook.lessons.winograd.tile_race import reference_gains
from workbook.lessons.winograd.tile_trials import Grid, measured_grid
from workbook.lessons.winograd.work import Work, layer_of
from workbook.measuring.roofline import Roofline

SMALLEST_SIDE, LARGEST_SIDE = 4, 64
TILES = {f"F({m},{TAPS})": m for m in KERNELS}

STEP = 8
UNIT = 1 / STEP  # a slider's step is an eighth: exact in every type
LARGEST = 24
MAP_TYPE = "bf16"
YOURS = "F(4,3), yours"
LAVIN = (Fraction(1), Fraction(2))  # the pairs of A. Lavin and S. Gray, arXiv 1509.09308, section 4.3


@dataclass(frozen=True)
class Tiled:
    """A layer by one tile, among those of other sides.

    Attributes
    ----------
    work, definition : Work
        The layer by the tile, and as the definition says it.
    roof : Roofline
        For which the time is predicted: the reference machine's.
    measured : mapping of int to float
        Measured gains by the side of the map.
    others : float
        The part of the time for which other programs had the core meanwhile, where that was most.
    here : bool
        Whether they were measured on this machine; else on the reference machine.
    """

    work: Work
    definition: Work
    roof: Roofline
    measured: Mapping[int, float]
    others: float
    here: bool

    def at(self, side: int) -> Work:
        """Return the same layer and tile on a map of another side."""
        return Work(layer_of(self.work.layer.C, side), self.work.m)


def tiled(side: int, channels: int, tile: str) -> Tiled:
    """Return a layer of as many output as input channels by a tile of TILES."""
    return _tiled(side, channels, tile, measured_grid(), here=True)


def tiled_on_reference(side: int, channels: int, tile: str) -> Tiled:
    """Return the same with what the reference machine measured, which are fewer layers."""
    return _tiled(side, channels, tile, Grid(reference_gains(), others=0.0), here=False)


def _tiled(side: int, channels: int, tile: str, grid: Grid, *, here: bool) -> Tiled:
    layer, m = layer_of(channels, side), TILES[tile]
    measured = {where: gain for (count, where, size), gain in grid.gains.items() if (count, size) == (layer.C, m)}
    return Tiled(Work(layer, m), Work(layer, 1), reference().roofline, measured, grid.others, here)


@dataclass(frozen=True)
class Pointed:
    """F(4,3) at the points 0, +-a, +-b.

    Attributes
    ----------
    pairs : (Fraction, Fraction)
        a and b.
    errors : mapping of str to mapping of str to float
        By algorithm, then by type; the algorithms are those of `rivals`, and last YOURS, if a and b differ: two equal
        points give one equation, so that one is missing.
    landscape : (LARGEST, LARGEST) float64
        The error in MAP_TYPE for every a and b, in eighths from 1 on; NaN where they are the same.
    """

    pairs: tuple[Fraction, Fraction]
    errors: Mapping[str, Mapping[str, float]]
    landscape: npt.NDArray[np.float64]


def pointed(a: float, b: float) -> Pointed:
    """Return F(4,3) at the points 0, +-a, +-b, both multiples of an eighth."""
    pair = Fraction(a), Fraction(b)
    if a == b:
        return Pointed(pair, rivals(), landscape())
    yours = {type: error(type, 4, points_of(*pair)) for type in TYPES}
    return Pointed(pair, {**rivals(), YOURS: yours}, landscape())


def points_of(a: Fraction, b: Fraction) -> tuple[Fraction, ...]:
    """Return the points 0, a, -a, b, -b."""
    return Fraction(0), a, -a, b, -b


@cache
def rivals() -> dict[str, dict[str, float]]:
    """Return the errors to compare with, by algorithm and type."""
    cases = {"definition": 1, "F(2,3)": 2, "F(4,3), kernel": 4, "F(6,3), kernel": 6}
    return {name: {type: error(type, m) for type in TYPES} for name, m in cases.items()}


@cache
def landscape() -> npt.NDArray[np.float64]:
    """Return the error of F(4,3) in MAP_TYPE for all a and b; a second the first time."""
    errors = np.full((LARGEST, LARGEST), np.nan)
    for a in range(1, LARGEST + 1):
        for b in range(1, a):
            pair = points_of(Fraction(b, STEP), Fraction(a, STEP))
            errors[a - 1, b - 1] = errors[b - 1, a - 1] = error(MAP_TYPE, 4, pair)
    errors.flags.writeable = False
    return errors


def best_pair() -> tuple[Fraction, Fraction]:
    """Return the a < b of the smallest error of the landscape."""
    row, column = np.unravel_index(np.nanargmin(landscape()), landscape().shape)
    small, large = sorted((int(row) + 1, int(column) + 1))
    return Fraction(small, STEP), Fraction(large, STEP)
