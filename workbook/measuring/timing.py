"""Timing on this machine: warm-up, interleaved rounds, median and quartiles.

Every measured number that a learner sees ends in `[measured]`. `WORKBOOK_QUICK=1` takes fewer rounds.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BUSY = 0.05  # part of the time; if other programs had the core for more, the numbers say little

_WARM_UP = 2  # calls before the first that counts: pages are touched, weights are in the cache
_SHORT = 0.02  # seconds; a longer call finds its own data in the caches, whatever the turn before left there
_SETTLING = 0.003  # seconds of calls before a turn of several threads
_PATIENCE = 0.3  # seconds, for threads that spin

_Turns = dict[str, tuple[float, float]]  # a round: the seconds of each case, and the part in which it waited


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


def trust(times: Iterable[Timing]) -> list[str]:
    """Say in two lines, for below a table, how far apart the runs lie and whether other programs disturbed them."""
    times = list(times)
    spread = max(timing.spread / timing.median for timing in times)
    share = others(times)
    return [
        f"[machine] half of a program's runs lie within {spread:.0%} of each other, or closer",
        f"[machine] other programs had the core for up to {share:.0%} of the time{advice(share)}",
    ]


def others(times: Iterable[Timing]) -> float:
    """Return the part of the time for which other programs had the core, from 0 to 1, where that was most."""
    return max(timing.waited for timing in times)


def advice(share: float) -> str:
    """Say what to do, to be added to a sentence, if other programs had so large a part that it disturbs."""
    return "; close them and measure again" if share > BUSY else ""


def quick() -> bool:
    """Whether WORKBOOK_QUICK asks for short measurements."""
    return os.environ.get("WORKBOOK_QUICK", "") not in ("", "0")


def interleaved(
    cases: Mapping[str, Callable[[], object]],
    *,
    seconds: float | None = None,
    before: Mapping[str, Callable[[], object]] | None = None,
    alone: bool = False,
    clock: Callable[[], float] = time.perf_counter,
    on_round: Callable[[], None] | None = None,
) -> dict[str, Timing]:
    """Time several functions in turns, so that a busy moment of the machine falls on all of them alike.

    A round in which another program had the core is taken again, once; of all rounds the calmest count.

    Parameters
    ----------
    cases : mapping of name to function
        What to time. A short function is called several times a round; its time is that of one call.
    seconds : float, optional
        Time to spend on all cases together; 1 s, or 0.2 s when WORKBOOK_QUICK is set.
    before : mapping of name to function, optional
        What precedes each turn of a case, and does not count: it leaves the caches as they are to be. By default that
        is the case itself, unless its call is long, because what the turn before left there is not this one's.
    alone : bool
        Whether each turn waits until all other threads of this process sleep; what precedes it then lasts some
        milliseconds, which wakes the threads of the case. For programs of several threads: those of a library may spin
        for tens of milliseconds after its call and take a core from whoever comes next, and what it left in the caches
        goes back to memory, which all cores share.
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
    least = _SETTLING if alone else 0.0  # seconds of what precedes a turn
    ahead, calls, round_seconds = dict(before or {}), {}, 0.0
    for name, function in cases.items():
        for _ in range(_WARM_UP):
            once, _ = _time(function, 1, clock)
        calls[name] = max(1, round(200e-6 / max(once, 1e-7)))  # a round lasts well over the clock's grain
        if alone or once < _SHORT:
            ahead.setdefault(name, function)
        waiting = _others_asleep() if alone else 0
        round_seconds += waiting + once * calls[name] + (_repeat(ahead[name], least) if name in ahead else 0)

    def take_turns() -> _Turns:
        turns = {}
        for name, function in cases.items():
            if alone:
                _others_asleep()
            if name in ahead:
                _repeat(ahead[name], least)
            taken, waited = _time(function, calls[name], clock)
            turns[name] = taken / calls[name], waited
        if on_round:
            on_round()
        return turns

    count = max(3, round(min(200, budget / round_seconds)))
    rounds = [take_turns() for _ in range(count)]
    if not alone:  # the caller of several threads waits for their end, which tells nothing of other programs
        rounds += [take_turns() for unrest in _unrest(rounds) if unrest > BUSY]
        calmest = sorted(zip(_unrest(rounds), range(len(rounds)), strict=True))[:count]
        rounds = [rounds[place] for _, place in calmest]
    columns = {name: [turns[name] for turns in rounds] for name in cases}
    return {
        name: Timing.of([taken for taken, _ in column], statistics.fmean(waited for _, waited in column))
        for name, column in columns.items()
    }


def _unrest(rounds: Sequence[_Turns]) -> list[float]:
    """For each round, by how much a case waited more than in its calmest one: a library may always wait for threads."""
    least = {name: min(turns[name][1] for turns in rounds) for name in rounds[0]}
    return [max(waited - least[name] for name, (_, waited) in turns.items()) for turns in rounds]


def _repeat(function: Callable[[], object], seconds: float) -> float:
    """Call a function for some seconds, at least once; return how long it took."""
    start = time.perf_counter()
    function()
    while time.perf_counter() < start + seconds:
        function()
    return time.perf_counter() - start


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
