"""Sums of two arrays of bytes without a division: the constants of (3) in bytes_output.h."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import bytes_elementwise

_NUDGES = sorted(itertools.product((0, 1, -1), repeat=3), key=lambda nudges: sum(map(abs, nudges)))


def linear(sum_: dict[str, Any], output: dict[str, float]) -> dict[str, Any]:
    """Return a `Sum` with constants that give each pair of bytes what the division gives; without, if none do.

    The ratios of the scales do so mostly. A sum that lies next to a half may ask for one that is a unit in the last
    place larger or smaller; many that are halves, for the division.
    """
    sum_ = {**sum_, "linear": 0, "a_ratio": 0.0, "b_ratio": 0.0, "shift": 0.0}
    expected, scale = _of_all_pairs(sum_, output), np.float32(sum_["scale"])
    with np.errstate(all="ignore"):
        ratios = [np.float32(sum_[name]["scale"]) / scale for name in "ab"]
    for nudges in _NUDGES if np.isfinite(ratios).all() else ():
        a, b = (_nudged(ratio, by) for ratio, by in zip(ratios, nudges, strict=False))
        zeros = float(a) * sum_["a"]["zero"] + float(b) * sum_["b"]["zero"]
        shift = _nudged(np.float32(-zeros), nudges[2])
        trial = {**sum_, "linear": 1, "a_ratio": float(a), "b_ratio": float(b), "shift": float(shift)}
        if np.array_equal(_of_all_pairs(trial, output), expected):
            return trial
    return sum_


def _nudged(number: np.float32, by: int) -> np.float32:
    return np.nextafter(number, np.float32(by * np.inf)) if by else number


def _of_all_pairs(sum_: dict[str, Any], output: dict[str, float]) -> npt.NDArray[np.uint8]:
    y = np.empty(1 << 16, np.uint8)
    bytes_elementwise.add(*_pairs(), sum_, output, y, 1)(y)
    return y


@cache
def _pairs() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    bytes_ = np.arange(256, dtype=np.uint8)
    return np.repeat(bytes_, 256), np.tile(bytes_, 256)
