"""The figures of the panels of lesson 3: from a model's dataclass to a Figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK, name_marks
from workbook.lessons.quantization.model import FEWEST, MOST, SCALES, Gridded, Ranged, counts_by_size
from workbook.lessons.quantization.winograd_ranges import REGISTER, Ranged16

_BARS = 60
_MOST_BITS = 34  # of an axis
_NARROW = 0.06  # bits: a part of a bar below it is not there
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # below a name that another's line crosses
_GREY = "#888888"
_FEW_LEVELS = 64  # more would be one grey area
_TAPS = 9  # of a filter that are drawn
_MARKED = {"minmax": "minmax", "mse": "mse", "percentile 99.9": "99.9 %"}
_STYLES = {"one for each filter": ("-", "o", COLORS[0]), "one for the layer": ("--", "s", COLORS[1])}


def gridded_readout(grid: Gridded) -> str:
    """Say the grid of the drawn layer, its noise, and the accuracy of the network."""
    smallest, largest = float(grid.steps.min()), float(grid.steps.max())
    steps = f"{smallest:.4f}" if smallest == largest else f"{smallest:.4f} to {largest:.4f}"
    found = grid.accuracies[grid.scales][grid.bits]
    return (
        f"{grid.network}, weights of {grid.bits} bits, {grid.scales}: in {grid.layer} a step is {steps}, "
        f"SQNR {grid.sqnr:.1f} dB; accuracy {found:.1%}, in float32 {grid.in_float:.1%}"
    )


def gridded_figure(grid: Gridded) -> Figure:
    """Draw all weights over the grid, one filter's weights before and after, and the accuracy over the bits."""
    figure = Figure(figsize=(7.6, 3.6))
    _histogram(figure.add_axes((0.075, 0.61, 0.42, 0.29)), grid)
    _filter(figure.add_axes((0.075, 0.12, 0.42, 0.3)), grid)
    _accuracies(figure.add_axes((0.61, 0.15, 0.375, 0.75)), grid)
    return figure


def _levels(grid: Gridded, filter: int) -> np.ndarray:
    """Return the numbers that the bytes of a filter can stand for."""
    most = 2 ** (grid.bits - 1) - 1
    levels: np.ndarray = np.arange(-most, most + 1) * float(grid.steps[filter])
    return levels


def _histogram(axes: Axes, grid: Gridded) -> None:
    counts, edges = np.histogram(grid.weight, bins=_BARS)
    axes.stairs(counts, edges, fill=True, color=COLORS[0])
    widest = int(np.abs(grid.weight).max(axis=(1, 2, 3)).argmax())
    axes.vlines(_levels(grid, widest), -0.17 * counts.max(), -0.03 * counts.max(), color=INK, linewidth=0.8)
    axes.set(ylim=(-0.2 * counts.max(), 1.05 * counts.max()), yticks=(), xlim=(edges[0], edges[-1]))
    axes.set_title(f"weights of {grid.layer}, and the grid")


def _filter(axes: Axes, grid: Gridded) -> None:
    k = grid.narrowest
    before, after = (w[k].ravel()[:_TAPS] for w in (grid.weight, grid.rounded))
    reach = 1.4 * np.abs(grid.weight[k]).max()
    levels = _levels(grid, k)
    inside = levels[np.abs(levels) <= reach]
    if len(inside) <= _FEW_LEVELS:
        axes.hlines(inside, -0.5, len(before) - 0.5, color="#dddddd", linewidth=0.8)
    axes.plot(before, "o", color=COLORS[0], markersize=8, label="before")
    axes.plot(after, "x", color=INK, markersize=8, markeredgewidth=2, label="rounded")
    axes.set(xlim=(-0.5, len(before) + 3.4), ylim=(-reach, reach), xticks=range(len(before)))
    axes.legend(loc="center right", frameon=False, borderaxespad=0, handletextpad=0.1)
    axes.set_title(f"weights of filter {k}, its narrowest")


def _accuracies(axes: Axes, grid: Gridded) -> None:
    axes.axhline(100 * grid.in_float, color=_GREY, linewidth=1, linestyle=":")
    axes.text(FEWEST - 0.2, 100 * grid.in_float + 1.5, "float32")
    for scales in SCALES:
        style, marker, color = _STYLES[scales]
        found = grid.accuracies[scales]
        values = [100 * value for value in found.values()]
        (marks,) = axes.plot(
            list(found),
            values,
            style,
            marker=marker,
            color=color,
            linewidth=2,
            label=f"scale: {scales.removeprefix('one for ')}",
        )
        name_marks(marks, [f"{bits} bits, {scales}: {share:.1%}" for bits, share in found.items()])
    here = 100 * grid.accuracies[grid.scales][grid.bits]
    axes.plot([grid.bits], [here], "o", color="none", markeredgecolor=INK, markersize=15, markeredgewidth=2)
    axes.set(xlim=(FEWEST - 0.3, MOST + 0.4), ylim=(0, 110), yticks=range(0, 101, 20), xticks=range(FEWEST, MOST + 1))
    axes.set_xlabel("bits of the weights")
    axes.set_title(f"accuracy of {grid.network}, %")
    axes.legend(loc=(0.2, 0.42), frameon=False, handlelength=1.6)


def bits_readout(found: Ranged16) -> str:
    """Say which parts of 16 bits and of the known ones a layer uses, and what follows."""
    half = 2 ** (REGISTER - 1)
    inputs, filters = (100 * 2 ** sum(bits) / half for bits in (found.inputs, found.filters))
    sums = 100 * 2 ** (found.output - found.known)
    if not found.fits:
        verdict = "not for 16 bits"
    else:
        verdict = "exact" if found.is_exact else "not known: the interval is too wide"
    return (
        f"{found.points}; {found.channels} channels, mean |w| {found.weight}: V needs {inputs:,.1f} % of int16, "
        f"U {filters:,.1f} %, Y {sums:,.1f} % of 2^{found.known}: {verdict}"
    )


def bits_figure(found: Ranged16) -> Figure:
    """Draw the bits of inputs, filters and sums as bars, with what each pass adds, and how many there are."""
    figure = Figure(figsize=(7.6, 2.5))
    axes = figure.add_axes((0.2, 0.2, 0.78, 0.74))
    rows = (
        ("inputs V", (1, *found.inputs), REGISTER),
        ("filters U", (1, *found.filters), REGISTER),
        ("sums Y", (found.output,), found.known),
    )
    for y, (_, parts, room) in enumerate(rows):
        left = 0.0
        for i, bits in enumerate(parts):
            if bits > _NARROW:
                color = COLORS[0] if len(parts) == 1 else (INK, *COLORS[:3])[i]
                axes.barh(y, bits, 0.6, left, color=color, edgecolor="white")
                if len(parts) > 1 and i:
                    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                    axes.text(left + bits / 2, y, f"{bits:.1f}", ha="center", va="center", bbox=box)
            left += bits
        axes.plot([room, room], [y - 0.42, y + 0.42], color=INK, linewidth=3)
        axes.text(_MOST_BITS, y, f"of {room}", ha="right", va="center")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set(xlim=(0, _MOST_BITS), ylim=(2.6, -0.6))
    axes.set_xlabel("bits: sign, number, first and second pass of the transform; the line is their limit")
    axes.tick_params(axis="y", length=0)
    return figure


def ranged_readout(ranged: Ranged) -> str:
    """Say what the chosen range does, and what each calibrator would choose."""
    cut = ranged.cut
    noise = 20 * np.log10(ranged.signal / cut.error)
    chosen = ", ".join(f"{name} {percent:.0f} %" for name, percent in ranged.chosen.items())
    return f"{ranged.array}, {ranged.percent} % of the range, {cut}, SQNR {noise:.1f} dB; chosen by {chosen}"


def ranged_figure(ranged: Ranged) -> Figure:
    """Draw the numbers with the range, and the two errors over every range."""
    figure = Figure(figsize=(7.6, 3.6))
    _numbers(figure.add_axes((0.11, 0.15, 0.35, 0.74)), ranged)
    _errors(figure.add_axes((0.57, 0.15, 0.415, 0.74)), ranged)
    return figure


def _numbers(axes: Axes, ranged: Ranged) -> None:
    counts, edges = counts_by_size(ranged.seen, _BARS)
    axes.stairs(np.maximum(counts, 0.5), edges, fill=True, color=COLORS[0])
    for end in (ranged.cut.low, ranged.cut.high):
        axes.axvline(end, color=INK, linewidth=2)
    axes.axvspan(edges[0] - edges[-1], min(ranged.cut.low, 0), color="#bbbbbb", alpha=0.5, linewidth=0)
    axes.axvspan(ranged.cut.high, 2 * edges[-1], color="#bbbbbb", alpha=0.5, linewidth=0)
    room = 0.03 * (edges[-1] - edges[0])
    axes.set(yscale="log", xlim=(edges[0] - room, edges[-1] + room))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks((1, 100, 10_000, 1_000_000), ("1", "100", "10,000", "1 million"))
    axes.set_ylim(0.5, 3 * counts.max())
    axes.set_xlabel("value; grey is cut off", labelpad=1)
    axes.set_title(f"how many numbers: {ranged.array}")


def _errors(axes: Axes, ranged: Ranged) -> None:
    percents = list(ranged.cuts)
    rounding, cutting, both = (
        [100 * value**0.5 / ranged.signal for value in values]
        for values in zip(*((c.rounding, c.cutting, c.error**2) for c in ranged.cuts.values()), strict=True)
    )
    axes.plot(percents, both, color=INK, linewidth=2.5, label="both")
    axes.plot(percents, rounding, color=COLORS[0], linewidth=2, linestyle="--", label="rounding")
    axes.plot(percents, cutting, color=COLORS[1], linewidth=2, linestyle=":", label="cutting off")
    axes.plot([ranged.percent], [both[ranged.percent - 1]], "o", color=INK, markersize=10, markeredgecolor="white")
    top = 1.6 * max(both)
    bottom = 0.4 * min(both)
    for row, (name, short) in enumerate(_MARKED.items()):
        percent = ranged.chosen[name]
        axes.axvline(percent, color=_GREY, linewidth=1)
        at = (-3, -3 - 15 * row)
        axes.annotate(short, (percent, top), at, textcoords="offset points", ha="right", va="top", bbox=_WHITE)
    axes.set(xlim=(0, 103), ylim=(bottom, top), yscale="log")
    axes.set_xlabel("% of the range that is covered", labelpad=1)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks((0.1, 1, 10, 100), ("0.1", "1", "10", "100"))
    axes.set(ylim=(bottom, top))
    axes.set_title("error, % of the numbers' RMS")
    axes.legend(loc=(0.01, 0.08), frameon=False, borderaxespad=0, handlelength=1.6)
