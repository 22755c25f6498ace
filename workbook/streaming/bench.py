"""What `workbook bench streaming` shows: what the harness costs a frame, and plans for a camera with a deadline.

The service is a stack of layers of the denoiser's shape with random weights, on real frames: its time is that of the
trained one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from rich.table import Table

import kernels
from workbook import measure
from workbook.streaming.clock import RealTime
from workbook.streaming.frames import Frame
from workbook.streaming.measures import Summary
from workbook.streaming.overhead import OVERHEAD, Overhead, overhead
from workbook.streaming.policy import Policy
from workbook.streaming.scenes import Pan
from workbook.streaming.services import Images, Service, one_each, split_one
from workbook.streaming.sources import FPS, camera
from workbook.streaming.stream import stream

SIZE = (288, 352)
DEADLINE = 0.033  # s
_LAYERS, _CHANNELS, _COLOURS = 8, 32, 3


@dataclass(frozen=True)
class Plan:
    """One way to serve the camera: the algorithm, how the cores share the work, how frames wait."""

    algorithm: str
    cores: str  # "split": all on one image; "each": an image a core
    policy: Policy

    def services(self, size: tuple[int, int], cores: int) -> tuple[Service, ...]:
        """Return a worker for each image that is computed at a time."""
        share = split_one if self.cores == "split" else one_each
        return share(lambda threads: denoiser(self.algorithm, size, threads), cores)


def waiting(policy: Policy) -> str:
    """Say in a few words how frames wait."""
    kind = {"drop": "room", "overwrite": "newest"}[policy.when_full]
    return f"batch {policy.batch}, {'keep all' if policy.room is None else f'{kind} {policy.room}'}"


PLANS = (
    Plan("direct", "split", Policy.newest()),
    Plan("winograd_f4", "each", Policy.newest()),
    Plan("winograd_f4", "split", Policy.fixed(4)),
    Plan("winograd_f4", "split", Policy.newest()),
)


@dataclass(frozen=True, eq=False)
class Report:
    """All of one run, with what it depends on."""

    machine: measure.Machine
    size: tuple[int, int]
    fps: float
    deadline: float
    overhead: Overhead
    rows: dict[Plan, Summary]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds."""
        return {
            "machine": asdict(self.machine),
            "size": self.size,
            "fps": self.fps,
            "deadline": self.deadline,
            "overhead": {**self.overhead.percentiles(), "limit": OVERHEAD, "kept": self.overhead.kept},
            "rows": [
                {"algorithm": plan.algorithm, "cores": plan.cores, "policy": asdict(plan.policy), **asdict(summary)}
                for plan, summary in self.rows.items()
            ],
        }

    def tables(self) -> tuple[Table, Table]:
        """The plans, a row each, and the harness."""
        height, width = self.size
        plans = Table(
            title=f"{str(self.machine).removeprefix('[machine] ')}; denoiser's layers at {width}x{height}, "
            f"{self.fps:g} frames/s, deadline {self.deadline * 1e3:g} ms",
            caption="latency from the scheduled time; a miss is late, dropped or failed",
        )
        for name in ("algorithm", "cores", "queue"):
            plans.add_column(name, no_wrap=True)
        for name in (
            "frames",
            "misses\nof 100",
            "dropped",
            "p50\nms",
            "p90\nms",
            "p99\nms",
            "p99\nat most",
            "frames\na s",
        ):
            plans.add_column(name, justify="right")
        for plan, run in self.rows.items():
            counts = (f"{run.frames}", f"{100 * run.misses / run.frames:.1f}", f"{run.dropped}")
            times = (f"{1e3 * t:.1f}" if t == t else "-" for t in (run.p50, run.p90, run.p99, run.p99_at_most))
            plans.add_row(plan.algorithm, plan.cores, waiting(plan.policy), *counts, *times, f"{run.throughput:.1f}")
        harness = Table(
            title="the harness alone, from the moment a frame could start to its start",
            caption=f"at most {OVERHEAD * 1e6:g} us at p99: {'kept' if self.overhead.kept else 'not kept'}",
        )
        for name in ("", "p50, us", "p90, us", "p99, us"):
            harness.add_column(name, justify="right" if name else "left")
        words = {"idle": "the worker waits", "busy": "the frame waits", "bare": "a bare loop that waits"}
        for name, values in self.overhead.percentiles().items():
            harness.add_row(words[name], *(f"{1e6 * value:.1f}" for value in values.values()))
        return plans, harness


def run(
    *,
    size: tuple[int, int] = SIZE,
    fps: float = FPS,
    deadline: float = DEADLINE,
    seconds: float = 3.0,
    plans: Sequence[Plan] = PLANS,
    on_row: Callable[[], None] | None = None,
) -> Report:
    """Measure the harness, then let the camera run through every plan.

    Parameters
    ----------
    size : (int, int)
        Height and width of the frames.
    fps, deadline : float
    seconds : float
        Of each plan, and of the harness. 662 frames, 22 s at 30 a second, are enough for an estimate of p99.
    plans : sequence of Plan
    on_row : function, optional
        Called after each plan, for a progress bar.
    """
    machine = measure.machine()
    frames = max(1, round(seconds * fps))
    scene = Pan(size)
    costs = overhead(seconds)
    rows = {}
    for plan in plans:
        services = plan.services(size, machine.cores)
        for service in services:
            for _ in range(2):  # memory is touched, weights are in the cache
                service([Frame(0, 0.0, scene(0)[0])] * plan.policy.batch)
        source = camera(frames, fps, scene=scene)
        rows[plan] = stream(source, services, plan.policy, clock=RealTime(), deadline=deadline).summary
        if on_row:
            on_row()
    return Report(machine, size, fps, deadline, costs, rows)


def denoiser(algorithm: str, size: tuple[int, int], threads: int) -> Callable[[Images], Images]:
    """Return layers of the denoiser's shape as a function of images (B, 3, H, W).

    Parameters
    ----------
    algorithm : str
        Of the kernels.
    size : (int, int)
        Height and width of the images.
    threads : int
    """
    random = np.random.default_rng(0)
    widths = [_COLOURS, *[_CHANNELS] * (_LAYERS - 1), _COLOURS]
    plans = []
    for C, K in pairwise(widths):
        weight = random.standard_normal((K, C, 3, 3), np.float32) * np.float32(math.sqrt(2 / (9 * C)))  # He
        plan = kernels.Conv2d(weight, padding=1, activation="relu", algorithm=algorithm, threads=threads)
        plans.append(plan)
    return partial(_through, plans, {}, size)


def _through(
    plans: list[kernels.Conv2d], memory: dict[int, list[Images]], size: tuple[int, int], images: Images
) -> Images:
    """Compute the layers; the outputs of a batch size are allocated once."""
    batch = len(images)
    if batch not in memory:
        memory[batch] = [np.empty((batch, plan.weight_shape[0], *size), np.float32) for plan in plans]
    for plan, out in zip(plans, memory[batch], strict=True):
        images = plan(images, out=out)
    return images
