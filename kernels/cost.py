"""What a layer costs an algorithm: the short model behind `algorithm="auto"` and `Conv2d.explain`.

Each algorithm counts its own work in vectors, with the blocks that it would really make (`cost` in its .pyx):

    arithmetic   multiply-adds, those on the padding of vectors and of short tiles included
    copies       vectors copied or transformed on the way in
    outputs      vectors of sums transposed, transformed or finished on the way out
    weights      vectors of packed weights that come from beyond the L2 cache

The prices below turn them into vector multiply-adds at the core's peak. They were fitted to 170 random layers on one
machine and are the same everywhere, so that a layer gets the same algorithm, and the same bits, every time; the bits of
bytes are always the same, and their prices are those of the kind of core. Threads share all of it; but memory sends its
vectors one after the other, whoever asks, and no layer is done before its packed weights have come, if they are too
large to have stayed in a cache. How many vector multiply-adds a core does in a second is measured, where seconds are
asked for.
"""

from __future__ import annotations

import math
import time
from functools import cache

from kernels import probe
from kernels.instruction_set import isa

_PRICES = (1.15, 10.5, 7.0, 0.5)  # of a vector of arithmetic, copies, outputs, weights
NUMBERS_PER_WORD = probe.dot(1) // (12 * probe.lanes())
# The same on bytes, by how a core multiplies them, and by the kernel. Pairs of 16 bits, with AVX2 and AVX-512, and
# words of four with AVX-512 VNNI were measured on one thread of a Zen 4 EPYC: the nine 3x3 layers of the benchmark, 19
# others of ResNet-50 and 40 random ones, plain and in lanes; what the prices choose takes 0.9 % longer than the best on
# the 14 random ones that were left out (at most 6 %), with pairs 1.4 % (at most 15 %). That core begins one dot product
# of 512 bits a cycle. Those with AVX512-FP16 begin two, so that all else costs about twice as many of them: measured on
# one thread of a Xeon of the Sapphire Rapids family, 17 layers of 3x3 in lanes, where what they choose takes 1.1 %
# longer than the best (at most 8 %). There the prices of "plain" and "depthwise" are those of Zen 4, twice.
_BYTE_PRICES = {
    "pairs": {
        "plain": (0.9, 24.0, 31.0, 2.0),
        "lanes": (0.82, 5.5, 14.0, 0.6),
        "depthwise": (1.3, 7.0, 0.7, 0.0),
        "winograd": (0.96, 13.0, 2.8, 1.7),
    },
    "one a cycle": {
        "plain": (1.1, 34.0, 39.0, 2.3),
        "lanes": (1.0, 6.9, 5.3, 1.7),
        "depthwise": (1.3, 7.0, 0.7, 0.0),
        "winograd": (1.0, 22.0, 3.1, 1.6),
    },
    "two a cycle": {
        "plain": (1.1, 68.0, 78.0, 4.6),
        "lanes": (0.92, 9.8, 13.4, 1.1),
        "depthwise": (1.3, 14.0, 1.4, 0.0),
        "winograd": (0.7, 35.0, 10.2, 6.7),
    },
}["pairs" if NUMBERS_PER_WORD == 2 else "two a cycle" if isa() == "v4_fp16" else "one a cycle"]
# What four packed bytes cost beside: other layers of a network drive them out of the L2 cache, 30 GB/s bring them back.
_BETWEEN = 0.7 if isa() == "v4_fp16" else 0.0
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

# Floats of 16 bits: the output is rounded to 11 or to 8 bits; in float16 so are the sums of a few steps (half.h).
_SHORT_ROUNDOFF, _SPILL, _SHORT_OUTPUT = {"float16": 2.0**-11, "bfloat16": 2.0**-8}, {"float16": 32, "bfloat16": 0}, 0.4


def vector_multiply_adds(
    algorithm: str, counts: tuple[float, float, float, float], weights: int, threads: int = 1, compact: bool = False
) -> float:
    """Price a layer's counts and its number of weights: vector multiply-adds of one core that take as long."""
    return _priced(counts, _PRICES, weights * (1 if compact else _GROWTH.get(algorithm, 1)), threads)


def byte_multiply_adds(
    kernel: str, counts: tuple[float, float, float, float], packed_bytes: int, threads: int = 1
) -> float:
    """Price a layer of bytes likewise, of which a kernel ("plain", "lanes", ...) packs so many bytes of filters."""
    numbers = packed_bytes / 4
    return _priced(counts, _BYTE_PRICES[kernel], numbers, threads) + numbers * _BETWEEN


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


def byte_seconds(kernel: str, counts: tuple[float, float, float, float], packed_bytes: int, threads: int = 1) -> float:
    """Predict the time of a layer of bytes on this machine; the parameters are those of `byte_multiply_adds`."""
    work = byte_multiply_adds(kernel, counts, packed_bytes, threads)
    return _CALL + work * probe.lanes() * NUMBERS_PER_WORD / multiply_add_rate(on_bytes=True)


def relative_error(algorithm: str, channels: int, taps: int, dtype: str = "float32") -> float:
    """Predict the root mean square error over the root mean square output, for sums over channels and filter taps."""
    if dtype in _SHORT_ROUNDOFF:
        rounded = min(channels * taps, _SPILL[dtype])
        return _SHORT_ROUNDOFF[dtype] * math.sqrt(_SHORT_OUTPUT**2 + _AMPLIFICATION_OF_SUMS**2 * rounded)
    if algorithm in _AMPLIFICATION:
        return _UNIT_ROUNDOFF * _AMPLIFICATION[algorithm] * math.sqrt(channels + _TRANSFORM_CHANNELS)
    return _UNIT_ROUNDOFF * _AMPLIFICATION_OF_SUMS * math.sqrt(channels * taps)


@cache
def multiply_add_rate(on_bytes: bool = False) -> float:
    """Multiply-adds a second of one core at most, of float32 or bytes: the best of some short runs, by their thread."""
    best, multiply = 0.0, probe.dot if on_bytes else probe.fma
    for _ in range(40):
        start = time.thread_time()
        macs = multiply(100_000)
        best = max(best, macs / (time.thread_time() - start))
    return best
