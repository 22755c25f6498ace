"""The figures of lesson 1 that do not move: networks layer by layer, and the ladder under the roofline."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK
from workbook.lessonkit.claim import three_digits
from workbook.lessons.convolution.ladder_race import Race, at_most, intensity
from workbook.lessons.convolution.network_survey import THIRDS, Profile, Survey, passed_on

_LEFT = ("numpy", "im2col")  # rungs whose names stand on the left: on the right is a neighbour


def survey_figure(survey: Survey) -> Figure:
    """Draw for each network a bar a layer: multiply-adds above, bytes passed on below, and the mean of each third."""
    figure = Figure(figsize=(7.6, 4.3))
    columns = len(survey.profiles)
    for i, profile in enumerate(survey.profiles):
        left = 0.015 + i * 0.985 / columns
        for bottom, unit, scale, color, counts in (
            (0.54, "MMAC", 1e6, COLORS[0], [layer.macs for layer in profile.layers]),
            (0.09, "MB", 1e6, COLORS[1], [passed_on(layer) for layer in profile.layers]),
        ):
            axes = figure.add_axes((left, bottom, 0.985 / columns - 0.025, 0.27))
            _bars(axes, profile, [count / scale for count in counts], unit, color)
        figure.text(left, 0.95, profile.name, weight="bold")
    figure.text(0.015, 0.89, "multiply-adds of each layer, in the order in which they run")
    figure.text(0.015, 0.44, "bytes that each layer passes on")
    return figure


def _bars(axes: Axes, profile: Profile, counts: list[float], unit: str, color: object) -> None:
    """Draw a bar a layer, the thirds as bands with their means, and the largest number in words."""
    n = len(counts)
    axes.bar(range(n), counts, width=1.0, color=color, edgecolor="white", linewidth=0.3)
    most, first = max(counts), 0
    for third, name in zip(profile.thirds, THIRDS, strict=True):
        end = first + len(third.layers)
        if name != "middle":
            axes.axvspan(first - 0.5, end - 0.5, color="#eeeeee", zorder=0)
        axes.hlines(float(np.mean(counts[first:end])), first - 0.5, end - 0.5, color=INK, linewidth=2)
        axes.text((first + end - 1) / 2, -0.07 * most, name, ha="center", va="top")
        first = end
    axes.text(n - 0.5, most * 1.04, f"most: {three_digits(most)} {unit}", ha="right")
    axes.set(xlim=(-0.5, n - 0.5), ylim=(0, most * 1.02), xticks=(), yticks=())
    axes.spines["left"].set_visible(False)


def ladder_figure(race: Race) -> Figure:
    """Draw each rung's rate over its multiply-adds a byte, and the roof that no program passes."""
    figure = Figure(figsize=(7.6, 3.9))
    axes = figure.add_axes((0.1, 0.14, 0.87, 0.8))
    roof = race.roof
    (level, gbs), *_ = roof.gbs.items()
    ridge, slowest = roof.ridge(level), min(map(race.rate, race.rungs))
    left, right = 0.008, 20.0
    axes.plot((left, ridge, right), [roof.bound(x, level) for x in (left, ridge, right)], color=INK, linewidth=2)
    for rung in race.rungs:
        x, y = intensity(rung), race.rate(rung)
        axes.vlines(x, y, at_most(rung, roof), color="#999999", linewidth=1.2, linestyle=":")
        axes.plot(x, y, "o", color=COLORS[0], markersize=9)
        away, align = ((-9, -6), "right") if rung.id in _LEFT else ((9, -6), "left")
        name = f"{rung.name}: {three_digits(y)}"
        axes.annotate(name, (x, y), away, textcoords="offset points", ha=align, va="center")
    axes.text(right, roof.peak_gmacs * 1.25, f"multiply-add units: {roof.peak_gmacs:.0f} GMAC/s", ha="right")
    axes.text(left * 1.15, roof.bound(left, level) * 3.5, f"bytes from {level}:\n{gbs:.0f} GB/s", va="bottom")
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(slowest / 3, roof.peak_gmacs * 3))
    axes.set(xlabel="multiply-adds a byte moved", ylabel="GMAC/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    return figure
