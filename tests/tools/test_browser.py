"""Every notebook in a browser: the unrun file, a run, keys on the panels, a second run, and what was saved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect
from readable import corner, faint_texts, faults, ground_and_colors, scrolled_sideways

from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.controls import Choice
from workbook.lessonkit.panel import Panel
from workbook.tools.browser import CHROMIUM, PICTURE, Notebook, opened
from workbook.tools.live_panel import LivePanel, twins
from workbook.tools.render import normal_form

KEYS = 30  # a burst, faster than a figure is drawn
NARROW = {"width": 800, "height": 900}  # about half of a screen
ONCE = LESSONS[1]  # what every lesson shares is looked at in this one, which has panels, pictures and listings
WHITE = [255, 255, 255, 255]

PANEL_THAT_CAN_FAIL = """
from matplotlib.figure import Figure
from workbook.panel import Panel, Slider
figure = lambda share: Figure(figsize=(3, 2))
line = "{:.1f} each".format
Panel("test.share", "A share", [Slider("n", "n", 0, 3, 1)], lambda n: 6 / n, figure, line, height=200)
"""


# In CI it must run: without Chromium it fails there.
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_notebook_in_a_browser(lesson: Lesson) -> None:
    with opened(f"{lesson.name}.ipynb") as notebook:
        shipped = nbformat.read(notebook.path, as_version=4)
        unrun_notebook_shows_its_pictures(notebook, shipped, lesson)
        everything_runs_without_a_complaint(notebook, lesson)
        nothing_is_scrolled_sideways(notebook)
        axe_core_finds_nothing_on_a_panel(notebook)
        a_key_moves_line_and_figure_to_what_the_model_says(notebook, lesson)
        a_burst_of_keys_ends_on_the_last_value(notebook, lesson)
        notebook.page.set_viewport_size(NARROW)
        notebook.page.keyboard.press("Control+b")  # folds the list of files away
        nothing_is_scrolled_sideways(notebook)
        everything_runs_without_a_complaint(notebook, lesson)  # a second time
        what_was_saved_differs_in_outputs_alone(notebook, shipped)
        a_panel_lives_on_when_it_was_out_of_sight(notebook, lesson)
        if lesson is ONCE:
            both_themes_are_legible(notebook)
        assert notebook.errors == []


def unrun_notebook_shows_its_pictures(notebook: Notebook, shipped: Any, lesson: Lesson) -> None:
    stored = [
        sum("image/png" in output.get("data", {}) for output in cell.get("outputs", [])) for cell in shipped.cells
    ]
    assert sum(stored) >= len(lesson.panels)
    expect(notebook.cells).to_have_count(len(stored))
    for cell, pictures in zip(notebook.cells.all(), stored, strict=True):
        if pictures:
            cell.scroll_into_view_if_needed()
            expect(cell.locator(PICTURE)).to_have_count(pictures)
            for picture in cell.locator(PICTURE).all():
                assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert notebook.page.get_by_text("Error displaying widget").count() == 0


def everything_runs_without_a_complaint(notebook: Notebook, lesson: Lesson) -> None:
    notebook.run_all()
    notebook.save()
    cells = [cell for cell in nbformat.read(notebook.path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    assert all(cell.execution_count for cell in cells)
    expect(notebook.panels).to_have_count(len(lesson.panels))
    expect(notebook.panels.locator("[title=null]")).to_have_count(0)


def nothing_is_scrolled_sideways(notebook: Notebook) -> None:
    assert [found for output in notebook.outputs.all() for found in scrolled_sideways(output)] == []


def axe_core_finds_nothing_on_a_panel(notebook: Notebook) -> None:
    for panel in notebook.panels.all():
        expect(LivePanel(panel).line).to_have_count(1)  # the panel is in view, and its helpers are in place
    assert faults(notebook.page, ".workbook-panel") == []


def a_key_moves_line_and_figure_to_what_the_model_says(notebook: Notebook, lesson: Lesson) -> None:
    for model, live, slider in panels(notebook, lesson):
        live.expect_line(model.readout)
        for control in model.declared.values():
            role = "combobox" if isinstance(control, Choice) else "slider"
            expect(live.box.get_by_role(role, name=control.label, exact=True, include_hidden=True)).to_have_count(1)
        picture, figure = live.picture(), without_title(model.view)
        step(model, live, slider)
        assert (live.picture() != picture) == (without_title(model.view) != figure)


def a_burst_of_keys_ends_on_the_last_value(notebook: Notebook, lesson: Lesson) -> None:
    for model, live, slider in panels(notebook, lesson):
        live.watch_height()
        live.sliders.first.press("Home")
        top = live.top()
        for _ in range(KEYS):
            live.sliders.first.press("ArrowRight")
        values = model.declared[slider].values
        model.set(**{slider: values[min(KEYS, len(values) - 1)]})
        live.expect_line(model.readout)
        assert len(live.heights()) == 1
        assert live.top() == top


def what_was_saved_differs_in_outputs_alone(notebook: Notebook, shipped: Any) -> None:
    saved = nbformat.read(notebook.path, as_version=4)
    assert "widgets" not in saved.metadata
    assert [cell.metadata for cell in saved.cells] == [cell.metadata for cell in shipped.cells]
    for form in (saved, shipped):
        normal_form(form)
        for cell in form.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    assert saved == shipped


def a_panel_lives_on_when_it_was_out_of_sight(notebook: Notebook, lesson: Lesson) -> None:
    for model, live, slider in panels(notebook, lesson):
        notebook.cells.first.scroll_into_view_if_needed()
        expect(live.box).not_to_be_in_viewport()
        live.bring_into_view()
        live.expect_line(model.readout)
        step(model, live, slider)


def both_themes_are_legible(notebook: Notebook) -> None:
    shown = notebook.panels.count()
    notebook.run_new_cell(PANEL_THAT_CAN_FAIL)
    expect(notebook.panels).to_have_count(shown + 1)
    live = LivePanel(notebook.panels.nth(shown))
    colors = []
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        notebook.choose_theme(theme)
        assert [corner(picture) for picture in notebook.pictures.all()] == [WHITE] * notebook.pictures.count()
        for picture in notebook.pictures.all():
            expect(picture).to_have_css("filter", "none" if theme.endswith("Light") else "brightness(0.8)")
        colors.append([ground_and_colors(panel.locator("svg[role=img]")) for panel in notebook.panels.all()])
        an_error_shows_until_the_next_good_move(live, notebook)
    assert all(figure[0].startswith("rgb(255, 255, 255) |") for figure in colors[0])
    assert colors[0] == colors[1]


def an_error_shows_until_the_next_good_move(live: LivePanel, notebook: Notebook) -> None:
    live.sliders.first.press("ArrowLeft")
    expect(live.error).to_have_text("Error ZeroDivisionError: division by zero")
    expect(live.error).to_be_visible()
    expect(live.error).to_have_css("border-top-color", "rgb(176, 0, 32)")
    expect(live.figure).to_have_count(0)
    assert [faint for output in notebook.outputs.all() for faint in faint_texts(output)] == []
    live.sliders.first.press("ArrowRight")
    live.expect_line("6.0 each")
    expect(live.error).to_have_count(0)


def step(model: Panel[object], live: LivePanel, slider: str) -> None:
    """Move a panel's first slider by a key, its twin by hand, and wait until both say the same."""
    values = model.declared[slider].values
    at = values.index(model.values[slider])
    last = at == len(values) - 1
    live.sliders.first.press("ArrowLeft" if last else "ArrowRight")
    model.set(**{slider: values[at + (-1 if last else 1)]})
    live.expect_line(model.readout)


def without_title(svg: str) -> str:
    """Return what is drawn: the title repeats the line, and changes even where the figure does not."""
    return re.sub("<title>.*?</title>", "", svg)


def panels(notebook: Notebook, lesson: Lesson) -> Iterator[tuple[Panel[object], LivePanel, str]]:
    """Yield (panel in this process, the same on the page, the name of its first slider)."""
    for model, live in twins(notebook, lesson):
        yield model, live, next(name for name, control in model.declared.items() if not isinstance(control, Choice))
