"""A report as a table of at most 120 columns: a row a layer, ours, then the time of each peer over ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_lowercase

from rich import box
from rich.table import Table

from workbook.measuring import timing
from workbook.side_by_side.layer_cases import IM2COL, ONE_THREAD
from workbook.side_by_side.layer_report import BEST_OF_WIDELY_USED, FASTEST, WIDELY_USED, Report, Row

_MUCH = 1.05  # another algorithm that is this much faster than `auto` is pointed at


@dataclass(frozen=True)
class Column:
    """A column of ratios: one or two numbers a row, written together, and what they mean."""

    heading: str
    numbers: tuple[Callable[[Row], float], ...]
    text: str
    note: str = ""

    def cell(self, row: Row) -> str:
        """Write the numbers of a row."""
        return self.text.format(*(number(row) for number in self.numbers))

    def mean(self, report: Report) -> str:
        """Write the geometric means over all rows."""
        return self.text.format(*(report.geometric_mean(number) for number in self.numbers))


_OF_PEAK = Column("of\npeak", (lambda row: row.share_of_peak,), "{:.0%}")
_OVER_MODEL = Column(
    "over\nmodel",
    (lambda row: row.timing.median / row.predicted[row.auto],),
    "{:.2f}x",
    "over model: our time over what the kernels' cost model predicts.",
)
_BESIDE = {
    ONE_THREAD: Column(
        "gain\n/peak's",
        (lambda row: row.times(ONE_THREAD), lambda row: row.peak_gain),
        "{:.2f}/{:.2f}",
        "gain: one thread's time over ours. peak's: the peak of all threads over that of one.",
    ),
    IM2COL: Column(
        "fp32\nim2col",
        (lambda row: row.times(IM2COL),),
        "{:.2f}x",
        "fp32: the time of our float32 kernels on the same layer over ours.",
    ),
    "float32": Column("fp32\nauto", (lambda row: row.times("float32"),), "{:.2f}x"),
    "float16": Column(
        "fp16",
        (lambda row: row.times("float16"),),
        "{:.2f}x",
        "fp16: the time of our float16 kernel on the same layer over ours.",
    ),
    "bfloat16": Column(
        "bf16",
        (lambda row: row.times("bfloat16"),),
        "{:.2f}x",
        "bf16: the same, of bfloat16.",
    ),
}


def table(report: Report) -> Table:
    """Return the table; what its marks mean stands below it."""
    columns, marks = _columns(report), _marks(report)
    made = Table(
        title="\n".join([str(report.machine).removeprefix("[machine] "), report.conditions, _libraries(report)]),
        caption="\n".join(_notes(report, marks)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in ("layer", "by"):
        made.add_column(heading, no_wrap=True)
    for heading in ("ms", "IQR", "GMAC/s", *(column.heading for column in columns), *report.peers):
        made.add_column(heading, justify="right", no_wrap=True)
    for row in report.rows:
        made.add_row(
            row.layer.shape,
            row.auto + ("*" if _beaten(row) else ""),
            f"{row.timing.median * 1e3:.3f}",
            f"{row.timing.spread / row.timing.median:.0%}",
            f"{row.gmacs:.1f}",
            *(column.cell(row) for column in columns),
            *(_against(row, peer, marks) for peer in report.peers),
        )
    made.add_section()
    means = [f"{mean:.2f}x" if (mean := report.speedup_over(peer)) else "-" for peer in report.peers]
    made.add_row("geometric mean", *[""] * 4, *(column.mean(report) for column in columns), *means)
    return made


def _libraries(report: Report) -> str:
    return ", ".join(f"{peer} {version}" for peer, version in report.peers.items()) or "without other libraries"


def _columns(report: Report) -> list[Column]:
    beside = [_BESIDE[name] for name in report.rows[0].beside]
    model = [_OVER_MODEL] if report.rows[0].predicted and not beside else []
    return [_OF_PEAK, *model, *beside]


def _beaten(row: Row) -> bool:
    return row.timing.median > _MUCH * row.ours[row.best].median


def _marks(report: Report) -> dict[str, str]:
    """Return a letter for each algorithm that a peer names."""
    names = dict.fromkeys(name for row in report.rows for name in row.algorithms.values() if name)
    return dict(zip(names, ascii_lowercase, strict=False))


def _against(row: Row, peer: str, marks: dict[str, str]) -> str:
    """Return the peer's time over ours, and its algorithm's letter."""
    if peer not in row.peers:
        return "failed"
    return f"{row.speedup(peer):.2f}x {marks.get(row.algorithms[peer], '')}".rstrip()


def _notes(report: Report, marks: dict[str, str]) -> list[str]:
    """Return the lines below the table."""
    summary = report.summary()
    notes = [f"The peak is measured in the same rounds: {_peaks(summary['peaks'])}."]
    notes.append(
        f"The fp32 micro-kernel, with operands in the caches, reaches {report.micro_kernel:.0%} of one thread's."
    )
    if report.peers:
        notes.append("A library's column: its time over ours, above 1 ours is faster.")
    notes += [column.note for column in _columns(report) if column.note]
    if any(map(_beaten, report.rows)):
        notes.append(f"* another of our algorithms was over {_MUCH - 1:.0%} faster; --json has them all.")
    if marks:
        notes.append("; ".join(f"{mark} {name}" for name, mark in marks.items()))
    if summary["packed_share"]:
        notes.append(f"Packed weights take {summary['packed_share']:.2f} of the bytes of fp32's (im2col).")
    if lowest := summary["lowest"]:
        speedups = summary["speedups"]
        notes.append(f"Over the fastest library on each layer: {speedups[FASTEST]:.2f}x.")
        if set(report.peers) > set(WIDELY_USED):
            notes.append(f"Over the {BEST_OF_WIDELY_USED}: {speedups[BEST_OF_WIDELY_USED]:.2f}x.")
        notes.append(f"Lowest: {lowest['speedup']:.2f}x on {lowest['layer']}, by {lowest['peer']}.")
    failed = Counter((peer, why) for row in report.rows for peer, why in row.failures.items())
    notes += [f"{peer} failed on {count} of {len(report.rows)} layers: {why}" for (peer, why), count in failed.items()]
    if summary["disturbed"] > timing.BUSY:
        notes.append(
            f"Other programs had the core for {summary['disturbed']:.0%} of the time: run it again when they rest."
        )
    return notes


def _peaks(peaks: dict[str, float]) -> str:
    return ", ".join(f"{name} {rate:.0f} GMAC/s" for name, rate in peaks.items())
