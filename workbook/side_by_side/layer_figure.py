"""A report as a figure: what each contender does a second on each layer, and the peak."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from workbook import drawing
from workbook.drawing import COLORS, INK
from workbook.side_by_side.layer_report import Report

FORMATS = (".svg", ".png")

_WIDTH, _ROW, _HEAD, _FOOT = 9.0, 0.3, 0.8, 1.4  # inches
_MARKERS = ("s", "^", "P", "v", "D", "X")


def figure(report: Report) -> Figure:
    """Draw a line a layer: a disc for ours, another mark for each peer, a stroke for the peak of the same rounds."""
    rows = report.rows
    height = _HEAD + _ROW * len(rows) + _FOOT
    made = Figure(figsize=(_WIDTH, height))
    axes = made.add_axes((0.26, _FOOT / height, 0.71, _ROW * len(rows) / height))
    places = range(len(rows))
    for place, row in enumerate(rows):
        rates = [row.gmacs, *(row.rate(timing) for timing in row.peers.values())]
        axes.plot([min(rates), max(rates)], [place, place], color="#cccccc", linewidth=1, zorder=1)
    for (peer, version), marker, color in zip(report.peers.items(), _MARKERS, COLORS[1:], strict=False):
        ran = [place for place, row in enumerate(rows) if peer in row.peers]
        rates = [rows[place].rate(rows[place].peers[peer]) for place in ran]
        axes.scatter(rates, ran, s=34, marker=marker, color=color, label=f"{peer} {version}", zorder=2)
    axes.scatter([row.gmacs for row in rows], places, s=64, color=COLORS[0], label="ours", zorder=3)
    peaks = [next(iter(row.peaks.values())) for row in rows]
    axes.scatter(peaks, places, s=190, marker="|", color=INK, linewidth=1.5, label="peak", zorder=2)
    axes.set(xlim=(0, None), ylim=(len(rows) - 0.4, -0.6), xlabel="multiply-adds of the definition, GMAC/s")
    axes.set_yticks(places, [row.layer.shape for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    made.legend(loc="upper left", bbox_to_anchor=(0.01, 1), ncols=3, frameon=False, handletextpad=0.3)
    made.text(0.02, 0.12 / height, _caption(report), va="bottom")
    return made


def write(report: Report, file: Path) -> bytes:
    """Return the figure in the format that the file's name asks for, one of `FORMATS`."""
    with drawing.look():
        made = figure(report)
        return drawing.png(made) if file.suffix == ".png" else drawing.svg(made, _caption(report)).encode()


def _caption(report: Report) -> str:
    return (
        "Further right is faster. The stroke is what the multiply-add units did in the same rounds at most;\n"
        "only Winograd, which needs fewer multiply-adds than the definition, gets beyond it.\n"
        f"{report.machine.cpu}, {report.machine.isa}; {report.conditions}."
    )
