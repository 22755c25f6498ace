"""What the harness itself costs a frame, in real time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbook.camera.clock import RealTime
from workbook.camera.frames import Frame, Records
from workbook.camera.latencies import percentile
from workbook.camera.run_stream import stream
from workbook.camera.sources import camera

OVERHEAD = 20e-6  # s a frame at p99: what the harness may cost


@dataclass(frozen=True, eq=False)
class Overhead:
    """Seconds from the moment a frame could have been started to its start, for a service that does nothing.

    Attributes
    ----------
    idle : (n,) float64
        The worker waits for the frame: waking up is in it.
    busy : (n,) float64
        The frame waits for the worker: settling the frame before is in it.
    bare : (n,) float64
        A loop that only waits for the same moments is so late: what this machine is capable of just now.
    """

    idle: npt.NDArray[np.float64]
    busy: npt.NDArray[np.float64]
    bare: npt.NDArray[np.float64]

    @property
    def kept(self) -> bool:
        """Whether a frame costs no more than OVERHEAD at p99."""
        return max(percentile(self.idle, 0.99), percentile(self.busy, 0.99)) <= OVERHEAD

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Return p50, p90 and p99 of each, in seconds."""
        each = {"idle": self.idle, "busy": self.busy, "bare": self.bare}
        return {name: {f"p{p}": percentile(times, p / 100) for p in (50, 90, 99)} for name, times in each.items()}


def overhead(seconds: float, fps: float = 500.0) -> Overhead:
    """Measure what the harness costs a frame, at this rate and with all frames there at once."""
    frames = max(2, round(seconds * fps / 2))
    idle = stream(camera(frames, fps), _Nothing(), clock=RealTime()).records
    busy = stream(camera(frames, 1e9), _Nothing(), clock=RealTime()).records
    return Overhead(_delays(idle), _delays(busy), _bare(frames, fps))


class _Nothing:
    """A service without work."""

    def __call__(self, batch: Sequence[Frame]) -> None:
        """Do nothing."""

    def seconds(self, batch: Sequence[Frame]) -> float:
        """Return 0."""
        return 0.0


def _delays(records: Records) -> npt.NDArray[np.float64]:
    """Return started - max(scheduled, the worker was free) of each frame but the first; there is one worker."""
    free = records["finished"][:-1]
    delays: npt.NDArray[np.float64] = records["started"][1:] - np.maximum(records["scheduled"][1:], free)
    return delays


def _bare(frames: int, fps: float) -> npt.NDArray[np.float64]:
    """Return how late a loop of sleep and spin is for the same moments."""
    late = np.empty(frames)
    start = time.perf_counter()
    for number in range(frames):
        due = start + (number + 1) / fps
        while (left := due - time.perf_counter()) > 0:
            if left > 300e-6:
                time.sleep(left - 300e-6)
        late[number] = -left
    return late
