"""Every notebook in a browser, from the unrun file to a burst of keys on its first slider."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import nbformat
import pytest
from ipywidgets import IntSlider

from workbook.browser import CHROMIUM, Notebook, opened
from workbook.catalog import LESSONS, Lesson
from workbook.live_panel import LivePanel, twins
from workbook.panel import Panel

KEYS = 30  # a burst, faster than a figure is drawn


# In CI it must run: without Chromium it fails there.
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_notebook_in_a_browser(lesson: Lesson) -> None:
    with opened(f"{lesson.name}.ipynb") as notebook:
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
    for model, live, slider in panels(notebook, lesson):
        live.expect_line(model.readout)
        picture, figure = live.picture(), without_title(model.view)
        last = model.values[slider] == model.controls[slider].max
        live.sliders.first.press("ArrowLeft" if last else "ArrowRight")
        model.set(**{slider: model.values[slider] + (-1 if last else 1)})
        live.expect_line(model.readout)
        assert (live.picture() != picture) == (without_title(model.view) != figure)


def a_burst_of_keys_ends_on_the_last_value(notebook: Notebook, lesson: Lesson) -> None:
    for model, live, slider in panels(notebook, lesson):
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


def panels(notebook: Notebook, lesson: Lesson) -> Iterator[tuple[Panel[object], LivePanel, str]]:
    """Yield (panel in this process, the same on the page, the name of its first slider)."""
    for model, live in twins(notebook, lesson):
        yield model, live, next(name for name, control in model.controls.items() if isinstance(control, IntSlider))
