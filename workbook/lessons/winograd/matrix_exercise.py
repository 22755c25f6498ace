"""The exercise of lesson 2 in which the matrices of a tile are built from points, and proven by exact arithmetic.

All n points are numbers here. `cook_toom` always takes infinity as the last one, so it does not do this work.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from numbers import Rational, Real
from typing import Any, TypeAlias

import numpy as np

from workbook.lessonkit.exercise import (
    NOT_ATTEMPTED,
    Exercise,
    Mistake,
    Outcome,
    WrongKindError,
    correct,
    describe,
    not_yet,
)

Rows: TypeAlias = list[list[Fraction]]
Three: TypeAlias = tuple[Rows, Rows, Rows]

# Points, outputs, taps. No two have the same sizes, or sizes that a mistake could confuse.
CASES = (
    ((0, 1, -1, 2), 2, 3),
    ((1, -2, 3, Fraction(1, 2), -3), 2, 4),
    ((0, 1, -1, 2, -2, 4), 4, 3),
)


def build(points: list[int], m: int, r: int) -> tuple[list[list[int]], list[list[float]], list[list[int]]]:
    """Return A^T (m, n), G (n, r) and B^T (n, n) of F(m, r) at n = m + r - 1 points."""
    BT, G = [], []
    for p in points:
        zero, scale = [1], 1
        for q in points:
            if q != p:  # times (x - q): coefficients, the constant first
                zero = [up - q * down for up, down in zip([0, *zero], [*zero, 0], strict=True)]
                scale *= p - q
        BT.append(zero)
        G.append([p**k / scale for k in range(r)])
    AT = [[p**i for p in points] for i in range(m)]
    return AT, G, BT


_build: Any = build  # of Fractions


def verify_build(answer: object) -> Outcome:
    """Build tiles by the learner's function, and compare each with the definition, exactly and for any input."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for points, m, r in CASES:
        exact = tuple(Fraction(point) for point in points)
        given: Any = answer(exact, m, r)
        if given is ...:
            return NOT_ATTEMPTED
        name = f"F({m},{r}) at {', '.join(map(str, points))}"
        matrices = _three(given, name)
        for of, matrix, sizes in zip(
            ("A^T", "G", "B^T"), matrices, ((m, m + r - 1), (m + r - 1, r), (m + r - 1,) * 2), strict=True
        ):
            if matrix.shape != sizes:
                return not_yet(f"{name}: your {of} is {_by(matrix.shape)}, not {_by(sizes)}")
        wrong = _wrong(*matrices, m, r)
        if wrong:
            return not_yet(f"{name}: {wrong}{_why(exact, m, r, *matrices)}")
        elsewhere = [p for p, (one, power) in zip(exact, matrices[0][:2].T, strict=True) if power != p * one or not one]
        if elsewhere:
            return not_yet(f"{name}: the outputs are right, but your tile does not evaluate at {elsewhere[0]}")
        divided = next((cell for cell in matrices[2].flat if cell.denominator != 1), None)
        if divided is not None and all(p.denominator == 1 for p in exact):
            return not_yet(f"{name}: the outputs are right, but your B^T holds {divided}: move the division into G")
    return correct(f"{len(CASES)} tiles are the definition for every input and every filter, by exact arithmetic")


def product_of(AT: np.ndarray, G: np.ndarray, BT: np.ndarray) -> np.ndarray:
    """Return the (m, n, r) numbers by which output i holds input j times tap k: what the steps do, as symbols."""
    full: np.ndarray = np.array(
        [[[sum(AT[i] * BT[:, j] * G[:, k]) for k in range(G.shape[1])] for j in range(len(BT))] for i in range(len(AT))]
    )
    return full


def _definition(m: int, r: int) -> np.ndarray:
    """Return the same of the definition: output i holds input i + k times tap k."""
    return np.array([[[Fraction(j == i + k) for k in range(r)] for j in range(m + r - 1)] for i in range(m)])


def _wrong(AT: np.ndarray, G: np.ndarray, BT: np.ndarray, m: int, r: int) -> str:
    """Say which product of an input and a tap is wrong; empty if none is."""
    found, right = product_of(AT, G, BT), _definition(m, r)
    for i, j, k in np.ndindex(found.shape):
        if found[i, j, k] != right[i, j, k]:
            return f"output {i} holds {found[i, j, k]} times d{j} g{k}, not {right[i, j, k]} times"
    return ""


def _why(points: tuple[Fraction, ...], m: int, r: int, AT: np.ndarray, G: np.ndarray, BT: np.ndarray) -> str:
    """Name a mistake that explains what is wrong."""
    scale = np.array([[cell] for cell in _scales(points)])
    if not _wrong(AT, G / scale, BT, m, r):
        return "; the division by the differences of the points is missing"
    if not _wrong(AT, G, BT[:, ::-1], m, r):
        return "; a row of B^T begins with the constant coefficient, your rows end with it"
    if not _wrong(AT, G, BT.T, m, r):
        return "; your B^T is not transposed"
    if not _wrong(AT, G, BT * [(-1) ** (len(BT) - 1 - j) for j in range(len(BT))], m, r):
        return "; a polynomial is zero at q if it has the factor x - q, not x + q"
    return ""


def _three(given: object, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a learner's three matrices as arrays of Fractions."""
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise WrongKindError(f"your function must return A^T, G and B^T, it returned {describe(given)}")
    found = []
    for of, matrix in zip(("A^T", "G", "B^T"), given, strict=True):
        rows = matrix.tolist() if isinstance(matrix, np.ndarray) and matrix.size <= _MOST else matrix
        if not isinstance(rows, (list, tuple)) or not 0 < len(rows) <= _MOST:
            raise WrongKindError(f"{name}: your {of} must be a matrix, as rows of numbers; it is {describe(matrix)}")
        if not all(isinstance(row, (list, tuple)) and len(row) == len(rows[0]) <= _MOST for row in rows):
            raise WrongKindError(f"{name}: the rows of your {of} must be lists of the same length")
        cells = [cell for row in rows for cell in row]
        if not all(isinstance(cell, Rational) for cell in cells):
            if all(isinstance(cell, Real) for cell in cells):
                raise WrongKindError(
                    f"{name}: your {of} holds floats, which round; the points are Fractions, keep to them"
                )
            raise WrongKindError(f"{name}: your {of} must hold numbers")
        found.append(np.array([[Fraction(cell) for cell in row] for row in rows], object))
    return found[0], found[1], found[2]


_MOST = 100  # rows, and numbers in a row: no tile of the cases has so many


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _changed(change: Callable[..., Three]) -> Callable[..., Three]:
    def changed(points: tuple[Fraction, ...], m: int, r: int) -> Three:
        return change(points, *_build(points, m, r))

    return changed


def _scales(points: tuple[Fraction, ...]) -> list[Fraction]:
    return [prod((p - q for q in points if q != p), start=Fraction(1)) for p in points]


@_changed
def _undivided(points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    return AT, [[cell * scale for cell in row] for row, scale in zip(G, _scales(points), strict=True)], BT


@_changed
def _divided_in_b(points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    scales = _scales(points)
    G, BT = (
        [[cell * scale for cell in row] for row, scale in zip(G, scales, strict=True)],
        [[cell / scale for cell in row] for row, scale in zip(BT, scales, strict=True)],
    )
    return AT, G, BT


@_changed
def _highest_first(_points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    return AT, G, [row[::-1] for row in BT]


@_changed
def _not_transposed(_points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    return AT, G, [list(column) for column in zip(*BT, strict=True)]


@_changed
def _outputs_transposed(_points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    return [list(column) for column in zip(*AT, strict=True)], G, BT


@_changed
def _plus_for_minus(points: tuple[Fraction, ...], AT: Rows, G: Rows, BT: Rows) -> Three:
    return AT, G, _build(tuple(-p for p in points), 1, len(points))[2]


MATRICES = Exercise(
    id="2.2",
    variable="build",
    stub="""\
def build(points, m, r):
    # AT: m rows, G: n rows of r numbers, BT: n rows of n numbers; n = m + r - 1 points, all Fractions
    return ...""",
    solution=build,
    verify=verify_build,
    hints=(
        "G evaluates the filter: row i is 1, p, p^2, ... for point i. A^T is the transpose of the same for m numbers",
        "row i of B^T holds the coefficients, constant first, of the product of (x - q) over every other point q; its "
        "value at p itself is the product of (p - q)",
        "interpolation divides by that value: divide row i of G by it. Times (x - q): "
        "[up - q * down for up, down in zip([0, *zero], [*zero, 0])]",
    ),
    mistakes=(
        Mistake("no division", _undivided, "differences of the points is missing"),
        Mistake("divided in B^T", _divided_in_b, "move the division into G"),
        Mistake("highest power first", _highest_first, "your rows end with it"),
        Mistake("B^T not transposed", _not_transposed, "your B^T is not transposed"),
        Mistake("A^T not transposed", _outputs_transposed, "your A^T is 4 x 2, not 2 x 4"),
        Mistake("x + q for x - q", _plus_for_minus, "not x + q"),
    ),
)
