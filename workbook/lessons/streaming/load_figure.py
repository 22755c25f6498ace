"""The picture of lesson 5's second panel: how old frames are over the load."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK
from workbook.lessons.streaming.random_load import LOADS, RANDOM, STREAMS, Loaded

_MARKS = "os^D"
_TOP = 200  # times the computing


def load_readout(shown: Loaded) -> str:
    """Say the mean and the 99th percentile, and of them what is waiting."""
    ms = 1e3 * shown.computed
    mean, p99 = ms * shown.here.mean, ms * shown.here.p99
    formula = f" (by the formula {1e3 * shown.theory:.1f} ms)" if shown.stream == RANDOM else ""
    return (
        f"{shown.stream}: a frame every {ms / shown.load:.1f} ms in the mean, computed in {ms:.0f} ms, "
        f"busy {shown.load:.0%}: mean age {mean:.1f} ms{formula}, of it {mean - ms:.1f} ms in the queue; "
        f"p99 {p99:.1f} ms"
    )


def load_figure(shown: Loaded) -> Figure:
    """Draw p99 of the age over the load for each stream, and the mean of the chosen one."""
    figure = Figure(figsize=(7.6, 3.6))
    axes = figure.add_axes((0.06, 0.13, 0.93, 0.77))
    percent = [100 * load for load in LOADS]
    for name, color, mark in zip(STREAMS, COLORS, _MARKS, strict=False):
        curve = [ages.p99 for ages in shown.curves[name]]
        axes.plot(percent, curve, "-" + mark, color=color, markersize=5, linewidth=2, label=f"{name}: p99")
        if name == shown.stream:
            means = [ages.mean for ages in shown.curves[name]]
            axes.plot(percent, means, "--", color=color, linewidth=1.5, label=f"{name}: mean")
    _rings(axes, shown)
    axes.set(yscale="log", ylim=(0.9, _TOP), xlim=(8, 101), xlabel="busy, % of the time")
    axes.set_yticks((1, 2, 5, 10, 20, 50, 100), ("1", "2", "5", "10", "20", "50", "100"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title("age of a frame at its result, × the time that it is computed")
    axes.legend(loc="upper left", frameon=False, borderaxespad=0.3)
    return figure


def _rings(axes: Axes, shown: Loaded) -> None:
    at = 100 * shown.load
    for age in (shown.here.p99, shown.here.mean):
        axes.plot([at], [age], "o", color="none", markeredgecolor=INK, markersize=12, markeredgewidth=2)
    axes.axvline(at, color=INK, linewidth=1, linestyle=":")
