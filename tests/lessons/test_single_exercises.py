"""What single exercises accept, refuse and say."""

import re

import numpy as np
import pytest
from every_exercise import exercise_of
from second_solutions import TRANSFORM_BY_ROWS, matrices_by_inversion


def test_6_2_names_the_chain_that_it_got_wrong():
    from workbook.lessons.analysis.exercises import _CASES, least

    def wrong_on_the_last(floats, *args):
        return least(floats, *args) + (list(floats) == _CASES[-1][0])

    said = exercise_of("6.2").check(wrong_on_the_last).message
    assert said.startswith(f"least({_CASES[-1][0]}")
    assert "minimum cut; yours is" in said


@pytest.mark.parametrize("answer", ["F(4,3)", "f(4, 3)", "F(4x4, 3x3)", "winograd_f4", " Winograd_F4 ", "F4"])
def test_2_3_takes_a_kernel_as_its_tables_write_it(answer):
    assert exercise_of("2.3").check([answer, "F(2,3)", answer]).kind == "correct"


@pytest.mark.parametrize("answer", ["F(5,3)", "F(4,5)", "F(4x2,3x3)", "winograd", "4"])
def test_2_3_refuses_what_names_no_kernel(answer):
    assert exercise_of("2.3").check([answer] * 3).kind == "error"
    assert exercise_of("2.3").check(answer).kind == "error"


@pytest.mark.parametrize("answer", [2.6, 2.64, 2.641])
def test_2_1_takes_two_digits(answer):
    assert exercise_of("2.1").check(answer).kind == "correct"


def test_2_2_is_not_passed_by_calling_what_the_lesson_has():
    """cook_toom takes infinity as its last point; the exercise asks for numbers alone."""
    from workbook.lessons import winograd as lesson

    def called(points, m, r):
        matrices = lesson.cook_toom(m, points=points[:-1], r=r)
        return matrices.AT, matrices.G, matrices.BT

    assert "your tile does not evaluate at 2" in exercise_of("2.2").check(called).message
    floats = exercise_of("2.2").check(lambda *case: [np.array(rows, float) for rows in matrices_by_inversion(*case)])
    assert "holds floats, which round" in floats.message


def test_2_5_says_how_much_of_our_kernel_is_reached():
    outcome = exercise_of("2.5").check(TRANSFORM_BY_ROWS)
    assert re.search(r"yours reaches \d+% of winograd_f4", outcome.message)
