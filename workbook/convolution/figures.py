"""The figures of lesson 1: from a model's dataclass to a Figure."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from workbook.convolution.model import FloatArray, Window
from workbook.convolution.race import Race
from workbook.drawing import COLORS, INK
from workbook.measure import peak_gmacs

_MARK = COLORS[1]


def number(value: float) -> str:
    """Write a whole number as such and others with what they need, with a true minus sign."""
    return f"{value:g}".replace("-", "−") if value == int(value) else f"{value:.4f}".rstrip("0").replace("-", "−")


def weight_text(value: float) -> str:
    """Write a filter element as a whole number or a fraction."""
    return str(Fraction(float(value))).replace("-", "−")


def window_readout(window: Window) -> str:
    """Say the sum of the products, and what the kernel computed at this place."""
    same = "equal" if window.total == window.kernel else "NOT EQUAL"
    R, S = window.weight.shape
    return (
        f"row {window.row}, column {window.column}, {window.filter_name}: sum of {R * S} products "
        f"{number(window.total)}, kernel {number(window.kernel)}, {same}"
    )


def window_figure(window: Window) -> Figure:
    """Draw the photo with the window, the window's products, and the output with the window's pixel.

    All three share one Axes, in inches: three would take three times as long, and the figure follows a moving hand.
    """
    figure = Figure(figsize=(7.6, 2.75))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 7.6), ylim=(2.75, 0), xticks=(), yticks=())
    axes.set_axis_off()
    R, S = window.weight.shape
    H, W = window.image.shape
    P, Q = window.output.shape
    _picture(axes, 0.05, f"photo {H}×{W} and window", window.image, "gray", (window.column, window.row, S, R))
    _products(axes, 2.6, window)
    _picture(axes, 5.15, f"output {P}×{Q} and pixel", window.output, "cividis", (window.column, window.row, 1, 1))
    return figure


_TOP, _SIDE = 0.3, 2.4  # inches: where the pictures begin below their titles, and their height and width


def _picture(
    axes: Axes, left: float, title: str, pixels: FloatArray, cmap: str, marked: tuple[int, int, int, int]
) -> None:
    """Draw an array as a picture and frame a part of it: (column, row, width, height)."""
    axes.text(left, _TOP - 0.08, title)
    limits = (0, 255) if cmap == "gray" else (None, None)
    _image(axes, left, pixels, cmap, limits)
    pixel = _SIDE / len(pixels)
    column, row, width, height = marked
    for color, margin, line in (("white", 1.6, 1.2), (_MARK, 0.8, 2.2)):  # light round dark shows on any picture
        corner = (left + (column - margin) * pixel, _TOP + (row - margin) * pixel)
        size = ((width + 2 * margin) * pixel, (height + 2 * margin) * pixel)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=color, linewidth=line))


def _products(axes: Axes, left: float, window: Window) -> None:
    """One cell for each filter element, in its pixel's own grey: pixel x weight = product."""
    values, products = window.values, window.products
    R, S = values.shape
    axes.text(left, _TOP - 0.08, f"{R * S} products, sum {number(window.total)}")
    _image(axes, left, values, "gray", (0, 255))
    for r in range(R):
        for s in range(S):
            lines = (number(values[r, s]), f"×{weight_text(window.weight[r, s])}", f"={number(products[r, s])}")
            ink = INK if values[r, s] > 118 else "white"  # either way at least 4.5 : 1 in contrast
            place = left + (s + 0.5) * _SIDE / S, _TOP + (r + 0.5) * _SIDE / R
            axes.text(*place, "\n".join(lines), ha="center", va="center", color=ink, linespacing=1.1)
    for line in range(1, S):
        axes.add_patch(Rectangle((left + line * _SIDE / S - 0.012, _TOP), 0.024, _SIDE, color="white"))
    for line in range(1, R):
        axes.add_patch(Rectangle((left, _TOP + line * _SIDE / R - 0.012), _SIDE, 0.024, color="white"))


def _image(axes: Axes, left: float, pixels: FloatArray, cmap: str, limits: tuple[float | None, float | None]) -> None:
    extent = (left, left + _SIDE, _TOP + _SIDE, _TOP)
    low, high = limits
    axes.imshow(pixels, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="none", aspect="auto")


def ladder_figure(race: Race) -> Figure:
    """Draw a dot for each rung's rate on a logarithmic scale, and the line that no program on one core can pass."""
    figure = Figure(figsize=(7.6, 2.6))
    axes = figure.add_axes((0.19, 0.2, 0.76, 0.68))
    rates = [race.rate(rung) for rung in race.rungs]
    places = range(len(rates), 0, -1)
    axes.hlines(places, 0, rates, color="#dddddd", linewidth=1.5)
    axes.plot(rates, places, "o", color=COLORS[0], markersize=9)
    beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "center"}
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for place, rate in zip(places, rates, strict=True):
        axes.annotate(f"{rate:.2g}", (rate, place), (-10, -1), bbox=clear, **beside)
    peak = peak_gmacs()
    axes.axvline(peak, color=INK, linestyle="--", linewidth=1.2)
    axes.text(peak, 1.04, f"one core at most: {peak:.0f}", ha="center", transform=axes.get_xaxis_transform())
    axes.set(xscale="log", xlim=(min(rates) / 8, peak * 3), ylim=(0.4, len(rates) + 0.6), xlabel="GMAC/s")
    axes.set_yticks(places, [rung.name for rung in race.rungs])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    return figure
