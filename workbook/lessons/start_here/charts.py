"""The figure of lesson 0 that does not move: what three layers reached, under the roofline."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK
from workbook.lessonkit.claim import three_digits
from workbook.lessons.start_here.under_roof import Reach, level_of
from workbook.measuring.roofline import intensity

_LEAST, _MOST = 0.1, 400.0  # MAC/byte


def reach_figure(reach: Reach) -> Figure:
    """Draw the bound of each level where a layer's data lie, what each layer reached, and a line up to its bound."""
    figure = Figure(figsize=(7.6, 3.4))
    axes = figure.add_axes((0.09, 0.16, 0.88, 0.8))
    roof = reach.roof
    for level, gbs in roof.gbs.items():
        axes.plot((_LEAST, roof.ridge(level), _MOST), (gbs * _LEAST, roof.peak_gmacs, roof.peak_gmacs), color=INK)
        axes.text(roof.ridge(level), roof.peak_gmacs * 1.15, f"{level}: {gbs:.0f} GB/s", ha="center")
    axes.text(_MOST * 0.9, roof.peak_gmacs * 1.15, f"peak {roof.peak_gmacs:.0f} GMAC/s", ha="right")
    for layer, rate in reach.rates.items():
        x = intensity(layer)
        axes.vlines(x, rate, reach.at_most(layer), color="#777777", linestyle=":")
        axes.plot(x, rate, "o", color=COLORS[0], markersize=9)
        label = f"{layer.name}: {three_digits(rate)}, data in {level_of(layer)}"
        side = 1 if x * 10 < _MOST else -1  # the last name stands on the left: on the right the figure ends
        align = "left" if side == 1 else "right"
        axes.annotate(label, (x, rate), (8 * side, -5), textcoords="offset points", va="top", ha=align)
    rates = reach.rates.values()
    axes.set(xscale="log", yscale="log", xlim=(_LEAST, _MOST), ylim=(min(rates) / 3, roof.peak_gmacs * 2))
    axes.set(xlabel="MAC/byte", ylabel="GMAC/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    return figure
