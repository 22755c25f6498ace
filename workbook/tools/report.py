"""Runs the learner's notebooks and puts them, and the scoreboard, on one page.

What this run measures fills the page's scoreboard only where the learner has not measured: the learner's own numbers
come first, and the file that holds them is only read.
"""

from __future__ import annotations

import html
import os
import tempfile
from pathlib import Path
from typing import Any

from workbook import page
from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.panel_outputs import belongs_to_a_live_view
from workbook.lessonkit.scoreboard import Scoreboard
from workbook.measuring.made import Made
from workbook.tools.render import Progress, execute, normal_form, read

TITLE = "Edge AI Workbook"


def report(folder: Path, made: Made, progress: Progress | None = None) -> str:
    """Run every notebook of the workbook in a folder; return the page. The notebooks' files are only read.

    Parameters
    ----------
    folder : Path
    made : Made
        What the page says of itself.
    progress : function, optional
        Called with the number of cells that have run, and of all.

    Raises
    ------
    CommandError
        If a file is no notebook.
    """
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
            _leave_out_words_that_wake(notebook)
            before += len(notebook.cells)
        own = results.load(measured)
        values, guesses = {**results.load(here), **own}, {**results.guesses(here), **results.guesses(measured)}
        others = {name: results.others(measured if name in own else here).get(name, 0.0) for name in values}
    sections = [page.section(lesson.name, notebook) for lesson, notebook in notebooks.items()]
    return page.document(TITLE, _summary(trouble, made, Scoreboard.of(values, others, guesses)) + "".join(sections))


def _leave_out_words_that_wake(notebook: Any) -> None:
    """A page has no panel to wake, and its pictures have captions."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                output
                for output in cell.outputs
                if not belongs_to_a_live_view(output.get("data", {}).get("text/html", ""))
            ]


def _summary(lessons: dict[Lesson, str], made: Made, board: Scoreboard) -> str:
    """Return the head of the page: how it was made, the lessons and what went wrong in them, the scoreboard."""
    contents = [f"* [{lesson.number} · {lesson.title}](#{lesson.name}){wrong}" for lesson, wrong in lessons.items()]
    lines = [f"# {TITLE}", "", html.escape(str(made)), "", *contents, "", "## Scoreboard", ""]
    return page.markdown("\n".join(lines) + "\n" + board.markdown)


def _raised(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    errors = sum(output.output_type == "error" for output in outputs)
    return f": {errors} {'cells' if errors > 1 else 'cell'} raised an error" if errors else ""
