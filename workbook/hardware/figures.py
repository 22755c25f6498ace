"""The figure of a sweep: images a second against energy, and the machines that no other betters."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from workbook.drawing import COLORS, INK
from workbook.hardware.sweep import Row, pareto

_MARKS = "osD^vP*Xhd"


def pareto_figure(rows: Sequence[Row]) -> Figure:
    """Draw every row as a mark whose colour and form name the network; a line joins the best, with machines' names."""
    networks = list(dict.fromkeys(row.network for row in rows))
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="energy (mJ an image)", ylabel="images a second")
    for i, network in enumerate(networks):
        color, mark = COLORS[i % len(COLORS)], _MARKS[i % len(_MARKS)]
        of_network = [row for row in rows if row.network == network]
        best = sorted(pareto(of_network), key=lambda row: row.mj_per_image)
        points = [row.mj_per_image for row in of_network], [row.images_per_second for row in of_network]
        axes.plot(*points, mark, color=color, markerfacecolor="white", markersize=6)
        line = [row.mj_per_image for row in best], [row.images_per_second for row in best]
        axes.plot(*line, mark, color=color, linestyle="-", linewidth=1, markersize=7, label=network)
        for name in dict.fromkeys(row.machine for row in best):
            at = next(row for row in best if row.machine == name)
            axes.annotate(
                name,
                (at.mj_per_image, at.images_per_second),
                xytext=(6, -4),
                textcoords="offset points",
                fontsize=11,
                color=INK,
            )
    axes.set_title("Filled: no other machine is as fast for as little energy")
    axes.margins(x=0.15, y=0.1)
    figure.legend(loc="outside right upper", frameon=False)
    return figure
