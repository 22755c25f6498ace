"""The figures of the panels of lesson 2: from a model's dataclass to a Figure."""

from __future__ import annotations

from math import isfinite, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workbook.drawing import COLORS, INK, name_marks
from workbook.lessons.winograd.construction import TAPS, cook_toom
from workbook.lessons.winograd.model import (
    LARGEST,
    LARGEST_SIDE,
    LAVIN,
    MAP_TYPE,
    SMALLEST_SIDE,
    STEP,
    YOURS,
    Pointed,
    Tiled,
)
from workbook.lessons.winograd.precision import TYPES
from workbook.measuring.timing import BUSY

_SAVED, _PREDICTED, _MEASURED = COLORS[0], COLORS[1], INK
_MAPS, _WEIGHTS, _MULTIPLIED = COLORS[4], COLORS[9], COLORS[3]
_PARTS = (
    ("maps, and transforming them", _MAPS),
    ("multiplying", _MULTIPLIED),
    ("weights, and waiting for them", _WEIGHTS),
)
_MOST_GAIN = 6.0
_MOST_RIGHT = 2.2  # decimal digits of the map of errors
_CLOSE = {"handlelength": 1.4, "handletextpad": 0.4, "columnspacing": 0.9}  # three names fit in a row
_GREY = "#777777"
_LEAST_DIGITS, _MOST_DIGITS = -7, 1  # logarithms of errors; larger ones, infinite ones too, stand at the edge


def tiled_readout(tiled: Tiled) -> str:
    """Say what the tile saves, what it moves, and what is predicted."""
    work, plain, roof = tiled.work, tiled.definition, tiled.roof
    layer = work.layer
    tiles = "1 tile" if work.tiles == 1 else f"{work.tiles} tiles"
    return (
        f"{layer.C} channels, {layer.P}×{layer.Q}, F({work.m},{TAPS}): {tiles} × {work.n}×{work.n} × "
        f"{layer.C}×{layer.K} = {work.multiplications:,} multiplications, {work.saving:.2f}× fewer; "
        f"{work.memory_bytes / 1e6:.2f} MB from memory, by the definition {plain.memory_bytes / 1e6:.2f} MB; predicted "
        f"for the reference machine {work.seconds(roof) * 1e3:.3f} ms, by the definition "
        f"{plain.seconds(roof) * 1e3:.3f} ms: {work.gain(roof):.2f}×"
    )


def tiled_figure(tiled: Tiled) -> Figure:
    """Draw gains over the side of the map, and beside it where the bytes and the time of the chosen layer go."""
    figure = Figure(figsize=(7.6, 3.5))
    _gains(figure.add_axes((0.065, 0.14, 0.52, 0.75)), tiled)
    page = figure.add_axes((0.63, 0, 0.37, 1), xlim=(0, 2.8), ylim=(3.5, 0), xticks=(), yticks=())
    page.set_axis_off()
    work, plain, roof = tiled.work, tiled.definition, tiled.roof
    both = ((f"F({work.m},{TAPS})", work), ("definition", plain))
    page.text(0, 0.3, f"side {work.layer.P}: MB from memory")
    _bars(page, 0.4, [(name, (w.map_bytes / 1e6, 0, w.weight_bytes / 1e6)) for name, w in both])
    page.text(0, 1.36, "predicted ms")
    times = [(name, (w.transform_seconds(roof), w.multiply_seconds(roof), w.waiting_seconds(roof))) for name, w in both]
    _bars(page, 1.46, [(name, tuple(1e3 * part for part in parts)) for name, parts in times])
    _key(page, 2.4)
    gain = tiled.measured.get(work.layer.P)
    measured, where = ("measured here", "here") if tiled.here else ("reference machine", "there")
    page.text(0, 3.2, f"{measured}: {gain:.2f}× as fast" if gain else f"not measured {where} at this side")
    if gain and tiled.others > BUSY:
        page.text(0, 3.45, f"other programs had {tiled.others:.0%} of the core")
    return figure


def _gains(axes: Axes, tiled: Tiled) -> None:
    """Draw what is saved, predicted and measured, for maps of every side."""
    sides = range(SMALLEST_SIDE, LARGEST_SIDE + 1)
    works = [tiled.at(side) for side in sides]
    saved, predicted = [w.saving for w in works], [w.gain(tiled.roof) for w in works]
    axes.plot(sides, saved, color=_SAVED, linewidth=1.6, label="multiplications")
    axes.plot(sides, predicted, color=_PREDICTED, linewidth=2.2, linestyle="--", label="predicted")
    label = "measured here" if tiled.here else "measured"
    (measured,) = axes.plot(
        list(tiled.measured), list(tiled.measured.values()), "D", color=_MEASURED, markersize=7, label=label
    )
    measured.set(zorder=3, markeredgecolor="white", markeredgewidth=0.8)  # in front of the square of what is predicted
    name_marks(measured, [f"side {side}: measured {gain:.2f}× as fast" for side, gain in tiled.measured.items()])
    work = tiled.work
    side = work.layer.P
    axes.hlines(1, SMALLEST_SIDE, LARGEST_SIDE, color=_GREY, linewidth=1)
    axes.vlines(side, 0, work.saving, color=_GREY, linewidth=1, linestyle=":")
    axes.plot([side], [work.saving], "o", color=_SAVED, markersize=9, markeredgecolor="white")
    axes.plot([side], [work.gain(tiled.roof)], "s", color=_PREDICTED, markersize=9, markeredgecolor="white")
    axes.set(xlim=(SMALLEST_SIDE - 1, LARGEST_SIDE + 1), ylim=(0, _MOST_GAIN), xticks=(7, 14, 28, 56), yticks=range(6))
    axes.set_xlabel("side of the map", labelpad=1)
    axes.set_title(f"F({work.m},{TAPS}), {work.layer.C} channels: × fewer multiplications, × faster")
    axes.legend(loc="upper left", ncols=3, frameon=False, borderaxespad=0, borderpad=0.2, **_CLOSE)


def _bars(axes: Axes, top: float, rows: list[tuple[str, tuple[float, ...]]]) -> None:
    """Draw a bar a row in the parts of `_key`, with its name and its sum."""
    longest, left, width = max(sum(parts) for _, parts in rows), 0.95, 1.25
    for i, (name, parts) in enumerate(rows):
        y, begin = top + 0.36 * i, left
        axes.text(left - 0.08, y + 0.14, name, ha="right", va="center")
        for part, (_, color) in zip(parts, _PARTS, strict=True):
            if part:
                axes.add_patch(Rectangle((begin, y), width * part / longest, 0.28, color=color))
            begin += width * part / longest
        axes.text(begin + 0.06, y + 0.14, _short(sum(parts)), va="center")


def _key(axes: Axes, top: float) -> None:
    """Say what the parts of the bars are, the same in both."""
    for i, (name, color) in enumerate(_PARTS):
        y = top + 0.26 * i
        axes.add_patch(Rectangle((0, y - 0.08), 0.16, 0.16, color=color))
        axes.text(0.22, y, name, va="center")


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def pointed_readout(pointed: Pointed) -> str:
    """Say the error at the chosen points in each type, and what it is over that of the definition."""
    a, b = pointed.pairs
    if a == b:
        return (
            f"a and b are both {a}, so ±a and ±b are the same points: F(4,{TAPS}) needs six that differ, or too few "
            f"equations are left to find its outputs by. Move a or b"
        )
    yours, definition = pointed.errors[YOURS], pointed.errors["definition"]
    cells = [f"{type} {_error(yours[type], definition[type])}" for type in TYPES]
    return f"F(4,{TAPS}) at 0, ±{a}, ±{b} and infinity: error in {', '.join(cells)}"


def _error(error: float, definition: float) -> str:
    """Write an error, and what it is over the definition's."""
    digits = f"{error:.1e}".replace("-", "−")  # a page breaks a line behind a hyphen
    return f"{digits} ({error / definition:,.1f}× the definition's)" if isfinite(error) else "too large for the type"


def pointed_figure(pointed: Pointed) -> Figure:
    """Draw the error over a and b as a map, and beside it the errors of other algorithms in each type."""
    figure = Figure(figsize=(7.6, 3.5))
    _landscape(figure.add_axes((0.075, 0.15, 0.33, 0.72)), figure.add_axes((0.335, 0.2, 0.012, 0.3)), pointed)
    _errors(figure.add_axes((0.6, 0.15, 0.365, 0.72)), pointed)
    return figure


def _landscape(axes: Axes, scale: Axes, pointed: Pointed) -> None:
    """Draw the error over a and b; a point and its mirror image are the same tile, so half of the map is enough."""
    half = 0.5 / STEP
    reach = (half, LARGEST / STEP + half)
    digits = np.where(np.tri(LARGEST, dtype=bool), np.nan, -np.log10(pointed.landscape)).T  # rows are the larger
    look: dict[str, Any] = {
        "cmap": "viridis",
        "origin": "lower",
        "interpolation": "none",
        "vmin": 0,
        "vmax": _MOST_RIGHT,
    }
    axes.imshow(digits, extent=(*reach, *reach), **look)
    scale.imshow(np.linspace(0, _MOST_RIGHT, 64)[:, None], extent=(0, 1, 0, _MOST_RIGHT), aspect="auto", **look)
    scale.set(xticks=(), yticks=(0, 1, 2), yticklabels=("1", "0.1", "0.01"))
    scale.yaxis.tick_right()
    _, kernel_a, _, kernel_b, _ = cook_toom(4).points
    for name, (a, b), away in (("kernel", (kernel_a, kernel_b), (8, -12)), ("Lavin", LAVIN, (8, 4))):
        axes.plot(float(a), float(b), "D", color="white", markeredgecolor=INK, markersize=7)
        axes.annotate(name, (float(a), float(b)), away, textcoords="offset points")
    at = sorted(map(float, pointed.pairs))
    axes.plot(*at, "o", color="none", markeredgecolor="white", markersize=13, markeredgewidth=4)
    axes.plot(*at, "o", color="none", markeredgecolor=INK, markersize=13, markeredgewidth=2)
    axes.set(xlabel="the smaller of a and b", ylabel="the larger", xticks=(1, 2, 3), yticks=(1, 2, 3))
    axes.set_title(f"error in {MAP_TYPE}")


def _errors(axes: Axes, pointed: Pointed) -> None:
    names = [*dict.fromkeys([*pointed.errors, YOURS])]
    for type, color, marker, align in zip(TYPES, COLORS, "os^", ("center", "right", "left"), strict=False):
        values = [min(log10(errors[type]), _MOST_DIGITS) for errors in pointed.errors.values()]
        axes.plot(values, range(len(values)), marker, color=color, markersize=9, linestyle="none", clip_on=False)
        axes.annotate(type, (values[0], 0), (0, 9), textcoords="offset points", ha=align)
    axes.set(xlim=(_LEAST_DIGITS, _MOST_DIGITS), ylim=(len(names) - 0.5, -0.9))
    axes.set_xticks((-6, -4, -2, 0, 1), ("1e-6", "1e-4", "1e-2", "1", "≥10"))
    axes.set_yticks(())  # a tick for each name would take as long as the marks
    for i, name in enumerate(names):
        axes.text(_LEAST_DIGITS - 0.15, i, name, ha="right", va="center")
    axes.hlines(range(len(names)), _LEAST_DIGITS, _MOST_DIGITS, color="#dddddd", linewidth=1, zorder=0)
    axes.set_title("error, root mean square")
