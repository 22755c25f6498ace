"""What commands share: their lines and tables, a bar for long work, and the files that they write at its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

FILE = click.Path(path_type=Path, dir_okay=False)


def line(step: str, text: str) -> None:
    """Print the line of one step, as bootstrap.py does; never broken, so that an address can be clicked."""
    Console(highlight=False).print(Text.assemble((f"{step:<9} ", "bold"), text), soft_wrap=True)


def show_table(table: Table) -> None:
    """Print a table as wide as it is; a narrow terminal cuts no column."""
    console = Console()
    console.width = max(console.width, Console(width=1000).measure(table).maximum)
    console.print(table)


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
