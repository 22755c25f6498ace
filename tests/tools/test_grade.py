"""A class hands in: every file is a row, values are checked again, copies and damage are seen, nothing is run."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import assert_one_line_error, run

from workbook.lessonkit import hand_in, results
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.scoreboard import ROWS
from workbook.lessons import convolution, start_here, winograd
from workbook.tools import grade

# Five kinds of machines: name, instruction set, cores.
MACHINES = (
    ("AMD EPYC", "v4_vnni", 2),
    ("Intel N100", "v3_vnni", 4),
    ("Cortex-A76", "neon_dotprod", 4),
    ("Intel Core i5-8250U", "v3", 8),
    ("an old laptop", "baseline", 1),
)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write one learner's hand-in by what the lessons call, on a machine that says that it is another."""

    def one(name: str, machine: int, answers: tuple[object, object] = (68.6, 1.0), seed: int | None = None) -> Path:
        cpu, isa, cores = MACHINES[machine]
        folder = tmp_path / "work" / name
        folder.mkdir(parents=True)
        monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(folder / results.FILE))
        monkeypatch.setattr(results, "cpu_name", lambda: cpu)
        monkeypatch.setattr(results.kernels, "isa", lambda: isa)
        monkeypatch.setattr(results, "cores", lambda: range(cores))
        chance = random.Random(name if seed is None else seed)
        results.record({row.measured: chance.uniform(1, 9) for row in ROWS if row.measured}, others=0.0)
        convolution.guess(10 * (machine + 1))
        results.record({"convolution.ladder.gain": chance.uniform(1000, 9000)}, others=0.0)
        start_here.check("0.1", answers[0])
        winograd.check("2.1", answers[1])
        handed_in = tmp_path / "class" / f"{name}.json"
        handed_in.parent.mkdir(exist_ok=True)
        return hand_in.write(folder, name.title(), handed_in)[0]

    return one


def table(tmp_path: Path, *options: object) -> dict[str, dict[str, str]]:
    found = run("grade", tmp_path / "class", "--output", tmp_path / "grades.csv", *options)
    assert found.exit_code == 0, found.output
    with (tmp_path / "grades.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_thirty_files_of_five_kinds_of_machines(write: Write, tmp_path: Path) -> None:
    for learner in range(25):
        write(f"learner{learner:02d}", learner % 5, (68.6 if learner % 3 else 500, 2.64 if learner % 2 else 4.0))
    write("twin", 0, seed=7)
    write("other twin", 1, (500, 2.64), seed=7)
    damaged = write("damaged", 2)
    damaged.write_text(damaged.read_text().replace('"outcome": "not yet"', '"outcome": "correct"'))
    (tmp_path / "class" / "half.json").write_bytes(write("half", 3).read_bytes()[:900])
    (tmp_path / "class" / "thesis.pdf").write_bytes(b"%PDF\xff")
    rows = table(tmp_path)
    assert len(rows) == 30
    assert {name: row["status"] for name, row in rows.items() if row["status"] != "read"} == {
        "damaged.json": "damaged",
        "half.json": "damaged",
        "thesis.pdf": "foreign",
    }
    assert rows["thesis.pdf"]["message"] == "not a hand-in: no text, or too long"
    first = rows["learner00.json"]
    assert (first["student"], first["0.1"], first["2.1"], first["1.1"]) == (
        "Learner00",
        "not yet",
        "not yet",
        "not attempted",
    )
    assert (rows["learner01.json"]["correct"], rows["learner01.json"]["machine"]) == (
        "2",
        "Intel N100, 4 cores, v3_vnni",
    )
    assert first["guess 1"] == "10"
    assert 1000 <= float(first["measured 1"].replace(",", "")) <= 9000
    copied = {name: row["copied"] for name, row in rows.items() if row["copied"]}
    assert set(copied) == {"twin.json", "other twin.json"}
    assert copied["twin.json"].endswith("measurements as in other twin.json")
    page = (tmp_path / "grades.html").read_text()
    for cpu, isa, cores in MACHINES:
        assert f"{cpu}, {cores} cores, {isa} (" in page
    assert "is the peak: can memory deliver the bytes for that?" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_who_hands_in_again_has_copied_from_nobody(write: Write, tmp_path: Path) -> None:
    """A class hands in after each session: the same measurements come again with the same name."""
    first = write("ada", 0)
    (tmp_path / "class" / "later.json").write_bytes(first.read_bytes())
    assert not any(row["copied"] for row in table(tmp_path).values())
    write("bo", 1, seed=0)
    for name in ("chen", "dee"):
        write(name, 1, seed=0)
    assert table(tmp_path)["bo.json"]["copied"].endswith("measurements as in chen.json, dee.json")
    assert not table(tmp_path)["ada.json"]["copied"]


def test_whole_folders_an_empty_file_and_a_notebook(write: Write, tmp_path: Path) -> None:
    """What lies beside a hand-in in a folder came with it; what comes instead of one is named."""
    write("ada", 0).rename(tmp_path / "ada.json")
    whole = tmp_path / "class" / "ada"
    whole.mkdir()
    (tmp_path / "ada.json").rename(whole / hand_in.FILE)
    for place in (whole / "00_start_here.ipynb", whole / "class.json", tmp_path / "class" / "bo.ipynb"):
        place.write_text('{"cells": []}')
    (tmp_path / "class" / "dee.json").touch()
    assert {name: (row["status"], row["message"]) for name, row in table(tmp_path).items()} == {
        "ada/hand-in.json": ("read", ""),
        "bo.ipynb": ("foreign", "not a hand-in but a notebook: workbook check runs it"),
        "dee.json": ("foreign", "empty"),
    }


def test_a_value_is_checked_again(write: Write, tmp_path: Path) -> None:
    """Who writes another outcome and a new seal gains nothing, where the answer is a value."""
    path = write("eve", 0, (500, 4.0))
    content = json.loads(path.read_text())
    del content["digest"]
    for answer in content["answers"].values():
        answer["outcome"] = "correct"
    path.write_text(json.dumps({**content, "digest": hand_in._digest(content)}))
    row = table(tmp_path)["eve.json"]
    assert (row["correct"], row["0.1"]) == ("0", "not yet")
    assert "0.1: the file says correct, the check says not yet" in row["message"]
    assert "is the peak: can memory deliver" in (tmp_path / "grades.html").read_text()


def test_nothing_is_run_and_nothing_is_a_formula(write: Write, tmp_path: Path) -> None:
    path = write("mallory", 0)
    content = json.loads(path.read_text())
    del content["digest"]
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').close()"
    content["learner"] = "=HYPERLINK(A1)<script>alert(1)</script>"
    content["answers"]["1.2"] = {"outcome": "correct", "message": "", "data": None, "code": code}
    content["answers"]["0.1"]["data"] = code
    content["answers"]["6.3"] = {"outcome": "not yet", "message": "<b>", "data": {"a": [[]]}, "code": ""}
    path.write_text(json.dumps({**content, "digest": hand_in._digest(content)}))
    row = table(tmp_path)["mallory.json"]
    assert not mark.exists()
    assert row["student"].startswith("'=")
    assert (row["0.1"], row["6.3"]) == ("error", "error")
    page = (tmp_path / "grades.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page


def test_another_version_and_a_hidden_file(write: Write, tmp_path: Path) -> None:
    path = write("yesterday", 0)
    path.write_text(path.read_text().replace("hand-in 1", "hand-in 0"))
    (path.parent / ".DS_Store").touch()
    (row,) = table(tmp_path).values()
    assert (row["status"], row["message"]) == ("foreign", "a hand-in of another version of the workbook: 0.2.0")


def test_every_guess_and_exercise_has_a_column(write: Write, tmp_path: Path) -> None:
    write("ada", 0)
    (row,) = table(tmp_path).values()
    assert {id for lesson in LESSONS for id in lesson.exercise_ids} <= set(row)
    assert {f"guess {lesson.number}" for lesson in LESSONS if lesson.guess} <= set(row)
    assert set(grade.MEASURED) <= set(row)


def test_the_table_is_not_read_as_a_hand_in(write: Write, tmp_path: Path) -> None:
    write("ada", 0)
    for _ in range(2):
        assert run("grade", tmp_path / "class", "--output", tmp_path / "class" / "grades.csv").exit_code == 0
    assert len((tmp_path / "class" / "grades.csv").read_text().splitlines()) == 2


def test_what_cannot_be_graded(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert_one_line_error(run("grade", tmp_path / "empty"), "empty: no file was handed in")
    path = write("ada", 0)
    assert_one_line_error(run("grade", path.parent, "--key", path), "ada.json is not the key.json of a class edition")
    assert not (tmp_path / "grades.csv").exists()
