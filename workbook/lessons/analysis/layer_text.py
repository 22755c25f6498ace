"""An analysis as a notebook prints it: what is the same everywhere, and measured numbers with their mark."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbook.advisor.analysis_result import Analysis, Row
from workbook.measuring.timing import measured


@dataclass(frozen=True)
class LayerTable:
    """The layers of an analysis: sizes, expected errors, multipliers; then their times by each program."""

    found: Analysis

    def __str__(self) -> str:
        rows = self.found.rows
        lines = [f"{'layer':<8}{'shape':<18}{'MMAC':>7}{'MAC/byte':>10}{'im2col':>10}{'F(4x4)':>9}{'multipliers':>13}"]
        lines += [_sizes(row) for row in rows]
        lines += ["", "im2col, F(4x4): expected error of float32, root mean square, relative to the output"]
        lines += [f"multipliers: of {self.found.machine}, the share that works on the best fixed datapath", ""]
        lines += [f"{'layer':<8}{'float32':>17}{'Winograd':>21}{'int8':>21}"]
        lines += [_times(row) for row in rows]
        lines += ["", "float32: the faster of im2col and direct; gains are over im2col"]
        lines += [f"[machine] {row.work.name}: {row.chosen}; {row.reason}" for row in rows]
        return "\n".join(lines)

    __repr__ = __str__


def _sizes(row: Row) -> str:
    work = row.work
    errors = (work.error("im2col"), work.error("winograd_f4"))
    base, winograd = ("–" if math.isnan(error) else f"{error:.0e}" for error in errors)
    return (
        f"{work.name:<8}{work.layer.shape:<18}{work.layer.macs / 1e6:>7.1f}{work.layer.macs_a_byte:>10.1f}"
        f"{base:>10}{winograd:>9}{row.on_fixed.utilisation:>13.0%}"
    )


def _times(row: Row) -> str:
    cells = (row.floats, row.winograd, row.int8)
    return f"{row.work.name:<8}" + "".join(
        f"{'–':>21}" if math.isnan(seconds) else measured(1e3 * seconds, "ms", 7) for seconds in cells
    )
