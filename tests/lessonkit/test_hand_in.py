"""What is handed in: all that the learner guessed, measured and answered, sealed; nobody's name, and no path."""

from __future__ import annotations

import getpass
import importlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import assert_one_line_error, run

from workbook.lessonkit import hand_in, results
from workbook.lessonkit.answer import Answer
from workbook.lessonkit.catalog import LESSONS
from workbook.lessons import analysis, convolution, start_here
from workbook.tools.compare import compare


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(tmp_path / results.FILE))
    return tmp_path


def work() -> None:
    """Guess, measure and answer as notebooks do."""
    convolution.guess("5000x")
    results.record({"convolution.ladder.gain": 4321.123456789012}, others=0.01)
    start_here.check("0.1", 500)
    start_here.check("0.1", np.float32(68.5))
    convolution.check("1.2", lambda x, weight, stride: np.load(f"{Path.cwd()}/nothing"))


def test_all_of_it_is_there(folder: Path) -> None:
    work()
    path, written = hand_in.write(folder)
    read = hand_in.read(path)
    assert read == written
    assert read.kept.guesses == {"convolution": 5000}
    assert read.kept.values == {"convolution.ladder.gain": 4321.123456789012}
    assert read.kept.answers["0.1"].outcome == "correct"
    assert read.kept.answers["0.1"].data == 68.5
    assert read.kept.answers["1.2"].outcome == "error"
    assert "lambda x, weight, stride" in read.kept.answers["1.2"].code
    assert read.kept.cores == len(os.sched_getaffinity(0))
    assert (read.learner, read.variant) == ("", "")
    assert str(read) == "1 of 6 guesses, 1 measurements, 2 of 23 exercises answered, 1 of them correct"


def test_the_best_answer_is_kept() -> None:
    for answer, outcome in ((None, "error"), (500, "not yet"), (68.6, "correct"), (500, "correct"), (..., "correct")):
        start_here.check("0.1", answer)
        assert results.answers()["0.1"].outcome == outcome
    assert results.answers()["0.1"].data == 68.6


def test_no_name_and_no_path_but_those_that_were_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    work()
    text = hand_in.write(folder)[0].read_text()
    for told in (str(folder), folder.name, socket.gethostname(), str(Path.home()), f'"{getpass.getuser()}"'):
        assert told not in text
    assert '"learner": "Ada"' in hand_in.write(folder, "Ada")[0].read_text()


def test_a_call_in_the_last_lesson(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work()
    capsys.readouterr()
    analysis.hand_in("Zoë")
    assert capsys.readouterr().out.startswith("[machine] hand-in.json: 1 of 6 guesses, 1 measurements, ")
    assert hand_in.read(folder / hand_in.FILE).learner == "Zoë"
    with pytest.raises(ValueError, match="your name is a text"):
        analysis.hand_in(3)


def test_compare_reads_it(folder: Path) -> None:
    work()
    results.record({"convolution.growth.side": 4.0}, others=0.0)
    path, _ = hand_in.write(folder)
    assert compare(path, path).pairs[0].first == 4.0


@pytest.mark.parametrize("flaw", ["value", "answer", "cut", "name"])
def test_damage_is_found(folder: Path, flaw: str) -> None:
    work()
    path, _ = hand_in.write(folder)
    text = path.read_text()
    changed = {
        "value": text.replace("4321.1", "4321.2"),
        "answer": text.replace('"outcome": "error"', '"outcome": "correct"'),
        "cut": text[: len(text) // 2],
        "name": text.replace('"learner": ""', '"learner": "Eve"'),
    }[flaw]
    assert changed != text
    path.write_text(changed)
    with pytest.raises(hand_in.DamagedError):
        hand_in.read(path)


def test_blanks_and_order_are_no_damage(folder: Path) -> None:
    work()
    path, written = hand_in.write(folder)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert hand_in.read(path) == written


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\x00", b"[" * 100_000, b"x" * 2_000_000, b'{"format": 3}']
)
def test_another_file_is_foreign(folder: Path, content: bytes) -> None:
    path = folder / "thesis.json"
    path.write_bytes(content)
    with pytest.raises(hand_in.ForeignError):
        hand_in.read(path)


@pytest.mark.parametrize(
    "hostile",
    [
        {"values": {"a": float("nan")}},
        {"values": {"a": True}},
        {"values": {"a": "1"}},
        {"values": None},
        {"answers": {"0.1": {"outcome": "perfect"}}},
        {"answers": {"0.1": None}},
        {"answers": []},
        {"cores": "many"},
        {"cpu": None, "guesses": {"winograd": [1]}},
    ],
    ids=str,
)
def test_a_sealed_file_of_nonsense_is_damaged(folder: Path, hostile: dict[str, Any]) -> None:
    work()
    path, _ = hand_in.write(folder)
    content = {**json.loads(path.read_text()), **hostile}
    del content["digest"]
    try:
        sealed = hand_in._digest(content)
    except ValueError:
        sealed = "none"
    path.write_text(json.dumps({**content, "digest": sealed}))
    with pytest.raises(hand_in.DamagedError):
        hand_in.read(path)


class Hostile:
    def __call__(self) -> None:
        raise RuntimeError

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (np.int64(3), 3),
        ((1, [2.5, "x"], None), [1, [2.5, "x"], None]),
        ({1: np.float32(0.5)}, {"1": 0.5}),
        (float("nan"), None),
        (list(range(10_000)), None),
        (10**5000, None),
        (np.zeros(3), None),
        (object(), None),
        (Hostile(), None),
        (print, None),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_what_is_kept_of_an_answer(answer: object, data: Any) -> None:
    assert Answer.given(answer, "not yet", "no").data == data


def test_every_exercise_is_kept(folder: Path) -> None:
    """Of each lesson, by what its notebook calls."""
    for lesson in LESSONS:
        module = importlib.import_module(f"workbook.lessons.{lesson.package}")
        for id in lesson.exercise_ids:
            module.check(id, None)
    assert list(hand_in.write(folder)[1].kept.answers) == [id for lesson in LESSONS for id in lesson.exercise_ids]


class TestCommand:
    def test_writes_beside_the_notebooks(self, folder: Path) -> None:
        work()
        found = run("hand-in", folder, "--name", "Ada")
        assert found.output.startswith(f"written   {folder}/hand-in.json\n")
        assert hand_in.read(folder / "hand-in.json").learner == "Ada"

    def test_nothing_to_hand_in(self, folder: Path) -> None:
        assert_one_line_error(run("hand-in", folder), results.FILE, "nothing was guessed, measured or checked")
        (folder / results.FILE).write_text("{")
        assert_one_line_error(run("hand-in", folder), results.FILE, "holds no results")
        assert {path.name for path in folder.iterdir()} == {results.FILE}

    def test_a_folder_that_is_not_there(self, folder: Path) -> None:
        work()
        assert_one_line_error(run("hand-in", folder, "--output", folder / "no" / "a.json"), "a.json")
