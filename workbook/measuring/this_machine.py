"""What this machine is, and what its core and its memory can do at most.

What names the machine stands on a line that begins with `[machine]`.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

import kernels
from kernels import cost, probe
from kernels.arrays import thread_count
from workbook.measuring.timing import quick
from workbook.plain_text import Text

MEMORY = "memory"  # what lies behind the last cache
PROBE_STEPS = 2_000  # 10 us of multiply-adds

_PROBES = {"float32": probe.fma, "int8": probe.dot}

_FLOAT = 4  # bytes
_LEAST_MOVED = 16 << 20  # bytes a run, for a tenth of a millisecond at least
_LEAST_BEHIND_CACHES, _MOST_BEHIND_CACHES = 64 << 20, 1 << 30  # bytes; the most must fit in a small machine


def peak_gmacs() -> float:
    """Multiply-adds that one core does at most, in GMAC/s; the rate by which `Conv2d.explain` predicts seconds."""
    return cost.multiply_add_rate() / 1e9


@cache
def peak_byte_gmacs() -> float:
    """The same for bytes, summed in 32 bits: the best of several short runs of `kernels.probe.dot`."""
    return _best_rate(lambda: probe.dot(200_000))


@cache
def caches() -> dict[str, int]:
    """Return the bytes of each data cache that a core sees, nearest first, such as {"L1": 32768, ...}.

    Linux tells them; elsewhere there is none to name, and only memory can be measured.
    """
    sizes = {}
    for file in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")):
        level, kind, size = (file.with_name(name).read_text("ascii").strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes[f"L{level}"] = int(size.removesuffix("K")) << 10
    return sizes


@cache
def working_sets() -> dict[str, int]:
    """Return for each cache, and for memory, the bytes of a working set that lies there and not nearer to the core.

    Half of the first cache; the geometric mean of a further one and the one before it; four times the last for memory.
    """
    sets, before = {}, 0
    for level, size in caches().items():
        sets[level] = math.isqrt(before * size) if before else size // 2
        before = size
    sets[MEMORY] = min(max(4 * before, _LEAST_BEHIND_CACHES), _MOST_BEHIND_CACHES)
    return sets


@cache
def bandwidth_gbs(level: str, kind: Literal["read", "triad"] = "read") -> float:
    """Bytes that one core moves at most, in GB/s (1e9 bytes a second).

    Parameters
    ----------
    level : str
        A key of `working_sets()`: "L1", "L2", "L3" or "memory", as far as the system names them.
    kind : str
        "read": one stream is read. "triad": two are read, one is written, as STREAM counts them.
    """
    if kind == "read":
        return _best_rate(reading(level))
    size = working_sets()[level]
    times = max(1, _LEAST_MOVED // size)
    y, a, b = (_aligned_ones(size // _FLOAT // 3) for _ in range(3))
    return _best_rate(lambda: probe.triad(y, a, b, times))


def multiplying(dtype: str = "float32", threads: int = 1, steps: int = PROBE_STEPS) -> Callable[[], int]:
    """Return a program of some ten microseconds that multiplies and adds in registers, and tells how often.

    Timed in the rounds of a measurement, it gives the peak of that moment: cores differ, and hot ones slow down.

    Parameters
    ----------
    dtype : "float32" or "int8"
    threads : int
    steps : int
        Of each thread; more take longer.
    """
    return partial(_PROBES[dtype], steps, threads)


def reading(level: str) -> Callable[[], int]:
    """Return a program that reads from a level of `working_sets()`, and tells how many bytes; as `multiplying`."""
    size = working_sets()[level]
    return partial(probe.read, _aligned_ones(size // _FLOAT), max(1, _LEAST_MOVED // size))


def _aligned_ones(numbers: int) -> npt.NDArray[np.float32]:
    """Return numbers that begin on a cache line; ones, because pages of fresh zeros have no memory of their own yet."""
    memory = np.ones(numbers + 16, np.float32)
    return memory[-memory.ctypes.data % 64 // _FLOAT :][:numbers]


def _best_rate(run: Callable[[], int]) -> float:
    """Return the best rate of several runs on one thread by its own clock, in 1e9 a second.

    What slows a run down is not the machine's limit, so the best counts.

    Parameters
    ----------
    run : function
        Works for a moment; returns how much it did.
    """
    best, end, runs = 0.0, time.perf_counter() + (0.03 if quick() else 0.1), 0
    while runs < 5 or time.perf_counter() < end:
        start = time.thread_time()
        amount = run()
        best = max(best, amount / (time.thread_time() - start) / 1e9)
        runs += 1
    return best


def cores() -> set[int]:
    """Return the numbers of the cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


@cache
def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def is_shared() -> bool:
    """Whether JupyterHub serves this, as on Binder: others use the machine at the same time, and it says so."""
    return "JUPYTERHUB_USER" in os.environ


@dataclass(frozen=True)
class Machine(Text):
    """What a measured number depends on.

    Attributes
    ----------
    cpu : str
        Its name.
    cores : int
        That this process may use all the time.
    isa : str
        The instruction set in use.
    peak_gmacs : float
        Multiply-adds that one core does at most, in GMAC/s.
    memory_gbs : float
        Bytes that one core reads from memory at most, in GB/s.
    shared : bool
        Whether others use it at the same time.
    """

    cpu: str
    cores: int
    isa: str
    peak_gmacs: float
    memory_gbs: float
    shared: bool = False

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' if self.cores != 1 else ''}"
        most = f"{self.peak_gmacs:.0f} GMAC/s and {self.memory_gbs:.0f} GB/s"
        shared = "; shared with others, so times jump" if self.shared else ""
        return f"[machine] {self.cpu}, {cores}, {self.isa}; a core does {most} at most{shared}"

    __repr__ = __str__


def machine() -> Machine:
    """Describe this machine; takes a moment the first time, because what it does at most is measured."""
    return Machine(cpu_name(), thread_count(None), kernels.isa(), peak_gmacs(), bandwidth_gbs(MEMORY), is_shared())
