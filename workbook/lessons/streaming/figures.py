"""The figures of lesson 5 that are drawn from a run: a timeline of its frames, and the panel's."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from workbook.camera.frames import Outcome
from workbook.camera.run_records import Run
from workbook.drawing import COLORS, INK
from workbook.lessons.streaming.model import DEADLINE, FRAMES, FULL, MOST, Explored

_SHOWN = 12  # frames of a timeline
_WAITS, _IN_TIME, _LATE = "#e0e0e0", COLORS[0], COLORS[1]
_GREY = "#888888"


def explored_readout(shown: Explored) -> str:
    """Say the age of the oldest frame by the rule and by the simulator, and what else became of the frames."""
    rule, run, best = shown.rule, shown.run.summary, shown.rule.best_batch
    service = f"{rule.fixed * 1e3:.0f} + {rule.per_frame * 1e3:.0f} x batch"
    by_rule = rule.age(shown.batch)
    grows = "grows without end" if math.isinf(by_rule) else f"{by_rule * 1e3:.0f} ms"
    says = f" (the rule: {grows})" if shown.policy == FULL else ""
    return (
        f"a frame every {rule.period * 1e3:.0f} ms, service {service} ms, batch {shown.batch}, {shown.policy}: "
        f"oldest frame {run.worst * 1e3:.0f} ms{says}, median {run.p50 * 1e3:.0f} ms; "
        f"of {FRAMES} frames {run.late} older than {DEADLINE * 1e3:.0f} ms, {run.dropped} dropped. "
        f"Best fixed batch: {best or 'none'}"
    )


def explored_figure(shown: Explored) -> Figure:
    """Draw the oldest age over the batch, and the first frames of the run."""
    figure = Figure(figsize=(7.6, 3.7))
    _ages(figure.add_axes((0.105, 0.13, 0.36, 0.78)), shown)
    axes = figure.add_axes((0.545, 0.13, 0.445, 0.78))
    frames(axes, shown.run, _SHOWN, DEADLINE)
    legend(axes, (-0.06, 1.1))
    return figure


def _ages(axes: Axes, shown: Explored) -> None:
    sizes = range(1, MOST + 1)
    rule = [1e3 * shown.rule.age(size) for size in sizes]
    axes.plot(sizes, rule, color=_GREY, linewidth=2, label="full batches, the rule")
    worst = [1e3 * shown.worst[size] for size in sizes]
    axes.plot(sizes, worst, "o", color=COLORS[0], markersize=6, label="simulated")
    here = worst[shown.batch - 1]
    axes.plot([shown.batch], [here], "o", color="none", markeredgecolor=INK, markersize=13, markeredgewidth=2)
    axes.axhline(1e3 * DEADLINE, color=INK, linewidth=1, linestyle=":")
    best = shown.rule.best_batch
    if best and best <= MOST:
        axes.axvline(best, color=INK, linewidth=1)
        axes.text(best + 0.2, 2.4, f"best: {best}", va="bottom")
    axes.set(yscale="log", ylim=(2, 120_000), xlim=(0.3, MOST + 0.7), xticks=(1, 4, 8, 12, 16))
    axes.set_yticks((10, 100, 1000, 10_000), ("10 ms", "100 ms", "1 s", "10 s"))
    axes.yaxis.set_minor_locator(NullLocator())  # they take as long to draw as all else
    axes.set_xlabel("frames in a batch", labelpad=1)
    axes.set_title(f"oldest of {FRAMES} frames at its result")
    axes.legend(loc="upper right", frameon=False, borderaxespad=0, handlelength=1.4)


def frames(axes: Axes, run: Run, count: int, deadline: float = math.inf) -> None:
    """Draw a row for each of the first frames: how long it waits, how long it is computed, whether it is late."""
    rows = run.records[:count]
    number = np.arange(len(rows))
    scheduled, started, finished = (1e3 * rows[name] for name in ("scheduled", "started", "finished"))
    width = 78 / 12
    axes.hlines(number, scheduled, started, color=_WAITS, linewidth=width)
    for outcome, color in ((Outcome.DONE, _IN_TIME), (Outcome.LATE, _LATE)):
        which = rows["outcome"] == outcome
        axes.hlines(number[which], started[which], finished[which], color=color, linewidth=width)
    axes.plot(scheduled, number, "|", color=INK, markersize=width, markeredgewidth=2)
    dropped = rows["outcome"] == Outcome.DROPPED
    axes.plot(scheduled[dropped], number[dropped], "x", color=INK, markersize=7, markeredgewidth=1.5)
    end = max(np.nanmax(finished, initial=0), scheduled[-1])
    if math.isfinite(deadline):
        axes.plot(scheduled + 1e3 * deadline, number, ":", color=INK, linewidth=1)
        end = max(end, scheduled[-1] + 1e3 * deadline)
    axes.set(ylim=(count - 0.4, -0.6), xlim=(-0.01 * end, 1.01 * end), yticks=range(0, count, 2))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("ms", labelpad=1)


def legend(axes: Axes, place: tuple[float, float]) -> None:
    """Say what the marks of `frames` are, with the legend's upper left corner at a place in the Axes."""
    handles = [Line2D([], [], color=color, linewidth=6) for color in (_WAITS, _IN_TIME, _LATE)]
    handles.append(Line2D([], [], color=INK, marker="x", linestyle="none"))
    axes.legend(
        handles, ("waits", "in time", "late", "dropped"), loc="upper left", bbox_to_anchor=place, ncols=4,
        frameon=False, borderaxespad=0, handlelength=1, columnspacing=1, handletextpad=0.4,
    )  # fmt: skip
