"""Writes the table of old and new names in docs/design.md: `python docs/renamed.py`; a test finds a stale page."""

from __future__ import annotations

from pathlib import Path

import written as parts

from workbook.old_names import TODAY

PAGE = Path(__file__).with_name("design.md")


def table() -> str:
    """Return a row for each module that has another name today; `workbook.` is left out."""
    rows = [f"| {old} | {new} |".replace("workbook.", "") for old, new in sorted(TODAY.items())]
    return "\n".join(["| until version 0.1 | today |", "|---|---|", *rows])


def written(page: str) -> str:
    """Return the page with its table anew."""
    return parts.written(page, {"renamed": table})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
