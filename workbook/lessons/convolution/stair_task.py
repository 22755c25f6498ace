"""What a learner's kernel of the stair is asked: the layer of 3 x 3 filters, small with tails, and large to be timed.

The process of a learner's kernel loads this file by its path, without the lesson around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

import kernels
from kernels import stair
from workbook.lessonkit.kernel_problem import Problem

CHANNELS, SIDE = 64, 56  # 64 filters on 64 channels, 56 x 56 output pixels

_TAILS = ((0, 1, 0, 1), (1, 2, 0, 3), (0, 1, 1, 5), (3, 3, 7, 2), (5, 2, 13, 4))  # beyond the least K; P; beyond Q; C
_EPSILON = float(np.finfo(np.float32).eps)


def problem(K: int, P: int, Q: int, C: int, seed: int = 0) -> Problem:
    """Return a layer of random numbers with its output; P x Q pixels, C channels, K filters."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((C, P + 2, Q + 2), np.float32)
    weight = random.standard_normal((K, C, 3, 3), np.float32)
    y = kernels.conv2d(x[None], weight, algorithm="naive", threads=1)[0]
    sums = kernels.conv2d(np.abs(x)[None], np.abs(weight), threads=1)[0]
    tap = stair.taps(C, P + 2, Q + 2)
    # Each of two orders of n products is off by at most n half units of the last place of the sum of their sizes.
    bound = (tap.size * _EPSILON * 1.01 * sums).astype(np.float32)
    inputs: dict[str, npt.NDArray[np.generic]] = {"x": x, "weight": weight, "tap": tap}
    name = f"{_counted(K, 'filter')}, {P} x {Q} pixels, {_counted(C, 'channel')}"
    return Problem(name, inputs, (K, P, Q, Q + 2, tap.size), y, bound)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def refuses(least: tuple[int, int]) -> str:
    """Say what is wrong with a tile of no numbers, or with one that the layer that is timed is too small for."""
    K, Q = least
    if min(least) < 1:
        return "a tile has at least one filter and one vector of pixels"
    if K > CHANNELS or Q > SIDE:
        return (
            f"a tile of {_counted(K, 'filter')} and {_counted(Q, 'pixel')} does not fit: the layer that is timed has "
            f"{CHANNELS} filters, and rows of {SIDE} pixels"
        )
    return ""


def problems(least: tuple[int, int]) -> Iterator[Problem]:
    """Yield small layers, from the fewest filters and columns that the kernel can work on."""
    for seed, (more_k, P, more_q, C) in enumerate(_TAILS):
        yield problem(least[0] + more_k, P, least[1] + more_q, C, seed)


def timed(seed: int) -> Problem:
    """Return the layer that is timed."""
    return problem(CHANNELS, SIDE, SIDE, CHANNELS, seed)


def rivals(of: Problem, before: str) -> dict[str, Callable[[], object]]:
    """Return the rung before, and `direct`, on one thread."""
    x, weight = (np.asarray(of.inputs[name], np.float32) for name in ("x", "weight"))
    plan = kernels.Conv2d(weight, algorithm="direct", threads=1)
    y = np.empty_like(of.expected)
    return {before: partial(stair.run, before, x, weight, y), "direct": partial(plan, x[None])}


def macs(of: Problem) -> int:
    """Count the multiply-adds of a layer."""
    return of.expected.size * of.inputs["tap"].size
