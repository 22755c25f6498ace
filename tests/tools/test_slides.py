"""Slides: every lesson and every figure of the notebooks, and nothing that is fetched."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from command_line import assert_one_line_error, run

from workbook.lessonkit.catalog import LESSONS
from workbook.tools import slides
from workbook.tools.start import shipped


@pytest.mark.skipif(not find_spec("sphinx_revealjs"), reason="sphinx-revealjs is not installed")
def test_every_lesson_and_figure_and_no_network(tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    done = run("slides", folder)
    assert done.exit_code == 0, done.output
    figures = 0
    notebooks = dict(shipped())
    for lesson in LESSONS:
        page = (folder / f"{lesson.name}.html").read_text()
        for said in (lesson.title, *lesson.objectives):
            assert said.replace("'", "’") in page.replace("'", "’")
        notebook = nbformat.reads(notebooks[f"{lesson.name}.ipynb"].read_bytes().decode(), as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        figures += sum("image/png" in output.get("data", {}) for output in outputs)
        assert page.count("<img") == sum("image/png" in output.get("data", {}) for output in outputs)
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
        for file in re.findall(r"(?:src|href)=\"([^\"#?:]+)", page):
            assert (folder / file).exists()
    assert f"{figures} figures" in done.output
    assert_one_line_error(run("slides", folder), "slides is not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["slides"]


def test_without_sphinx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slides, "find_spec", lambda name: None)
    assert_one_line_error(run("slides", tmp_path / "slides"), "pip install 'edge-ai-workbook[class]'")
    assert list(tmp_path.iterdir()) == []
