"""A run under way: a camera, a queue, workers, and the books.

    camera --announces--> queue --batches--> workers --settle--> ledger

Every frame that arrives is settled exactly once: done, late, dropped or failed, with the reason. Nothing waits forever:
a worker or a source that hangs for longer than `patience` is given up and reported.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from workbook.camera.clock import Clock, Stalled
from workbook.camera.frames import Format, Frame, Ledger, Outcome
from workbook.camera.policy import Policy, Queue
from workbook.camera.run_records import Interrupted, Run
from workbook.camera.services import Service

LOOK_AHEAD = 16  # frames that a camera announces before the first of them is due

_NO_RESULT = "no result when the run ended"


class _Job(NamedTuple):
    """What a worker is at."""

    batch: list[Frame]
    taken: float
    started: float


class Stage:
    """A run under way. The lock guards the queue, the ledger and what the workers are at."""

    def __init__(
        self,
        source: Iterable[Frame],
        services: list[Service],
        policy: Policy,
        clock: Clock,
        deadline: float,
        patience: float | None,
    ) -> None:
        self.source, self.services, self.clock = source, services, clock
        self.patience = clock.patience if patience is None else patience
        count, form = getattr(source, "count", None), getattr(source, "format", None)
        self.expected = count if isinstance(count, int) else None  # a list has a method of this name
        self.format = form if isinstance(form, Format) else None
        self.lock = threading.Lock()
        self.ledger = Ledger(deadline)
        self.queue = Queue(policy, self._arrive, self._drop)
        self.at_work = set(range(len(services)))
        self.jobs: dict[int, _Job] = {}
        self.complaints: list[str] = []
        self.asked: float | None = None  # when the source was asked for the frame that it is making
        self.stopped = False

    def run(self) -> Run:
        """Run, close the books, report."""
        workers = [self._work(number, service) for number, service in enumerate(self.services)]
        try:
            self.clock.run(self._shoot(), workers, self)
        except KeyboardInterrupt:
            raise Interrupted(self._finish(Outcome.DROPPED, "interrupted")) from None
        return self._finish(Outcome.FAILED, "no worker left")

    def watch(self) -> bool:
        """Give up what hangs; return whether a worker is at work."""
        now = self.clock.now()
        with self.lock:
            for number, job in tuple(self.jobs.items()):
                if now - job.started > self.patience:
                    self._give_up(number)
            source_hangs = self.asked is not None and now - self.asked > self.patience
            if source_hangs:
                self._complain(f"the source was given up: no frame after {self.patience:g} s")
                self.asked = None
                self._go_on_without_source()
        if source_hangs:
            self.clock.changed()
        return bool(self.at_work)

    def stop(self) -> None:
        """Let the camera and the workers end as soon as they can."""
        self.stopped = True

    def _shoot(self) -> Iterator[float]:
        """The camera: announce each frame ahead of its time."""
        announced: deque[float] = deque()
        try:
            for frame in self._ask():
                with self.lock:
                    self.queue.announce(frame)
                self.clock.changed()
                announced.append(frame.scheduled)
                if len(announced) > LOOK_AHEAD:
                    due = announced.popleft()
                    while self.clock.now() < due and not self.stopped:
                        yield due
        finally:
            with self.lock:
                self.queue.close()
            self.clock.changed()

    def _ask(self) -> Iterator[Frame]:
        """Ask the source for one frame after the other; complain if it fails or has fewer than it said."""
        count, last = 0, None
        frames = iter(self.source)
        try:
            while not self.stopped:
                self.asked = self.clock.now()
                frame = next(frames, None)
                self.asked = None
                if frame is None:
                    break
                if not isinstance(frame, Frame):
                    raise TypeError(f"{frame!r:.40} is not a Frame")
                if last and (frame.index <= last.index or frame.scheduled < last.scheduled):
                    raise ValueError(f"frame {frame.index} came after frame {last.index}, out of order")
                yield frame
                count, last = count + 1, frame
        except Exception as error:
            self._complain(f"the source failed: {_text(error)}")
        self.asked = None
        if self.expected is not None and count < self.expected and not self.stopped:
            self._complain(f"the source ended after {count} of {self.expected} frames")

    def _work(self, number: int, service: Service) -> Iterator[float]:
        """A worker: take a batch, have it computed, settle it."""
        try:
            while not self.stopped and number in self.at_work:
                now = self.clock.now()
                with self.lock:
                    batch, wake_at, over = self.queue.take(now), self.queue.wake_at(), self.queue.over
                if batch:
                    yield from self._serve(number, service, batch, now)
                elif over:
                    return
                else:
                    yield wake_at
        finally:
            self.at_work.discard(number)

    def _serve(self, number: int, service: Service, batch: list[Frame], taken: float) -> Iterator[float]:
        """Have a batch computed, and settle it whatever happens."""
        reason = ""
        started = self.clock.now()
        self.jobs[number] = _Job(batch, taken, started)
        try:
            yield from self.clock.perform(service, batch, self.patience)
        except Stalled:
            self._give_up(number)
        except Exception as error:
            reason = _text(error)
        finished = self.clock.now()
        with self.lock:
            self.jobs.pop(number, None)
            self.ledger.compute(batch, taken, started, finished, number, reason)

    def _give_up(self, number: int) -> None:
        """Settle the batch of a worker that hangs, and count on it no more."""
        job = self.jobs.pop(number)
        self.at_work.discard(number)
        self._complain(f"worker {number} was given up: no result after {self.patience:g} s")
        self.ledger.compute(job.batch, job.taken, job.started, math.nan, number, "stalled")

    def _arrive(self, frame: Frame) -> bool:
        """Open a frame's entry; refuse one that is not what the source said."""
        self.ledger.open(frame)
        complaint = self.format.complaint(frame.payload) if self.format else ""
        if complaint:
            self.ledger.refuse(frame, Outcome.FAILED, complaint)
        return not complaint

    def _drop(self, frame: Frame) -> None:
        self.ledger.refuse(frame, Outcome.DROPPED, "no room")

    def _go_on_without_source(self) -> None:
        """Compute what waits, and expect no more."""
        self.queue.close()

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def _finish(self, outcome: Outcome, reason: str) -> Run:
        """Settle what is left with this outcome."""
        self.stop()
        self.clock.changed()
        with self.lock:
            for frame in self.queue.leave(self.clock.now()):
                self.ledger.refuse(frame, outcome, reason)
            self.ledger.close(_NO_RESULT)
            complaints = tuple(self.complaints)
            return Run(self.ledger.records(), self.ledger.reasons, complaints, self.expected, self.ledger.deadline)


class ClosedStage(Stage):
    """A run whose next frame comes when the last result is there."""

    def _shoot(self) -> Iterator[float]:
        """There is no camera."""
        yield from ()

    def _work(self, number: int, service: Service) -> Iterator[float]:
        """Ask for a frame, have it computed, settle it, ask for the next."""
        try:
            while self.clock.now() < 0:
                yield 0.0
            for frame in self._ask():
                now = self.clock.now()
                sent = replace(frame, scheduled=now)
                with self.lock:
                    accepted = self._arrive(sent)
                if accepted:
                    yield from self._serve(number, service, [sent], now)
                if number not in self.at_work:
                    return
        finally:
            self.at_work.discard(number)

    def _go_on_without_source(self) -> None:
        """The worker itself waits for the source."""
        self.at_work.clear()


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
