"""What of a figure cannot be read: colours too close to each other, and texts that leave the page.

Colours are seen in greyscale and as a deuteranope does.

Two colours of data in one Axes may be confused unless they differ enough, or the marks differ in something else: in
marker, line style or hatch, or because each has its name written beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

Color = npt.NDArray[np.float64]

MAPS = {"viridis", "cividis", "gray"}  # lightness grows along each, and no hue is needed
LEAST_LIGHTNESS = 12.0  # CIE L*, for greyscale
LEAST_DIFFERENCE = 15.0  # CIE76, for a deuteranope; about 2 can just be seen side by side
EDGE = 2  # pixels that a text's box may lie beyond the page: its letters are a little smaller

# G. Machado, M. Oliveira, L. Fernandes, "A physiologically-based model for simulation of color vision deficiency", IEEE
# TVCG 15(6), 2009: deuteranomaly of severity 1.0, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
# IEC 61966-2-1: linear sRGB to CIE XYZ, with the white point D65.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: Color) -> Color:
    """Undo sRGB's gamma."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def lab(linear_rgb: Color) -> Color:
    """Return CIE L*a*b* of linear RGB."""
    white = XYZ.sum(axis=1)
    ratio = XYZ @ np.clip(linear_rgb, 0, 1) / white
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lightness(color: object) -> float:
    """Return L* of a colour: what is left of it in greyscale."""
    return float(lab(linear(_on_white(color)))[0])


def deuteranope_difference(first: object, second: object) -> float:
    """Return how far apart two colours are for a deuteranope (CIE76)."""
    seen = [lab(DEUTERANOPIA @ linear(_on_white(color))) for color in (first, second)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def _on_white(color: object) -> Color:
    *rgb, alpha = to_rgba(color)
    return np.array(rgb) * alpha + (1 - alpha)


@dataclass(frozen=True)
class Mark:
    """Data drawn in one colour.

    Attributes
    ----------
    color : (r, g, b, a)
    form : str
        What tells it from others without colour: marker, line style, hatch.
    label : str
        Its name, if it has one.
    """

    color: tuple[float, ...]
    form: str
    label: str


def marks(axes: Axes) -> Iterator[Mark]:
    """Find the data of an Axes: lines, markers, bars, areas; not its frame, and nothing without colour."""
    for artist in axes.get_children():
        if artist is axes.patch or not artist.get_visible():
            continue
        label = str(artist.get_label())
        name = "" if label.startswith("_") else label
        if isinstance(artist, Line2D):
            form = f"line {artist.get_linestyle()} marker {artist.get_marker()}"
            yield Mark(to_rgba(artist.get_color()), form, name)
        elif isinstance(artist, Collection):
            faces = artist.get_facecolor() if len(artist.get_facecolor()) else artist.get_edgecolor()
            paths = len(artist.get_paths()[0].vertices) if artist.get_paths() else 0
            for face in np.unique(np.atleast_2d(faces), axis=0):
                yield Mark(tuple(map(float, face)), f"{type(artist).__name__} of {paths} corners", name)
        elif isinstance(artist, Patch):
            color = artist.get_facecolor() if artist.get_fill() else artist.get_edgecolor()
            yield Mark(to_rgba(color), f"{type(artist).__name__} {artist.get_hatch()} {artist.get_fill()}", name)


def confusions(figure: Figure) -> list[str]:
    """Say which pairs of colours in a figure cannot be told apart, and which colour maps are not safe."""
    found = []
    for axes in figure.axes:
        found += [f"colour map {i.get_cmap().name}" for i in axes.images if i.get_cmap().name not in MAPS]
        written = _written(axes)
        for first, second in itertools.combinations(sorted(set(marks(axes)), key=str), 2):
            if first.color != second.color and first.form == second.form:
                named = first.label and second.label and {first.label, second.label} <= written
                if not named:
                    found += _too_close(first, second)
    return found


def off_the_page(figure: Figure) -> list[str]:
    """Return the texts of a figure that are cut off at its edge."""
    figure.draw_without_rendering()
    page = figure.bbox.padded(EDGE)
    found = []
    legends = (text for legend in figure.legends for text in legend.get_texts())
    for text in (*figure.texts, *legends, *(text for axes in figure.axes for text in _texts(axes))):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent()
            if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1):
                found.append(f"{text.get_text()!r}: {box} is not inside of {page}")
    return found


def _texts(axes: Axes) -> Iterator[Text]:
    """Find all that is written in an Axes; of the labels of ticks, those that are in view."""
    legend = axes.get_legend()
    yield from (*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label, *(legend.get_texts() if legend else ()))
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def _written(axes: Axes) -> set[str]:
    """Return the texts of an Axes but for those of its legend: the reader finds them there by colour alone."""
    legend = axes.get_legend()
    in_legend = legend.get_texts() if legend else []
    return {text.get_text() for text in axes.findobj(Text) if text not in in_legend}


def _too_close(first: Mark, second: Mark) -> list[str]:
    pair = f"{first} and {second}"
    grey = abs(lightness(first.color) - lightness(second.color))
    seen = deuteranope_difference(first.color, second.color)
    return [
        f"{pair}: {text}"
        for text, value, least in (
            (f"in greyscale {grey:.0f} apart", grey, LEAST_LIGHTNESS),
            (f"for a deuteranope {seen:.0f} apart", seen, LEAST_DIFFERENCE),
        )
        if value < least
    ]
