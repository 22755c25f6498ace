"""Why a layer on bytes is faster than in float32, or is not: two clocks, and three numbers that bound the ratio.

    bytes        how many products of bytes a core sums up in the time of one multiply-add of float32, at its peak
    filled       the part of each word's bytes that is no padding: one channel and a 3x3 filter fill 3 of 4
    saved        how many multiplications float32 saves: F(4x4, 3x3) needs a quarter; bytes are multiplied directly

    arithmetic alone makes bytes  bytes * filled / saved  times as fast

What is measured beyond or below that comes from the other work: copying, transforming, rounding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from kernels import bytes_plain, probe
from kernels.geometry import Geometry
from workbook.graphs.graph import Array
from workbook.measuring import timing
from workbook.measuring.timing import Timing

_NEAR = 1.25  # a measured ratio within this factor of the predicted one is explained by arithmetic


@dataclass(frozen=True)
class Speed:
    """The times of a layer on one thread, and what bounds their ratio.

    Attributes
    ----------
    in_float, in_bytes : Timing
        Seconds of a call.
    algorithm : str
        That float32 used.
    bytes, filled, saved : float
        As above.
    depth : int
        Multiply-adds for one number of the output.
    filters : int
        That read the same input: the output channels of a group.
    """

    in_float: Timing
    in_bytes: Timing
    algorithm: str
    bytes: float
    filled: float
    saved: float
    depth: int
    filters: int

    @property
    def ratio(self) -> float:
        """How many times as fast as float32."""
        return self.in_float.median / self.in_bytes.median

    @property
    def by_arithmetic(self) -> float:
        """The ratio if multiply-adds were all the work."""
        return self.bytes * self.filled / self.saved

    @property
    def why(self) -> str:
        """Whether bytes are faster, and what their gain would be made of, as a sentence."""
        parts = [f"{self.bytes:.1f} for bytes"]
        if self.filled < 1:
            parts.append(f"* {self.filled:.2f}, the filled part of each word")
        if self.saved > 1:
            parts.append(f"/ {self.saved:.2f}, since float32 runs {self.algorithm}")
        verdict = "faster" if self.ratio > 1 else "not faster"
        alone = f"arithmetic alone: {self.by_arithmetic:.1f}x = {' '.join(parts)}"
        return f"{verdict}; {alone}; {self._rest}"

    @property
    def _rest(self) -> str:
        if self.ratio * _NEAR < self.by_arithmetic:
            rows, _ = probe.tile_shape()
            few = (
                f", and an input meets {self.filters} of the {rows} filters of a full tile"
                if self.filters < rows
                else ""
            )
            return f"other work than the {self.depth:,} multiply-adds of each output number takes the rest{few}"
        if self.ratio > self.by_arithmetic * _NEAR:
            return "float32 spends more beside its multiply-adds than bytes do"
        return "which explains it"


def race(
    in_float: Callable[[], Array], in_bytes: Callable[[], Array], algorithm: str, shape: Geometry, seconds: float
) -> Speed:
    """Time a layer in both forms.

    Parameters
    ----------
    in_float, in_bytes : function
        Compute the layer on one thread.
    algorithm : str
        That float32 uses.
    shape : Geometry
        Of the layer; of a matrix product, as a convolution of 1x1.
    seconds : float
        To spend.
    """
    cases = {"float": in_float, "bytes": in_bytes}
    times = timing.interleaved(cases, seconds=seconds, clock=time.thread_time)
    depth = math.prod(shape.weight_shape[1:])
    filters = shape.K // shape.window.groups
    return Speed(times["float"], times["bytes"], algorithm, _bytes(), filled(shape), _saved(algorithm), depth, filters)


def filled(shape: Geometry) -> float:
    """Return the part of the bytes in a layer's words that is not padding."""
    _, C, _, S = shape.weight_shape
    per_word, _ = probe.operands()
    count = S if bytes_plain.reads_taps(C, S, per_word) else C
    return count / (-(-count // per_word) * per_word)


def _saved(algorithm: str) -> float:
    """Return how many times fewer multiplications than the definition's an algorithm needs."""
    if not algorithm.startswith("winograd_f"):
        return 1.0
    # F(m x m, 3x3) has (m + 2)^2 where the definition has 9 m^2.
    m = int(algorithm.removeprefix("winograd_f"))
    return 9 * m * m / (m + 2) ** 2


@cache
def _bytes() -> float:
    """Return how many products of bytes a core sums up in the time of one multiply-add of float32, at most."""
    return _rate(probe.dot) / _rate(probe.fma)


def _rate(chains: Callable[[int], int]) -> float:
    best = 0.0
    for _ in range(10):
        start = time.thread_time()
        macs = chains(50_000)
        best = max(best, macs / (time.thread_time() - start))
    return best
