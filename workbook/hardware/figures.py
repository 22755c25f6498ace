"""The figure of a sweep: images a second against energy, and the machines that no other betters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from workbook.drawing import COLORS, INK
from workbook.hardware.sweep import Row, pareto

_MARKS = "osD^vP*Xhd"
_CLOSE = 0.35  # of a factor e: two labels so near would lie on each other


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
        for together in clusters(best):
            last = together[-1]
            names = " and\n".join(dict.fromkeys(row.machine for row in together))
            place = last.mj_per_image, last.images_per_second
            axes.annotate(names, place, xytext=(7, 0), textcoords="offset points", va="center", fontsize=11, color=INK)
    axes.set_title("Filled: no other machine is as fast for as little energy")
    axes.margins(x=0.15, y=0.1)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def clusters(rows: Sequence[Row]) -> list[list[Row]]:
    """Put neighbours whose labels would lie on each other together; rows come in the order of the line."""
    found: list[list[Row]] = []
    for row in rows:
        if found and _distance(found[-1][-1], row) < _CLOSE:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _distance(a: Row, b: Row) -> float:
    """How far apart on logarithmic axes, in factors of e."""
    return math.hypot(
        math.log(a.mj_per_image / b.mj_per_image), math.log(a.images_per_second / b.images_per_second)
    )  # fmt: skip
