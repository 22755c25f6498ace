"""Runs a learner's own notebooks and collects what each exercise's check says.

The outcome is the one that `lesson.check` returned in the notebook: it lies as data beside the line that the learner
sees. The learner's file is only read, and what the run measures does not replace what the learner has measured.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from workbook.errors import CommandError
from workbook.lessonkit import edition
from workbook.lessonkit.answer import KINDS, Kind
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.edition import Edition
from workbook.lessonkit.exercise import METADATA
from workbook.tools.render import CELL_TIMEOUT, Progress, execute, read
from workbook.tools.start import is_laid_beside


@dataclass(frozen=True)
class Result:
    """The outcome of one exercise; of several checks of it in a notebook, the best counts."""

    id: str
    title: str
    outcome: Kind
    message: str


@dataclass(frozen=True)
class Checked:
    """What came of one notebook.

    Attributes
    ----------
    notebook : str
        Its file.
    lesson : str
        As the catalog names it; empty if the notebook is none of this workbook's.
    status : "checked", "foreign" or "unreadable"
    message : str
        Why it was not checked, or the first cell outside the exercises that raised.
    exercises : tuple of Result
    """

    notebook: str
    lesson: str
    status: Literal["checked", "foreign", "unreadable"]
    message: str = ""
    exercises: tuple[Result, ...] = ()


def as_json(checked: Iterable[Checked]) -> dict[str, object]:
    """Return what a script reads: every notebook, and how many exercises have each outcome."""
    notebooks = list(checked)
    count = Counter(result.outcome for notebook in notebooks for result in notebook.exercises)
    return {"notebooks": [asdict(notebook) for notebook in notebooks], "totals": {kind: count[kind] for kind in KINDS}}


def find(paths: Iterable[Path]) -> list[Path]:
    """Return the notebooks that are named, and those in folders that are named, however deep.

    In folders, what an update has laid beside a learner's notebook is left out, until the learner works in it.

    Raises
    ------
    CommandError
        If a path does not exist, or a folder has no notebook.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CommandError(f"There is no {path} here; lay your copy of the notebooks with: workbook start")
        inside = list(_notebooks_in(path)) if path.is_dir() else [path]
        if not inside:
            raise CommandError(f"There is no notebook in {path}; lay your copy with: workbook start {path}")
        found += inside
    return list(dict.fromkeys(found))


def _notebooks_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.ipynb")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not is_laid_beside(path):
            yield path


def check(path: Path, progress: Progress | None = None) -> Checked:
    """Run a notebook and return what its checks say.

    Parameters
    ----------
    path : Path
    progress : function, optional
        Called with the number of cells that have run, and of all.
    """
    try:
        notebook = read(path)
    except CommandError as error:
        return Checked(str(path), "", "unreadable", str(error))
    lesson = lesson_of(notebook, path)
    if lesson is None:
        return Checked(str(path), "", "foreign", f"{path} is not one of this workbook's notebooks")
    died = ""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"WORKBOOK_QUICK": "1", "WORKBOOK_SCOREBOARD": str(Path(folder, "scoreboard.json"))}
        of_class = notebook.metadata.get(edition.METADATA)
        if isinstance(of_class, dict) and isinstance(variant := of_class.get("variant"), str):
            environment["WORKBOOK_CLASS"] = str(Path(folder, edition.FILE))
            Path(folder, edition.FILE).write_text(Edition(variant).as_text(), encoding="utf-8")
        try:
            execute(notebook, path.parent, progress, environment=environment, past_errors=True)
        except RuntimeError:
            died = "the kernel died while the notebook ran"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    results = tuple(
        _result(id, title, cells, died) for id, title in zip(lesson.exercise_ids, lesson.exercises, strict=True)
    )
    others = [cell for cell in cells if not any(_calls_check(cell, id) for id in lesson.exercise_ids)]
    return Checked(str(path), lesson.name, "checked", died or next(_errors(others), ""), results)


def lesson_of(notebook: Any, path: Path) -> Lesson | None:
    """Return the lesson by the notebook's first line, or by its file's name: what is handed in is often renamed."""
    heading = notebook.cells[0].source.partition("\n")[0].strip() if notebook.cells else ""
    return next((lesson for lesson in LESSONS if heading == lesson.heading or path.stem == lesson.name), None)


def _result(id: str, title: str, cells: list[Any], died: str) -> Result:
    outcomes = sorted(_outcomes(id, cells), key=lambda outcome: KINDS.index(outcome[0]))
    if outcomes:
        return Result(id, title, *outcomes[0])
    calling = [cell for cell in cells if _calls_check(cell, id)]
    if not calling:
        return Result(id, title, "not attempted", f'no cell calls lesson.check("{id}", ...)')
    shown_nothing = f'lesson.check("{id}", ...) must be the last line of its cell'
    return Result(id, title, "error", next(_errors(calling), died or shown_nothing))


def _outcomes(id: str, cells: list[Any]) -> Iterator[tuple[Kind, str]]:
    """Yield (outcome, message) of each check of an exercise that a cell shows."""
    for cell in cells:
        for output in cell.outputs:
            said = output.get("metadata", {}).get(METADATA)
            if said and said.get("exercise") == id and said.get("kind") in KINDS:
                yield said["kind"], str(said.get("message", ""))


def _calls_check(cell: Any, id: str) -> bool:
    if re.match(rf"%%kernel\s+{re.escape(id)}\s*$", cell.source.partition("\n")[0]):
        return True
    return re.search(rf"""\.check\(\s*(["']?){re.escape(id)}\1\s*,""", cell.source) is not None


def _errors(cells: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each cell that raised, or that was stopped because it took too long."""
    for cell in cells:
        for output in cell.outputs:
            if output.output_type != "error":
                continue
            first = cell.source.strip().partition("\n")[0]
            if output.ename == "KeyboardInterrupt":
                yield f"the cell that begins with {first!r} took longer than {CELL_TIMEOUT} s"
            else:
                why = f"{output.ename}: {output.evalue}".partition("\n")[0]
                yield f"the cell that begins with {first!r} raised {why}"
