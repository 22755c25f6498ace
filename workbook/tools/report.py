"""Runs the learner's notebooks and writes them, with the scoreboard, as a site: the book's pages with other outputs.

What this run measures fills the scoreboard only where the learner has not measured: the learner's own numbers come
first, and the file that holds them is only read.
"""

from __future__ import annotations

import html
import os
import tempfile
from pathlib import Path
from typing import Any

from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.scoreboard import Scoreboard
from workbook.measuring.made import Made
from workbook.tools.book_site import TITLE, check_folder, write_book
from workbook.tools.render import Progress, execute, normal_form, read


def report(folder: Path, output: Path, made: Made, progress: Progress | None = None) -> None:
    """Run every notebook of the workbook in a folder, and write a page for each. The notebooks' files are only read.

    Parameters
    ----------
    folder : Path
    output : Path
        The folder for the pages. An older report that is there is replaced.
    made : Made
        What the first page says of the report.
    progress : function, optional
        Called with the number of cells that have run, and of all.

    Raises
    ------
    CommandError
        If a file is no notebook, or as `write_book` does.
    """
    check_folder(output)
    paths = {lesson: folder / f"{lesson.name}.ipynb" for lesson in LESSONS}
    notebooks = {lesson: read(path) for lesson, path in paths.items() if path.exists()}
    cells = sum(len(notebook.cells) for notebook in notebooks.values())
    measured = Path(os.environ.get("WORKBOOK_SCOREBOARD") or folder / results.FILE).absolute()
    before, trouble = 0, {}
    with tempfile.TemporaryDirectory() as private:
        here = Path(private, results.FILE)
        if measured.is_file():
            here.write_bytes(measured.read_bytes())
        for lesson, notebook in notebooks.items():

            def on_cell(done: int, _: int, before: int = before) -> None:
                if progress:
                    progress(before + done, cells)

            try:
                execute(notebook, folder, on_cell, environment={"WORKBOOK_SCOREBOARD": str(here)}, past_errors=True)
                trouble[lesson] = _raised(notebook)
            except RuntimeError:
                trouble[lesson] = ": the kernel died"
            normal_form(notebook)
            before += len(notebook.cells)
        own = results.load(measured)
        values, guesses = {**results.load(here), **own}, {**results.guesses(here), **results.guesses(measured)}
        others = {name: results.others(measured if name in own else here).get(name, 0.0) for name in values}
    front = _front_page(trouble, made, Scoreboard.of(values, others, guesses))
    write_book(output, {lesson.name: notebook for lesson, notebook in notebooks.items()}, front, most=0)


def _front_page(lessons: dict[Lesson, str], made: Made, board: Scoreboard) -> str:
    """Return the Markdown of the first page: how it was made, what went wrong in which lesson, the scoreboard."""
    said = f"<p>{html.escape(str(made))}</p>"  # its signs are no Markdown
    contents = [f"* [{of.number} · {of.title}]({of.name}.ipynb){wrong}" for of, wrong in lessons.items()]
    return "\n".join([f"# {TITLE}: a report", "", said, "", *contents, "", "## Scoreboard", "", board.markdown, ""])


def _raised(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    errors = sum(output.output_type == "error" for output in outputs)
    return f": {errors} {'cells' if errors > 1 else 'cell'} raised an error" if errors else ""
