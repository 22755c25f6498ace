"""What computes the frames: any function of images, or a model of the time that one takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from workbook.camera.frames import Frame

Images = npt.NDArray[Any]


@runtime_checkable
class Service(Protocol):
    """What a worker does with a batch."""

    def __call__(self, batch: Sequence[Frame]) -> object:
        """Compute the batch, in real time."""

    def seconds(self, batch: Sequence[Frame]) -> float:
        """Return how long the batch takes, for simulated time."""


@dataclass(frozen=True)
class Modelled:
    """A service of which only the time is known.

        tau(B) = fixed + per_frame * B

    Attributes
    ----------
    fixed : float
        Seconds that a batch takes however small it is.
    per_frame : float
        Seconds for each of its frames.
    """

    fixed: float
    per_frame: float

    def __post_init__(self) -> None:
        for cost in (self.fixed, self.per_frame):
            if isinstance(cost, bool) or not isinstance(cost, Real) or not 0 <= cost < math.inf:
                raise ValueError(f"fixed and per_frame must be seconds, 0 or more, not {cost!r}")

    def __call__(self, batch: Sequence[Frame]) -> None:
        """Wait that long, as for a device beside the processor."""
        time.sleep(self.seconds(batch))

    def seconds(self, batch: Sequence[Frame]) -> float:
        """Return tau(B) of the batch."""
        return self.fixed + self.per_frame * len(batch)


@dataclass(frozen=True)
class Hiccups:
    """Another service that is now and then held up.

    Attributes
    ----------
    service : Service
    extra : mapping of int to float
        Seconds by which the batch with the frame of this index takes longer.
    """

    service: Service
    extra: Mapping[int, float]

    def __call__(self, batch: Sequence[Frame]) -> object:
        """Wait, then compute."""
        time.sleep(self._held_up(batch))
        return self.service(batch)

    def seconds(self, batch: Sequence[Frame]) -> float:
        """Return the service's seconds and those of the hiccups."""
        return self.service.seconds(batch) + self._held_up(batch)

    def _held_up(self, batch: Sequence[Frame]) -> float:
        return sum(self.extra.get(frame.index, 0.0) for frame in batch)


@dataclass(frozen=True)
class OnImages:
    """A function of images (B, C, H, W), such as a plan of the kernels or a network.

    Attributes
    ----------
    function : function
        Of one array, the images of a batch.
    then : function, optional
        Called with each frame and its part of the result; it belongs to the pipeline, so its time counts.
    """

    function: Callable[[Images], Any]
    then: Callable[[Frame, Any], object] | None = None

    def __call__(self, batch: Sequence[Frame]) -> object:
        """Join the images of the batch, which copies them unless there is only one, and compute."""
        images = batch[0].payload[None] if len(batch) == 1 else np.stack([frame.payload for frame in batch])
        results = self.function(images)
        if self.then:
            for frame, result in zip(batch, results, strict=True):
                self.then(frame, result)
        return results

    def seconds(self, batch: Sequence[Frame]) -> float:
        """Refuse.

        Raises
        ------
        TypeError
            Always: how long a function takes is only known from calling it.
        """
        raise TypeError("a function has no modelled time: run it with clock=RealTime(), or simulate Modelled(...)")


def as_service(service: Service | Callable[[Images], Any]) -> Service:
    """Return a service as it is, and a plain function of images as one."""
    return service if isinstance(service, Service) else OnImages(service)


def split_one(make: Callable[[int], Service | Callable[[Images], Any]], cores: int) -> tuple[Service, ...]:
    """All cores work on one image: one worker, with that many threads.

    Parameters
    ----------
    make : function
        Returns the service for a number of threads.
    cores : int
    """
    return (as_service(make(cores)),)


def one_each(make: Callable[[int], Service | Callable[[Images], Any]], cores: int) -> tuple[Service, ...]:
    """Every core works on an image of its own: a worker each, with one thread. The parameters are the same."""
    return tuple(as_service(make(1)) for _ in range(cores))
