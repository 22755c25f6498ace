"""Where frames come from: schedules of cameras and of random arrivals, with or without pictures.

A source is data: times, and a scene that makes the picture of each. So every run of it has the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from workbook.camera.frames import Format, Frame

FPS = 30.0


class Scene(Protocol):
    """What a camera sees."""

    @property
    def format(self) -> Format:
        """Shape and dtype of every image."""

    def __call__(self, number: int) -> tuple[Any, Any]:
        """Return the image of this number as the camera takes it, and as it would be without noise (or None)."""


@dataclass(frozen=True, eq=False)
class Source:
    """Frames with their scheduled times.

    Attributes
    ----------
    times : (n,) float64
        Scheduled times in seconds, none before the one it follows.
    cameras : (n,) int
        The camera of each frame.
    scene : Scene, optional
        What makes the pictures. Without one the frames are empty, which is enough for a simulation.
    """

    times: npt.NDArray[np.float64]
    cameras: npt.NDArray[np.int_]
    scene: Scene | None = None

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.times)

    @property
    def format(self) -> Format | None:
        """Shape and dtype of the pictures; None if there are none."""
        return self.scene.format if self.scene else None

    def __iter__(self) -> Iterator[Frame]:
        for index, (scheduled, number) in enumerate(zip(self.times.tolist(), self.cameras.tolist(), strict=True)):
            image, truth = self.scene(index) if self.scene else (None, None)
            yield Frame(index, scheduled, image, truth, number)


def camera(frames: int, fps: float = FPS, *, jitter: float = 0.0, seed: int = 0, scene: Scene | None = None) -> Source:
    """Return a camera: frame i is scheduled at i / fps.

    Parameters
    ----------
    frames : int
    fps : float
        Frames a second.
    jitter : float
        Each frame is up to this many seconds early or late, evenly spread; less than half the period, so that the
        order stays.
    seed : int
        Of the jitter.
    scene : Scene, optional
    """
    _check(frames=frames, fps=fps)
    period = 1 / fps
    if not 0 <= jitter < period / 2:
        raise ValueError(f"jitter={jitter}: from 0 to less than half the period, {period / 2:.4g} s")
    times = np.arange(frames, dtype=np.float64) * period
    if jitter:
        times += np.random.default_rng(seed).uniform(-jitter, jitter, frames)
        times -= min(times[0], 0.0)  # the first frame is not before the start
    return Source(times, np.zeros(frames, np.int_), scene)


def cameras(count: int, frames: int, fps: float = FPS, *, in_phase: bool = True, scene: Scene | None = None) -> Source:
    """Return several cameras of the same rate.

    Parameters
    ----------
    count : int
        How many cameras.
    frames : int
        Of each camera.
    fps : float
        Of each camera.
    in_phase : bool
        Whether all take their frames at the same moments, or one after the other, evenly spread over the period.
    scene : Scene, optional
        What all see.
    """
    _check(count=count, frames=frames, fps=fps)
    number = np.arange(count * frames)
    ticks = number // count if in_phase else number / count
    return Source(np.asarray(ticks * (1 / fps), np.float64), number % count, scene)


def poisson(frames: int, rate: float, *, seed: int = 0, scene: Scene | None = None) -> Source:
    """Return random arrivals, as MLPerf's Server scenario has them: independent gaps, exponentially distributed.

    Parameters
    ----------
    frames : int
    rate : float
        Frames a second in the mean.
    seed : int
    scene : Scene, optional
    """
    _check(frames=frames, rate=rate)
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, frames))
    return Source(times, np.zeros(frames, np.int_), scene)


def _check(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < float("inf"):
            raise ValueError(f"{name}={number}: a number above 0 is needed")
