"""The figures of an analysis: the waterfall, the layers by every program, and the accelerator's steps."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from workbook.advisor.accelerator_steps import Step
from workbook.advisor.analysis_result import TOOLS, Analysis, Row, Rung
from workbook.advisor.layer_times import NAIVE
from workbook.drawing import COLORS, INK

_GREY = "#777777"
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_CHARACTER = 0.0108  # of the figure's width, a character of a name
_ROOM = 1.65  # of the axis over the longest bar, for the text behind it


def waterfall_figure(found: Analysis, over: Rung | None = None) -> Figure:
    """Draw a bar for each rung, and the time between two frames of the camera as a line.

    Parameters
    ----------
    found : Analysis
    over : Rung, optional
        What gains are over; the matrix product if None.
    """
    over = over or found.base
    height = 0.75 + 0.52 * len(found.rungs)
    figure = Figure(figsize=(7.6, height))
    names = [f"{rung.name}: {TOOLS[rung.name].lstrip('123 ')}" for rung in found.rungs]
    left = max(0.29, _CHARACTER * max(map(len, names)))
    axes = figure.add_axes((left, 0.48 / height, 0.97 - left, 1 - 0.8 / height))
    timed = [rung for rung in found.rungs if rung.name != NAIVE]
    end = _ROOM * max(1e3 * rung.seconds for rung in timed)
    for place, rung in enumerate(found.rungs):
        ms, gain = 1e3 * rung.seconds, over.seconds / rung.seconds
        cut = ms > end / _ROOM * 1.001
        shown = end / _ROOM if cut else ms
        axes.barh(place, shown, 0.62, color=COLORS[0], alpha=0.45 if rung.is_stretched else 1, label=rung.name)
        text = f"{ms:,.0f} ms, cut   {gain:.2f}×" if cut else f"{ms:,.1f} ms   {gain:.2f}×"
        axes.text(shown + 0.012 * end, place, text, va="center", bbox=_WHITE)
    _deadline(axes, 1e3 / found.fps, end, f"{found.fps:g} frames/s")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, end), ylim=(len(names) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"ms a frame, measured; × as fast as {over.name}", labelpad=1)
    return figure


def _deadline(axes: Axes, ms: float, end: float, name: str) -> None:
    """Draw the time between two frames, if it is on the axis."""
    if ms < end:
        axes.axvline(ms, color=INK, linewidth=1.4, linestyle="--")
        axes.set_title(f"dashed: a camera of {name}, {ms:.1f} ms")
    else:
        axes.set_title(f"a camera of {name} leaves {ms:.1f} ms")


def layers_figure(rows: Sequence[Row]) -> Figure:
    """Draw what each layer takes by its programs; a ring marks the one that the fastest rung takes."""
    figure = Figure(figsize=(7.6, 3.3))
    axes = figure.add_axes((0.085, 0.16, 0.9, 0.74))
    places = range(1, len(rows) + 1)
    for values, mark, color, name, layer in (
        ([row.floats for row in rows], "o", COLORS[0], "float32", 2),
        ([row.winograd for row in rows], "^", COLORS[1], "Winograd", 3),  # few: in front of the others
        ([row.int8 for row in rows], "s", COLORS[2], "int8", 2),
    ):
        milliseconds = [1e3 * seconds for seconds in values]
        axes.plot(places, milliseconds, mark, color=color, markersize=6, label=name, zorder=layer)
    axes.plot(
        places, [1e3 * row.seconds[row.chosen] for row in rows], "o", color="none", markeredgecolor=INK,
        markersize=13, markeredgewidth=1.3, label="taken", clip_on=False,
    )  # fmt: skip
    axes.set(yscale="log", xlim=(0.3, len(rows) + 0.7), title="ms of each layer, measured within the network")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("layer, in the order in which they run", labelpad=1)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.25)  # room for the legend
    axes.legend(loc="upper center", ncols=4, frameon=False, borderaxespad=0, handletextpad=0.2)
    return figure


def steps_figure(steps: Sequence[Step], machine: str) -> Figure:
    """Draw an accelerator's time and energy of a frame, each tool on top of the ones before it."""
    height = 0.75 + 0.45 * len(steps)
    figure = Figure(figsize=(7.6, height))
    bottom, top = 0.48 / height, 1 - 0.8 / height
    for left, values, title in (
        (0.15, [step.ms for step in steps], f"{machine}: ms a frame, by the model"),
        (0.58, [step.mj for step in steps], "mJ a frame"),
    ):
        axes = figure.add_axes((left, bottom, 0.4, top))
        bars(axes, [step.name for step in steps], values, is_named=left < 0.5)
        axes.set_title(title)
    return figure


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], *, is_named: bool = True) -> None:
    """Draw bars from the top down, each with its number."""
    end = _ROOM * max(values)
    axes.barh(range(len(values)), values, 0.62, color=COLORS[0])
    for place, value in enumerate(values):
        axes.text(value + 0.02 * end, place, short(value), va="center")
    axes.set_yticks(range(len(values)), names if is_named else [""] * len(values))
    axes.set(xlim=(0, end), ylim=(len(values) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)


def short(value: float) -> str:
    """Write a number to three digits or so."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:,.1f}"
