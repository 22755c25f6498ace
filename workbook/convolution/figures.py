"""The figures of lesson 1: from a model's dataclass to a Figure."""

from __future__ import annotations

from fractions import Fraction

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workbook.convolution.model import Window
from workbook.drawing import COLORS, INK

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
    """Draw the photo with the window, the window's products, and the output with the window's pixel."""
    figure = Figure(figsize=(7.6, 2.8))
    side = 0.31, 0.31 * 7.6 / 2.8  # three squares, as parts of the figure's width and height
    photo, cells, output = (figure.add_axes((left, 0.02, *side)) for left in (0.005, 0.345, 0.685))
    for axes in (photo, cells, output):
        axes.set_axis_off()
    R, S = window.weight.shape
    photo.imshow(window.image, cmap="gray", vmin=0, vmax=255, interpolation="none")
    _mark(photo, window.column, window.row, S, R)
    H, W = window.image.shape
    photo.set_title(f"photo {H}×{W} and window")
    _draw_products(cells, window)
    cells.set_title(f"{R * S} products, sum {number(window.total)}")
    output.imshow(window.output, cmap="cividis", interpolation="none")
    _mark(output, window.column, window.row, 1, 1)
    P, Q = window.output.shape
    output.set_title(f"output {P}×{Q} and pixel")
    return figure


def _mark(axes: Axes, column: int, row: int, width: int, height: int) -> None:
    """Frame pixels twice, light around dark, so that the frame shows on any picture."""
    for color, margin, line in (("white", 1.6, 1.2), (_MARK, 0.8, 2.2)):
        corner = (column - 0.5 - margin, row - 0.5 - margin)
        size = (width + 2 * margin, height + 2 * margin)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=color, linewidth=line, clip_on=False))


def _draw_products(axes: Axes, window: Window) -> None:
    """One cell for each filter element: the pixel's own grey, and pixel x weight = product."""
    values, products = window.values, window.products
    R, S = values.shape
    axes.imshow(values, cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="auto")
    for r in range(R):
        for s in range(S):
            text = f"{number(values[r, s])}\n×{weight_text(window.weight[r, s])}\n={number(products[r, s])}"
            ink = INK if values[r, s] > 118 else "white"
            axes.text(s, r, text, ha="center", va="center", color=ink, linespacing=1.1)
    axes.hlines([r - 0.5 for r in range(1, R)], -0.5, S - 0.5, colors="white", linewidth=2)
    axes.vlines([s - 0.5 for s in range(1, S)], -0.5, R - 0.5, colors="white", linewidth=2)
