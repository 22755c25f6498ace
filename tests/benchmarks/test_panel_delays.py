"""`workbook bench panels`: real moves in a real browser, timed; and what it says where it cannot."""

from __future__ import annotations

import json
import os
import sys
from itertools import islice
from pathlib import Path

import pytest
from command_line import assert_one_line_error, run
from matplotlib.figure import Figure

from workbook.benchmarks import panel_delays
from workbook.benchmarks.panel_delays import FIGURE, READOUT, Row
from workbook.lessonkit.controls import Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.winograd import panels as winograd
from workbook.tools.browser import CHROMIUM


# In CI it must run: without Chromium it fails there.
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
def test_moves_are_timed_in_a_browser(tmp_path: Path) -> None:
    path = tmp_path / "panels.json"
    result = run("bench", "panels", "--lesson", "start_here", "--moves", 4, "--json", path)
    assert result.exit_code == 0
    report = json.loads(path.read_text())
    assert report["machine"]["cpu"]
    assert report["chromium"][0].isdigit()
    (row,) = report["rows"]
    assert row["panel"] == "start_here.roof"
    assert row["panel"] in result.output
    assert len(row["readout"]) == len(row["figure"]) == 4
    assert all(0 < said <= drawn for said, drawn in zip(row["readout"], row["figure"], strict=True))
    assert row["figure_p95"] == max(row["figure"])


def test_steps_go_through_every_control_and_change_the_line_each_time() -> None:
    panel = winograd.layer()
    seen, line = set(), panel.readout
    for control, step in islice(panel_delays.control_steps(panel, [0, 1, 2]), 30):
        assert panel.readout != line
        seen.add((control, step))
        line = panel.readout
    assert {control for control, _ in seen} == {0, 1, 2}
    assert {(1, 1), (1, -1), (2, 1), (2, -1)} <= seen


def test_a_step_into_an_error_is_taken_back() -> None:
    controls = (Slider("a", "a", 0, 3, 1), Slider("b", "b", 0, 3, 2))
    panel = Panel("test.share", "A share", controls, lambda a, b: 1 / (a - b), lambda _: Figure(), str, height=9)
    for _ in islice(panel_delays.control_steps(panel, [0, 1]), 4):  # a = b would be a division by zero
        assert panel.error is None
    assert panel.values["a"] != panel.values["b"]


def test_percentiles_are_times_that_were_measured() -> None:
    times = [i / 1000 for i in range(1, 31)]
    assert (panel_delays.percentile(times, 50), panel_delays.percentile(times, 95)) == (0.015, 0.029)
    assert Row("a", (READOUT,) * 30, (FIGURE,) * 30).kept
    assert Row("a", (READOUT,) * 29 + (1.0,), (FIGURE,) * 29 + (1.0,)).kept  # one of 30 may be late, two may not
    assert not Row("a", (READOUT,) * 28 + (1.0,) * 2, (FIGURE,) * 30).kept
    assert not Row("a", (READOUT,) * 30, (FIGURE,) * 28 + (1.0,) * 2).kept


def test_lessons_are_those_with_panels() -> None:
    assert all(lesson.panels for lesson in panel_delays.choose(()))
    assert [lesson.package for lesson in panel_delays.choose(["winograd", "01_convolution"])] == [
        "winograd",
        "convolution",
    ]
    assert_one_line_error(run("bench", "panels", "--lesson", "cooking"), "no lesson 'cooking' with panels", "winograd")


def test_without_playwright_or_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbook.tools.browser.CHROMIUM", None)
    assert_one_line_error(run("bench", "panels"), "needs Chromium: apt install chromium")
    for module in ("workbook.benchmarks.panel_delays", "workbook.tools.live_panel", "workbook.tools.browser"):
        monkeypatch.delattr(module)
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    assert_one_line_error(run("bench", "panels"), "needs Playwright: pip install playwright")
