"""How long frames wait over the load, by how evenly they come and are computed, one at a time.

The age of a frame is its wait plus the time that it is computed. The load is the share of the time that the service is
busy, rho = D / T: D seconds of computing for a frame, a frame every T seconds, both in the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from workbook.camera.latencies import percentile
from workbook.camera.sources import Source, camera, poisson
from workbook.lessons.streaming.queueing import random_arrivals

FRAMES = 20_000
LOADS = (*(load / 100 for load in range(10, 95, 5)), 0.95, 0.97, 0.98, 0.99)
JITTER = 0.2  # of the period, early or late
SPREAD = 0.2  # of the time of computing, shorter or longer

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stream:
    """When frames come, with a period of 1 second, and by which share of its mean their computing varies."""

    source: Callable[[int], Source]
    spread: float = 0.0

    def computing(self, frames: int, mean: float, seed: int = 0) -> Seconds:
        """Return the seconds that each frame is computed, evenly spread around the mean."""
        return mean * np.random.default_rng(seed).uniform(1 - self.spread, 1 + self.spread, frames)


STREAMS = {
    "a camera": Stream(lambda frames: camera(frames, 1.0)),
    "a camera with jitter": Stream(lambda frames: camera(frames, 1.0, jitter=JITTER)),
    "a camera, computing varies": Stream(lambda frames: camera(frames, 1.0), SPREAD),
    "at random": Stream(lambda frames: poisson(frames, 1.0)),
}
RANDOM = "at random"


def waits(times: Seconds, computing: Seconds) -> Seconds:
    """Return how long each frame waits until it is computed, in order and one at a time.

        start(i) = max(times(i), start(i - 1) + D(i - 1))

    With S(i) = D(0) + ... + D(i - 1) this is start(i) = S(i) + max over j <= i of (times(j) - S(j)).
    (D. V. Lindley, "The theory of queues with a single server", 1952.)

    Parameters
    ----------
    times : (n,) float64
        Arrivals in seconds, none before the one it follows.
    computing : (n,) float64
        Seconds of each frame, D.

    Returns
    -------
    (n,) float64
        Seconds from a frame's arrival to the start of its computing.
    """
    before = np.concatenate([[0.0], np.cumsum(computing)[:-1]])
    waited: Seconds = np.maximum.accumulate(times - before) + before - times
    return waited


@dataclass(frozen=True)
class Ages:
    """Mean and percentile of the ages at one load, over the time that a frame is computed: 1 is "no wait"."""

    mean: float
    p99: float


@cache
def ages(stream: str, load: float, frames: int = FRAMES) -> Ages:
    """Return how old frames are at their results, in units of the mean time that one is computed.

    Parameters
    ----------
    stream : str
        Of STREAMS.
    load : float
        Above 0, at most 1.
    frames : int

    Raises
    ------
    ValueError
        For another load: at 0 nothing comes, and above 1 the queue grows whatever comes.
    """
    if not 0 < load <= 1:
        raise ValueError(f"load={load}: above 0 and at most 1; above 1 every queue grows without end")
    chosen = STREAMS[stream]
    computing = chosen.computing(frames, load)
    found = (waits(chosen.source(frames).times, computing) + computing) / load
    return Ages(float(found.mean()), percentile(found, 0.99))


@dataclass(frozen=True)
class Loaded:
    """What the panel shows: one load of one stream, and the curves of all.

    Attributes
    ----------
    stream : str
        Of STREAMS.
    load : float
    computed : float
        Seconds of a frame.
    here : Ages
        At this load.
    curves : dict of str to list of Ages
        Over LOADS, by STREAMS.
    """

    stream: str
    load: float
    computed: float
    here: Ages
    curves: dict[str, list[Ages]]

    @property
    def theory(self) -> float:
        """Seconds of the mean age by Pollaczek and Khinchine, for arrivals at random."""
        return random_arrivals(self.load / self.computed, self.computed)


def loaded(load: int, computed_ms: int, stream: str) -> Loaded:
    """Return the ages at a load, and the curves.

    Parameters
    ----------
    load : int
        Percent of the time that the service is busy.
    computed_ms : int
        Milliseconds of a frame.
    stream : str
        Of STREAMS.
    """
    curves = {name: [ages(name, each) for each in LOADS] for name in STREAMS}
    return Loaded(stream, load / 100, computed_ms / 1e3, ages(stream, load / 100), curves)
