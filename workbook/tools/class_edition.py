"""Lays the workbook for a class: notebooks whose numbers differ by student, a package without solutions, and a key.

What is laid teaches, it does not guard: the workbook is public, and who looks for a solution finds one.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from workbook.errors import CommandError
from workbook.lessonkit import edition, results, variants
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.edition import Edition
from workbook.lessonkit.exercise import Exercise
from workbook.lessonkit.variants import KEY
from workbook.tools import bare_package
from workbook.tools.start import shipped, start

NOTEBOOKS, STUDENTS, PACKAGE, COURSE = "notebooks", "students", "package", "nbgrader"

_NAME = re.compile(r"[\w@-][\w.@ -]*")
# What the teacher's own run leaves beside a source holds right answers: it is not released.
_CONFIG = f"""\
c = get_config()
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "{results.FILE}"]
c.CourseDirectory.course_id = "edge-ai-workbook"
c.ClearSolutions.code_stub = {{"python": "# put your answer in place of the three dots"}}
c.ExecutePreprocessor.timeout = 600
"""


@dataclass(frozen=True)
class Laid:
    """What was written below a folder."""

    folder: Path
    students: tuple[str, ...]
    wheel: str


def lay(
    folder: Path, seed: str, students: Iterable[str] = (), *, hints: int | None = None, nbgrader: bool = False
) -> Laid:
    """Write a class edition.

    Parameters
    ----------
    folder : Path
        A new one, or an empty one.
    seed : str
        Of the class: another seed gives other numbers.
    students : iterable of str
        Each gets a folder with numbers of its own; without any, one folder of notebooks is for all.
    hints : int, optional
        How many hints of each exercise are given; all if None.
    nbgrader : bool
        Lay a course of nbgrader's too: an assignment for each lesson, with the seed's numbers for everybody.

    Raises
    ------
    CommandError
        If the folder holds something, or a student's name cannot be one of a folder.
    OSError
        If it cannot be written; nothing is left then.
    """
    names = tuple(students)
    for name in names:
        if not _NAME.fullmatch(name):
            raise CommandError(f"{name!r} cannot be the name of a student's folder: use letters, digits, . @ - and _")
    if folder.exists() and any(folder.iterdir()):
        raise CommandError(f"{folder} is not empty: name a new folder, so that nothing in it is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        places = {name: made / STUDENTS / name for name in names} or {"": made / NOTEBOOKS}
        for name, place in places.items():
            _lay_notebooks(place, Edition(variants.variant_of(seed, name), hints, solutions=False))
        if nbgrader:
            _lay_course(made / COURSE, Edition(variants.variant_of(seed), hints, solutions=False))
            places.setdefault("", made)
        (made / PACKAGE).mkdir()
        wheel = bare_package.build(made / PACKAGE)
        (made / KEY).write_text(_key(seed, places))
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Laid(folder, names, f"{PACKAGE}/{wheel}")


def _key(seed: str, students: Iterable[str]) -> str:
    """Return the teacher's key: who has which variant, and the right values of it."""
    entries = {}
    for name in students:
        variant = variants.variant_of(seed, name)
        answers = {id: found.answer for id, found in variants.all_varied(variant).items()}
        entries[name] = {"variant": variant, "answers": answers}
    return json.dumps({"seed": seed, "students": entries}, indent=1, ensure_ascii=False) + "\n"


def _lay_notebooks(folder: Path, of: Edition) -> None:
    folder.mkdir(parents=True)
    (folder / edition.FILE).write_text(of.as_text())
    start(folder)


def _lay_course(folder: Path, of: Edition) -> None:
    """Write nbgrader's configuration and the source of each assignment, solutions included: they are the teacher's."""
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(_CONFIG)
    contents = {Path(name).stem: source.read_bytes() for name, source in shipped() if name.endswith(".ipynb")}
    for lesson in LESSONS:
        notebook = nbformat.reads(contents[lesson.name].decode(), as_version=4)
        variants.renumber(notebook, of.variant)
        exercises = {exercise.cell: exercise for exercise in map(_of_the_workbook, lesson.exercise_ids)}
        cells = []
        for cell in notebook.cells:
            exercise = exercises.get(cell.source)
            if cell.cell_type == "code" and isinstance(exercise, Exercise):
                cells += _asked_and_tested(exercise, of.variant)
            else:
                cells.append(cell)
        notebook.cells = cells
        place = folder / "source" / lesson.name
        place.mkdir(parents=True)
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (place / f"{lesson.name}.ipynb").write_text(text, encoding="utf-8")
        (place / edition.FILE).write_text(of.as_text())


def _of_the_workbook(id: str) -> Any:
    return variants.exercise(id, "")


def _asked_and_tested(exercise: Exercise, variant: str) -> list[Any]:
    """Return the cell of an answer and the cell that judges it, as nbgrader wants them."""
    varied = variants.varied(exercise.id, variant)
    code, check = exercise.solved_cell.rsplit("\n", 1)
    solution = f"{exercise.variable} = {varied.answer!r}" if varied else code.rstrip()
    answer = f"{exercise.stub}\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    test = (
        f"outcome = {check}\n### BEGIN HIDDEN TESTS\n"
        'assert outcome.kind == "correct", outcome.message\n### END HIDDEN TESTS\n'
        "display(outcome)"  # not the cell's value, which nbgrader would take for points
    )
    name = f"exercise-{exercise.id.replace('.', '-')}"
    cells = []
    for source, kind, told in (
        (answer, "answer", {"grade": False, "solution": True, "locked": False}),
        (test, "check", {"grade": True, "solution": False, "locked": True, "points": 1}),
    ):
        metadata = {"schema_version": 3, "task": False, "grade_id": f"{name}-{kind}", **told}
        cells.append(nbformat.v4.new_code_cell(source, id=f"{name}-{kind}", metadata={"nbgrader": metadata}))
    return cells
