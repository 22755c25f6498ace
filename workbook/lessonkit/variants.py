"""The exercises of a class edition: the same questions with other numbers, drawn from a variant.

A lesson's exercises module has VARIED, by exercise id: a function that draws numbers and returns the exercise with
them, and what changes in the notebook's text. An exercise that is not there is the same for everybody; functions and
kernels are checked on many numbers anyway.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from workbook.errors import CommandError
from workbook.lessonkit import edition
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.exercise import Asked, Exercise

KEY = "key.json"


@dataclass(frozen=True)
class Varied:
    """An exercise with other numbers.

    Attributes
    ----------
    exercise : Exercise
    text : mapping of str to str
        What the notebook's prose says, and what it says instead; each stands there once.
    answer : object
        The right one, as plain data.
    """

    exercise: Exercise
    text: Mapping[str, str]
    answer: Any


Draw = Callable[[Random], Varied]

_MOST_DRAWS = 1000


def variant_of(seed: str, student: str = "") -> str:
    """Return the variant of a student in a class; it tells neither the seed nor the name."""
    return hashlib.sha256(json.dumps([seed, student]).encode()).hexdigest()[:16]


@cache
def varied(id: str, variant: str) -> Varied | None:
    """Return an exercise of a variant; None if it has the same numbers for everybody."""
    draw: Draw | None = getattr(_module(id), "VARIED", {}).get(id) if variant else None
    if not draw:
        return None
    random = Random(f"{variant}/{id}")
    return next(found for found in (draw(random) for _ in range(_MOST_DRAWS)) if _is_clear(found))


def exercise(id: str, variant: str) -> Asked:
    """Return an exercise with the numbers of a variant; the workbook's own if that is empty."""
    found = varied(id, variant)
    own: Asked = next(exercise for exercise in _module(id).EXERCISES if exercise.id == id)
    return found.exercise if found else own


def all_varied(variant: str) -> dict[str, Varied]:
    """Return the exercises of a variant that have numbers of its own, by their ids."""
    found = {id: varied(id, variant) for lesson in LESSONS for id in lesson.exercise_ids}
    return {id: one for id, one in found.items() if one}


def renumber(notebook: Any, variant: str) -> None:
    """Replace the numbers of a notebook's exercises in its prose, which has each of them once, and name the variant."""
    lesson = next(lesson for lesson in LESSONS if _source(notebook["cells"][0]).startswith(lesson.heading))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for id, one in all_varied(variant).items():
        for old, new in one.text.items() if id in lesson.exercise_ids else ():
            (cell,) = [cell for cell in cells if old in _source(cell)]
            cell["source"] = _source(cell).replace(old, new)
    notebook["metadata"][edition.METADATA] = {"variant": variant}


def _source(cell: Any) -> str:
    """Return a cell's text, which a file may hold as a list of lines."""
    return "".join(cell["source"])


def read_key(path: Path) -> dict[str, str]:
    """Return the student of each variant, by the key that `workbook class-edition` has written.

    Raises
    ------
    CommandError
        If it is no key.
    """
    try:
        students = json.loads(path.read_text(encoding="utf-8"))["students"]
        return {str(entry["variant"]): str(student) for student, entry in students.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CommandError(f"{path} is not the {KEY} of a class edition") from None


def _is_clear(drawn: Varied) -> bool:
    """Whether no two wrong answers, nor a wrong and the right one, are the same with these numbers."""
    mistakes = drawn.exercise.mistakes
    said = [drawn.exercise.check(mistake.answer) for mistake in mistakes]
    return drawn.exercise.check(drawn.answer).kind == "correct" and all(
        outcome.kind == "not yet"
        and [other.says in outcome.message for other in mistakes].count(True) == 1
        and mistake.says in outcome.message
        for mistake, outcome in zip(mistakes, said, strict=True)
    )


def _module(id: str) -> Any:
    lesson = next(lesson for lesson in LESSONS if id in lesson.exercise_ids)
    return importlib.import_module(f"workbook.lessons.{lesson.package}.exercises")
