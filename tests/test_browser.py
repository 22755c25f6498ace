"""Every notebook in a browser, from the unrun file to a burst of keys on its first slider."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser import CHROMIUM, LivePanel, Notebook, chromium
from ipywidgets import IntSlider
from playwright.sync_api import Page

from workbook.catalog import LESSONS, Lesson
from workbook.lab import serving
from workbook.panel import Panel
from workbook.start import start

KEYS = 30  # a burst, faster than a figure is drawn


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A browser, and nothing of the settings of whoever runs the test."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and in CI the browser test must run: apt install chromium")
        pytest.skip("Chromium is missing: apt install chromium")
    for kind in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(tmp_path / kind))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("WORKBOOK_QUICK", "1")
    with chromium() as page:
        yield page


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_notebook_in_a_browser(lesson: Lesson, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "my workbook"
    start(folder)
    with serving(folder, port=0) as server:
        notebook = Notebook(page, server, folder / f"{lesson.name}.ipynb")
        unrun_notebook_shows_a_picture_for_each_panel(notebook, lesson)
        everything_runs_without_a_complaint(notebook, lesson)
        a_key_moves_line_and_figure_to_what_the_model_says(notebook, lesson)
        a_burst_of_keys_ends_on_the_last_value(notebook, lesson)
        assert notebook.errors == []


def unrun_notebook_shows_a_picture_for_each_panel(notebook: Notebook, lesson: Lesson) -> None:
    assert notebook.pictures.count() >= len(lesson.panels)
    for picture in notebook.pictures.all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert notebook.page.get_by_text("Error displaying widget").count() == 0


def everything_runs_without_a_complaint(notebook: Notebook, lesson: Lesson) -> None:
    notebook.run_all()
    notebook.save()
    cells = [cell for cell in nbformat.read(notebook.path, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    assert notebook.panels.count() == len(lesson.panels)


def a_key_moves_line_and_figure_to_what_the_model_says(notebook: Notebook, lesson: Lesson) -> None:
    for live, model, slider in panels(notebook, lesson):
        live.expect_line(model.readout)
        picture, figure = live.picture(), without_title(model.view)
        live.sliders.first.press("ArrowRight")
        model.set(**{slider: model.values[slider] + 1})
        live.expect_line(model.readout)
        assert (live.picture() != picture) == (without_title(model.view) != figure)


def a_burst_of_keys_ends_on_the_last_value(notebook: Notebook, lesson: Lesson) -> None:
    for live, model, slider in panels(notebook, lesson):
        live.watch_height()
        live.sliders.first.press("Home")
        for _ in range(KEYS):
            live.sliders.first.press("ArrowRight")
        low, high = model.controls[slider].min, model.controls[slider].max
        model.set(**{slider: min(low + KEYS, high)})
        live.expect_line(model.readout)
        assert len(live.heights()) == 1


def without_title(svg: str) -> str:
    """Return what is drawn: the title repeats the line, and changes even where the figure does not."""
    return re.sub("<title>.*?</title>", "", svg)


def panels(notebook: Notebook, lesson: Lesson) -> Iterator[tuple[LivePanel, Panel[object], str]]:
    """Yield (panel on the page, the same panel in this process, the name of its first slider)."""
    module = importlib.import_module(f"workbook.{lesson.package}.panels")
    for i, name in enumerate(lesson.panels):
        model = getattr(module, name)()
        slider = next(name for name, control in model.controls.items() if isinstance(control, IntSlider))
        live = LivePanel(notebook.panels.nth(i))
        model.set(**dict(zip(model.controls, live.values(), strict=True)))  # a cell may have moved it
        yield live, model, slider
