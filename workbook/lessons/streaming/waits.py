"""A camera in real time with batches of several sizes: how old the oldest frame of a batch is at its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbook.camera.latencies import completed
from workbook.camera.policy import Policy
from workbook.camera.run_records import Run
from workbook.camera.services import OnImages
from workbook.camera.sources import FPS
from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.streaming.denoising import denoiser, watched
from workbook.lessons.streaming.queueing import CameraRule
from workbook.measuring import timing
from workbook.measuring.others import Others, Usage
from workbook.plain_text import Text

BATCHES = (1, 2, 4, 8)
SIZE = (96, 120)  # small, so that the service of a batch is short beside the wait for it
PROGRAM = "winograd_f4"


def service_id(batch: int) -> str:
    """Return the name of the result "milliseconds of a batch"."""
    return f"wait.service{batch}"


def age_id(batch: int) -> str:
    """Return the name of the result "age of the oldest frame, over its age at batch 1"."""
    return f"wait.batch{batch}"


def at_reference(batch: int) -> float:
    """Return the age of the oldest frame in seconds, by the rule, with the reference machine's time of a batch."""
    return CameraRule(1 / FPS, reference().value(f"streaming.{service_id(batch)}") / 1e3, 0.0).age(batch)


@dataclass(frozen=True, eq=False)
class Waits(Text):
    """The camera with each size of batch, on one core.

    Attributes
    ----------
    runs : dict of int to Run
    others : Others
        What other programs took meanwhile.
    guess : object
        The learner's: how many times as old the oldest of eight frames is as a frame alone.
    """

    runs: dict[int, Run]
    others: Others
    guess: object = ...

    @property
    def services(self) -> dict[int, float]:
        """Seconds of a batch, the median."""
        return {batch: _median(run, "finished", "started") for batch, run in self.runs.items()}

    @property
    def ages(self) -> dict[int, float]:
        """Seconds from the oldest frame of a batch to its result, the median."""
        return {batch: _median(run, "finished", "scheduled") for batch, run in self.runs.items()}

    @property
    def gains(self) -> dict[str, float]:
        """By the names of the results: milliseconds of a batch, and ages over that at batch 1."""
        ages = self.ages
        times = {service_id(batch): 1e3 * seconds for batch, seconds in self.services.items()}
        return times | {age_id(batch): age / ages[1] for batch, age in ages.items()}

    def __str__(self) -> str:
        alone = at_reference(1)
        lines = [
            f"denoiser, {SIZE[1]}x{SIZE[0]}, {PROGRAM}, one core; a frame every {1e3 / FPS:.1f} ms",
            f"{'batch':<7}{'waits':>8}{'oldest here':>23}   over a frame alone: predicted, here",
        ]
        for batch, age in self.ages.items():
            wait, oldest = 1e3 * (batch - 1) / FPS, timing.measured(1e3 * age, "ms", 9)
            ratio = timing.measured(self.gains[age_id(batch)], "x", 9)
            lines.append(f"{batch:<7}{wait:>5.1f} ms{oldest}{at_reference(batch) / alone:>12.1f} x{ratio}")
        took = ", ".join(f"{1e3 * seconds:.1f}" for seconds in self.services.values())
        known = reference()
        return "\n".join(
            [
                *lines,
                "",
                f"predicted: by the rule, with the times of {known.name}, {known.isa}, {known.date}",
                f"[machine] a batch takes {took} ms",
                f"[machine] the oldest of 8 frames is {self.gains[age_id(8)]:.1f} x as old as a frame alone; "
                f"{said(self.guess)}",
                str(self.others),
            ]
        )

    __repr__ = __str__


def waits(guess: object = ..., frames: int | None = None, on_batch: Callable[[], None] | None = None) -> Waits:
    """Let the camera run with each size of batch.

    Parameters
    ----------
    guess : number, optional
        How many times as old the oldest of eight frames is as a frame alone.
    frames : int, optional
        Of each run; 48 by default, 8 when WORKBOOK_QUICK is set.
    on_batch : function, optional
        Called after each run, for a progress bar.
    """
    count = frames or (8 if timing.quick() else 48)
    service, runs, before = OnImages(denoiser(PROGRAM, 1)), {}, Usage.now()
    for batch in BATCHES:
        runs[batch] = watched(service, Policy.fixed(batch), count, SIZE)
        if on_batch:
            on_batch()
    return Waits(runs, Others.since(before), guess)


def record(found: Waits) -> None:
    """Put the ages on the scoreboard."""
    results.record({f"streaming.{id}": value for id, value in found.gains.items()}, found.others.share)


def _median(run: Run, end: str, start: str) -> float:
    """Return the median over the batches of the longest time from a frame's start to its end."""
    rows = completed(run.records)
    _, batch = np.unique(rows["started"], return_inverse=True)
    longest = np.zeros(batch.max() + 1)
    np.maximum.at(longest, batch, rows[end] - rows[start])
    return float(np.median(longest))
