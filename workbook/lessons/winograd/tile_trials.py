"""3x3 layers by every algorithm, timed on this machine, on one thread.

A time counts only while the thread runs, so that a busy machine does not slow the long programs alone. A gain is over
the faster of the two programs that do every multiplication of the definition.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

import kernels
from workbook.lessons.winograd.construction import KERNELS, TAPS
from workbook.lessons.winograd.work import layer_of
from workbook.measuring import timing

PLAIN = ("direct", "im2col")
WINOGRAD = {m: f"winograd_f{m}" for m in KERNELS}  # our kernels' names by the side of a tile
PROGRAMS = (*PLAIN, *WINOGRAD.values())

CHANNELS = (32, 64, 128, 256, 512)
SIDES = (7, 14, 28, 56)
_MOST_MACS = 400e6  # of a layer of the grid: larger ones take long, and gain what smaller ones do
_SECONDS = 0.03  # for a layer of the grid; three rounds at least

Times = dict[str, timing.Timing]


def runs(channels: int, side: int) -> dict[str, Callable[[], object]]:
    """Return every program for a layer, ready to run: one image, weights packed beforehand."""
    x = np.random.default_rng(side).standard_normal((1, channels, side, side), np.float32)
    out = np.empty_like(x)
    return {name: partial(_plan(channels, name), x, out=out) for name in PROGRAMS}


@cache
def _plan(channels: int, name: str) -> kernels.Conv2d:
    """Pack the weights of a layer once for maps of every side."""
    weight = np.random.default_rng(channels).standard_normal((channels, channels, TAPS, TAPS), np.float32)
    return kernels.Conv2d(weight, padding=TAPS // 2, algorithm=name, threads=1)


def timed(channels: int, side: int, seconds: float | None = None) -> Times:
    """Time every program for a layer in turns."""
    return timing.interleaved(runs(channels, side), seconds=seconds, clock=time.thread_time)


def gains(times: Times) -> dict[str, float]:
    """Return how many times as fast as the faster of PLAIN each program is."""
    plain = min(times[name].median for name in PLAIN)
    return {name: plain / timing.median for name, timing in times.items()}


@dataclass(frozen=True)
class Grid:
    """The tiles over a grid of layers, as this machine ran them.

    Attributes
    ----------
    gains : dict of (int, int, int) to float
        By (channels, side, m).
    others : float
        The part of the time for which other programs had the core, where that was most.
    """

    gains: dict[tuple[int, int, int], float]
    others: float


@cache
def measured_grid() -> Grid:
    """Time the tiles over a grid of layers; takes seconds the first time."""
    found: dict[tuple[int, int, int], float] = {}
    others = 0.0
    for channels in CHANNELS:
        for side in SIDES:
            if layer_of(channels, side).macs <= _MOST_MACS:
                times = timed(channels, side, _SECONDS)
                gain, others = gains(times), max(others, timing.others(times.values()))
                found |= {(channels, side, m): gain[name] for m, name in WINOGRAD.items()}
    return Grid(found, others)
