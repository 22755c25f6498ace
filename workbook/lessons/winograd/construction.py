"""The numbers of lesson 2: Winograd's matrices from their points, in exact fractions, as Cook and Toom construct them.

F(m, r) computes m outputs of a filter of r taps from n = m + r - 1 inputs, with n multiplications in place of m * r:

    y = A^T [ (G g) * (B^T d) ]                 d: n inputs, g: r taps, y: m outputs, *: element by element

and nested, F(m x m, r x r) with n * n multiplications in place of m * m * r * r:

    Y = A^T [ (G g G^T) * (B^T d B) ] A

A polynomial of degree n - 1 is known from its values at n points, and the value of a product is the product of the
values: one multiplication a point. Multiplying two polynomials, transposed, is filtering. The n points are n - 1
numbers and infinity, where the value is the leading coefficient. (S. Winograd, Arithmetic Complexity of Computations,
1980; A. Lavin and S. Gray, arXiv 1509.09308.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, prod
from typing import TypeAlias
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from kernels import winograd
from workbook.plain_text import Text

Exact: TypeAlias = npt.NDArray[np.object_]  # of Fractions: NumPy adds and multiplies them without rounding
Point: TypeAlias = int | float | str | Fraction

TAPS = 3
KERNELS = (2, 4, 6)  # the m of the kernels' F(m x m, 3 x 3)
_MOST_OUTPUTS = 12  # more makes matrices that nobody can read and numbers that no float holds


@dataclass(frozen=True)
class Transforms(Text):
    """The matrices of F(m, r).

    Attributes
    ----------
    m, r : int
        Outputs and filter taps.
    points : tuple of Fraction
        The n - 1 points beside infinity, in the order of the rows.
    AT : (m, n) Exact
        To the outputs: row i holds the i-th powers of the points.
    G : (n, r) Exact
        Evaluates the filter at the points, and divides by the product of the differences to the other points.
    BT : (n, n) Exact
        To the inputs: row i holds the coefficients of the polynomial that is zero at every point but the i-th.
    """

    m: int
    r: int
    points: tuple[Fraction, ...]
    AT: Exact
    G: Exact
    BT: Exact

    @property
    def n(self) -> int:
        """Inputs of a tile, and its multiplications, in one direction."""
        return self.m + self.r - 1

    @property
    def name(self) -> str:
        """Such as F(2,3)."""
        return f"F({self.m},{self.r})"

    @property
    def saving(self) -> float:
        """How many times fewer multiplications a whole tile takes, in two dimensions."""
        return (self.m * self.r) ** 2 / self.n**2

    @property
    def input_operations(self) -> int:
        """Multiply-adds of B^T d B: one pass down the n columns of a tile, one along its n rows."""
        return 2 * self.n * operations(self.BT)

    @property
    def output_operations(self) -> int:
        """Multiply-adds of A^T M A: one pass down the n columns, one along the m rows that are left."""
        return (self.n + self.m) * operations(self.AT)

    def filter_line(self, d: npt.ArrayLike, g: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Return the m outputs of the filter g (r,) on the inputs d (n,)."""
        y: npt.NDArray[np.generic] = self.AT @ ((self.G @ np.asarray(g)) * (self.BT @ np.asarray(d)))
        return y

    def filter_tile(self, d: npt.ArrayLike, g: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Return the outputs (m, m) of the filter g (r, r) on the inputs d (n, n)."""
        U = self.G @ np.asarray(g) @ self.G.T
        V = self.BT @ np.asarray(d) @ self.BT.T
        Y: npt.NDArray[np.generic] = self.AT @ (U * V) @ self.AT.T
        return Y

    def __str__(self) -> str:
        at = ", ".join(map(str, self.points))
        parts = [f"{self.name} at the points {at} and infinity: {self.n} multiplications for {self.m * self.r}"]
        for name, matrix in (("B^T", self.BT), ("G", self.G), ("A^T", self.AT)):
            cells = [[str(cell) for cell in row] for row in matrix]
            width = max(len(cell) for row in cells for cell in row)
            for i, row in enumerate(cells):
                head = f"{name} =" if i == 0 else ""
                parts.append(f"{head:<6}[ {'  '.join(f'{cell:>{width}}' for cell in row)} ]")
        return "\n".join(parts)

    __repr__ = __str__


def cook_toom(m: int, points: Iterable[Point] | None = None, r: int = TAPS) -> Transforms:
    """Construct the matrices of F(m, r).

    Parameters
    ----------
    m : int
        Outputs of a tile in one direction, from 1 to 12.
    points : iterable, optional
        m + r - 2 different numbers: whole, Fractions, floats, or text such as "5/8" or "½". Infinity is always the last
        point and is not named. The points of our kernels if None.
    r : int
        Taps of the filter.

    Raises
    ------
    ValueError
        For a tile that cannot be, or for points that do not fit it; the message names them.
    """
    check_tile(m)
    _check_size("r, the taps of a filter,", r)
    at = _kernel_points(m, r) if points is None else _checked(points, m, r)
    others = {p: [q for q in at if q != p] for p in at}
    scale = {p: prod((p - q for q in others[p]), start=Fraction(1)) for p in at}
    return Transforms(
        m,
        r,
        at,
        AT=_exact([[*(Fraction(p**i) for p in at), Fraction(i == m - 1)] for i in range(m)]),
        G=_exact([*([Fraction(p**k) / scale[p] for k in range(r)] for p in at), _at_infinity(r)]),
        BT=_exact([*([*_zero_at(others[p]), Fraction(0)] for p in at), _zero_at(at)]),
    )


def operations(matrix: Exact) -> int:
    """Count the multiply-adds of a matrix times a vector, row by row: zeros are free, and so is the first 1 or -1."""
    return sum(sum(1 for x in row if x != 0) - any(abs(x) == 1 for x in row) for row in matrix)


def _zero_at(points: Iterable[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of (x - p), from the constant one on."""
    coefficients = [Fraction(1)]
    for p in points:
        times_x, times_p = [Fraction(0), *coefficients], [p * c for c in coefficients] + [Fraction(0)]
        coefficients = [up - down for up, down in zip(times_x, times_p, strict=True)]
    return coefficients


def _at_infinity(length: int) -> list[Fraction]:
    """Return the row that takes the leading coefficient alone."""
    return [Fraction(0)] * (length - 1) + [Fraction(1)]


def _exact(rows: list[list[Fraction]]) -> Exact:
    return np.array(rows, dtype=object)


def check_tile(m: object) -> None:
    """Raise a ValueError unless m x m outputs can be a tile."""
    _check_size("m, the outputs of a tile in one direction,", m)


def _check_size(what: str, size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MOST_OUTPUTS:
        raise ValueError(f"{what} must be a whole number from 1 to {_MOST_OUTPUTS}, not {size!r}")


def _kernel_points(m: int, r: int) -> tuple[Fraction, ...]:
    if m not in KERNELS or r != TAPS:
        have = ", ".join(f"F({size},{TAPS})" for size in KERNELS)
        raise ValueError(f"the kernels have {have}; for F({m},{r}) name {m + r - 2} points")
    return tuple(map(Fraction, winograd.points(m)))


def _checked(points: Iterable[Point], m: int, r: int) -> tuple[Fraction, ...]:
    at = tuple(map(_point, points))
    twice = next((p for i, p in enumerate(at) if p in at[:i]), None)
    if twice is not None:
        raise ValueError(f"the point {twice} stands there twice; two values at one point say no more than one")
    if len(at) != m + r - 2:
        raise ValueError(f"F({m},{r}) takes {m + r - 2} points besides infinity, you gave {len(at)}")
    return at


def _point(point: object) -> Fraction:
    if isinstance(point, (int, float, str, Fraction)) and not isinstance(point, bool):
        try:
            if isinstance(point, str):  # a single character such as ½ too
                return Fraction(normalize("NFKC", point).replace("\N{FRACTION SLASH}", "/"))
            if not isinstance(point, float) or isfinite(point):
                return Fraction(point)
        except (ValueError, ZeroDivisionError):
            pass
    raise ValueError(f"{point!r} is no point: give a whole number, a Fraction, a finite float, or text such as '5/8'")
