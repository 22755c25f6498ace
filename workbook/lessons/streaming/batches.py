"""What a batch shares: time an image, throughput, latency and bytes of weights an image, over the batch size.

A weight that has been read meets every output pixel of its batch. With the rates of this core, for B images:

    arithmetic(B) = multiply-adds of the kernel's tiles / peak
    reading(B)    = bytes of weights / bandwidth of memory + bytes read again / bandwidth of the cache that holds them
    time(B)      >= max(arithmetic(B), reading(B))

Weights come from memory once a batch: between two calls other layers run, and no cache holds a whole network. What an
image finds of them then depends on the order of the kernel's loops: if all weights are read for an image before the
next one begins, then they come again from the nearest cache that has room for all of them, or from memory; if a block
of output channels meets all images before the next block does, from the nearest cache that has room for a block; and
not at all if a tile takes pixels of several images. Weights are the bound up to the batch whose arithmetic takes as
long as its reading. Layers differ in how many multiply-adds an image has for each weight: thousands (early), dozens
(deep), one (fully connected).

A batch also gains where weights are no bound: a tile that one image does not fill takes as long as a full one, and what
a call begins with (its scratch out of the cache, checks) it does once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kernels import probe
from workbook.lessons.streaming.batch_cases import CASES, INT8, Case, Images, Plan
from workbook.measuring import this_machine, timing
from workbook.measuring.timing import Timing, measured

__all__ = ["BATCHES", "CASES", "INT8", "Case", "Point", "Sweep", "sweep"]

BATCHES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Point:
    """One batch size.

    Attributes
    ----------
    batch : int
    timing : Timing
        Seconds of a batch.
    memory_bytes, cache_bytes : float
        Bytes of weights that are read an image, by the order of the kernel's loops: from memory, and again from a cache
        behind L2.
    arithmetic, reading : float
        Seconds of a batch that the model predicts of each.
    """

    batch: int
    timing: Timing
    memory_bytes: float
    cache_bytes: float
    arithmetic: float
    reading: float

    @property
    def predicted(self) -> float:
        """Seconds of a batch by the model, at least."""
        return max(self.arithmetic, self.reading)

    @property
    def latency(self) -> float:
        """Seconds from the start of a batch to its results."""
        return self.timing.median

    @property
    def per_image(self) -> float:
        """Seconds of a batch, divided by its images."""
        return self.timing.median / self.batch

    @property
    def throughput(self) -> float:
        """Images a second."""
        return self.batch / self.timing.median


@dataclass(frozen=True)
class Sweep:
    """A layer over the batch size.

    Attributes
    ----------
    case : Case
    packed_bytes : int
        Of its weights as the kernel keeps them.
    points : tuple of Point
    """

    case: Case
    packed_bytes: int
    points: tuple[Point, ...]

    @property
    def gain(self) -> float:
        """How many times the throughput of the first batch size the best one has."""
        return max(point.throughput for point in self.points) / self.points[0].throughput

    @property
    def bound_up_to(self) -> int:
        """The largest batch size, of those measured, whose weights take longer than its arithmetic by the model."""
        return max((point.batch for point in self.points if point.reading > point.arithmetic), default=0)

    def __str__(self) -> str:
        lines = [
            f"{self.case}",
            f"{'batch':>5}{'predicted an image':>25}{'measured':>22}{'batch':>21}{'throughput':>22}",
        ]
        for point in self.points:
            lines.append(
                f"{point.batch:>5}{measured(1e3 * point.predicted / point.batch, 'ms', 11)}"
                f"{measured(1e3 * point.per_image, 'ms', 9)}{measured(1e3 * point.latency, 'ms', 9)}"
                f"{measured(point.throughput / self.points[0].throughput, 'x', 9)}"
            )
        bound = f"up to batch {self.bound_up_to}" if self.bound_up_to else "at no batch size"
        lines.append(f"[machine] {self.packed_bytes / 1e6:.3g} MB of weights are the bound {bound}")
        first = ", ".join(f"{point.memory_bytes / 1e6:.3g}" for point in self.points)
        again = ", ".join(f"{point.cache_bytes / 1e6:.3g}" for point in self.points)
        lines.append(f"[machine] MB of them read an image from memory: {first}")
        lines.append(f"[machine] and again from a cache behind L2: {again}")
        return "\n".join([*lines, *timing.trust(point.timing for point in self.points)])

    __repr__ = __str__


def sweep(
    cases: Sequence[Case] = CASES,
    batches: Sequence[int] = BATCHES,
    *,
    seconds: float | None = None,
    on_round: Callable[[], None] | None = None,
) -> tuple[Sweep, ...]:
    """Measure layers over the batch size, all in turns; a thread's own time counts.

    Before each call the caches are filled with other numbers, then with the images, and a small layer of the same kind
    runs: as the layer before leaves them.

    Parameters
    ----------
    cases : sequence of Case
    batches : sequence of int
        Images computed together, each at least 1.
    seconds : float, optional
        To spend on all; 1 s, or 0.2 s when WORKBOOK_QUICK is set. At least three rounds are made.
    on_round : function, optional
        Called after each round, for a progress bar.

    Raises
    ------
    ValueError
        If there is no case or no batch size, or one is below 1.
    """
    if not cases or not batches or min(batches) < 1:
        raise ValueError(f"at least one case, and batch sizes of 1 or more are needed, not {tuple(batches)}")
    others = np.ones(this_machine.working_sets()[this_machine.MEMORY] // 4, np.float32)
    plans: list[Plan] = []
    functions: dict[str, Callable[[], object]] = {}
    before: dict[str, Callable[[], object]] = {}
    for number, case in enumerate(cases):
        plan, images, small = case.plan(), case.images(max(batches)), case.small()
        run_small = partial(small.compute, small.plan(), small.images(1))
        y = np.empty((max(batches), *case.compute(plan, images[:1]).shape[1:]), images.dtype)
        plans.append(plan)
        for batch in batches:
            before[f"{number} {batch}"] = partial(_before, others, images[:batch], y[:batch], run_small)
            functions[f"{number} {batch}"] = partial(case.compute, plan, images[:batch], y[:batch])
    times = timing.interleaved(functions, before=before, seconds=seconds, clock=time.thread_time, on_round=on_round)
    return tuple(
        Sweep(
            case,
            plan.packed_bytes,
            tuple(_point(case, plan.packed_bytes, batch, times[f"{number} {batch}"]) for batch in batches),
        )
        for number, (case, plan) in enumerate(zip(cases, plans, strict=True))
    )


def _before(others: Images, x: Images, y: Images, run_small: Callable[[], object]) -> None:
    """Leave in the caches what the layer before leaves there: its output, and the program, but no weights."""
    probe.read(others, 1)
    y.fill(0)
    x.max()
    run_small()


def _point(case: Case, packed_bytes: int, batch: int, timing: Timing) -> Point:
    """Predict a batch, beside what was measured of it."""
    peak = this_machine.peak_byte_gmacs() if case.algorithm == INT8 else this_machine.peak_gmacs()
    level = _level(case.between(packed_bytes))  # where an image finds what the image before it has read
    again = 0 if level in ("L1", "L2") else (batch - 1) * packed_bytes
    first = packed_bytes + (again if level == this_machine.MEMORY else 0)
    again = 0 if level == this_machine.MEMORY else again
    reading = first / this_machine.bandwidth_gbs(this_machine.MEMORY) + again / this_machine.bandwidth_gbs(level)
    return Point(batch, timing, first / batch, again / batch, case.tile_macs(batch) / peak / 1e9, reading / 1e9)


def _level(size: int) -> str:
    """Return the nearest cache that holds so many bytes."""
    return next((level for level, room in this_machine.caches().items() if size <= room), this_machine.MEMORY)
