"""The algorithms of bytes: what each can run, what it costs, and which of them `algorithm="auto"` takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kernels import bytes_depthwise, bytes_lanes, bytes_plain, bytes_winograd, cost
from kernels.geometry import Geometry, Window
from kernels.registry import obstacle as obstacle_of_floats

DIRECT = ("direct", "saturating")  # their numbers are those of bytes.h
WINOGRAD = {"winograd_f2": 2, "winograd_f4": 4}  # m of F(m x m, 3 x 3)
ALGORITHMS = (*DIRECT, *WINOGRAD)
EXACT = ("direct", *WINOGRAD)  # what `auto` chooses from: they give the same bits


def obstacle(algorithm: str, weight_shape: tuple[int, int, int, int], window: Window) -> str:
    """Say why an algorithm of bytes cannot run a layer; empty if it can."""
    if algorithm in WINOGRAD and window.groups > 1:
        return f"it has {window.groups} groups of channels, not 1"
    return obstacle_of_floats(algorithm, weight_shape, window)


def too_large(largest: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], m: int) -> str:
    """Say why F(m x m, 3 x 3) would not be exact, by (5) of bytes_winograd.pyx; empty if it is.

    `largest` and `sums` are the largest |w - w_zero_point| of each output channel, and the sum of them.
    """
    if (largest > bytes_winograd.MOST).any():
        k = int(largest.argmax())
        return f"output channel {k} has |w - w_zero_point| = {largest[k]}, more than {bytes_winograd.MOST}"
    span, bits = 255 * sums, bytes_winograd.BITS[m]
    if (span >= 1 << bits).any():
        k = int(span.argmax())
        return f"255 * sum of |w - w_zero_point| of output channel {k} is {span[k]}, and must be below 2**{bits}"
    return ""


def packed_bytes(algorithm: str, weight_shape: tuple[int, int, int, int]) -> int:
    """Return the bytes of packed filters, nearly: the padding of vectors is left out."""
    K, C, R, S = weight_shape
    m = WINOGRAD.get(algorithm)
    return K * C * (2 * (m + 2) ** 2 if m else R * S * (4 // cost.NUMBERS_PER_WORD))


@dataclass(frozen=True)
class Work:
    """What a kernel has to do for a layer, as kernels/cost.py prices it."""

    kernel: str
    counts: tuple[float, float, float, float]
    packed_bytes: int
    threads: int

    def price(self) -> float:
        """Return the vector multiply-adds that take as long."""
        return cost.byte_multiply_adds(self.kernel, self.counts, self.packed_bytes, self.threads)

    def seconds(self) -> float:
        """Predict the time on this machine."""
        return cost.byte_seconds(self.kernel, self.counts, self.packed_bytes, self.threads)


@lru_cache(maxsize=1024)
def work(
    algorithm: str, form: str, shape: Geometry, x_lanes: bool, y_lanes: bool, has_zeros: bool, threads: int
) -> Work:
    """Return the work of a layer; `form` is that of the filters that the definition packs."""
    layer = shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes)
    kernel = "winograd" if algorithm in WINOGRAD else form
    if algorithm in WINOGRAD:
        counts = bytes_winograd.cost(layer, WINOGRAD[algorithm])
    elif form == "depthwise":
        counts = bytes_depthwise.cost(layer)
    elif form == "lanes":
        counts = bytes_lanes.cost(layer, 0)
    else:
        counts = bytes_plain.cost(layer, DIRECT.index(algorithm), has_zeros)
    return Work(kernel, counts, packed_bytes(algorithm, shape.weight_shape), threads)
