"""What a layer costs an algorithm: the short model behind `algorithm="auto"` and `Conv2d.explain`.

Each algorithm counts its own work in vectors, with the blocks that it would really make (`cost` in its .pyx):

    arithmetic   multiply-adds, those on the padding of vectors and of short tiles included
    copies       vectors copied or transformed on the way in
    outputs      vectors of sums transposed, transformed or finished on the way out
    weights      vectors of packed weights that come from beyond the L2 cache

The prices below turn them into vector multiply-adds at the core's peak. They were fitted to 170 random layers on one
machine and are the same everywhere, so that a layer gets the same algorithm every time. Threads share all of it; but
memory sends its vectors one after the other, whoever asks, and no layer is done before its packed weights have come, if
they are too large to have stayed in a cache. How many vector multiply-adds a core does in a second is measured, where
seconds are asked for.
"""

from __future__ import annotations

import math
import time
from functools import cache

from kernels import probe

_PRICES = (1.15, 10.5, 7.0, 0.5)  # of a vector of arithmetic, copies, outputs, weights
# The same on bytes, by the numbers of a word that meet in one step: pairs, measured with AVX2 on the nine 3x3 layers of
# the benchmark, and four bytes, from their ratios with AVX-512 and VNNI.
NUMBERS_PER_WORD = probe.dot(1) // (12 * probe.lanes())
_BYTE_PRICES = {2: (1.7, 16.0, 12.0, 8.0), 4: (1.0, 16.0, 10.0, 9.0)}[NUMBERS_PER_WORD]
_FROM_MEMORY = 0.5  # vector multiply-adds of one core while a number comes: 4 bytes at 30 GB/s
_CACHE = 4 << 20  # numbers: packed weights beyond 16 MB come from memory in each call
_GROWTH = {"winograd_f2": 16 / 9, "winograd_f4": 36 / 9, "winograd_f6": 64 / 9}  # of weights packed, if not compact
_CALL = 8e-6  # seconds that a call takes beside the layer: checks, and handing over the arrays

# Rounding: u * amplification * sqrt(length of the sums). Winograd's sums are C long, and its transforms amplify; their
# own additions count as 13 channels. Fitted to layers of 4 to 512 channels, inputs after a ReLU, He weights.
_UNIT_ROUNDOFF = 2.0**-24
_AMPLIFICATION = {"winograd_f2": 0.43, "winograd_f4": 1.22, "winograd_f6": 5.15}
_AMPLIFICATION_OF_SUMS = 0.2
_TRANSFORM_CHANNELS = 13

# Half precision: the sums of a few steps are rounded to 11 bits (half.h), and so is the output.
_HALF_ROUNDOFF, _SPILL, _HALF_OUTPUT = 2.0**-11, 32, 0.4


def vector_multiply_adds(
    algorithm: str, counts: tuple[float, float, float, float], weights: int, threads: int = 1, compact: bool = False
) -> float:
    """Price a layer's counts and its number of weights: vector multiply-adds of one core that take as long."""
    return _priced(counts, _PRICES, weights * (1 if compact else _GROWTH.get(algorithm, 1)), threads)


def byte_multiply_adds(counts: tuple[float, float, float, float], packed_bytes: int, threads: int = 1) -> float:
    """Price a layer of bytes likewise, of which so many bytes of filters are packed."""
    return _priced(counts, _BYTE_PRICES, packed_bytes / 4, threads)


def _priced(
    counts: tuple[float, float, float, float], prices: tuple[float, float, float, float], packed: float, threads: int
) -> float:
    work = sum(count * price for count, price in zip(counts, prices, strict=True))
    return max(work / threads, packed * _FROM_MEMORY if packed > _CACHE else 0)


def seconds(
    algorithm: str, counts: tuple[float, float, float, float], weights: int, threads: int = 1, compact: bool = False
) -> float:
    """Predict the time of a layer on this machine."""
    work = vector_multiply_adds(algorithm, counts, weights, threads, compact)
    return _CALL + work * probe.lanes() / multiply_add_rate()


def relative_error(algorithm: str, channels: int, taps: int, dtype: str = "float32") -> float:
    """Predict the root mean square error over the root mean square output, for sums over channels and filter taps."""
    if dtype == "float16":
        return _HALF_ROUNDOFF * math.sqrt(_HALF_OUTPUT**2 + _AMPLIFICATION_OF_SUMS**2 * min(channels * taps, _SPILL))
    if algorithm in _AMPLIFICATION:
        return _UNIT_ROUNDOFF * _AMPLIFICATION[algorithm] * math.sqrt(channels + _TRANSFORM_CHANNELS)
    return _UNIT_ROUNDOFF * _AMPLIFICATION_OF_SUMS * math.sqrt(channels * taps)


@cache
def multiply_add_rate() -> float:
    """Multiply-adds a second of one core at most: the best of some short runs, by the thread's own clock."""
    best = 0.0
    for _ in range(40):
        start = time.thread_time()
        macs = probe.fma(100_000)
        best = max(best, macs / (time.thread_time() - start))
    return best
