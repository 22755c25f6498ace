"""Timing on this machine: warm-up, interleaved rounds, median and quartiles.

Every measured number that a learner sees ends in `[measured]`. `WORKBOOK_QUICK=1` takes fewer rounds.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_WARM_UP = 2  # calls before the first that counts: pages are touched, weights are in the cache
_SETTLING = 0.003  # seconds of calls before a turn of several threads
_PATIENCE = 0.3  # seconds, for threads that spin


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
