"""What commands share: their lines and tables, a bar for long work, and the files that they write at its end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from workbook.measuring.made import Made

FILE = click.Path(path_type=Path, dir_okay=False)

_SENTENCE = 30  # characters that a column of sentences has at least
_ENDLESS = 10_000  # characters: no terminal is wider


def line(step: str, text: str) -> None:
    """Print the line of one step, as bootstrap.py does; never broken, so that an address can be clicked."""
    Console(highlight=False).print(Text.assemble((f"{step:<9} ", "bold"), text), soft_wrap=True)


def say(*lines: str) -> None:
    """Print lines, broken between words where the terminal ends."""
    console = Console(highlight=False)
    for text in lines:
        console.print(Text(text))


def show_table(table: Table) -> None:
    """Print a table within the terminal: if it is too wide, in parts, each with the first column and some others."""
    console = Console()
    for part in _parts(table, console):
        console.print(part)


def made_here() -> Made:
    """Return what a report of this command says of itself."""
    from workbook.measuring.made import Made

    return Made.now(shlex.join(["workbook", *sys.argv[1:]]))


def _parts(table: Table, console: Console) -> list[Table]:
    """Divide the columns; the title stands above the first part, the caption below the last."""
    first, *others = range(len(table.columns))
    groups: list[list[int]] = [[first]]
    for column in others:
        if len(groups[-1]) > 1 and _width(_part(table, [*groups[-1], column]), console) > console.width:
            groups.append([first])
        groups[-1].append(column)
    parts = [_part(table, group) for group in groups]
    parts[0].title, parts[-1].caption = table.title, table.caption
    return parts


def _part(table: Table, columns: Iterable[int]) -> Table:
    part = Table(
        box=table.box,
        padding=table.padding,
        pad_edge=table.pad_edge,
        collapse_padding=table.collapse_padding,
        title_justify=table.title_justify,
        caption_justify=table.caption_justify,
    )
    chosen = [table.columns[i] for i in columns]
    for column in chosen:
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for row, cells in zip(table.rows, zip(*(column.cells for column in chosen), strict=True), strict=True):
        part.add_row(*cells, end_section=row.end_section)
    return part


def _width(part: Table, console: Console) -> int:
    """Return the characters that a part takes if no number is broken, and no sentence to less than _SENTENCE."""
    wide = console.options.update(width=_ENDLESS)
    whole = Measurement.get(console, wide, part).maximum
    for column in part.columns:
        longest = max((Measurement.get(console, wide, cell).maximum for cell in column.cells), default=0)
        if not column.no_wrap and column.justify == "left":
            whole -= max(0, longest - _SENTENCE)
    return whole


def progress_bar() -> Progress:
    """A bar for work that takes over a second; it leaves the output to what can be piped."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def follow(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Add a bar, and return the function that moves it: how much is done, and of how much."""
    task = progress.add_task(what, total=None)
    return lambda done, of: progress.update(task, completed=done, total=of)


def make_room(*files: Path | None) -> None:
    """Make the folders of files that are written after the work; what is in the way shows before it."""
    for file in filter(None, files):
        file.parent.mkdir(parents=True, exist_ok=True)
