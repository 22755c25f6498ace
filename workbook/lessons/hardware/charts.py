"""The figures of lesson 4 that do not move: layers under the roof, the Gantt chart of a frame."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.accelerator.machine import Machine
from workbook.accelerator.schedule import Schedule
from workbook.accelerator.timeline import Kind, timeline, totals
from workbook.drawing import COLORS, INK

_MARKS = "os^D"
_ROWS: tuple[Kind, ...] = ("compute", "DRAM", "stall", "configuration")
_GREY = "#777777"


def roofline_figure(schedules: Sequence[Schedule], machine: Machine) -> Figure:
    """Draw each layer of some networks: what it reaches on its datapath, over multiply-adds a byte.

    Parameters
    ----------
    schedules : sequence of Schedule
        A datapath for each layer, DRAM not counted; where it is the lower roof, a hollow mark shows the multipliers'.
    machine : Machine
        For the roof.
    """
    figure = Figure(figsize=(7.6, 4.0))
    axes = figure.add_axes((0.095, 0.13, 0.89, 0.78))
    peak = machine.macs * machine.clock_hz
    for schedule, color, mark in zip(schedules, COLORS, _MARKS, strict=False):
        across = [cost.layer.macs_a_byte for cost in schedule.costs]
        up = [cost.layer.macs / cost.compute_seconds / peak for cost in schedule.costs]
        reached = [min(share, macs / machine.ridge) for share, macs in zip(up, across, strict=True)]
        hollow = [i for i in range(len(up)) if up[i] > reached[i]]
        axes.plot(
            [across[i] for i in hollow], [up[i] for i in hollow], mark, color="none", markersize=6,
            markeredgecolor=color, markeredgewidth=0.8,
        )  # fmt: skip
        axes.plot(
            across, reached, mark, color=color, markersize=7, markeredgecolor="white", markeredgewidth=0.6,
            label=schedule.workload.name,
        )  # fmt: skip
    low, high = 0.4, 2000
    axes.plot([low, machine.ridge, high], [low / machine.ridge, 1, 1], color=INK, linewidth=1.6)
    if machine.winograd:
        axes.axhline(machine.winograd.gain, color=_GREY, linewidth=1, linestyle=":")
        axes.text(low * 1.1, machine.winograd.gain * 1.12, f"multipliers with Winograd: {machine.winograd.gain:g}×")
    axes.text(high, 0.86, "all multipliers", ha="right", va="top")
    axes.text(2.2, 2.2 / machine.ridge * 1.6, "what DRAM delivers", rotation=33, ha="left", va="bottom")
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(1e-4, 12))
    axes.set_xticks((1, 10, 100, 1000), ("1", "10", "100", "1000"))
    axes.set_yticks((1e-4, 1e-3, 1e-2, 1e-1, 1), ("0.01 %", "0.1 %", "1 %", "10 %", "100 %"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("multiply-adds a byte (int8, each tensor moved once)", labelpad=1)
    axes.set_title(f"multiply-adds a second, % of {peak / 1e12:.2f} TMAC/s; hollow: if DRAM did not count")
    axes.legend(loc="lower right", frameon=False)
    return figure


def gantt_figure(schedules: Sequence[Schedule]) -> Figure:
    """Draw when compute, DRAM, stall and configuration happen in a frame, for each schedule on the same time."""
    figure = Figure(figsize=(7.6, 0.6 + 1.55 * len(schedules)))
    longest = max(schedule.seconds for schedule in schedules)
    height = 1 / len(schedules)
    for i, schedule in enumerate(schedules):
        bottom = 1 - (i + 1) * height
        axes = figure.add_axes((0.145, bottom + 0.22 * height, 0.84, 0.54 * height))
        _gantt(axes, schedule, longest)
    figure.axes[-1].set_xlabel("µs", labelpad=0)
    return figure


def _name_stages(axes: Axes, schedule: Schedule, longest: float) -> None:
    """Mark where each stage of the network begins: layers whose names agree up to the first . or _."""
    begins = {bar.layer: bar.start for bar in reversed(timeline(schedule)) if bar.kind == "DRAM"}
    last = -1.0
    stage = ""
    for i, layer in enumerate(schedule.workload.layers):
        name = re.split(r"[._]", layer.name)[0]
        if name == stage:
            continue
        stage, at = name, begins[i]
        axes.axvline(at * 1e6, color=_GREY, linewidth=0.6, linestyle=":", zorder=0)
        if at - last > 0.1 * longest:
            axes.text(at * 1e6, -0.55, name, va="bottom", color=_GREY)
            last = at


def _gantt(axes: Axes, schedule: Schedule, longest: float) -> None:
    bars = timeline(schedule)
    spent = totals(bars)
    for row, (kind, color) in enumerate(zip(_ROWS, COLORS, strict=False)):
        spans = [(bar.start * 1e6, bar.seconds * 1e6) for bar in bars if bar.kind == kind]
        axes.broken_barh(spans, (row - 0.38, 0.76), color=color, edgecolor="white", linewidth=0.3, label=kind)
    _name_stages(axes, schedule, longest)
    axes.axvline(schedule.seconds * 1e6, color=INK, linewidth=1)
    axes.set(xlim=(0, longest * 1e6 * 1.01), ylim=(len(_ROWS) - 0.5, -0.5))
    axes.set_yticks(range(len(_ROWS)), _ROWS)
    axes.tick_params(axis="y", length=0)
    used = ", ".join(f"{kind} {spent[kind] * 1e6:.0f}" for kind in _ROWS)
    axes.set_title(f"{schedule.name}, {schedule.seconds * 1e6:.0f} µs: {used}", pad=14)
