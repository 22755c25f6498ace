"""What a learner's input transform of F(4,3) is asked: lines of inputs, then a whole layer of which it is a part.

The process of a learner's kernel loads this file by its path, without the lesson around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

import kernels
from kernels import probe, winograd
from workbook.lessonkit.kernel_problem import Problem

CHANNELS, SIDE = 64, 56  # 64 filters on 64 channels, 56 x 56 output pixels
M, TAPS = 4, 3
N = M + TAPS - 1

_EPSILON = float(np.finfo(np.float32).eps)
_LINES = (1, 2, 5)
_STEPS = 12  # multiply-adds, at most, in which an input of one direction takes part
_NOTHING = np.zeros(1, np.float32)  # where lines are transformed, there are no filters and no scratch

Matrix = npt.NDArray[np.float64]


def matrices() -> tuple[Matrix, Matrix, Matrix]:
    """Return B^T (N, N), G (N, TAPS) and A^T (M, N) of F(4,3) at the kernel's points, all of them exact in float64."""
    at = winograd.points(M)
    others = [[q for q in at if q != p] for p in at]
    BT = np.array([*([*np.poly(other)[::-1], 0] for other in others), np.poly(at)[::-1]])
    scales = [np.prod(p - np.array(other)) for p, other in zip(at, others, strict=True)]
    G = np.array([*(p ** np.arange(TAPS) / scale for p, scale in zip(at, scales, strict=True)), [0, 0, 1]])
    AT = np.array([[*(p**i for p in at), float(i == M - 1)] for i in range(M)])
    return BT, G, AT


def lines(count: int, along: bool, seed: int) -> Problem:
    """Return lines of inputs to transform.

    Parameters
    ----------
    count : int
    along : bool
        Whether the vectors of a line are neighbours, as along a row of pixels; else those of all lines are.
    seed : int
    """
    d = np.random.default_rng(seed).standard_normal((N, count, probe.lanes()), np.float32)
    BT, _, _ = matrices()
    y, bound = (np.einsum("ij,jlv->ilv", matrix, of) for matrix, of in ((BT, d), (np.abs(BT), np.abs(d))))
    forms = [np.ascontiguousarray(array.transpose(1, 0, 2) if along else array) for array in (d, y, bound)]
    order = "line, row of B^T d, lane" if along else "row of B^T d, line, lane"
    name = f"{count} line{'s' if count > 1 else ''}, y[{order}]"
    inputs: dict[str, npt.NDArray[np.generic]] = {"x": forms[0], "U": _NOTHING, "scratch": _NOTHING}
    expected, far = forms[1].astype(np.float32), (forms[2] * _STEPS * _EPSILON).astype(np.float32)
    return Problem(name, inputs, (count, int(along), 0, 0, 0), expected, far)


def refuses(_least: tuple[int, ...]) -> str:
    """Say nothing: a transform works on any number of lines."""
    return ""


def problems(_least: tuple[int, ...]) -> Iterator[Problem]:
    """Yield lines, as they lie down the columns of an image and along its rows."""
    for seed, count in enumerate(_LINES):
        for along in (False, True):
            yield lines(count, along, seed)


def timed(seed: int) -> Problem:
    """Return the layer that is timed; a vector of its image holds as many channels as it has lanes."""
    x, weight = _layer(seed)
    y, tiles = kernels.conv2d(x[None], weight, algorithm="naive", threads=1)[0], SIDE // M
    inputs: dict[str, npt.NDArray[np.generic]] = {
        "x": _in_vectors(x),
        "U": winograd.pack(weight, 1, M),
        "scratch": np.zeros(_scratch(tiles), np.float32),
    }
    name = f"{CHANNELS} filters, {SIDE} x {SIDE} pixels, {CHANNELS} channels, y[vector of channels, row, column, lane]"
    return Problem(name, inputs, (0, 0, CHANNELS, CHANNELS, tiles), _in_vectors(y), _in_vectors(_bound(x, weight)))


def rivals(_problem: Problem, before: str) -> dict[str, Callable[[], object]]:
    """Return the layer by `before` and by our kernel, on one thread, images in lanes as between two layers."""
    x, weight = _layer(0)
    image = kernels.to_lanes(x[None])
    out = kernels.to_lanes(np.zeros((1, CHANNELS, SIDE, SIDE), np.float32))
    plans = {name: kernels.Conv2d(weight, algorithm=name, threads=1) for name in (before, "winograd_f4")}
    return {name: partial(plan, image, out) for name, plan in plans.items()}


def macs(of: Problem) -> int:
    """Count the multiply-adds of the layer by its definition."""
    return of.expected.size * CHANNELS * TAPS**2


def _layer(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a random image (C, H, W) and filters (K, C, 3, 3)."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((CHANNELS, SIDE + TAPS - 1, SIDE + TAPS - 1), np.float32)
    return x, random.standard_normal((CHANNELS, CHANNELS, TAPS, TAPS), np.float32)


def _in_vectors(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return an image (C, H, W) as (C / lanes, H, W, lanes)."""
    C, H, W = image.shape
    lanes = probe.lanes()
    return np.ascontiguousarray(image.reshape(C // lanes, lanes, H, W).transpose(0, 2, 3, 1))


def _scratch(tiles: int) -> int:
    """Numbers of scratch of a layer with rows of so many tiles, and as many rows: half-transformed, V, and M."""
    lanes = probe.lanes()
    return N * (M * tiles + 2) * lanes + N * N * (tiles + 1) * (CHANNELS + 2 * lanes)


def _bound(x: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how far an output may be from that of `naive`, both rounded: (K, P, Q).

    Each of n sums or products in a row is off by at most half a unit of the last place of the sum of the sizes that it
    adds up: those of Winograd's steps, all of them taken as positive, and those of the definition.
    """
    BT, G, AT = (np.abs(matrix) for matrix in matrices())
    tiles = np.lib.stride_tricks.sliding_window_view(np.abs(x).astype(np.float64), (N, N), axis=(1, 2))[:, ::M, ::M]
    V = BT @ tiles @ BT.T
    U = G @ np.abs(weight).astype(np.float64) @ G.T
    products = np.einsum("kcij,cpqij->kpqij", U, V, optimize=True)
    sizes = (AT @ products @ AT.T).transpose(0, 1, 3, 2, 4).reshape(len(weight), SIDE, SIDE)
    plain = kernels.conv2d(np.abs(x)[None], np.abs(weight), threads=1)[0]
    steps = CHANNELS + 4 * _STEPS
    bound: npt.NDArray[np.float32] = ((steps * sizes + CHANNELS * TAPS**2 * plain) * _EPSILON).astype(np.float32)
    return bound
