"""`workbook book`: the workbook as a static site."""

from __future__ import annotations

from pathlib import Path

import click

from workbook.commands.terminal import follow, line, progress_bar


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("book"))
@click.option(
    "--stops",
    type=click.IntRange(3, 9),
    default=9,
    show_default=True,
    help="At most so many stops of a control; fewer are computed sooner.",
)
def book(folder: Path, stops: int) -> None:
    """Write the workbook as a static site in FOLDER (book): every lesson, and panels that move without a kernel.

    The notebooks are shown as they were committed. Computing the panels takes minutes the first time; what has not
    changed since is kept. Needs: pip install 'edge-ai-workbook[book]'.
    """
    from workbook.tools import book_site as site

    with progress_bar() as progress:
        warnings = site.write_book(
            folder, site.lessons(), site.front_page(), stops, follow(progress, "computing panels ahead")
        )
    for warning in warnings:
        line("warning", warning)
    line("book", str(folder / "index.html"))
