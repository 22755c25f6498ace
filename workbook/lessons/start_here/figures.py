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
_LEAST, _MOST = 0.2, 1000  # MAC/byte; every layer of every network lies between


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
    """Draw the roof of memory and that of the last cache, and on the roof of memory a mark for each layer."""
    figure = Figure(figsize=(7.6, 3.6))
    axes = figure.add_axes((0.09, 0.15, 0.88, 0.76))
    roof = network.roof
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(_LEAST, _MOST),
        ylim=(roof.bound(_LEAST) / 2, roof.peak_gmacs * 2.5),
        xlabel="MAC/byte",
        ylabel="GMAC/s",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    cache = [level for level in roof.gbs if level != MEMORY][-1:]
    for level in (MEMORY, *cache):
        _draw_roof(axes, roof, level)
    axes.text(_MOST, roof.peak_gmacs * 1.15, f"peak {roof.peak_gmacs:.0f} GMAC/s", ha="right")
    ridge = roof.ridge()
    axes.vlines(ridge, 0, roof.peak_gmacs, color=INK, linewidth=1, linestyle=":")
    axes.annotate(f" ridge {ridge:.1f} MAC/byte", (ridge, roof.bound(_LEAST) / 2), (3, 6), textcoords="offset points")
    _draw_layers(axes, network)
    axes.set_title(f"{network.network}: what one core can do at most, layer by layer")
    return figure


def _draw_roof(axes: Axes, roof: Roofline, level: str) -> None:
    """Draw one bound: a slope of so many GB/s up to the peak; its name stands along the slope."""
    points = (_LEAST, roof.ridge(level), _MOST)
    width, dashes = (2.0, "-") if level == MEMORY else (1.0, "--")
    axes.plot(points, [roof.bound(x, level) for x in points], color=INK, linewidth=width, linestyle=dashes)
    (left, bottom), (right, top) = axes.transData.transform([(1, 1), (10, 10)])
    axes.annotate(
        f"{level} {roof.gbs[level]:.0f} GB/s",
        (_LEAST * 1.25, roof.bound(_LEAST * 1.25, level)),
        (-5, 6),
        textcoords="offset points",
        rotation=degrees(atan2(top - bottom, right - left)),
        rotation_mode="anchor",
    )


def _draw_layers(axes: Axes, network: NetworkOnRoof) -> None:
    """Draw a mark for each layer where the roof of memory bounds it; the fewer of a kind, the further in front."""
    for name in KINDS:
        layers = [layer for layer in network.layers if kind(layer) == name]
        if layers:
            places = [network.intensity(layer) for layer in layers]
            (marks,) = axes.plot(places, [network.roof.bound(x) for x in places], linestyle="none", markersize=9)
            marks.set(marker=_MARKERS[name], color=_COLORS[name], markeredgecolor="white")
            marks.set(label=f"{name} ({len(places)})", zorder=4 - len(places) / len(network.layers))
            name_marks(marks, [f"{layer.name}: {_numbers(network, network.intensity(layer))}" for layer in layers])
    axes.legend(loc="lower right", frameon=False)


def _numbers(network: NetworkOnRoof, intensity: float) -> str:
    return f"{intensity:.2f} MAC/byte, at most {network.roof.bound(intensity):.1f} GMAC/s"
