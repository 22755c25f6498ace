"""The figures of lesson 0: from a model's dataclass to a Figure."""

from __future__ import annotations

from math import atan2, degrees

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from workbook.drawing import COLORS, INK, name_marks
from workbook.lessons.start_here.model import KINDS, NetworkOnRoof, kind
from workbook.measuring.roofline import Roofline
from workbook.measuring.this_machine import MEMORY

_MARKERS = dict(zip(KINDS, "os^D", strict=True))
_COLORS = dict(zip(KINDS, COLORS, strict=False))
_LEAST, _MOST = 0.05, 1000  # MAC/byte; every layer of every network lies between, right of the names of the rows
_FIRST = 0.2  # MAC/byte, where the roofs begin
_APART = 1.5  # the roof of a cache over that of memory: names along nearer slopes would lie on each other
_ROWS = 0.075  # of the height, for a row of marks


def roof_readout(network: NetworkOnRoof) -> str:
    """Say how much the network computes and moves, and which layers have the fewest and the most MAC/byte."""
    first, *_, last = network.by_intensity
    images = f"{network.batch} image{'s' if network.batch > 1 else ''}"
    return (
        f"{network.network}, {images}, weights {network.weights}: {network.macs / 1e9:.3f} GMAC, "
        f"{network.bytes / 1e6:.1f} MB, {network.macs / network.bytes:.2f} MAC/byte; {len(network.layers)} layers, "
        f"from {network.intensity(first):.2f} ({first.name}) to {network.intensity(last):.2f} ({last.name})"
    )


def roof_figure(network: NetworkOnRoof) -> Figure:
    """Draw the roof of memory and that of the last cache, and at the bottom a mark for each layer, a row for a kind."""
    figure = Figure(figsize=(7.6, 3.6))
    axes = figure.add_axes((0.09, 0.15, 0.88, 0.76))
    roof = network.roof
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(_LEAST, _MOST),
        ylim=(roof.bound(_FIRST) / 12, roof.peak_gmacs * 2.5),
        xlabel="MAC/byte",
        ylabel="GMAC/s",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    cache = [level for level in roof.gbs if level != MEMORY][-1:]
    if cache and roof.gbs[cache[0]] < _APART * roof.gbs[MEMORY]:
        cache = []  # as slow as memory: shared with busy neighbours, or not there at all
    for level in (MEMORY, *cache):
        _draw_roof(axes, roof, level)
    axes.text(_MOST, roof.peak_gmacs * 1.15, f"peak {roof.peak_gmacs:.0f} GMAC/s", ha="right")
    ridge = roof.ridge()
    axes.vlines(ridge, 0, roof.peak_gmacs, color=INK, linewidth=1, linestyle=":")
    axes.annotate(f" ridge {ridge:.1f} MAC/byte", (ridge, roof.bound(_FIRST)), (3, 6), textcoords="offset points")
    _draw_layers(axes, network)
    axes.set_yticks([gmacs for gmacs in (1, 10, 100, 1000) if roof.bound(_FIRST) / 2 < gmacs < roof.peak_gmacs * 2.5])
    axes.set_title(f"{network.network}: what one core can do at most, layer by layer")
    return figure


def _draw_roof(axes: Axes, roof: Roofline, level: str) -> None:
    """Draw one bound: a slope of so many GB/s up to the peak; its name stands along the slope."""
    points = (_FIRST, roof.ridge(level), _MOST)
    width, dashes = (2.0, "-") if level == MEMORY else (1.0, "--")
    axes.plot(points, [roof.bound(x, level) for x in points], color=INK, linewidth=width, linestyle=dashes)
    (left, bottom), (right, top) = axes.transData.transform([(1, 1), (10, 10)])
    axes.annotate(
        f"{level} {roof.gbs[level]:.0f} GB/s",
        (_FIRST * 1.25, roof.bound(_FIRST * 1.25, level)),
        (-5, 6),
        textcoords="offset points",
        rotation=degrees(atan2(top - bottom, right - left)),
        rotation_mode="anchor",
    )


def _draw_layers(axes: Axes, network: NetworkOnRoof) -> None:
    """Draw a mark for each layer at its MAC/byte; its height is its kind alone, since what it reaches is not known."""
    rows = axes.get_xaxis_transform()
    for row, name in enumerate(KINDS):
        layers = [layer for layer in network.layers if kind(layer) == name]
        if layers:
            places = [network.intensity(layer) for layer in layers]
            height = _ROWS * (len(KINDS) - row)
            (marks,) = axes.plot(places, [height] * len(places), linestyle="none", markersize=9, transform=rows)
            marks.set(marker=_MARKERS[name], color=_COLORS[name], markeredgecolor="white", label=name)
            axes.text(_LEAST * 1.1, height, f"{name} ({len(places)})", transform=rows, va="center")
            name_marks(marks, [f"{layer.name}: {_numbers(network, network.intensity(layer))}" for layer in layers])


def _numbers(network: NetworkOnRoof, intensity: float) -> str:
    return f"{intensity:.2f} MAC/byte, at most {network.roof.bound(intensity):.1f} GMAC/s"
