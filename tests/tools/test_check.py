"""`workbook check`: outcomes come from the learner's own file, which is only read."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run
from interrupting import PATIENCE
from yesterday import SECOND, answer, change, lay_yesterday

from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.exercise import METADATA
from workbook.tools import check, render
from workbook.tools.start import start

SETUP = "from workbook.lessons import convolution as lesson"


def handed_in(path: Path, *cells: str, heading: str = "# 1 · Convolution") -> Path:
    """Write a notebook of lesson 1 with these code cells."""
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown(heading), code(SETUP), *map(code, cells)]), path)
    return path


def outcomes(path: Path) -> dict[str, tuple[str, str]]:
    return {result.id: (result.outcome, result.message) for result in check.check(path).exercises}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_fresh_copy_is_not_attempted_and_solved_copy_is_correct(lesson, tmp_path: Path) -> None:
    start(tmp_path)
    path = tmp_path / f"{lesson.name}.ipynb"
    assert {kind for kind, _ in outcomes(path).values()} <= {"not attempted"}
    notebook = nbformat.read(path, as_version=4)
    exercises = getattr(import_module(f"workbook.lessons.{lesson.package}"), "exercises", None)
    solved = {exercise.cell: exercise.solved_cell for exercise in exercises.EXERCISES} if exercises else {}
    for cell in notebook.cells:
        cell.source = solved.get(cell.source, cell.source)
    nbformat.write(notebook, path)
    before = path.read_bytes(), sorted(tmp_path.iterdir())
    found = check.check(path)
    assert [result.id for result in found.exercises] == list(lesson.exercise_ids)
    assert {result.outcome for result in found.exercises} <= {"correct"}
    assert found.message == ""
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == before


def test_every_outcome(tmp_path: Path) -> None:
    path = handed_in(
        tmp_path / "Ada (2).ipynb",
        "nothing_defined",
        "lesson.check('1.1', 1)",
        "lesson.check('1.1', None)",
        'lesson.check("1.2", undefined)',
        'kept = lesson.check("1.3", 8)',
    )
    found = check.check(path)
    assert found.lesson == "01_convolution"
    assert found.message.startswith("the cell that begins with 'nothing_defined' raised NameError")
    assert outcomes(path) == {
        "1.1": ("not yet", "1 is not the output at this place; multiply nine pixels by the nine weights, and add"),
        "1.2": (
            "error",
            "the cell that begins with 'lesson.check(\"1.2\", undefined)' raised "
            "NameError: name 'undefined' is not defined",
        ),
        "1.3": ("error", 'lesson.check("1.3", ...) must be the last line of its cell'),
        "1.4": ("not attempted", 'no cell calls lesson.check("1.4", ...)'),
        "1.5": ("not attempted", 'no cell calls lesson.check("1.5", ...)'),
    }


def test_outputs_in_the_file_do_not_count(tmp_path: Path) -> None:
    path = handed_in(tmp_path / "a.ipynb", "lesson.check('1.1', ...)")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells[1:]:
        said = {"exercise": "1.1", "kind": "correct", "message": "by hand"}
        cell.outputs = [nbformat.v4.new_output("display_data", {"text/plain": "x"}, metadata={METADATA: said})]
    nbformat.write(notebook, path)
    assert outcomes(path)["1.1"][0] == "not attempted"
    assert outcomes(path)["1.2"] == ("not attempted", 'no cell calls lesson.check("1.2", ...)')


def test_endless_loop_and_dead_kernel_cost_only_their_own_exercise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "CELL_TIMEOUT", 20)
    monkeypatch.setattr(check, "CELL_TIMEOUT", 20)
    path = handed_in(
        tmp_path / "a.ipynb",
        "while True: pass\nlesson.check('1.1', 1)",
        "lesson.check('1.2', 3)",
        "import os\nos._exit(1)\nlesson.check('1.3', 1)",
    )
    found = outcomes(path)
    assert found["1.1"] == ("error", "the cell that begins with 'while True: pass' took longer than 20 s")
    assert found["1.2"][1].startswith("a function is asked for")
    assert found["1.3"] == ("error", "the kernel died while the notebook ran")


def test_endless_answer_ends_with_its_own_message_in_the_notebook(tmp_path: Path) -> None:
    path = handed_in(
        tmp_path / "a.ipynb",
        "from workbook.lessonkit import exercise\nexercise.LIMIT = 0.5",
        "def strided_convolution(x, weight, stride):\n    print('I run')\n    while True: pass\n\n\n"
        "lesson.check(1.2, strided_convolution)",
    )
    assert outcomes(path)["1.2"] == ("error", "your answer ran longer than 0.5 s: does a loop in it never end?")


def test_what_an_update_laid_beside_is_left_out_until_the_learner_works_in_it(tmp_path: Path) -> None:
    lay_yesterday(tmp_path)
    mine = change(tmp_path / SECOND, answer)
    (beside,) = start(tmp_path, update=True).beside.values()
    assert (tmp_path / beside).exists()
    assert check.find([tmp_path]) == [tmp_path / f"{lesson.name}.ipynb" for lesson in LESSONS]
    assert check.find([tmp_path / beside]) == [tmp_path / beside]  # it is named
    assert (tmp_path / SECOND).read_bytes() == mine
    change(tmp_path / beside, answer)
    assert tmp_path / beside in check.find([tmp_path])


def test_results_of_the_learner_are_left_alone(tmp_path: Path) -> None:
    path = handed_in(tmp_path / "a.ipynb", "import os\nassert os.environ['WORKBOOK_SCOREBOARD'] != 'mine', os.getcwd()")
    assert check.check(path).message == ""


class TestCommand:
    def test_json_has_everything_that_a_grader_needs(self, tmp_path: Path) -> None:
        (tmp_path / "ada").mkdir()
        (tmp_path / ".ipynb_checkpoints").mkdir()
        handed_in(tmp_path / ".ipynb_checkpoints" / "old.ipynb", "1 / 0")
        path = handed_in(tmp_path / "ada" / "mine.ipynb", "lesson.check('1.1', 1)")
        found = json.loads(run("check", tmp_path, "--json").output)
        assert found["totals"] == {"correct": 0, "not yet": 1, "not attempted": 4, "error": 0}
        (notebook,) = found["notebooks"]
        assert (notebook["notebook"], notebook["lesson"], notebook["status"]) == (
            str(path),
            "01_convolution",
            "checked",
        )
        assert notebook["exercises"][0]["title"] == "Compute a value"
        assert notebook["exercises"][0]["outcome"] == "not yet"

    def test_foreign_and_damaged_are_named(self, tmp_path: Path) -> None:
        handed_in(tmp_path / "a.ipynb", heading="# My thesis")
        (tmp_path / "b.ipynb").write_text("{")
        (tmp_path / "c.ipynb").write_bytes(b"\xff\x00")
        (tmp_path / "d.ipynb").write_text('{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        result = run("check", tmp_path)
        assert result.exit_code == 1
        assert result.output.splitlines() == [
            f"foreign   {tmp_path}/a.ipynb is not one of this workbook's notebooks",
            *(f"unreadable {tmp_path}/{name}.ipynb is no notebook, or a damaged one" for name in "bcd"),
        ]

    def test_foreign_beside_the_workbooks_own(self, tmp_path: Path) -> None:
        handed_in(tmp_path / "a.ipynb", heading="# My thesis")
        assert run("check", tmp_path).exit_code == 1
        handed_in(tmp_path / "b.ipynb")
        assert run("check", tmp_path).exit_code == 0

    def test_nothing_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert_one_line_error(run("check"), "There is no my-workbook here", "workbook start")
        assert_one_line_error(run("check", tmp_path), "There is no notebook in")

    def test_interrupt(self, tmp_path: Path) -> None:
        running = tmp_path / "running"
        path = handed_in(tmp_path / "a.ipynb", f"open({str(running)!r}, 'w').close()\nwhile True: pass")
        before = path.read_bytes()
        with subprocess.Popen(
            [COMMAND, "check", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while not running.exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert (out, err.strip()) == ("", "Aborted!")
        assert path.read_bytes() == before
        assert {entry.name for entry in tmp_path.iterdir()} == {"a.ipynb", "running"}
