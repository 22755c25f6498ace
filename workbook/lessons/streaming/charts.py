"""The figures of lesson 5 that do not move: timelines, throughput, a hiccup, a camera in real time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workbook.camera.frames import Outcome
from workbook.camera.run_records import Run
from workbook.drawing import COLORS, INK
from workbook.lessons.streaming.denoising import DEADLINE, PROGRAMS, Live, pictures
from workbook.lessons.streaming.figures import frames, legend
from workbook.lessons.streaming.hiccup import Loops
from workbook.lessons.streaming.throughput import BATCHES, Throughput, name_of

_MARKS = "os^D"


def timeline_figure(runs: Mapping[str, Run], count: int) -> Figure:
    """Draw the first frames of each run on the same time."""
    figure = Figure(figsize=(7.6, 0.75 + 0.2 * count * len(runs) + 0.35 * len(runs)))
    height = (figure.get_figheight() - 0.75) / len(runs) / figure.get_figheight()
    longest = max(1e3 * np.nanmax(run.records[:count]["finished"]) for run in runs.values())
    for i, (name, run) in enumerate(runs.items()):
        bottom = 1 - 0.3 / figure.get_figheight() - (i + 1) * height
        axes = figure.add_axes((0.05, bottom + 0.05 * height, 0.925, 0.78 * height))
        frames(axes, run, count)
        axes.set(xlim=(0, 1.01 * longest), xlabel="")
        axes.set_title(name)
        if i + 1 < len(runs):
            axes.set_xticklabels([])
    figure.axes[-1].set_xlabel("ms", labelpad=1)
    legend(figure.axes[0], (0.42, 1.0))
    return figure


def throughput_figure(shown: Throughput) -> Figure:
    """Draw the throughput of each layer over the batch, and how long its batch takes, both over those of one image."""
    figure = Figure(figsize=(7.6, 3.2))
    left, right = figure.add_axes((0.07, 0.16, 0.41, 0.64)), figure.add_axes((0.56, 0.16, 0.43, 0.64))
    for sweep, color, mark in zip(shown.sweeps.values(), COLORS, _MARKS, strict=False):
        first, sizes = sweep.points[0], [point.batch for point in sweep.points]
        gains = [point.throughput / first.throughput for point in sweep.points]
        left.plot(sizes, gains, "-" + mark, color=color, linewidth=2, label=name_of(sweep.case))
        right.plot(
            sizes, [point.latency / first.latency for point in sweep.points], "-" + mark, color=color, linewidth=2
        )
    right.plot(BATCHES, BATCHES, ":", color=INK, linewidth=1)
    left.axhline(1, color=INK, linewidth=1, linestyle=":")
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.set(ylim=(0, None), title="images a second, × those at batch 1")
    right.set(yscale="log", title="time until a result, × that at batch 1")
    right.set_yticks(BATCHES, [str(batch) for batch in BATCHES])
    for axes in (left, right):
        axes.set(xscale="log", xlabel="images in a batch")
        axes.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
        axes.minorticks_off()
    figure.legend(*left.get_legend_handles_labels(), loc="upper left", ncols=4, frameon=False, handlelength=1.6)
    return figure


def loops_figure(shown: Loops) -> Figure:
    """Draw the latency of each frame around the hiccup, as the closed loop and as the camera has it."""
    figure = Figure(figsize=(7.6, 2.6))
    axes = figure.add_axes((0.085, 0.2, 0.9, 0.69))
    middle = len(shown.camera.records) // 2
    around = slice(middle - 10, middle + 40)
    for name, run, color, style in (
        ("camera", shown.camera, COLORS[0], "-o"),
        ("closed loop", shown.closed, COLORS[1], "-s"),
    ):
        rows = run.records[around]
        axes.plot(
            rows["index"], 1e3 * (rows["finished"] - rows["scheduled"]), style, color=color, markersize=5, label=name
        )
    axes.set(xlabel="frame", ylim=(0, 215))
    axes.set_title("time from a frame to its result, ms")
    axes.legend(loc="upper right", frameon=False)
    return figure


def live_figure(shown: Live) -> Figure:
    """Draw a frame by each program, and when each frame of the runs had its result."""
    figure = Figure(figsize=(7.6, 4.4))
    found = pictures(shown.size)
    for i, (name, (image, db)) in enumerate(found.items()):
        axes = figure.add_axes((0.005 + 0.25 * i, 0.57, 0.24, 0.36))
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(f"{name}: {db:.1f} dB")
        axes.set_axis_off()
    axes = figure.add_axes((0.085, 0.11, 0.72, 0.35))
    _results(axes, shown)
    return figure


def _results(axes: Axes, shown: Live) -> None:
    top = 0.0
    for program, color, mark in zip(PROGRAMS, COLORS, _MARKS, strict=False):
        rows = shown.runs[program].records
        age = 1e3 * (rows["finished"] - rows["scheduled"])
        axes.plot(rows["index"], age, mark, color=color, markersize=5, label=program)
        gone = rows["index"][rows["outcome"] == Outcome.DROPPED]
        top = max(top, float(np.nanmax(age)))
        axes.plot(gone, np.zeros(len(gone)), "x", color=color, markersize=6)
    axes.axhline(1e3 * DEADLINE, color=INK, linewidth=1, linestyle=":")
    axes.set(ylim=(-0.05 * top, 1.1 * top), xlabel="frame; a cross is dropped")
    axes.set_title("time to the result, ms; the dotted line is the deadline")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handletextpad=0.1)
