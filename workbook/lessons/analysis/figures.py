"""The figures of the panels of lesson 6: from a model's dataclass to a Figure."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from workbook.advisor.analysis_figure import bars
from workbook.advisor.input_shapes import SIDE
from workbook.drawing import COLORS, INK, name_marks
from workbook.lessons.analysis.model import CAMERA_FPS, Judged, Tooled

_END = 1.25  # of a limit: a longer bar is cut there
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def tooled_readout(found: Tooled) -> str:
    """Say what each tool leaves, and what several images at once do."""
    times = ", ".join(f"{step.name} {step.ms:.3f} ms" for step in found.steps)
    first, last = found.steps[0], found.steps[-1]
    batch, waited = found.waits[found.images]
    height, width = found.size
    fixed = f" (its own, not {found.side})" if found.side not in (*found.size, SIDE) else ""
    return (
        f"{found.network}, {height}x{width}{fixed}, on {found.machine}, {found.images} at once: {times}. "
        f"All tools {first.ms / last.ms:.2f}×; {1e3 * found.images / batch:,.0f} images/s, {last.mj:.3f} mJ an image. "
        f"A camera of {CAMERA_FPS} frames/s: "
        f"the first image is answered after {waited:.2f} ms, alone after {found.waits[1][1]:.2f} ms"
    )


def tooled_figure(found: Tooled) -> Figure:
    """Draw the time of a batch, each tool on top of the ones before it; beside it what batching does."""
    figure = Figure(figsize=(7.6, 3.3))
    left = figure.add_axes((0.14, 0.14, 0.365, 0.74))
    bars(left, [step.name for step in found.steps], [step.ms for step in found.steps])
    left.set_title(f"ms for {found.images} at once" if found.images > 1 else "ms for one image")
    _waits(figure.add_axes((0.6, 0.14, 0.385, 0.74)), found)
    return figure


def _waits(axes: Axes, found: Tooled) -> None:
    counts = list(found.waits)
    waited = [wait for _, wait in found.waits.values()]
    each = [batch / n for n, (batch, _) in found.waits.items()]
    lines = axes.plot(counts, waited, "o-", color=COLORS[1], linewidth=2)
    lines += axes.plot(counts, each, "s--", color=COLORS[0], linewidth=2)
    names = [f"{n} at once: {w:.2f} ms, {e:.2f} ms of work" for n, w, e in zip(counts, waited, each, strict=True)]
    for line in lines:
        name_marks(line, names)
    axes.text(counts[0], waited[-1], "until the first answer", va="center")
    axes.text(counts[-1], each[-1] * 1.35, "of work for each", ha="right", va="bottom")
    axes.plot([found.images], [found.waits[found.images][1]], "o", color="none", markeredgecolor=INK, markersize=15)
    axes.set(xscale="log", yscale="log", title="ms, with a camera of 30 frames/s")
    axes.set_ylim(min(each) / 2, max(waited) * 2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("images at once", labelpad=1)


def judged_readout(found: Judged) -> str:
    """Say what the design takes, and which limits it breaks."""
    limits = found.scenario
    return f"{found.name}: {limits.network}, {limits.side}x{limits.side}, {limits.fps:g} images/s. {found}"


def judged_figure(found: Judged) -> Figure:
    """Draw each amount as a share of its limit."""
    figure = Figure(figsize=(7.6, 2.7))
    axes = figure.add_axes((0.13, 0.17, 0.84, 0.68))
    limits = found.scenario
    amounts = (
        f"{found.batch_ms:.2f} of {1e3 * found.images / limits.fps:.2f} ms a batch",
        f"{found.ms:.2f} of {limits.most_ms:g} ms",
        f"{found.loss:g} of {limits.most_loss:g} {limits.unit}",
        f"{found.watts:.2f} of {limits.most_watts:g} W",
    )
    for place, (share, amount) in enumerate(zip(found.shares.values(), amounts, strict=True)):
        broken = share > 1
        end = min(share, _END)
        axes.barh(place, end, 0.6, color=COLORS[1] if broken else COLORS[0], hatch="//" if broken else "")
        over = f", {share:.1f}×" if broken else ""
        axes.text(end + 0.02, place, f"{amount}{over}", va="center", bbox=_WHITE)
    axes.axvline(1, color=INK, linewidth=1.5)
    axes.set_yticks(range(4), list(found.shares))
    axes.set(xlim=(0, 2.35), ylim=(3.6, -0.6), title="shares of the limits; hatched: broken, the long ones cut")
    axes.set_xticks((0, 0.5, 1), ("0", "half", "limit"))
    axes.tick_params(axis="y", length=0)
    return figure
