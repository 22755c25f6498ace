"""The figures of the panels of lesson 1: from a model's dataclass to a Figure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workbook.drawing import INK
from workbook.lessons.convolution.model import COLOURS, Channels, FloatArray, Window

Pixels = npt.NDArray[np.floating[Any]]  # (H, W), or (H, W, 3) from 0 to 1


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


def filters_readout(channels: Channels) -> str:
    """Say the three partial sums that make the last filter's output pixel, and the multiply-adds of the layer."""
    K, C, R, S = channels.weight.shape
    P, Q = channels.outputs.shape[1:]
    sums = " + ".join(f"{colour} {number(total)}" for colour, total in zip(COLOURS, channels.partial_sums, strict=True))
    same = "equal" if channels.total == channels.kernel else "NOT EQUAL"
    return (
        f"filter {K - 1}, {channels.names[-1]}, at row {channels.row}, column {channels.column}: {sums} = "
        f"{number(channels.total)}, kernel {number(channels.kernel)}, {same}; "
        f"K×P×Q×C×R×S = {K}×{P}×{Q}×{C}×{R}×{S} = {channels.macs:,} MACs"
    )


def window_figure(window: Window) -> Figure:
    """Draw the photo with the window, the window's products, and the output with the window's pixel."""
    figure, axes = _page(3.05)
    R, S = window.weight.shape
    H, W = window.image.shape
    P, Q = window.output.shape
    place = window.column, window.row
    _picture(axes, (0.05, 0.3), 2.4, f"photo {H}×{W} and window", window.image, "gray", (*place, S, R))
    title = f"{R * S} products, sum {number(window.total)}"
    _table(axes, (2.6, 0.3), 2.4, title, window.values, window.weight, with_products=True)
    _picture(
        axes,
        (5.15, 0.3),
        2.4,
        f"output {P}×{Q} and pixel",
        window.output,
        "cividis",
        (*place, 1, 1),
        _largest([window.output]),
    )
    _scale(axes, (5.75, 2.81), 1.2, _largest([window.output]))
    return figure


def filters_figure(channels: Channels) -> Figure:
    """Draw the photo with the window, a table for each input channel, and an output channel for each filter."""
    figure, axes = _page(4.15)
    C, R, S = channels.weight.shape[1:]
    place = channels.column, channels.row
    photo = channels.image.transpose(1, 2, 0) / 255
    _picture(axes, (0.05, 0.3), 1.9, "photo, 3 channels", photo, None, (*place, S, R))
    for c, total in enumerate(channels.partial_sums):
        left = 2.15 + 1.83 * c
        _table(axes, (left, 0.3), 1.7, COLOURS[c], channels.values[c], channels.weight[-1, c])
        axes.text(left, 2.2, f"sum {number(total)}", va="center")
        sign = f"= {number(channels.total)}" if c == C - 1 else "+"
        axes.text(left + 1.7, 2.2, sign, ha="right", va="center", weight="bold")
    last = len(channels.outputs) - 1
    filters = f"{last + 1} filters make {last + 1} channels" if last else "1 filter makes 1 channel"
    axes.text(0.05, 2.6, f"output: {filters}; the last one above, at the window")
    reach = _largest(channels.outputs)  # one scale for all, with zero in its middle
    _scale(axes, (6.2, 2.54), 0.7, reach)
    for k, output in enumerate(channels.outputs):
        title = f"{k} {channels.names[k]}" if k == last else f"{k}"
        marked = (*place, 1, 1) if k == last else None
        _picture(axes, (0.05 + 1.27 * k, 2.95), 1.15, title, output, "cividis", marked, reach)
    return figure


def _largest(outputs: Iterable[Pixels]) -> float:
    """Return the largest size of a number of any output; 1 if all are 0."""
    return max(float(np.abs(output).max()) for output in outputs) or 1.0


_WIDTH = 7.6  # inches: the text of a figure so wide has the size of the page's


def _page(height: float) -> tuple[Figure, Axes]:
    """Return a figure with one Axes in inches, from the top left.

    One for each picture would take as many times as long, and the figure follows a moving hand.
    """
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0), xticks=(), yticks=())
    axes.set_axis_off()
    return figure, axes


def _picture(
    axes: Axes,
    corner: tuple[float, float],
    side: float,
    title: str,
    pixels: Pixels,
    cmap: str | None,
    marked: tuple[int, int, int, int] | None,
    reach: float | None = None,
) -> None:
    """Draw an array as a picture, colours from -reach to reach; frame a part of it: (column, row, width, height)."""
    left, top = corner
    axes.text(left, top - 0.08, title)
    _image(axes, corner, side, pixels, cmap, reach)
    if marked is None:
        return
    pixel = side / len(pixels)
    column, row, width, height = marked
    for color, margin, line in (("white", 1.6, 1.2), (INK, 0.8, 2.2)):  # light round dark shows on any picture
        at = (left + (column - margin) * pixel, top + (row - margin) * pixel)
        size = ((width + 2 * margin) * pixel, (height + 2 * margin) * pixel)
        axes.add_patch(Rectangle(at, *size, fill=False, edgecolor=color, linewidth=line))


def _scale(axes: Axes, corner: tuple[float, float], width: float, reach: float) -> None:
    """Draw the scale of colours from -reach to reach, and both numbers beside it."""
    left, top = corner
    _image(axes, corner, width, np.linspace(-reach, reach, 65)[None], "cividis", reach, height=0.12)
    end = f"{reach:,.0f}" if reach >= 10 else f"{reach:.2g}"
    axes.text(left - 0.06, top + 0.06, f"−{end}", ha="right", va="center")
    axes.text(left + width + 0.06, top + 0.06, end, va="center")


def _table(
    axes: Axes,
    corner: tuple[float, float],
    side: float,
    title: str,
    values: FloatArray,
    weight: FloatArray,
    *,
    with_products: bool = False,
) -> None:
    """One cell for each filter element, in its pixel's own grey: pixel x weight, and = product if there is room."""
    left, top = corner
    R, S = values.shape
    axes.text(left, top - 0.08, title)
    _image(axes, corner, side, values, "gray")
    for r in range(R):
        for s in range(S):
            lines = [number(values[r, s]), f"×{weight_text(weight[r, s])}"]
            if with_products:
                lines.append(f"={number(values[r, s] * weight[r, s])}")
            ink = "black" if values[r, s] > 118 else "white"  # either way at least 4.5 : 1 in contrast
            place = left + (s + 0.5) * side / S, top + (r + 0.5) * side / R
            axes.text(*place, "\n".join(lines), ha="center", va="center", color=ink, linespacing=1.1)
    for line in range(1, S):
        axes.add_patch(Rectangle((left + line * side / S - 0.012, top), 0.024, side, color="white"))
    for line in range(1, R):
        axes.add_patch(Rectangle((left, top + line * side / R - 0.012), side, 0.024, color="white"))


def _image(
    axes: Axes,
    corner: tuple[float, float],
    side: float,
    pixels: Pixels,
    cmap: str | None,
    reach: float | None = None,
    *,
    height: float | None = None,
) -> None:
    left, top = corner
    low, high = (0, 255) if cmap == "gray" else (-reach, reach) if reach else (None, None)
    extent = (left, left + side, top + (height or side), top)
    axes.imshow(pixels, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="none", aspect="auto")
