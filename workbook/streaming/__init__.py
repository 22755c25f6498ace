"""Lesson 5, batch = 1 for real time: cameras, deadlines, queues, and what a batch does to them.

In simulated time, and in real time:

    run = stream(camera(300), Modelled(fixed=0.004, per_frame=0.002), Policy.fixed(8), deadline=1 / 30)
    run = stream(camera(300, scene=Pan()), network, Policy.newest(), clock=RealTime(), deadline=1 / 30)

`run.records` has a row for each frame; `run.summary` counts them and has the percentiles of their latency.
"""

from __future__ import annotations

from workbook.streaming.clock import RealTime, Simulated
from workbook.streaming.frames import RECORD, Format, Frame, Outcome
from workbook.streaming.loadgen import SCENARIOS, LoadGenRun, mlperf
from workbook.streaming.measures import (
    Energy,
    Summary,
    early_stopping,
    latencies,
    least_samples,
    percentile,
    shown_ages,
)
from workbook.streaming.model import CameraRule, batch_bound, random_arrivals
from workbook.streaming.policy import Policy
from workbook.streaming.run import Interrupted, Run
from workbook.streaming.scenes import Pan, psnr
from workbook.streaming.services import Hiccups, Modelled, OnImages, Service, one_each, split_one
from workbook.streaming.sources import Source, camera, cameras, poisson
from workbook.streaming.stream import closed_loop, stream
from workbook.streaming.video import Video

__all__ = [
    "RECORD",
    "SCENARIOS",
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
    "Service",
    "Simulated",
    "Source",
    "Summary",
    "Video",
    "batch_bound",
    "camera",
    "cameras",
    "closed_loop",
    "early_stopping",
    "latencies",
    "least_samples",
    "mlperf",
    "one_each",
    "percentile",
    "poisson",
    "psnr",
    "random_arrivals",
    "shown_ages",
    "split_one",
    "stream",
]
