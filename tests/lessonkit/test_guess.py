"""Guesses: a number in any sensible form is kept, anything else is asked for again."""

from __future__ import annotations

import importlib
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest

from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.guess import keep, keeper, number, said
from workbook.lessonkit.reference import reference

ASKING = [lesson for lesson in LESSONS if lesson.guess]


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(tmp_path / "scoreboard.json"))


@pytest.mark.parametrize(
    ("guess", "value"),
    [
        (5000, 5000),
        (2.5, 2.5),
        (5e3, 5000),
        (np.float64(5.5), 5.5),
        (np.int8(7), 7),
        (Fraction(5, 2), 2.5),
        (Decimal("2.5"), 2.5),
        ("5000", 5000),
        ("5000x", 5000),
        ("5000 X", 5000),
        ("5,000", 5000),
        ("5,000,000.5 x", 5000000.5),
        ("5 000 x", 5000),
        ("5_000", 5000),
        ("2,5 x", 2.5),
        ("5e3", 5000),
        ("1.5E+2x", 150),
        (".5", 0.5),
        ("about 2.5 x", 2.5),
        ("~20", 20),
        ("maybe about 30 times", 30),
        (" 3 times as fast. ", 3),
        ("10-fold", 10),
        ("3×", 3),
    ],
)
def test_every_sensible_form_is_a_number(guess: object, value: float) -> None:
    assert number(guess) == value


@pytest.mark.parametrize(
    "guess",
    [
        *(-3, 0, True, np.True_, float("nan"), float("inf"), 10**400, 1j, None, [], [5], {}, print, np.array([1, 2])),
        *("many", "", "x", "-3", "nan", "2 to 3", "1/2", "5k", "five", "3 x 4", "1,00,0", "0x", "about", "3 horses"),
    ],
    ids=repr,
)
def test_anything_else_is_asked_for_again_in_a_sentence(guess: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="is no number above 0; write one such as"):
        number(guess)
    keeper("convolution")(guess)
    asked = capsys.readouterr().out
    assert asked.split() == f"{said(guess)}, and run the cell again".split()
    assert results.guesses() == {}


@pytest.mark.parametrize("lesson", ASKING, ids=lambda lesson: lesson.package)
def test_a_lesson_keeps_its_guess(lesson: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    face = importlib.import_module(f"workbook.lessons.{lesson.package}")
    face.guess(...)
    assert capsys.readouterr().out == "no guess yet: replace the ... with a number, and run the cell again\n"
    assert results.guesses() == {}
    face.guess("5,000x")
    assert capsys.readouterr().out.startswith(f"you guess 5,000 x: {lesson.guess.about}\n")
    assert results.guesses() == {lesson.package: 5000}


@pytest.mark.parametrize("lesson", ASKING, ids=lambda lesson: lesson.package)
def test_a_guess_stays_once_its_answer_is_measured(lesson: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    face = importlib.import_module(f"workbook.lessons.{lesson.package}")
    face.guess(9000)
    face.guess(20)
    assert results.guesses() == {lesson.package: 20}, "until then it may change"
    results.record({lesson.guess.result: 3.1}, 0)
    capsys.readouterr()
    face.guess("3.1x")
    assert capsys.readouterr().out == "you guessed 20 x, and have measured it since: that guess stays\n"
    assert keep(lesson.package, 3.1) == keep(lesson.package, ...) == 20
    assert results.guesses() == {lesson.package: 20}


def test_what_stands_beside_the_measurement() -> None:
    assert said(...) == "you did not guess"
    assert said("5e3 x") == "you guessed 5,000 x"
    assert said(np.float64(2.5)) == "you guessed 2.5 x"
    assert said("many") == "your guess 'many' (str) is no number above 0; write one such as 20, 2.5 or \"20x\""


@pytest.mark.parametrize("lesson", ASKING, ids=lambda lesson: lesson.package)
def test_the_catalog_names_cells_and_a_result_that_there_are(lesson: Lesson) -> None:
    path = Path(__file__).parents[2] / "notebooks" / f"{lesson.name}.ipynb"
    cells = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    assert all(cells[id].outputs for id in lesson.guess.answers)
    assert cells["guess"].source == "guess = ...\nlesson.guess(guess)"
    others = [cell for id, cell in cells.items() if id not in lesson.guess.answers]
    assert not any("you did not guess" in json.dumps(cell.get("outputs", [])) for cell in others)
    assert lesson.guess.result in (*reference().values, "winograd.best.at56")  # the best of three that are there
