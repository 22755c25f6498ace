"""The figures of lesson 1 that do not move: networks layer by layer, the ladder under the roofline, the stair."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK
from workbook.lessonkit.claim import three_digits
from workbook.lessons.convolution.ladder_race import Race, at_most, intensity
from workbook.lessons.convolution.network_survey import THIRDS, Profile, Survey, passed_on
from workbook.lessons.convolution.stair_race import CEILINGS, Stair, bytes_a_mac

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
    axes.set(xlabel="multiply-adds per byte moved", ylabel="GMAC/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    return figure


def stair_figure(stair: Stair) -> Figure:
    """Draw a bar for each rung, and the rungs under the ceilings of the units and of the bytes."""
    figure = Figure(figsize=(7.6, 6.4))
    bars = figure.add_axes((0.14, 0.66, 0.83, 0.31))
    rungs, peak = list(CEILINGS), stair.roof.peak_gmacs
    rates = [stair.rate(rung) for rung in rungs]
    bars.barh(rungs, rates, color=COLORS[0], height=0.65)
    for place, (rung, rate) in enumerate(zip(rungs, rates, strict=True)):
        reached = f"{three_digits(rate)}, at most {three_digits(stair.at_most(rung))}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # it may lie on the line of the peak
        bars.text(rate + peak * 0.01, place, reached, va="center", bbox=box)
    bars.axvline(peak, color=INK, linewidth=1)
    bars.set(xlim=(0, peak * 1.25), xlabel=f"GMAC/s; the line is the peak, {three_digits(peak)}")
    bars.invert_yaxis()
    axes = figure.add_axes((0.14, 0.09, 0.83, 0.44))
    left, right = 0.05, 10.0
    for name, gmacs in stair.ceilings.items():
        axes.axhline(gmacs, color=INK, linewidth=1.2, linestyle="-" if gmacs == peak else "--")
        side = "top" if name == "single numbers" else "bottom"  # it may be at the place of a chain of vectors
        away = (0, -4 if side == "top" else 4)
        label = f"{'peak' if gmacs == peak else name}: {three_digits(gmacs)}"
        axes.annotate(label, (right, gmacs), away, textcoords="offset points", ha="right", va=side)
    for (level, gbs), align in zip(stair.roof.gbs.items(), cycle(("center", "right", "left")), strict=False):
        axes.plot((left, peak / gbs), (gbs * left, peak), color="#999999", linewidth=1.2)
        axes.annotate(level, (peak / gbs, peak), (0, 4), textcoords="offset points", ha=align, va="bottom")
    first = min(("blocked", "direct"), key=lambda rung: 1 / bytes_a_mac(rung, stair.lanes))  # its name is on the left
    for rung, rate in zip(rungs, rates, strict=True):
        if rung != "tile":  # at the same place as blocked
            x = 1 / bytes_a_mac(rung, stair.lanes)
            axes.plot(x, rate, "o", color=COLORS[0], markersize=8)
            away, align = ((-8, -4), "right") if rung == first else ((7, -13), "left")
            name = "tile, blocked" if rung == "blocked" else rung
            axes.annotate(name, (x, rate), away, textcoords="offset points", ha=align)
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(stair.chain_gmacs / 3, peak * 2.2))
    axes.set(xlabel="multiply-adds per byte moved", ylabel="GMAC/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    return figure
