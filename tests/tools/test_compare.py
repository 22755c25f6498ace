"""`workbook compare`: two machines' scoreboards side by side, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbook.cli import main
from workbook.lessonkit import results
from workbook.lessonkit.reference import REFERENCE, reference
from workbook.lessonkit.scoreboard import ROWS
from workbook.tools.compare import compare

FIRST, SECOND = [row for row in ROWS if row.measured][:2]


def board(folder: Path, cpu: str, **values: float) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / results.FILE
    path.write_text(json.dumps({"cpu": cpu, "isa": "v3", "values": values}))
    return path


def test_numbers_of_both_and_their_ratio(tmp_path: Path) -> None:
    mine = board(tmp_path / "my folder", "Mine", **{str(FIRST.measured): 2.0, str(SECOND.measured): 3.0})
    board(tmp_path / "friend", "Friend", **{str(FIRST.measured): 5.0, "winograd.no.such": 1.0})
    found = compare(mine, tmp_path / "friend")
    assert (found.first, found.second) == ("Mine, v3", "Friend, v3")
    assert [pair.cells[1:] for pair in found.pairs] == [("2 ×", "5 ×", "2.5 ×"), ("3 ×", "–", "–")]
    assert [pair.sentence for pair in found.pairs] == [FIRST.sentence, SECOND.sentence]


def test_command_takes_your_own_beside_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    friend = board(tmp_path / "friend", "Friend", **{str(FIRST.measured): 5.0})
    board(tmp_path / "my-workbook", "Mine", **{str(FIRST.measured): 2.0})
    run = CliRunner().invoke(main, ["compare", str(friend)])
    assert run.exit_code == 0, run.output
    assert "Friend, v3" in run.output
    assert "0.4 ×" in run.output
    assert max(map(len, run.output.splitlines())) <= 80
    assert run.output.count("what is said") == 1  # all columns beside each other
    assert FIRST.tool in run.output


def test_a_machine_that_came_with_the_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = board(tmp_path / "my-workbook", "Mine", **{str(FIRST.measured): 2.0})
    found = compare(Path(REFERENCE), mine)
    assert found.first.startswith(reference().name)
    assert next(pair.first for pair in found.pairs) == reference().value(str(FIRST.measured))
    run = CliRunner().invoke(main, ["compare", "no_such_machine"])
    assert REFERENCE in run.output


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"values": {"a": "x"}}', '{"values": {}, "cpu": "c"}'])
def test_what_holds_no_results_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    run = CliRunner().invoke(main, ["compare", str(file), str(file)])
    assert run.exit_code == 1
    assert "other.json holds no results of the notebooks" in " ".join(run.output.split())


def test_nothing_measured_and_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBOOK_SCOREBOARD", raising=False)
    empty = board(tmp_path / "friend", "Friend")
    run = CliRunner().invoke(main, ["compare", str(empty), str(empty)])
    assert "neither has measured a sentence" in run.output
    run = CliRunner().invoke(main, ["compare", str(empty)])
    assert "run a lesson's measurement first" in " ".join(run.output.split())
