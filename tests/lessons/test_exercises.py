"""Every exercise of every lesson: its stub, solutions, mistakes and hints."""

import importlib
import itertools
import re
import subprocess
import sys

import numpy as np
from every_exercise import EXERCISES, by_id, exercise_of
from second_solutions import SECOND

from workbook.lessonkit import catalog
from workbook.lessonkit.kernel_exercise import MAGIC


def run(cell, lesson):
    """Run a cell as a notebook does; return the value of its last line."""
    if cell.startswith(MAGIC):
        return exercise_of(cell.split()[1]).check(cell.partition("\n")[2])
    names = {"np": np, "lesson": importlib.import_module(f"workbook.lessons.{lesson.package}")}
    *body, last = cell.rstrip().splitlines()
    exec("\n".join(body), names)
    return eval(last, names)


def lesson_of(exercise):
    return next(lesson for lesson in catalog.LESSONS if exercise.id in lesson.exercise_ids)


def test_the_catalog_names_the_exercises():
    assert [exercise.id for exercise in EXERCISES] == [i for lesson in catalog.LESSONS for i in lesson.exercise_ids]


@by_id
def test_the_stub_is_not_attempted(exercise):
    outcome = run(exercise.cell, lesson_of(exercise))
    assert str(outcome) == f"{exercise.id} not attempted: replace the ... and run the cell again"


@by_id
def test_two_solutions_are_correct(exercise):
    assert run(exercise.solved_cell, lesson_of(exercise)).kind == "correct"
    assert exercise.check(SECOND[exercise.id]()).kind == "correct"


@by_id
def test_each_mistake_gets_its_own_message(exercise):
    messages = [exercise.check(mistake.answer) for mistake in exercise.mistakes]
    assert len(exercise.mistakes) >= 3
    for mistake, outcome in zip(exercise.mistakes, messages, strict=True):
        assert outcome.kind == "not yet", mistake.name
        said_by = [
            other.name for other, said in zip(exercise.mistakes, messages, strict=True) if mistake.says in said.message
        ]
        assert said_by == [mistake.name]


@by_id
def test_no_answer_is_its_own_correction(exercise):
    """A function that is wrong in one case alone: what it gave there stands in no message as what is right."""
    if not callable(SECOND[exercise.id]()):
        return
    for wrong_at in range(8):
        calls = itertools.count()

        def nearly(*args, wrong_at=wrong_at, calls=calls):
            right = exercise.solution(*args)
            return right + 1 if next(calls) == wrong_at and isinstance(right, (int, float)) else right

        said = exercise.check(nearly).message
        for is_right, yours in re.findall(r"is ([\d.e+-]+),.* yours is ([\d.e+-]+)", said):
            assert is_right != yours, said


@by_id
def test_there_are_up_to_three_hints_and_none_is_the_answer(exercise):
    assert 1 <= len(exercise.hints) <= 3
    answer = SECOND[exercise.id]()
    if not callable(answer):
        assert all(str(answer) not in hint.split() for hint in exercise.hints)


def test_solutions_need_only_what_the_notebook_has():
    code = "from workbook.lessons import convolution as lesson; import numpy as np; lesson.solution('1.3')"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "BUDGET" not in shown
