"""What `workbook bench streaming` shows: plans for a camera with a deadline, row streaming, the cost of the harness.

The service is the trained denoiser, in float32 by several algorithms and on bytes. A plan says how the cores share the
work and how frames wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from rich.table import Table

from workbook import models
from workbook.benchmarks.camera_overhead import OVERHEAD, Overhead, overhead
from workbook.camera.clock import RealTime
from workbook.camera.frames import Frame
from workbook.camera.latencies import Summary
from workbook.camera.policy import Policy
from workbook.camera.run_stream import stream
from workbook.camera.scenes import Pan, psnr
from workbook.camera.services import Service, one_each, split_one
from workbook.camera.sources import FPS, camera
from workbook.measuring import this_machine
from workbook.measuring.others import Others, Usage
from workbook.models import photos
from workbook.network import Network
from workbook.quantize.calibration import Recipe, calibrate
from workbook.rows.row_clock import RowRun, row_run

SIZE = (216, 288)  # the definition misses most deadlines on two cores, and bytes meet them
DEADLINE = 0.033  # s
INT8 = "int8"
BAND = 24  # rows: whole tiles of F(4x4) and of F(6x6)
_SQUARES = 8  # noisy squares of photos to calibrate with, as in lesson 3


@dataclass(frozen=True)
class Plan:
    """One way to serve the camera: the program, how the cores share the work, how frames wait."""

    program: str  # an algorithm of float32, or "int8"
    cores: str  # "split": all on one image; "each": an image a core
    policy: Policy

    def services(self, cores: int) -> tuple[Service, ...]:
        """Return a worker for each image that is computed at a time."""
        share = split_one if self.cores == "split" else one_each
        return share(lambda threads: denoiser(self.program, threads), cores)


def waiting(policy: Policy) -> str:
    """Say in a few words how frames wait."""
    kind = {"drop": "room", "overwrite": "newest"}[policy.when_full]
    return f"batch {policy.batch}, {'keep all' if policy.room is None else f'{kind} {policy.room}'}"


PLANS = (
    Plan("direct", "split", Policy.newest()),
    Plan("auto", "split", Policy.newest()),
    Plan("winograd_f6", "split", Policy.newest()),
    Plan(INT8, "each", Policy.newest()),
    Plan(INT8, "split", Policy.fixed(4)),
    Plan(INT8, "split", Policy.newest()),
)
IN_BANDS = ("direct", "auto", INT8)


@dataclass(frozen=True, eq=False)
class Report:
    """All of one run, with what it depends on."""

    machine: this_machine.Machine
    size: tuple[int, int]
    fps: float
    deadline: float
    overhead: Overhead
    rows: dict[Plan, Summary]
    decibels: dict[str, float]  # of each program's result on one frame
    bands: dict[str, RowRun]
    others: Others

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds."""
        return {
            "machine": asdict(self.machine),
            "others": asdict(self.others),
            "size": self.size,
            "fps": self.fps,
            "deadline": self.deadline,
            "overhead": {**self.overhead.percentiles(), "limit": OVERHEAD, "kept": self.overhead.kept},
            "rows": [
                {
                    "program": plan.program,
                    "cores": plan.cores,
                    "policy": asdict(plan.policy),
                    "decibels": self.decibels[plan.program],
                    **asdict(summary),
                }
                for plan, summary in self.rows.items()
            ],
            "bands": {
                program: {**asdict(run), "first_rows": run.first_rows, "last_rows": run.last_rows}
                for program, run in self.bands.items()
            },
        }

    def tables(self) -> tuple[Table, Table, Table]:
        """The plans, a row each; row streaming; the harness."""
        return self._plans(), self._rows(), self._harness()

    def _plans(self) -> Table:
        height, width = self.size
        plans = Table(
            title=f"{str(self.machine).removeprefix('[machine] ')}; the denoiser at {width}x{height}, "
            f"{self.fps:g} frames/s, deadline {self.deadline * 1e3:g} ms",
            caption="latency from the scheduled time; a miss is late, dropped or failed\n"
            f"{str(self.others).removeprefix('[machine] ')}",
        )
        for name in ("program", "cores", "queue"):
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
            "PSNR\ndB",
        ):
            plans.add_column(name, justify="right")
        for plan, run in self.rows.items():
            counts = (f"{run.frames}", f"{100 * run.misses / run.frames:.1f}", f"{run.dropped}")
            times = (f"{1e3 * t:.1f}" if t == t else "-" for t in (run.p50, run.p90, run.p99, run.p99_at_most))
            ends = (f"{run.throughput:.1f}", f"{self.decibels[plan.program]:.1f}")
            plans.add_row(plan.program, plan.cores, waiting(plan.policy), *counts, *times, *ends)
        return plans

    def _rows(self) -> Table:
        rows = Table(
            title=f"one frame in bands of {BAND} rows beside the whole frame at once; one core",
            caption=f"rows come over {1e3 / self.fps:.1f} ms; times count from the first; bytes are of arrays, at most",
        )
        rows.add_column("program")
        for name in (
            "first rows\nout, ms",
            "last rows\nout, ms",
            "whole frame\nout, ms",
            "MB",
            "whole\nMB",
            "same\nbits",
        ):
            rows.add_column(name, justify="right")
        for program, run in self.bands.items():
            times = (f"{1e3 * t:.1f}" for t in (run.first_rows, run.last_rows, run.whole_out))
            sizes = (f"{size / 1e6:.1f}" for size in (run.band_bytes, run.whole_bytes))
            rows.add_row(program, *times, *sizes, "yes" if run.equal else "no")
        return rows

    def _harness(self) -> Table:
        harness = Table(
            title="the harness alone, from the moment a frame could start to its start",
            caption=f"at most {OVERHEAD * 1e6:g} us at p99: {'kept' if self.overhead.kept else 'not kept'}",
        )
        for name in ("", "p50, us", "p90, us", "p99, us"):
            harness.add_column(name, justify="right" if name else "left")
        words = {"idle": "the worker waits", "busy": "the frame waits", "bare": "a bare loop that waits"}
        for name, values in self.overhead.percentiles().items():
            harness.add_row(words[name], *(f"{1e6 * value:.1f}" for value in values.values()))
        return harness


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
    machine = this_machine.machine()
    frames, before = max(1, round(seconds * fps)), Usage.now()
    scene = Pan(size, "camera", grey=True)  # no training photo of the denoiser
    noisy, truth = scene(0)
    costs = overhead(seconds)
    programs = dict.fromkeys(plan.program for plan in plans)
    decibels = {program: psnr(denoiser(program, machine.cores)(noisy[None])[0], truth) for program in programs}
    rows = {}
    for plan in plans:
        services = plan.services(machine.cores)
        for service in services:
            for _ in range(2):  # memory is touched, weights are in the cache
                service([Frame(0, 0.0, noisy)] * plan.policy.batch)
        source = camera(frames, fps, scene=scene)
        rows[plan] = stream(source, services, plan.policy, clock=RealTime(), deadline=deadline).summary
        if on_row:
            on_row()
    bands = {}
    for program in IN_BANDS:
        algorithm = "auto" if program == INT8 else program
        bands[program] = row_run(denoiser(program, 1), noisy[None], BAND, algorithm=algorithm, readout=1 / fps)
        if on_row:
            on_row()
    return Report(machine, size, fps, deadline, costs, rows, decibels, bands, Others.since(before))


def steps(plans: Sequence[Plan] = PLANS) -> int:
    """How often `run` calls `on_row`."""
    return len(plans) + len(IN_BANDS)


def denoiser(program: str, threads: int) -> Network:
    """Return the trained denoiser.

    Parameters
    ----------
    program : str
        An algorithm of `kernels.Conv2d`, or "int8".
    threads : int
    """
    if program == INT8:
        return models.load("denoiser").quantize(_recipe(), threads=threads)
    return models.load("denoiser", algorithm=program, threads=threads)


@cache
def _recipe() -> Recipe:
    """Calibrate on photos that the camera does not show."""
    return calibrate(models.load("denoiser"), photos.noisy_squares(_SQUARES))
