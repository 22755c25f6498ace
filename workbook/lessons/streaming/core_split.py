"""Two cores: both on one frame, or a frame on each. The first shortens the wait, the second only the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbook.camera.clock import RealTime
from workbook.camera.frames import Frame
from workbook.camera.run_records import Run
from workbook.camera.run_stream import stream
from workbook.camera.services import OnImages, Service, one_each, split_one
from workbook.camera.sources import camera
from workbook.lessonkit import results
from workbook.lessonkit.reference import reference
from workbook.lessons.streaming import denoising
from workbook.lessons.streaming.denoising import denoiser
from workbook.measuring import timing
from workbook.measuring.others import Others, Usage
from workbook.plain_text import Text

SIZE = (96, 120)
PROGRAM = "direct"
ALONE, SPLIT, EACH = "one core", "two cores, one frame", "one frame per core"
SPLIT_ID, RATE_ID = "cores.split", "cores.rate"
_AT_ONCE = 1e6  # frames a second: all are there when the run begins


@dataclass(frozen=True, eq=False)
class TwoCores(Text):
    """A row of frames, all there from the start, by one core and by two.

    Attributes
    ----------
    runs : dict of str to Run
        ALONE, SPLIT and EACH.
    others : Others
        What other programs took meanwhile.
    """

    runs: dict[str, Run]
    others: Others

    @property
    def frame(self) -> dict[str, float]:
        """Seconds that a frame is computed, the median."""
        return {name: float(np.median(_took(run))) for name, run in self.runs.items()}

    @property
    def each(self) -> dict[str, float]:
        """Seconds from one result to the next, the mean."""
        return {name: 1 / run.summary.throughput for name, run in self.runs.items()}

    @property
    def gains(self) -> dict[str, float]:
        """How many times as soon a frame is done on both cores; how many times the results a frame on each gives."""
        frame, each = self.frame, self.each
        return {SPLIT_ID: frame[EACH] / frame[SPLIT], RATE_ID: each[ALONE] / each[EACH]}

    def __str__(self) -> str:
        frame, each = self.frame, self.each
        ideal = {ALONE: (1.0, 1.0), SPLIT: (0.5, 0.5), EACH: (1.0, 0.5)}
        lines = [
            f"denoiser, {SIZE[1]}x{SIZE[0]}, {PROGRAM}; ideal: in times of one core",
            f"{'':<24}{'ideal':>5}{'a frame takes':>22}{'ideal':>8}{'a result each':>22}",
        ]
        for name in self.runs:
            takes, comes = ideal[name]
            times = [timing.measured(1e3 * seconds, "ms", 8) for seconds in (frame[name], each[name])]
            lines.append(f"{name:<24}{takes:>4.1f}x{times[0]}{comes:>7.1f}x{times[1]}")
        known = reference()
        there = known.value(f"streaming.{SPLIT_ID}")
        lines += [
            "",
            "both cores on one frame: how much sooner than on one core, while the other works too",
            f"{there:.2f} x on the reference machine, {known.name}",
            f"[machine] {self.gains[SPLIT_ID]:.2f} x here, on {denoising.cores()} cores",
            str(self.others),
        ]
        return "\n".join(lines)

    __repr__ = __str__


def two_cores(frames: int | None = None, on_run: Callable[[], None] | None = None) -> TwoCores:
    """Compute a row of frames in each way.

    Parameters
    ----------
    frames : int, optional
        In a row; 60 by default, 12 when WORKBOOK_QUICK is set.
    on_run : function, optional
        Called after each row, for a progress bar.
    """
    count, cores = frames or (12 if timing.quick() else 60), denoising.cores()
    ways = {ALONE: split_one(_service, 1), SPLIT: split_one(_service, cores), EACH: one_each(_service, cores)}
    scene, runs, before = denoising.scene(SIZE), {}, Usage.now()
    for name, services in ways.items():
        for service in services:
            service([Frame(0, 0.0, scene(0)[0])])
        runs[name] = stream(camera(count, _AT_ONCE, scene=scene), services, clock=RealTime())
        if on_run:
            on_run()
    return TwoCores(runs, Others.since(before))


def record(found: TwoCores) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"streaming.{id}": gain for id, gain in found.gains.items()}, found.others.share)


def _service(threads: int) -> Service:
    return OnImages(denoiser(PROGRAM, threads))


def _took(run: Run) -> np.ndarray:
    took: np.ndarray = run.records["finished"] - run.records["started"]
    return took
