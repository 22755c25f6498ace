"""Hunts for cases that fail: Hypothesis draws them, and makes those that fail small, in a process of its own.

A hunt goes in lots, each with a new process. It counts the time of each case, and has a limit to its memory; if it
crashes or hangs, the case is known, for each is told before it is tried. A failure ends its lot, since what else that
lot would find is mostly the same.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import hypothesis

CASES = Path(__file__).with_name("cases")
LOT = 2000  # cases
SECONDS = 10  # of the CPU, for one case
SILENCE = 120  # seconds after which a process that tells nothing hangs
SHARED_MEMORY = "/dev/shm"
MEMORY = 2 << 30  # bytes, beside what a process has when it begins


@dataclass(frozen=True)
class Kind:
    """What is hunted.

    Attributes
    ----------
    name : str
    suffix : str
        Of the files that hold a case.
    cases : function
        Returns a strategy; a case is the content of a file.
    check : function
        Raises for a case that fails.
    """

    name: str
    suffix: str
    cases: Callable[[], hypothesis.strategies.SearchStrategy[bytes]]
    check: Callable[[bytes], None]


@dataclass(frozen=True)
class Tried:
    """A case that is about to be tried; `new` unless it was made of one that failed."""

    case: bytes
    new: bool


@dataclass(frozen=True)
class Failed:
    """A case that failed, the smallest that was found, and why."""

    case: bytes
    why: str

    def keep(self, kind: Kind, folder: Path = CASES) -> Path:
        """Write the case where the tests find it."""
        name = hashlib.sha256(self.case).hexdigest()[:8]
        path = folder / f"{kind.name}-{name}{kind.suffix}"
        path.write_bytes(self.case)
        return path


class TooSlowError(BaseException):
    """A case that took more than its time; no `except Exception` of what is tested may hide it."""


def hunt(kind: Kind, cases: int, seed: int) -> Iterator[Tried | Failed]:
    """Try so many cases, the same for the same seed; yield each before it is tried, and those that failed."""
    for lot in range(cases):
        for event in _in_a_process(kind, min(LOT, cases), seed, lot):
            cases -= isinstance(event, Tried) and event.new
            yield event
        if cases <= 0:
            return


def _in_a_process(kind: Kind, cases: int, seed: int, lot: int) -> Iterator[Tried | Failed]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_lot, args=(kind, cases, seed, lot, theirs), daemon=True)
    process.start()
    theirs.close()
    last = b""
    try:
        while True:
            if not ours.poll(SILENCE):
                yield Failed(last, f"it tells nothing for {SILENCE} s")
                return
            event = ours.recv()
            if event is None:
                return
            last = event.case
            yield event
    except EOFError:
        process.join()
        code = process.exitcode or 0
        if code >= 0:
            raise RuntimeError("a mistake in the fuzzer, of which the process has told") from None
        yield Failed(last, f"the process was ended by {signal.Signals(-code).name}")
    finally:
        process.kill()
        process.join()


def _lot(kind: Kind, cases: int, seed: int, lot: int, events: Connection) -> None:
    """Try cases until one fails, make it smaller, and tell of it; None is the end."""
    if os.path.isdir(SHARED_MEMORY):
        tempfile.tempdir = SHARED_MEMORY  # a file that is saved waits for no disk
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the hunt, which ends this process
    failed: list[Failed] = []

    def check(case: bytes) -> None:
        events.send(Tried(case, new=not failed))
        try:
            checked(kind, case)
        except Exception:
            failed.append(Failed(case, traceback.format_exc()))
            raise

    test = hypothesis.given(kind.cases())(check)
    test = hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )(hypothesis.seed(seed << 32 | lot)(test))
    _limit_memory()
    try:
        test()
    except Exception:
        if not failed:  # a mistake in a strategy
            raise
        events.send(failed[-1])  # the smallest is tried last
    events.send(None)


def checked(kind: Kind, case: bytes) -> None:
    """Check a case within its time.

    Raises
    ------
    AssertionError
        If it takes longer.
    """

    def stop(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.check(case)
    except TooSlowError:
        raise AssertionError(f"it takes more than {SECONDS} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _limit_memory() -> None:
    """Give this process no more memory than MEMORY beside what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
