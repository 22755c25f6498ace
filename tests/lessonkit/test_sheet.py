"""The hints, solutions and stubs of a lesson, and the cells of a page that they fill."""

import numpy as np
import pytest

from workbook.lessons import convolution as lesson


def test_hint_solution_and_reset_print(capsys):
    for number in (1, 2, 3, 3):
        lesson.hint("1.1")
        assert capsys.readouterr().out.startswith(f"1.1 hint {number} of 3: ")
    lesson.reset("1.1")
    assert capsys.readouterr().out == 'answer = ...\nlesson.check("1.1", answer)\n'
    lesson.hint("1.1")
    assert capsys.readouterr().out.startswith("1.1 hint 1 of 3: ")
    lesson.solution("1.2")
    assert "def strided_convolution" in capsys.readouterr().out
    for other in ("9.9", 9.9, 1, None, [1.1]):
        with pytest.raises(ValueError, match=r"1\.1, 1\.2, 1\.3"):
            lesson.hint(other)


def test_an_exercise_is_named_by_text_or_number(capsys):
    for id in ("1.3", 1.3, np.float64(1.3)):
        assert str(lesson.check(id, ...)).startswith("1.3 not attempted")
        lesson.reset(id)
        lesson.hint(id)
        assert "1.3 hint 1 of 3" in capsys.readouterr().out


class Page:
    """Jupyter's shell in a kernel, as far as cells are filled."""

    kernel = None

    def __init__(self, cell):
        self.cell, self.filled = cell, []

    def get_parent(self):
        return {"content": {"code": self.cell}} if self.cell is not None else {}

    def set_next_input(self, text, replace=False):
        self.filled.append((text, replace))


@pytest.mark.parametrize(
    ("cell", "replaced"),
    [
        ('lesson.reset("1.1")', True),
        ("\nlesson.solution(1.1)  \n", True),
        ("answer = 3\nlesson.reset('1.1')", False),
        ("# mine\nlesson.reset('1.1')", False),
        ("%time lesson.reset('1.1')", False),
        (None, False),
    ],
)
def test_reset_fills_a_cell_of_a_page_and_loses_nothing(cell, replaced, monkeypatch, capsys):
    page = Page(cell)
    monkeypatch.setattr("IPython.get_ipython", lambda: page)
    lesson.reset("1.1")
    assert page.filled == []  # what runs a file alone, such as nbval, has no page
    printed = capsys.readouterr().out
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    lesson.reset("1.1")
    assert page.filled == [(printed.strip(), replaced)]
    assert capsys.readouterr().out == ""
