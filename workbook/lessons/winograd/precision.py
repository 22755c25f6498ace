"""What a tile and its points do to the result, in three types of number: the error of a small layer.

The layer has 128 input channels, as after a ReLU, and random filters of the size that He et al. (arXiv 1502.01852)
start a network with. Inputs are read in the type; V and the packed filters U are kept in it. Products are added up in
float32, channel by channel, and the transforms are computed in float32, as units for half precision do.

    error = root mean square of (y - exact) / root mean square of exact

Every sum is written as a loop of NumPy's elementwise operations, which round alike on every machine. A product of
matrices would add in an order that depends on the machine, and print other digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import inf, isfinite, sqrt
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from workbook.lessons.winograd.construction import TAPS, Point, Transforms, cook_toom

FloatArray = npt.NDArray[np.float32]

TYPES: dict[str, Any] = {"fp32": np.float32, "fp16": np.float16, "bf16": ml_dtypes.bfloat16}

C, K, SIDE = 128, 8, 12  # input and output channels; outputs in one direction, which tiles of 1, 2, 3, 4 and 6 cover
_SEED = 2


@dataclass(frozen=True)
class Case:
    """A layer and its result without rounding.

    Attributes
    ----------
    x : (C, SIDE + 2, SIDE + 2) float32
    weight : (K, C, 3, 3) float32
    exact : (K, SIDE, SIDE) float64
    """

    x: FloatArray
    weight: FloatArray
    exact: npt.NDArray[np.float64]


@cache
def case() -> Case:
    """Return the layer, the same each time."""
    random = np.random.default_rng(_SEED)
    x = np.maximum(random.standard_normal((C, SIDE + TAPS - 1, SIDE + TAPS - 1), np.float32), 0)
    weight = random.standard_normal((K, C, TAPS, TAPS), np.float32) * np.float32(sqrt(2 / (C * TAPS**2)))
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (TAPS, TAPS), axis=(1, 2))
    return Case(x, weight, np.einsum("cpqrs,kcrs->kpq", windows, weight.astype(np.float64), optimize=True))


def error(type: str, m: int = 1, points: Iterable[Point] | None = None) -> float:
    """Return the error of the layer by F(m x m, 3 x 3) in a type of number.

    Parameters
    ----------
    type : "fp32", "fp16" or "bf16"
    m : int
        1 is the definition.
    points : iterable, optional
        As `cook_toom` takes them; those of the kernels if None.

    Returns
    -------
    float
        Infinite if a number left the range of the type.

    Raises
    ------
    ValueError
        For an unknown type, a bad tile or bad points.
    """
    if type not in TYPES:
        raise ValueError(f"no type {type!r}; there are {', '.join(TYPES)}")
    if m == 1 and points is None:
        return _error(type, None)
    matrices = cook_toom(m, points)
    return _error_of(type, matrices.m, matrices.points)


@cache
def _error_of(type: str, m: int, points: tuple[Point, ...]) -> float:
    return _error(type, cook_toom(m, points))


def _error(type: str, matrices: Transforms | None) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        y = by_definition(case(), type) if matrices is None else by_tiles(case(), type, matrices)
        wrong = y - case().exact
    ratio = sqrt(np.mean(wrong**2) / np.mean(case().exact ** 2))
    return ratio if isfinite(ratio) else inf


def by_definition(layer: Case, type: str) -> FloatArray:
    """Compute the layer tap by tap and channel by channel; return y (K, P, Q)."""
    x, weight = rounded(layer.x, type), rounded(layer.weight, type)
    P, Q = layer.exact.shape[1:]
    y = np.zeros(layer.exact.shape, np.float32)
    for c in range(len(x)):
        for r in range(TAPS):
            for s in range(TAPS):
                y += weight[:, c, r, s, None, None] * x[c, r : r + P, s : s + Q]
    return y


def by_tiles(layer: Case, type: str, matrices: Transforms) -> FloatArray:
    """Compute the layer tile by tile; return y (K, P, Q)."""
    m, n = matrices.m, matrices.n
    P, Q = layer.exact.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    x = np.zeros((len(layer.x), m * down + TAPS - 1, m * across + TAPS - 1), np.float32)
    x[:, : layer.x.shape[1], : layer.x.shape[2]] = rounded(layer.x, type)
    tiles = np.lib.stride_tricks.sliding_window_view(x, (n, n), axis=(1, 2))[:, ::m, ::m]
    U = rounded(_both_ways(matrices.G.astype(np.float64), layer.weight.transpose(2, 3, 1, 0)), type)  # (n, n, C, K)
    V = rounded(_both_ways(matrices.BT.astype(np.float32), tiles.transpose(3, 4, 0, 1, 2)), type)  # (n, n, C, tiles)
    M = np.zeros((n, n, len(layer.weight), down, across), np.float32)
    for c in range(len(x)):
        M += U[:, :, c, :, None, None] * V[:, :, c, None]
    Y = _both_ways(matrices.AT.astype(np.float32), M)  # (m, m, K, down, across)
    return Y.transpose(2, 3, 0, 4, 1).reshape(-1, m * down, m * across)[:, :P, :Q]


def rounded(numbers: npt.NDArray[Any], type: str) -> FloatArray:
    """Round to the nearest numbers of the type; return them as float32, which holds every one of them."""
    return numbers.astype(np.float32).astype(TYPES[type]).astype(np.float32)


def _both_ways(matrix: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return matrix @ numbers @ matrix^T over the first two axes."""
    return _down(matrix, _down(matrix, numbers).swapaxes(0, 1)).swapaxes(0, 1)


def _down(matrix: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return matrix @ numbers over the first axis, one multiply and one add after the other."""
    result = np.zeros((len(matrix), *numbers.shape[1:]), np.result_type(matrix, numbers))
    for row, line in zip(matrix, result, strict=True):
        for factor, values in zip(row, numbers, strict=True):
            if factor:
                line += factor * values
    return result
