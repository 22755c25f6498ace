"""The README's section on performance is that of docs/performance.json, and its targets are judged by their values."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest

from workbook.errors import CommandError
from workbook.side_by_side.layer_sets import layer_sets

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs"))

import performance  # noqa: E402  it lies beside the page that it writes
from performance import ALL_RUNS, INT8, RUNS, Run, Target  # noqa: E402

PAGE = performance.PAGE.read_text(encoding="utf-8")
REPORTS = performance.saved()


def test_section_is_that_of_the_file() -> None:
    assert performance.written(PAGE, REPORTS) == PAGE, "run: python docs/performance.py"


def test_another_number_would_be_noticed() -> None:
    changed = copy.deepcopy(REPORTS)
    changed[RUNS[0].name]["summary"]["lowest"]["speedup"] *= 2
    assert performance.written(PAGE, changed) != PAGE


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_runs_are_what_they_are_called(run: Run) -> None:
    report = REPORTS[run.name]
    assert (report["threads"], report["dtype"]) == (run.threads, run.dtype)
    assert run.isa in ("", report["machine"]["isa"])
    shapes = [(row["layer"]["C"], row["layer"]["K"], row["layer"]["H"]) for row in report["rows"]]
    assert shapes == [(layer.C, layer.K, layer.H) for layer in layer_sets()[run.layers]]


def test_command_is_what_a_reader_types() -> None:
    """Without the file that the report was read from, a place of the machine that measured."""
    assert {name: report["made"]["command"] for name, report in REPORTS.items()} == {
        run.name: run.command for run in ALL_RUNS
    }


def test_runs_are_on_one_machine() -> None:
    assert set(REPORTS) == {run.name for run in ALL_RUNS}
    assert len({(report["machine"]["cpu"], report["machine"]["cores"]) for report in REPORTS.values()}) == 1


@pytest.mark.parametrize(
    ("at_most", "timed", "number", "disturbed", "states"),
    [
        (False, True, 2.6, 0.01, ("≥ 2.5: reached", "≥ 3: not reached")),
        (False, True, 2.4, 0.01, ("≥ 2.5: not reached", "≥ 3: not reached")),
        (True, True, 2.6, 0.01, ("≤ 2.5: not reached", "≤ 3: reached")),
        (
            False,
            True,
            9.9,
            0.20,
            ("≥ 2.5: measure again, other programs ran", "≥ 3: measure again, other programs ran"),
        ),
        (False, False, 2.6, 0.20, ("≥ 2.5: reached", "≥ 3: not reached")),
    ],
)
def test_targets_are_judged(
    at_most: bool, timed: bool, number: float, disturbed: float, states: tuple[str, str]
) -> None:
    target = Target(INT8, "it", lambda reports: number, floor=2.5, goal=3, at_most=at_most, timed=timed)
    reports = {INT8.name: {"summary": {"disturbed": disturbed}}}
    assert (target.reached(target.floor, reports), target.reached(target.goal, reports)) == states
    assert target.reached(None, reports) == ""


def test_a_run_that_fails_leaves_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = performance.FILE.read_bytes()
    with pytest.raises(CommandError, match=r"13x13 .*: workbook bench failed; performance\.json has what it had"):
        Run("13x13").report(tmp_path)
    assert "no layer contains '13x13'" in capfd.readouterr().err
    assert performance.FILE.read_bytes() == before
