"""Writes the parts of TEACHING.md that follow from the code: `python docs/teaching.py`; a test finds a stale page."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import question_bank
import written as parts

from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.exercise import Exercise
from workbook.lessonkit.kernel_exercise import KernelExercise
from workbook.tools.check import as_json, check
from workbook.tools.start import start

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "TEACHING.md"
QUESTIONS = ROOT / "docs" / "questions.md"
FOLDER = Path("handed-in", "ada")  # of the example

WORDS_PER_MINUTE = 100  # of text that is read beside code and figures
PANEL, EXERCISE, KERNEL = 5, 10, 15  # minutes
STEP = 5  # minutes that a promise is rounded to, and may be off


def exercises_of(lesson: Lesson) -> tuple[Exercise | KernelExercise, ...]:
    """Return a lesson's exercises."""
    found: tuple[Exercise | KernelExercise, ...] = import_module(
        f"workbook.lessons.{lesson.package}.exercises"
    ).EXERCISES
    return found


def minutes(lesson: Lesson) -> float:
    """Return what a lesson takes by the rule: its notebook's words, its panels, its exercises."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson.name}.ipynb", as_version=4)
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    words = sum(len(re.sub("<.*?>", "", text).split()) for text in texts)
    exercises = exercises_of(lesson)
    kernels = sum(isinstance(exercise, KernelExercise) for exercise in exercises)
    solving = KERNEL * kernels + EXERCISE * (len(exercises) - kernels)
    return words / WORDS_PER_MINUTE + PANEL * len(lesson.panels) + solving


def rule() -> str:
    """Return the rule in words."""
    return (
        f"The minutes are an estimate by one rule: a minute for {WORDS_PER_MINUTE} words of the notebook, "
        f"{PANEL} minutes\nfor a panel, {EXERCISE} for an exercise, {KERNEL} for one that asks for a kernel."
    )


def timing() -> str:
    """Return the table of lessons and minutes."""
    rows = [f"| {lesson.number} · {lesson.title} | {lesson.minutes} | {len(lesson.exercises)} |" for lesson in LESSONS]
    total = sum(lesson.minutes for lesson in LESSONS)
    return "\n".join(["| lesson | minutes | exercises |", "|---|---|---|", *rows, f"| together | {total} | |"])


def lesson(lesson: Lesson) -> str:
    """Return what a teacher wants to know of a lesson: its question, objectives, and the mistakes that people make."""
    lines = [f"**{lesson.question}**", "", "At the end learners can", ""]
    lines += [f"* {objective}" for objective in lesson.objectives]
    exercises = exercises_of(lesson)
    if exercises:
        lines += ["", "| exercise | mistake | what the check answers |", "|---|---|---|"]
    for exercise, title in zip(exercises, lesson.exercises, strict=True):
        for mistake in exercise.mistakes:
            # Sizes and numbers of a kernel's answer depend on the machine.
            says = mistake.says if isinstance(exercise, KernelExercise) else exercise.check(mistake.answer).message
            lines.append(f"| {exercise.id} {title} | {mistake.name} | {says} |")
    return "\n".join(lines)


def handed_in(folder: Path) -> Path:
    """Lay a learner's lesson 1 with one exercise solved, one attempted, one as it was; return its path."""
    start(folder)
    path = folder / f"{LESSONS[1].name}.ipynb"
    solved, _, attempted, *_ = exercises_of(LESSONS[1])
    notebook = nbformat.read(path, as_version=4)
    answers = {solved.cell: solved.solved_cell, attempted.cell: attempted.cell.replace("...", "100", 1)}
    for cell in notebook.cells:
        cell.source = answers.get(cell.source, cell.source)
    nbformat.write(notebook, path)
    return path


def grades() -> str:
    """Return what `workbook check --json` prints of that notebook."""
    with TemporaryDirectory() as folder:
        found = json.dumps(as_json([check(handed_in(Path(folder) / FOLDER))]), indent=1)
    return f"```json\n{found.replace(f'{folder}/', '')}\n```"


def written(page: str) -> str:
    """Return the page with its written parts anew."""
    lessons = {entry.package: lambda entry=entry: lesson(entry) for entry in LESSONS}
    return parts.written(page, {"timing": timing, "rule": rule, "grades": grades, **lessons})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    QUESTIONS.write_text(question_bank.page(), encoding="utf-8")
