"""The figure of lesson 2 that does not move: what is saved, and what becomes of it, on four layers."""

from __future__ import annotations

from matplotlib.figure import Figure

from workbook.drawing import COLORS, INK
from workbook.lessonkit.reference import reference
from workbook.lessons.winograd.tile_race import Race
from workbook.lessons.winograd.tile_trials import WINOGRAD, gains
from workbook.lessons.winograd.work import Work, layer_of

_HATCHES = ("", "///", "...")
_WIDTH = 0.27  # of a bar; the layers are 1 apart


def race_figure(race: Race) -> Figure:
    """Draw a bar for each tile on each layer, how many times as fast it is, and a line for what is saved."""
    figure = Figure(figsize=(7.6, 3.7))
    axes = figure.add_axes((0.07, 0.15, 0.92, 0.76))
    for i, ((m, program), color, hatch) in enumerate(zip(WINOGRAD.items(), COLORS, _HATCHES, strict=False)):
        places = [layer + (i - 1) * _WIDTH for layer in range(len(race.times))]
        here = [gains(times)[program] for times in race.times.values()]
        axes.bar(places, here, 0.9 * _WIDTH, color=color, hatch=hatch, edgecolor="white", label=f"F({m},3)")
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        for place, gain in zip(places, here, strict=True):  # at the foot: no diamond is there
            axes.text(place, 0.12, f"{gain:.2f}", ha="center", va="bottom", bbox=box)
        saved = [Work(layer_of(*layer), m).saving for layer in race.times]
        half = 0.45 * _WIDTH
        predicted = [Work(layer_of(*layer), m).gain(reference().roofline) for layer in race.times]
        axes.plot(places, predicted, "D", color="white", markeredgecolor=INK, markersize=7, zorder=3)
        axes.hlines(saved, [x - half for x in places], [x + half for x in places], color=INK, linewidth=2.5)
    axes.hlines([], 0, 0, color=INK, linewidth=2.5, label="saved")
    axes.plot([], [], "D", color="white", markeredgecolor=INK, markersize=7, label="predicted")
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    names = [f"{channels} channels\n{side}×{side}" for channels, side in race.times]
    axes.set_xticks(range(len(names)), names)
    axes.set(ylim=(0, 5.6), ylabel="× as fast as the definition", yticks=range(6))
    axes.tick_params(axis="x", length=0)
    axes.legend(loc="upper right", ncols=5, frameon=False, borderaxespad=0)
    return figure
