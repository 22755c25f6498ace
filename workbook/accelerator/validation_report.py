"""Writes the validation rows as Markdown: a line for each check, and in a notebook each row that fails.

python -m workbook.accelerator.validation_report README.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from workbook.accelerator.validation import Row, unchecked, validation
from workbook.files import write_whole

BEGIN, END = "<!-- written: validation -->", "<!-- end -->"


def number(value: float) -> str:
    """Write a whole number in full and any other with four digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def markdown(rows: Sequence[Row]) -> str:
    """Write a table with a line for each row: all but its source, its note and whether it holds."""
    lines = (
        (
            row.check, row.case, f"{number(row.published)} {row.unit}", f"{number(row.ours)} {row.unit}",
            f"{row.error:+.1%}", row.expected,
        )
        for row in rows
    )  # fmt: skip
    return _table(("check", "case", "published", "ours", "error", "expected"), lines)


def counts(rows: Sequence[Row]) -> str:
    """Say how many rows run the model, how many of those had nothing fitted, and how many of each hold."""
    model = [row for row in rows if row.model]
    free = [row for row in model if not row.fitted]
    held = [sum(row.holds for row in some) for some in (rows, model, free)]
    return (
        f"{len(rows)} rows, {held[0]} hold. {len(model)} run cost(), {held[1]} of these hold. For {len(free)} of them "
        f"nothing was fitted, {held[2]} of these hold"
    )


def summary(rows: Sequence[Row]) -> str:
    """Write a table with a line for each check: how many of its rows hold, and the largest error."""
    lines = []
    for check, group in groupby(rows, key=lambda row: row.check):
        cases = list(group)
        worst = max(cases, key=lambda row: abs(row.error))
        held = sum(row.holds for row in cases)
        verdict = f"{held} of {len(cases)}" if held == len(cases) else f"**{held} of {len(cases)}**"
        by = "cost()" if worst.model else "formula"
        error = f"{worst.error:+.1%}"
        lines.append((check, by, verdict, error, worst.expected, worst.fitted, worst.source))
    return _table(("check", "ours by", "hold", "largest error", "expected", "fitted", "source"), lines)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def section() -> str:
    """Return what stands between the marks in the README."""
    words = "\n".join(f"* {sentence}" for sentence in unchecked())
    return f"{BEGIN}\n{counts(validation())}.\n\n{summary(validation())}\n\nNothing public can check:\n\n{words}\n{END}"


class Report:
    """The checks as a notebook shows them, each row that fails, and what nothing public can check."""

    def __str__(self) -> str:
        rows = validation()
        failing = [row for row in rows if not row.holds]
        lines = counts(rows).split(". ")
        lines += [f"fails: {row.check}, {row.case}: {row.error:+.1%}, expected {row.expected}" for row in failing]
        return "\n".join([*lines, *(f"nothing public checks: {sentence}" for sentence in unchecked())])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        words = "\n".join(f"* {sentence}" for sentence in unchecked())
        rows = [row for row in validation() if not row.holds]
        notes = "\n".join(dict.fromkeys(f"* {row.check}: {row.note}" for row in rows if row.note))
        failing = f"{markdown(rows)}\n\n{notes}"
        table = f"{counts(validation())}.\n\n{summary(validation())}"
        text = f"{table}\n\nThese fail:\n\n{failing}\n\nNothing public can check:\n\n{words}"
        return {"text/markdown": text, "text/plain": str(self)}


def renewed(page: str) -> str:
    """Return a page with the section between its marks as it is now.

    Raises
    ------
    ValueError
        If the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{section()}{after}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_whole(Path(name), renewed(Path(name).read_text(encoding="utf-8")).encode())
