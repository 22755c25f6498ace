"""One layer written five times, each time closer to the machine.

x is (C, H, W), weight (K, C, R, S), y (K, P, Q); stride 1, no padding. Only the first rung computes less than the
layer: its first output row, because a rate needs no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import kernels
from kernels import probe
from workbook import measure
from workbook.convolution.model import FloatArray, macs

Nested = list[list[list[float]]]

CHANNELS, SIDE, TAPS = 64, 28, 3  # a layer of 64 -> 64 channels, 3 x 3, as small networks have them


def in_python(x: Nested, weight: list[Nested], rows: int) -> Nested:
    """Compute the first `rows` output rows, one multiply-add at a time."""
    C, R, S = len(weight[0]), len(weight[0][0]), len(weight[0][0][0])
    Q = len(x[0][0]) - S + 1
    y = []
    for taps in weight:
        plane = [[0.0] * Q for _ in range(rows)]
        for p in range(rows):
            for q in range(Q):
                for c in range(C):
                    for r in range(R):
                        for s in range(S):
                            plane[p][q] += x[c][p + r][q + s] * taps[c][r][s]
        y.append(plane)
    return y


def in_numpy(x: FloatArray, weight: FloatArray) -> FloatArray:
    """Compute the layer one window at a time: NumPy multiplies it with all K filters at once."""
    K, _, R, S = weight.shape
    P, Q = x.shape[1] - R + 1, x.shape[2] - S + 1
    y = np.empty((K, P, Q), np.float32)
    for p in range(P):
        for q in range(Q):
            window = x[:, p : p + R, q : q + S]
            y[:, p, q] = (window * weight).sum(axis=(1, 2, 3))
    return y


@dataclass(frozen=True)
class Rung:
    """One program for the layer.

    Attributes
    ----------
    name : str
    macs : int
        Multiply-adds that one run does.
    run : function
        Computes; returns (K, rows, Q).
    """

    name: str
    macs: int
    run: Callable[[], FloatArray]


def layer(seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return x (C, H, W) and weight (K, C, R, S) of the ladder's layer, filled with random numbers."""
    random = np.random.default_rng(seed)
    size = SIDE + TAPS - 1
    x = random.standard_normal((CHANNELS, size, size), np.float32)
    return x, random.standard_normal((CHANNELS, CHANNELS, TAPS, TAPS), np.float32)


def rungs() -> tuple[Rung, ...]:
    """Return the five programs, each with its data ready, on one thread."""
    x, weight = layer()
    x_lists, weight_lists = x.tolist(), weight.tolist()
    full = macs(CHANNELS, CHANNELS, TAPS, TAPS, SIDE, SIDE)

    def kernel(name: str, algorithm: str) -> Rung:
        plan = kernels.Conv2d(weight, algorithm=algorithm, threads=1)
        return Rung(name, full, lambda: plan(x[None])[0])

    return (
        Rung("Python, 1 row", full // SIDE, lambda: np.array(in_python(x_lists, weight_lists, rows=1), np.float32)),
        Rung("NumPy", full, lambda: in_numpy(x, weight)),
        kernel("naive Cython", "naive"),
        kernel("direct", "direct"),
        kernel("im2col + GEMM", "im2col"),
    )


@dataclass(frozen=True)
class Climb:
    """The ladder as this machine ran it.

    Attributes
    ----------
    rungs : tuple of Rung
    times : dict of str to Timing
        Of one run, by the rung's name.
    peak_gmacs, micro_kernel_gmacs : float
        What one core, and the micro-kernel that `direct` is made of, can do at most.
    guess : object
        The learner's: how many times faster the fastest is than Python.
    """

    rungs: tuple[Rung, ...]
    times: dict[str, measure.Timing]
    peak_gmacs: float
    micro_kernel_gmacs: float
    guess: object

    def rate(self, rung: Rung) -> float:
        """GMAC/s of a rung."""
        return rung.macs / self.times[rung.name].median / 1e9

    def __str__(self) -> str:
        lines = [f"{'rung':<14}{'MACs':>8}   median{'interquartile range':>32}{'rate':>9}{'over the one above':>34}"]
        above = None
        for rung in self.rungs:
            time, rate = self.times[rung.name], self.rate(rung)
            line = f"{rung.name:<14}{rung.macs / 1e6:>6.2f} M"
            line += measure.measured(time.median * 1e3, "ms", 9) + measure.measured(time.spread * 1e3, "ms", 9)
            line += measure.measured(rate, "GMAC/s", 8)
            lines.append(line + (measure.measured(rate / above, "x", 8) if above else ""))
            above = rate
        return "\n".join([*lines, *self._verdict()])

    __repr__ = __str__

    def _verdict(self) -> list[str]:
        slowest, fastest = min(self.rungs, key=self.rate), max(self.rungs, key=self.rate)
        gain = self.rate(fastest) / self.rate(slowest)
        guess = f"you guessed {self.guess:,} x" if isinstance(self.guess, (int, float)) else "you did not guess"
        direct = next(rung for rung in self.rungs if rung.name == "direct")
        predicted = direct.macs / (self.micro_kernel_gmacs * tile_fullness()) / 1e6
        return [
            f"[machine] {fastest.name} over {slowest.name}: {gain:,.0f} x; {guess}",
            f"[machine] predicted for direct: {predicted:.3f} ms, as fast as its micro-kernel alone "
            f"({self.micro_kernel_gmacs:.0f} GMAC/s); measured: {self.times['direct'].median * 1e3:.3f} ms",
            f"[machine] {fastest.name} reaches {self.rate(fastest) / self.peak_gmacs:.0%} "
            f"of the {self.peak_gmacs:.0f} GMAC/s that this core can do at most",
        ]


def tile_fullness() -> float:
    """Return the used part of the micro-kernel's tiles in `direct`: output pixels of a row x output channels."""
    rows, columns = probe.tile_shape()
    used = SIDE * CHANNELS
    return used / (-(-SIDE // rows) * rows * -(-CHANNELS // columns) * columns)


def climb(guess: object = ..., seconds: float | None = None) -> Climb:
    """Time the ladder on this machine, one thread, in turns.

    Parameters
    ----------
    guess : number, optional
        How many times faster than Python the fastest rung is.
    seconds : float, optional
        To spend; 2.5 s, or a few rounds when WORKBOOK_QUICK is set.
    """
    programs = rungs()
    if seconds is None and not measure.quick():
        seconds = 2.5  # the slow rungs take most of it; this is ten rounds
    times = measure.interleaved({rung.name: rung.run for rung in programs}, seconds=seconds)
    return Climb(programs, times, measure.peak_gmacs(), measure.micro_kernel_gmacs(), guess)
