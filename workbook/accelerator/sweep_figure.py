"""The figure of a sweep: for each network, images a second against energy, and the machines that no other betters."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator, StrMethodFormatter

from workbook.accelerator.sweep_rows import Row, pareto
from workbook.drawing import COLORS

_LETTER = 0.09  # inches of a letter, on average
_NAMES = 9  # that fit beside an Axes
_NEAR = 13  # points; numbers of marks that are nearer stand in one place


def pareto_figure(rows: Sequence[Row]) -> Figure:
    """Draw an Axes a network: every row as a mark, and a line through the best, which are numbered and named."""
    networks = {row.network: [other for other in rows if other.network == row.network] for row in rows}
    longest = max(len(row.machine) for row in rows)
    figure = Figure(figsize=(5.5 + _LETTER * longest, 0.6 + 2.5 * len(networks)), layout="constrained")
    grid = figure.subplots(len(networks), squeeze=False).flat
    for axes, (network, of_network) in zip(grid, networks.items(), strict=True):
        axes.set_title(network)
        _draw(axes, of_network)
    figure.suptitle("Filled: no other machine is as fast for as little energy", x=0.01, ha="left", fontsize=11)
    figure.draw_without_rendering()  # only now it is known where the marks lie on the page
    for axes, of_network in zip(figure.axes, networks.values(), strict=True):
        _number(axes, _front(of_network))
    return figure


def _front(rows: Sequence[Row]) -> list[Row]:
    """The best rows, the fastest first."""
    return sorted(pareto(rows), key=lambda row: -row.images_per_second)


def _points(rows: Sequence[Row]) -> list[tuple[float, float]]:
    return [(row.mj_per_image, row.images_per_second) for row in rows]


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    front = _front(rows)
    axes.plot(*zip(*_points(rows), strict=True), "o", color=COLORS[0], markerfacecolor="white", markersize=6)
    axes.plot(*zip(*_points(front), strict=True), "o-", color=COLORS[0], linewidth=1, markersize=7)
    axes.set(xscale="log", yscale="log", xlabel="energy (mJ an image)", ylabel="images a second")
    axes.margins(x=0.12, y=0.18)
    _ticks(axes.xaxis, *axes.get_xlim())
    _ticks(axes.yaxis, *axes.get_ylim())
    names = [f"{i}  {row.machine}" for i, row in enumerate(front[:_NAMES], 1)]
    if len(front) > _NAMES:
        names.append(f"and {len(front) - _NAMES} more")
    axes.text(1.03, 1, "\n".join(names), transform=axes.transAxes, verticalalignment="top")


def _ticks(axis: Axis, low: float, high: float) -> None:
    """Plain numbers on a logarithmic axis, however short it is."""
    decades = high / low
    axis.set_major_locator(MaxNLocator(5) if decades < 10 else LogLocator(subs=(1, 2, 5) if decades < 100 else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
    if decades < 10:
        axis.set_minor_locator(NullLocator())


def _number(axes: Axes, front: Sequence[Row]) -> None:
    """Write the numbers of the best beside their marks; marks that are near to each other share a place."""
    groups: list[tuple[float, list[int]]] = []
    for i, (_, y) in enumerate(axes.transData.transform(_points(front)) * 72 / axes.figure.dpi):
        if groups and groups[-1][0] - y < _NEAR:
            groups[-1][1].append(i)
        else:
            groups.append((y, [i]))
    for _, near in groups:
        label = f"{near[0] + 1}" if len(near) == 1 else f"{near[0] + 1}-{near[-1] + 1}"
        points = [_points(front)[i] for i in near]
        at = min(x for x, _ in points), points[0][1]  # left of all of them
        axes.annotate(label, at, xytext=(-7, 0), textcoords="offset points", ha="right", va="center")
