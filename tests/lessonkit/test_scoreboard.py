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
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.claim import registry
from workbook.lessonkit.reference import (
    REFERENCE,
    Reference,
    measure_all,
    measured_machine,
    measured_machines,
    reference,
    renewed,
)
from workbook.lessonkit.scoreboard import COLUMNS, GUESSED, ROWS, Row
from workbook.lessons.convolution import survey

HERE = COLUMNS.index("this machine")
GAIN = Row("tool", "A gain.", lesson=1, theory="winograd.f2.saving", measured="a.gain")
OPEN = Row("tool", "A gain without a number.", lesson=1, model="convolution.growth.side_model", measured="a.gain")
GROWTH = Row("tool", "A growth.", lesson=1, theory="convolution.layer.twice_side", measured="a.gain", kind="growth")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".scoreboard.json"
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(path))
    return path


class TestResults:
    def test_results_are_kept_and_replaced(self, file: Path) -> None:
        assert results.load() == {}
        results.record({"a.gain": 2.0, "b.gain": 3.0}, 0.0)
        results.record({"a.gain": 2.5}, 0.0)
        assert results.load() == results.load(file) == {"a.gain": 2.5, "b.gain": 3.0}
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_each_keeps_what_other_programs_had_meanwhile(self, file: Path) -> None:
        results.record({"a.gain": 2.0, "b.gain": 3.0}, 0.25)
        results.keep_guess("convolution", 20.0)
        results.record({"a.gain": 2.5}, 0.0)
        assert results.others() == results.others(file) == {"a.gain": 0.0, "b.gain": 0.25}
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "cpu": "another"}))
        assert results.others() == {}

    def test_they_lie_in_the_working_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WORKBOOK_SCOREBOARD")
        monkeypatch.chdir(tmp_path)
        results.record({"a.gain": 2.0}, 0.0)
        assert (tmp_path / ".scoreboard.json").exists()

    def test_another_machine_is_not_this_one(self, file: Path) -> None:
        results.record({"a.gain": 2.0}, 0.0)
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "cpu": "another"}))
        assert results.load() == {}
        results.record({"b.gain": 3.0}, 0.0)
        assert results.load() == {"b.gain": 3.0}

    def test_guesses_are_kept_beside_results_and_follow_the_learner(self, file: Path) -> None:
        results.record({"a.gain": 2.0}, 0.0)
        results.keep_guess("convolution", 20.0)
        results.keep_guess("winograd", 3.0)
        results.keep_guess("convolution", 200.0)
        assert results.guesses() == {"convolution": 200.0, "winograd": 3.0}
        assert results.load() == {"a.gain": 2.0}
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "cpu": "another"}))
        assert results.load() == {}
        assert results.guesses() == {"convolution": 200.0, "winograd": 3.0}

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", "7", '{"values": 3}', '{"cpu": "x"}'])
    def test_a_damaged_file_is_begun_afresh(self, file: Path, content: str) -> None:
        file.write_text(content)
        assert results.load() == {}
        results.record({"a.gain": 2.0}, 0.0)
        assert results.load() == {"a.gain": 2.0}

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_only_numbers_are_kept(self, file: Path, number: float) -> None:
        with pytest.raises(ValueError, match=r"a.gain is .*, not a measurement"):
            results.record({"a.gain": number}, 0.0)
        assert not file.exists()

    def test_what_cannot_be_written_is_remembered_and_said(
        self, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        results.record({"a.gain": 2.0}, 0.0)
        before = file.read_bytes()

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            results.record({"b.gain": 3.0}, 0.0)
        said = capsys.readouterr().out
        assert said.startswith("[machine] .scoreboard.json is not written (No space left on device)")
        assert said.count("\n") == 1
        assert file.read_bytes() == before
        assert results.load() == {"a.gain": 2.0, "b.gain": 3.0}
        results.record({"c.gain": 4.0}, 0.0)
        assert results.load() == {"a.gain": 2.0, "b.gain": 3.0, "c.gain": 4.0}

    def test_a_device_is_not_replaced_by_a_file(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("WORKBOOK_SCOREBOARD", os.devnull)
        monkeypatch.setattr(results, "unsaved", {kind: {} for kind in results.unsaved})
        results.record({"a.gain": 2.0}, 0.0)
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
        if row.measured and not row.judgement:
            assert row.measured in reference().values

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence[:40])
    def test_what_is_not_measured_gives_no_number_away(self, row: Row) -> None:
        cells = row.cells({}, {})
        assert len(cells) == len(COLUMNS)
        assert set(cells[2:-1]) == {"–"}
        assert cells[-1] == f"lesson {row.lesson} {'measures' if row.measured else 'judges'} this"

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence[:40])
    def test_rows_open_one_by_one_and_what_a_lesson_judges_opens_with_it(self, row: Row) -> None:
        lesson = LESSONS[row.lesson]
        others = {f"{other.package}.x": 1.0 for other in LESSONS if other is not lesson}
        assert not row.is_open(others)
        opened = row.cells({f"{lesson.package}.x": 1.0}, {})
        if row.measured and not row.judgement:
            assert opened == row.cells({}, {})
            opened = row.cells({row.measured: 1.23}, {})
            assert opened[HERE] == "1.23 ×"
        assert not opened[-1].startswith("lesson")
        for id, cell in zip((row.theory, row.model), opened[2:4], strict=True):
            assert cell == (registry()[id].number if id else "–")

    @pytest.mark.parametrize(
        ("row", "number", "verdict"),
        [
            (GAIN, 2.25, "holds"),
            (GAIN, 9.0, "holds"),
            (GAIN, 2.03, "holds"),
            (GAIN, 2.0, "a smaller gain"),
            (GAIN, 1.2, "a smaller gain"),
            (GAIN, 1.05, "about the same"),
            (GAIN, 0.95, "about the same"),
            (GAIN, 0.85, "a loss"),
            (GROWTH, 4.0, "holds"),
            (GROWTH, 3.7, "holds"),
            (GROWTH, 3.5, "grows less"),
            (GROWTH, 4.5, "grows more"),
            (OPEN, 5.49, "holds"),
            (OPEN, 1.2, "holds"),
            (OPEN, 1.1, "about the same"),
            (OPEN, 0.95, "about the same"),
            (OPEN, 0.85, "a loss"),
        ],
    )
    def test_verdicts(self, row: Row, number: float, verdict: str) -> None:
        cells = row.cells({"a.gain": number}, {})
        assert cells[-1] == verdict
        assert cells[HERE] == f"{number:g} ×"

    @pytest.mark.parametrize(
        ("row", "number", "share", "verdict"),
        [
            (GAIN, 2.25, 0.05, "holds"),  # the machine was calm
            (GAIN, 2.25, 0.06, "holds"),
            (GAIN, 2.25, 0.2, scoreboard.DISTURBED),  # without the others it may be 1.8
            (GAIN, 9.0, 0.5, "holds"),
            (GAIN, 1.7, 0.2, scoreboard.DISTURBED),
            (GAIN, 1.5, 0.2, "a smaller gain"),
            (OPEN, 0.5, 0.2, "a loss"),
            (OPEN, 0.85, 0.1, scoreboard.DISTURBED),
            (OPEN, 5.0, 1.0, scoreboard.DISTURBED),
            (GROWTH, 4.0, 0.06, "holds"),
            (GROWTH, 4.0, 0.2, scoreboard.DISTURBED),
            (GROWTH, 8.0, 0.3, "grows more"),
        ],
    )
    def test_no_verdict_where_other_programs_decide_it(
        self, row: Row, number: float, share: float, verdict: str
    ) -> None:
        assert row.cells({"a.gain": number}, {"a.gain": share})[-1] == verdict

    def test_a_tenth_is_the_same_up_and_down(self) -> None:
        for number in (0.5, 0.88, 0.89, 0.91, 0.99):
            down, up = OPEN.verdict({"a.gain": number}, {}), OPEN.verdict({"a.gain": 1 / number}, {})
            assert (down == "about the same") == (up == "about the same")

    def test_judged_by_the_model(self) -> None:
        of = {row.model: row.verdict({"hardware.x": 1.0}, {}) for row in ROWS if row.lesson == 4 and not row.measured}
        assert of == {
            "hardware.resnet50.gain": "about the same, by the model",
            "hardware.mobilenet_v2.gain": "about the same, by the model",
            "hardware.mobilenet_v2.gain_by_layer": "about the same, by the model",
        }

    def test_judgements_say_what_claims_say(self) -> None:
        def lost(float32: str, int8: str) -> float:
            return registry()[f"quantization.{float32}"].value - registry()[f"quantization.{int8}"].value

        assert lost("cnn.trained", "cnn.int8") < 0.5
        assert lost("depthwise.trained", "rescaled.filter") < 0.5 < lost("depthwise.trained", "depthwise.layer")
        assert registry()["streaming.t4.gain"].value > 1 / scoreboard.SAME
        networks = survey().profiles
        assert not any(network.middle_carries_more for network in networks)
        assert (sum(network.early_computes_more for network in networks), len(networks)) == (1, 4)


class TestScoreboard:
    def test_what_differs_by_machine_stands_behind_the_mark(self, file: Path) -> None:
        """So that validation compares all the rest."""

        def unmasked(text: str) -> list[str]:
            return [line.partition("[machine]")[0] for line in text.splitlines()]

        fresh = scoreboard.scoreboard()
        results.record({row.measured: 3.21 for row in ROWS if row.measured}, 0.0)
        filled = scoreboard.scoreboard()
        for form in ("text/plain", "text/markdown"):
            before, after = (board._repr_mimebundle_()[form] for board in (fresh, filled))
            assert before != after
            assert unmasked(before) == unmasked(after)
            assert "3.21" not in "\n".join(unmasked(after))
        rows = str(filled).partition("your guesses")[0]
        assert rows.count("this machine 3.21 ×") == sum(bool(row.measured) for row in ROWS)

    def test_tables_have_a_line_a_row_and_a_line_a_guess(self) -> None:
        table = [line for line in scoreboard.scoreboard().markdown.splitlines() if line.startswith("|")]
        asked = sum(lesson.guess is not None for lesson in LESSONS)
        assert [line.count("|") - 1 for line in table] == [len(COLUMNS)] * (len(ROWS) + 2) + [len(GUESSED)] * (
            asked + 2
        )

    @pytest.mark.parametrize(
        "lesson", [lesson for lesson in LESSONS if lesson.guess], ids=lambda lesson: lesson.package
    )
    def test_guess_stands_beside_what_is_measured(self, file: Path, lesson: Lesson) -> None:
        results.keep_guess(lesson.package, 5000.0)
        assert f"{lesson.guess.about}: you guessed 5,000 ×, measured here –" in str(scoreboard.scoreboard())
        results.record({lesson.guess.result: 41.234}, 0.0)
        board = scoreboard.scoreboard()
        assert f"{lesson.guess.about}: you guessed 5,000 ×, measured here 41.2 ×" in str(board)
        assert f"| {lesson.guess.about} | <!--[machine]-->5,000 × | 41.2 × |" in board.markdown

    def test_what_was_disturbed_is_to_be_measured_again(self, file: Path) -> None:
        row = next(row for row in ROWS if row.measured and row.theory)
        promised = registry()[row.theory].value
        for share, refused in ((0.5, True), (0.0, False)):
            results.record({row.measured: promised}, share)
            board = scoreboard.scoreboard()
            assert (scoreboard.DISTURBED in str(board)) == refused
            assert (scoreboard.DISTURBED in board.markdown) == refused

    def test_lesson_2_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import winograd

        timed = winograd.compare()
        rows = [row for row in ROWS if row.measured and row.measured.startswith("winograd.")]
        assert rows
        assert {row.measured for row in rows} <= set(results.load()) == {f"winograd.{id}" for id in timed.gains}
        assert all(row.cells(results.load(), {})[HERE] != "–" for row in rows)

    def test_lesson_3_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import quantization

        timed = quantization.compare()
        rows = [row for row in ROWS if row.measured and row.measured.startswith("quantization.")]
        assert rows
        needed = {row.measured for row in rows if not row.judgement}
        assert needed <= set(results.load()) == {f"quantization.{id}" for id in timed.gains}
        assert all(row.cells(results.load(), {})[HERE] != "–" for row in rows if not row.judgement)

    def test_lesson_1_fills_its_rows(self, file: Path) -> None:
        from workbook.lessons import convolution

        timed = convolution.growth()
        assert "[measured]" in str(timed)
        rows = [row for row in ROWS if row.measured and row.measured.startswith("convolution.")]
        assert rows
        assert {row.measured for row in rows} == set(results.load())
        assert all(row.cells(results.load(), {})[HERE] != "–" for row in rows)


class TestReference:
    def test_it_names_its_machine(self) -> None:
        made = reference()
        assert made.name
        assert {"python", "numpy", "edge-ai-workbook"} <= set(made.versions)
        assert made.roofline.gbs["memory"] > 0
        for part in (made.name, made.isa, "GMAC/s", "GB/s", made.date):
            assert part in str(made)

    def test_a_number_that_was_not_measured_is_an_error(self) -> None:
        with pytest.raises(ValueError, match=r"a.gain was not measured on AMD EPYC"):
            reference().value("a.gain")

    def test_a_machine_that_nobody_measured_is_an_error(self) -> None:
        with pytest.raises(ValueError, match=rf"raspberry was not measured; .*{REFERENCE}"):
            measured_machine("raspberry")

    @pytest.mark.parametrize("file", measured_machines())
    def test_every_machine_has_every_number(self, file: str) -> None:
        """Those of formats that a machine lacks may miss."""
        made = measured_machine(file)
        assert made.name
        assert not set(made.values) - set(reference().values)
        assert {row.measured for row in ROWS if row.measured} & set(made.values)

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
