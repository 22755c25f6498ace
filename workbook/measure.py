"""Measuring on this machine: warm-up, interleaved rounds, median and quartiles, and what the core can do at most.

Every measured number that a learner sees ends in `[measured]`; what names the machine stands on a line that begins with
`[machine]`. `WORKBOOK_QUICK=1` takes fewer rounds.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

import kernels
from kernels import cost, probe

MEMORY = "memory"  # what lies behind the last cache

_WARM_UP = 2  # calls before the first that counts: pages are touched, weights are in the cache
_SETTLING = 0.003  # seconds of calls before a turn of several threads
_PATIENCE = 0.3  # seconds, for threads that spin
_FLOAT = 4  # bytes
_LEAST_MOVED = 16 << 20  # bytes a run, for a tenth of a millisecond at least
_LEAST_BEHIND_CACHES, _MOST_BEHIND_CACHES = 64 << 20, 1 << 30  # bytes; the most must fit in a small machine


@dataclass(frozen=True)
class Timing:
    """Seconds of one call over several rounds: the median and the quartiles round it.

    Attributes
    ----------
    median, first_quartile, third_quartile : float
    rounds : int
    waited : float
        The part of all rounds in which the calling thread did not run, from 0 to 1. Another program had the core then,
        or, in a call of several threads, the call waited for their end.
    """

    median: float
    first_quartile: float
    third_quartile: float
    rounds: int
    waited: float

    @property
    def spread(self) -> float:
        """The interquartile range: half of the rounds lay within it."""
        return self.third_quartile - self.first_quartile

    @classmethod
    def of(cls, seconds: list[float], waited: float = 0) -> Timing:
        """Summarise the rounds; fewer than two have no spread."""
        if len(seconds) < 2:
            return cls(seconds[0], seconds[0], seconds[0], 1, waited)
        first, median, third = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, first, third, len(seconds), waited)


def measured(value: float, unit: str, width: int = 0) -> str:
    """Write a measured number with its unit and the mark that lets validation look past its digits."""
    return f"{value:>{width},.3f} {unit} [measured]"


def quick() -> bool:
    """Whether WORKBOOK_QUICK asks for short measurements."""
    return os.environ.get("WORKBOOK_QUICK", "") not in ("", "0")


def interleaved(
    cases: Mapping[str, Callable[[], object]],
    *,
    seconds: float | None = None,
    alone: bool = False,
    clock: Callable[[], float] = time.perf_counter,
    on_round: Callable[[], None] | None = None,
) -> dict[str, Timing]:
    """Time several functions in turns, so that a busy moment of the machine falls on all of them alike.

    Parameters
    ----------
    cases : mapping of name to function
        What to time. A short function is called several times a round; its time is that of one call.
    seconds : float, optional
        Time to spend on all cases together; 1 s, or 0.2 s when WORKBOOK_QUICK is set.
    alone : bool
        Whether each turn waits until all other threads of this process sleep; calls that are not timed follow, which
        wake the threads of the case. For programs of several threads: those of a library may spin for tens of
        milliseconds after its call and take a core from whoever comes next, and what it left in the caches goes back to
        memory, which all cores share.
    clock : function, optional
        `time.thread_time` counts only the time in which the calling thread runs. For programs of one thread it keeps a
        busy machine out: a long call is interrupted every time, a short one rarely, and the ratio of two medians would
        say more about the other programs than about these.
    on_round : function, optional
        Called after each round, for a progress bar.

    Returns
    -------
    dict of name to Timing, in the order given; at least three rounds each.
    """
    budget = seconds if seconds is not None else 0.2 if quick() else 1.0
    calls, round_seconds = {}, 0.0
    for name, function in cases.items():
        for _ in range(_WARM_UP):
            once, _ = _time(function, 1, clock)
        calls[name] = max(1, round(200e-6 / max(once, 1e-7)))  # a round lasts well over the clock's grain
        waiting = _others_asleep() if alone else 0
        round_seconds += waiting + once * calls[name] + alone * max(once, _SETTLING)
    rounds = max(3, min(200, round(budget / round_seconds)))
    times: dict[str, list[float]] = {name: [] for name in cases}
    waited: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, function in cases.items():
            if alone:
                _others_asleep()
                _settle(function)
            taken, part = _time(function, calls[name], clock)
            times[name].append(taken / calls[name])
            waited[name].append(part)
        if on_round:
            on_round()
    return {name: Timing.of(times[name], statistics.fmean(waited[name])) for name in cases}


def _settle(function: Callable[[], object]) -> None:
    """Call a function for a moment, at least once."""
    start = time.perf_counter()
    while time.perf_counter() < start + _SETTLING:
        function()


def _others_asleep() -> float:
    """Wait until no other thread of this process runs, but not forever; return the seconds that it took."""
    start, own = time.perf_counter(), str(threading.get_native_id())
    while time.perf_counter() < start + _PATIENCE:
        time.sleep(0.001)
        if not any(_runs(thread) for thread in Path("/proc/self/task").iterdir() if thread.name != own):
            break
    return time.perf_counter() - start


def _runs(thread: Path) -> bool:
    """Whether a thread runs or wants to: its state, the first word behind the name in brackets, is R."""
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:  # it has ended
        return False


def _time(function: Callable[[], object], calls: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that the calls take by the clock, and the part in which the calling thread did not run."""
    wall, running = time.perf_counter(), time.thread_time()
    start = clock()
    for _ in range(calls):
        function()
    taken = clock() - start
    wall, running = time.perf_counter() - wall, time.thread_time() - running
    return taken, max(0.0, 1 - running / wall)


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
    size = working_sets()[level]
    times = max(1, _LEAST_MOVED // size)
    if kind == "read":
        x = _aligned_ones(size // _FLOAT)
        return _best_rate(lambda: probe.read(x, times))
    y, a, b = (_aligned_ones(size // _FLOAT // 3) for _ in range(3))
    return _best_rate(lambda: probe.triad(y, a, b, times))


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


@dataclass(frozen=True)
class Machine:
    """What a measured number depends on.

    Attributes
    ----------
    cpu : str
        Its name.
    cores : int
        That this process may use.
    isa : str
        The instruction set in use.
    peak_gmacs : float
        Multiply-adds that one core does at most, in GMAC/s.
    memory_gbs : float
        Bytes that one core reads from memory at most, in GB/s.
    """

    cpu: str
    cores: int
    isa: str
    peak_gmacs: float
    memory_gbs: float

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' if self.cores != 1 else ''}"
        most = f"{self.peak_gmacs:.0f} GMAC/s and {self.memory_gbs:.0f} GB/s"
        return f"[machine] {self.cpu}, {cores}, {self.isa}; a core does {most} at most"


def machine() -> Machine:
    """Describe this machine; takes a moment the first time, because what it does at most is measured."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cpu_name(), cores, kernels.isa(), peak_gmacs(), bandwidth_gbs(MEMORY))
