"""Lesson 5, batch = 1 for real time, as its notebook uses it, and the laboratory itself: cameras, deadlines, queues.

In simulated time, and in real time:

    run = stream(camera(300), Modelled(fixed=0.004, per_frame=0.002), Policy.fixed(8), deadline=1 / 30)
    run = stream(camera(300, scene=Pan()), network, Policy.newest(), clock=RealTime(), deadline=1 / 30)

`run.records` has a row for each frame; `run.summary` counts them and has the percentiles of their latency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbook.camera.clock import RealTime, Simulated
from workbook.camera.frames import RECORD, Format, Frame, Outcome
from workbook.camera.latencies import Energy, Summary, early_stopping, latencies, least_samples, percentile, shown_ages
from workbook.camera.loadgen import SCENARIOS, LoadGenRun, mlperf
from workbook.camera.policy import Policy, Queue
from workbook.camera.run_records import Interrupted, Run
from workbook.camera.run_stream import closed_loop, stream
from workbook.camera.scenes import Pan, psnr
from workbook.camera.services import Hiccups, Modelled, OnImages, Service, one_each, split_one
from workbook.camera.sources import Source, camera, cameras, poisson
from workbook.camera.video import Video
from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.panel import Panel
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.streaming import (
    charts,
    core_split,
    denoising,
    exercises,
    mlperf_scenarios,
    panels,
    throughput,
    waits,
)
from workbook.lessons.streaming.core_split import TwoCores
from workbook.lessons.streaming.denoising import Live, denoiser, scene
from workbook.lessons.streaming.device import TOOLS, serve
from workbook.lessons.streaming.hiccup import Loops, loops
from workbook.lessons.streaming.mlperf_scenarios import Scenarios
from workbook.lessons.streaming.published_batches import HAILO_FPS, T4_MS, TENSORRT_MS, line
from workbook.lessons.streaming.queueing import CameraRule, batch_bound, random_arrivals
from workbook.lessons.streaming.throughput import Throughput
from workbook.lessons.streaming.waits import Waits
from workbook.measuring.this_machine import machine
from workbook.rows.bands import Bands

__all__ = [
    "HAILO_FPS",
    "RECORD",
    "SCENARIOS",
    "T4_MS",
    "TENSORRT_MS",
    "TOOLS",
    "Bands",
    "CameraRule",
    "Energy",
    "Format",
    "Frame",
    "Hiccups",
    "Interrupted",
    "LoadGenRun",
    "Modelled",
    "OnImages",
    "Outcome",
    "Pan",
    "Policy",
    "RealTime",
    "Run",
    "Scenarios",
    "Service",
    "Simulated",
    "Source",
    "Summary",
    "Video",
    "batch_bound",
    "camera",
    "cameras",
    "chart",
    "check",
    "closed_loop",
    "compare",
    "denoiser",
    "early_stopping",
    "explore",
    "explore_load",
    "guess",
    "hint",
    "latencies",
    "least_samples",
    "line",
    "live",
    "loops",
    "machine",
    "mlperf",
    "one_each",
    "percentile",
    "poisson",
    "psnr",
    "random_arrivals",
    "reset",
    "scenarios",
    "scene",
    "serve",
    "shown_ages",
    "solution",
    "source",
    "split_one",
    "stream",
    "sweep",
    "timeline",
    "two_cores",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("streaming")

_SOURCES: dict[str, Callable[..., object]] = {"rule": CameraRule, "policy": Policy, "queue": Queue, "service": Modelled}


def explore() -> Panel[Any]:
    """Return the panel: a camera, a service, a batch, a policy."""
    return panels.camera()


def explore_load() -> Panel[Any]:
    """Return the panel: how busy the service is, and how evenly frames come."""
    return panels.load()


def timeline(runs: Mapping[str, Run], count: int = 8) -> Picture:
    """Return when the first frames of each run arrive, wait and are computed, as a picture.

    Raises
    ------
    ValueError
        Without a run.
    """
    if not runs:
        raise ValueError("timeline needs at least one run, such as {'batch 4': lesson.stream(...)}")
    oldest = ", ".join(f"{name} {1e3 * run.summary.worst:.1f} ms" for name, run in runs.items())
    return Picture.of(lambda: charts.timeline_figure(runs, count), f"streaming.timeline: oldest frame, {oldest}")


def sweep() -> Throughput:
    """Time layers over the batch size; the scoreboard keeps the gains."""
    found = throughput.throughput()
    throughput.record(found)
    return found


def compare(guess: object = ...) -> Waits:
    """Let a camera run with batches of 1 to 8, in real time; the scoreboard keeps how old the oldest frames become."""
    guess = keep("streaming", guess)
    found = waits.waits(guess)
    waits.record(found)
    return found


def two_cores() -> TwoCores:
    """Compute frames with two cores on each, and with a frame on each core; the scoreboard keeps the gains."""
    found = core_split.two_cores()
    core_split.record(found)
    return found


def live(size: tuple[int, int] = denoising.SIZE) -> Live:
    """Let a camera run through the denoiser at batch 1 by three programs, in real time.

    Parameters
    ----------
    size : (int, int)
        Height and width of a frame.
    """
    return denoising.live(size)


def scenarios() -> Scenarios:
    """Run the denoiser by MLPerf's four scenarios, for a moment each."""
    return mlperf_scenarios.run()


def chart(shown: Throughput | Loops | Live) -> Picture:
    """Return a result of `sweep`, `loops` or `live` as a picture."""
    if isinstance(shown, Throughput):
        text = f"streaming.sweep: {len(shown.sweeps)} layers, batches of 1 to {throughput.LARGEST}"
        return Picture.of(lambda: charts.throughput_figure(shown), text)
    if isinstance(shown, Loops):
        worst = (
            f"{name} {1e3 * run.summary.p99:.1f} ms"
            for name, run in (("closed", shown.closed), ("camera", shown.camera))
        )
        return Picture.of(lambda: charts.loops_figure(shown), f"streaming.hiccup: p99, {', '.join(worst)}")
    found = denoising.pictures(shown.size)
    text = "streaming.live: PSNR of " + ", ".join(f"{name} {db:.2f} dB" for name, (_, db) in found.items())
    return Picture.of(lambda: charts.live_figure(shown), text)


def source(name: str) -> Listing:
    """Return the source of "rule", "policy", "queue" or "service".

    Raises
    ------
    ValueError
        For another name.
    """
    if name not in _SOURCES:
        raise ValueError(f"no source {name!r}; there are {', '.join(_SOURCES)}")
    return Listing.of(_SOURCES[name])


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    misses = {f"live.{program}": share for program, share in denoising.live(frames=300).misses.items()}
    found = (throughput.throughput(seconds=5), waits.waits(frames=96), core_split.two_cores(frames=120))
    return misses | {id: gain for part in found for id, gain in part.gains.items()}


guard(__name__)
