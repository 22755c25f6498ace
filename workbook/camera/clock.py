"""Two clocks behind one interface: the one jumps to the next event, the other sleeps until it comes.

A camera or a worker is a process: a generator that yields the time until which it waits, and that runs again then, or
before if something has changed. The same processes run by either clock.
"""

from __future__ import annotations

import gc
import heapq
import math
import select
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from workbook.camera.frames import Frame
from workbook.camera.services import Service

Process = Iterator[float]

_SPIN = 300e-6  # s: a sleep ends this much before the time that is waited for; it wakes up to some 150 us late
_LEAD = 0.02  # s from the start of a run in real time to its time 0: threads start, the first frames are made
_WATCH = 0.02  # s between two looks at the workers

_give_way = partial(select.select, (), (), (), 0)  # lets go of the interpreter for a moment; sleep(0) takes 50 us


class Stalled(Exception):  # noqa: N818 - what it says, as StopIteration
    """A worker has had a batch for longer than is waited for."""


class Supervisor(Protocol):
    """Who answers for the processes."""

    def watch(self) -> bool:
        """Give up what hangs; return whether a worker is at work."""

    def stop(self) -> None:
        """Let the processes end as soon as they can."""


class Clock(Protocol):
    """Time as the processes of a run see it, in seconds since its start.

    Attributes
    ----------
    patience : float
        Seconds that a worker or a source may take, unless the run says otherwise.
    """

    patience: float

    def now(self) -> float:
        """Return the time."""

    def changed(self) -> None:
        """Let the processes that wait look again."""

    def perform(self, service: Service, batch: Sequence[Frame], patience: float) -> Iterator[float]:
        """Have a batch computed. A process delegates to it: `yield from clock.perform(...)`.

        Raises
        ------
        Stalled
            If it takes longer than `patience` in simulated time. In real time a thread cannot be taken from its work,
            and the supervisor has to notice.
        """

    def run(self, camera: Process, workers: Sequence[Process], supervisor: Supervisor) -> None:
        """Run until no worker is at work. At Ctrl-C the supervisor stops them, and KeyboardInterrupt follows."""


class Simulated:
    """Simulated time: nothing is computed, every event comes at exactly its time."""

    patience = math.inf

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the time of the event that is under way."""
        return self._now

    def changed(self) -> None:
        """Do nothing: a camera announces its frames ahead, so a worker always knows when to look again."""

    def perform(self, service: Service, batch: Sequence[Frame], patience: float) -> Iterator[float]:
        """Let the seconds pass that the service says it needs."""
        seconds = service.seconds(batch)
        yield self._now + min(seconds, patience)
        if seconds > patience:
            raise Stalled

    def run(self, camera: Process, workers: Sequence[Process], supervisor: Supervisor) -> None:
        """Run the process whose time comes next, again and again; the camera first where times are equal."""
        self._now = 0.0
        processes = [camera, *workers]
        events = [(-math.inf, number) for number in range(len(processes))]
        working = len(workers)
        while working:
            until, number = heapq.heappop(events)
            self._now = max(self._now, until)
            wait = next(processes[number], None)
            if wait is not None:
                heapq.heappush(events, (max(wait, self._now), number))
            elif number:
                working -= 1


class RealTime:
    """Real time: the camera and every worker is a thread of its own.

    Python's garbage collector is off meanwhile, as in `timeit`: it would stop all threads for milliseconds.
    """

    patience = 10.0

    def __init__(self) -> None:
        self._start = 0.0
        self._change = threading.Condition()
        self._changes = 0

    def now(self) -> float:
        """Return the seconds since the start of the run; before its first frame they are negative."""
        return time.perf_counter() - self._start

    def changed(self) -> None:
        """Wake the threads that wait."""
        with self._change:
            self._changes += 1
            self._change.notify_all()

    def perform(self, service: Service, batch: Sequence[Frame], patience: float) -> Iterator[float]:
        """Call the service."""
        service(batch)
        yield from ()

    def run(self, camera: Process, workers: Sequence[Process], supervisor: Supervisor) -> None:
        """Start the threads and look after them; one that hangs is left behind, and ends with the program."""
        collects = gc.isenabled()
        gc.disable()
        self._start = time.perf_counter() + _LEAD
        try:
            self._start_thread(camera, 0.0)
            for worker in workers:
                self._start_thread(worker, _SPIN)
            try:
                self._look_after(supervisor)
            except KeyboardInterrupt:
                supervisor.stop()
                self.changed()
                self._look_after(supervisor)
                raise
        finally:
            if collects:
                gc.enable()

    def _look_after(self, supervisor: Supervisor) -> None:
        with self._change:
            while supervisor.watch():
                self._change.wait(_WATCH)

    def _start_thread(self, process: Process, spin: float) -> None:
        threading.Thread(target=self._drive, args=(process, spin), daemon=True).start()

    def _drive(self, process: Process, spin: float) -> None:
        """Run a process to its end."""
        try:
            while True:
                seen = self._changes  # before the process looks, so that no change is missed
                until = next(process, None)
                if until is None:
                    return
                self._wait(until, seen, spin)
        finally:
            self.changed()

    def _wait(self, until: float, seen: int, spin: float) -> None:
        """Return at this time or somewhat before, or when something has changed since; the process looks what it is."""
        left = until - self.now()
        if left > spin:
            with self._change:
                self._change.wait_for(lambda: self._changes != seen, min(left - spin, threading.TIMEOUT_MAX))
        else:
            while self.now() < until and self._changes == seen:
                _give_way()
