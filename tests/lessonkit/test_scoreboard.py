"""The scoreboard and what it is made of: results kept whole or not at all, honest cells, verdicts."""

from __future__ import annotations

import errno
import importlib
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from workbook.lessonkit import results, scoreboard
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.claim import registry
from workbook.lessonkit.reference import Reference, measure_all, reference, renewed
from workbook.lessonkit.scoreboard import COLUMNS, ROWS, Row

HERE = COLUMNS.index("this machine")
GAIN = Row("tool", "A gain.", lesson=1, theory="winograd.f2.saving", measured="a.gain")
GROWTH = Row("tool", "A growth.", lesson=1, theory="convolution.layer.twice_side", measured="a.gain", kind="growth")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".scoreboard.json"
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(path))
    return path


class TestResults:
    def test_results_are_kept_and_replaced(self, file: Path) -> None:
        assert results.load() == {}
        results.record({"a.gain": 2.0, "b.gain": 3.0})
        results.record({"a.gain": 2.5})
        assert results.load() == results.load(file) == {"a.gain": 2.5, "b.gain": 3.0}
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_they_lie_in_the_working_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WORKBOOK_SCOREBOARD")
        monkeypatch.chdir(tmp_path)
        results.record({"a.gain": 2.0})
        assert (tmp_path / ".scoreboard.json").exists()

    def test_another_machine_is_not_this_one(self, file: Path) -> None:
        results.record({"a.gain": 2.0})
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "cpu": "another"}))
        assert results.load() == {}
        results.record({"b.gain": 3.0})
        assert results.load() == {"b.gain": 3.0}

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", "7", '{"values": 3}', '{"cpu": "x"}'])
    def test_a_damaged_file_is_begun_afresh(self, file: Path, content: str) -> None:
        file.write_text(content)
        assert results.load() == {}
        results.record({"a.gain": 2.0})
        assert results.load() == {"a.gain": 2.0}

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_only_numbers_are_kept(self, file: Path, number: float) -> None:
        with pytest.raises(ValueError, match=r"a.gain is .*, not a measurement"):
            results.record({"a.gain": number})
        assert not file.exists()

    def test_what_cannot_be_written_is_remembered_and_said(
        self, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        results.record({"a.gain": 2.0})
        before = file.read_bytes()

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            results.record({"b.gain": 3.0})
        said = capsys.readouterr().out
        assert said.startswith("[machine] .scoreboard.json is not written (No space left on device)")
        assert said.count("\n") == 1
        assert file.read_bytes() == before
        assert results.load() == {"a.gain": 2.0, "b.gain": 3.0}
        results.record({"c.gain": 4.0})
        assert results.load() == {"a.gain": 2.0, "b.gain": 3.0, "c.gain": 4.0}

    def test_a_device_is_not_replaced_by_a_file(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("WORKBOOK_SCOREBOARD", os.devnull)
        monkeypatch.setattr(results, "unsaved", {})
        results.record({"a.gain": 2.0})
        assert "is not written" in capsys.readouterr().out
        assert not Path(os.devnull).is_file()
        assert results.load() == {"a.gain": 2.0}


class TestRows:
    def test_every_tool_has_a_row(self) -> None:
        assert {row.tool[0] for row in ROWS} == set("c1234")

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence[:40])
    def test_claims_exist_and_names_are_those_of_a_lesson(self, row: Row) -> None:
        for id in (row.theory, row.model):
            assert id is None or registry()[id].unit == "×"
        if row.is_written and row.measured:
            assert row.measured in reference().values

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence[:40])
    def test_what_is_not_measured_has_no_number(self, row: Row) -> None:
        cells = row.cells({})
        assert len(cells) == len(COLUMNS)
        assert cells[HERE] == "–"
        assert cells[-1].startswith(f"lesson {row.lesson}")
        written = row.lesson in [lesson.number for lesson in LESSONS]
        assert ("not written yet" in cells[-1]) == (not written)

    @pytest.mark.parametrize(
        ("row", "number", "verdict"),
        [
            (GAIN, 2.25, "holds"),
            (GAIN, 9.0, "holds"),
            (GAIN, 2.03, "holds"),
            (GAIN, 2.0, "in part"),
            (GAIN, 1.2, "in part"),
            (GAIN, 1.05, "no gain here"),
            (GAIN, 0.5, "no gain here"),
            (GROWTH, 4.0, "holds"),
            (GROWTH, 3.7, "holds"),
            (GROWTH, 3.5, "less than that"),
            (GROWTH, 4.5, "more than that"),
        ],
    )
    def test_verdicts(self, row: Row, number: float, verdict: str) -> None:
        cells = row.cells({"a.gain": number})
        assert cells[-1] == verdict
        assert cells[HERE] == f"{number:g} ×"


class TestScoreboard:
    def test_what_differs_by_machine_stands_behind_the_mark(self, file: Path) -> None:
        """So that validation compares all the rest."""

        def unmasked(text: str) -> list[str]:
            return [line.partition("[machine]")[0] for line in text.splitlines()]

        fresh = scoreboard.scoreboard()
        results.record({row.measured: 3.21 for row in ROWS if row.measured})
        filled = scoreboard.scoreboard()
        for form in ("text/plain", "text/markdown"):
            before, after = (board._repr_mimebundle_()[form] for board in (fresh, filled))
            assert before != after
            assert unmasked(before) == unmasked(after)
            assert "3.21" not in "\n".join(unmasked(after))
        assert str(filled).count("3.21 ×") == sum(bool(row.measured) for row in ROWS)

    def test_table_has_a_line_a_row(self) -> None:
        table = [line for line in scoreboard.scoreboard().markdown.splitlines() if line.startswith("|")]
        assert len(table) == len(ROWS) + 2
        assert {line.count("|") for line in table} == {len(COLUMNS) + 1}

    def test_lesson_2_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import winograd

        timed = winograd.compare()
        rows = [row for row in ROWS if row.measured and row.measured.startswith("winograd.")]
        assert rows
        assert {row.measured for row in rows} <= set(results.load()) == {f"winograd.{id}" for id in timed.gains}
        assert all(row.cells(results.load())[HERE] != "–" for row in rows)

    def test_lesson_3_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import quantization

        timed = quantization.compare()
        rows = [row for row in ROWS if row.measured and row.measured.startswith("quantization.")]
        assert rows
        assert {row.measured for row in rows} <= set(results.load()) == {f"quantization.{id}" for id in timed.gains}
        assert all(row.cells(results.load())[HERE] != "–" for row in rows)

    def test_lesson_1_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import convolution

        timed = convolution.growth()
        assert "[measured]" in str(timed)
        rows = [row for row in ROWS if row.measured and row.measured.startswith("convolution.")]
        assert rows
        assert {row.measured for row in rows} == set(results.load())
        assert all(row.cells(results.load())[HERE] != "–" for row in rows)


class TestReference:
    def test_it_names_its_machine(self) -> None:
        made = reference()
        assert made.name
        assert {"python", "numpy", "edge-ai-workbook"} <= set(made.versions)
        assert made.roofline.gbs["memory"] > 0
        for part in (made.name, made.isa, "GMAC/s", "GB/s", made.date):
            assert part in str(made)

    def test_a_number_that_was_not_measured_is_an_error(self) -> None:
        with pytest.raises(ValueError, match=r"a.gain was not measured on the reference machine"):
            reference().value("a.gain")

    def test_measuring_asks_every_lesson(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for lesson in LESSONS:
            package = importlib.import_module(f"workbook.lessons.{lesson.package}")
            numbers = {"a": 1.23456 + lesson.number, "b.c": 5432.1}
            monkeypatch.setattr(package, "measurements", lambda numbers=numbers: numbers)
        asked: list[str] = []
        made = measure_all("a machine", asked.append)
        assert isinstance(made, Reference)
        assert asked == [lesson.name for lesson in LESSONS]
        assert {id for id in made.values if id.endswith(".a")} == {f"{lesson.package}.a" for lesson in LESSONS}
        assert made.values["start_here.a"] == 1.23
        assert made.values["convolution.a"] == 2.23
        assert made.values["convolution.b.c"] == 5430.0
        assert made.name == "a machine"

    def test_one_lesson_is_measured_anew_on_the_same_machine(self) -> None:
        old = reference()
        id = next(iter(old.values))
        new = replace(old, values={id: 0.125})
        assert renewed(old, new) == replace(old, values={**old.values, id: 0.125})
        with pytest.raises(ValueError, match=r"measure every lesson"):
            renewed(old, replace(new, cores=64))

    def test_the_lessons_measure_what_the_file_holds(self) -> None:
        packages = {id.split(".")[0] for id in reference().values}
        assert packages == {lesson.package for lesson in LESSONS}
