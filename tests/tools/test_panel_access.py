"""A live panel in JupyterLab by keys alone, by what a screen reader is told, at twice the size, and without motion."""

from __future__ import annotations

import os
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, expect
from readable import faults, scrolled_sideways

from workbook.tools.browser import CHROMIUM, Desk, Notebook

PANEL = ".workbook-panel"
TWICE = {"width": 640, "height": 450}  # what a window of 1280 x 900 holds at 200 %
LEAST_RING = 2  # px

EVERY_KIND = """
from matplotlib.figure import Figure
from workbook.lessonkit.panel import Choice, Panel, Slider, Steps
Panel(
    "test.kinds",
    "Every kind",
    [
        Slider("whole", "whole number", 0, 3, 1),
        Steps("listed", "listed number", (16, 256, 4096), 256),
        Choice("word", "word", ("one", "two"), "one"),
    ],
    lambda whole, listed, word, part: f"{6 // whole} of {listed}, {word}, {part}",
    lambda _: Figure(figsize=(7.6, 3)),
    str,
    height=288,
    advanced=[Slider("part", "part", 0, 1, 0.5, 0.125)],
)
"""

_RING = """() => {
    const {outlineStyle, outlineWidth, outlineColor} = getComputedStyle(document.activeElement);
    return [outlineStyle === 'none' ? 0 : parseFloat(outlineWidth), outlineColor];
}"""
_MOVING = """panel => panel.getAnimations({subtree: true}).filter(({effect}) => effect.getTiming().duration > 10)
    .map(({effect}) => effect.target.className)"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium"
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    desk = Desk(tmp_path_factory.mktemp("access"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[new_code_cell(EVERY_KIND)], metadata=kernel), desk.folder / "kinds.ipynb")
    with desk.opened("kinds.ipynb") as opened:
        yield opened


@pytest.fixture
def panel(notebook: Notebook) -> Locator:
    """The panel, anew at its defaults, with the helpers in place."""
    notebook.run_all()
    shown = notebook.page.locator(PANEL)
    expect(shown).to_have_attribute("role", "group")
    return shown


def test_axe_core_finds_nothing(notebook: Notebook, panel: Locator) -> None:
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.choose_theme(theme)
        assert faults(notebook.page, PANEL) == [], theme
        panel.get_by_role("checkbox", name="advanced").check()
        assert faults(notebook.page, PANEL) == [], (theme, "unfolded")
        panel.get_by_role("slider").first.press("Home")
        expect(panel.get_by_role("alert")).to_be_visible()
        assert faults(notebook.page, PANEL) == [], (theme, "error")
        panel.get_by_role("slider").first.press("ArrowRight")
        expect(panel.get_by_role("alert")).to_have_count(0)
        panel.get_by_role("checkbox", name="advanced").uncheck()


def test_all_of_it_is_reached_and_moved_by_keys_and_shows_where_they_go(notebook: Notebook, panel: Locator) -> None:
    page, keys = notebook.page, notebook.page.keyboard
    rings = []
    panel.get_by_role("slider").first.focus()
    for key in ("ArrowRight", None, "End", None, "ArrowDown", "Space", "End"):  # None: a box to type in
        if key:
            keys.press(key)
        rings.append(page.evaluate(_RING))
        keys.press("Tab")
    expect(panel.get_by_role("status")).to_have_text("3 of 4096, two, 1.0")
    assert all(width >= LEAST_RING for width, _ in rings), rings


def test_a_screen_reader_is_told_names_values_and_what_a_move_gave(notebook: Notebook, panel: Locator) -> None:
    expect(panel).to_have_attribute("aria-label", "Panel: Every kind")
    listed = panel.get_by_role("slider", name="listed number", exact=True)
    expect(listed).to_have_attribute("aria-valuetext", "256")
    expect(panel.get_by_role("textbox", name="listed number", exact=True)).to_have_text("256")
    status = panel.get_by_role("status")
    spoken = status.element_handle()
    listed.press("End")
    expect(listed).to_have_attribute("aria-valuetext", "4,096")
    expect(status).to_have_text("6 of 4096, one, 0.5")
    assert spoken
    assert status.evaluate("(now, before) => now === before", spoken), "what is replaced is not spoken"
    expect(panel.get_by_role("img", name="Every kind. 6 of 4096, one, 0.5")).to_be_visible()


def test_nothing_is_lost_at_twice_the_size(notebook: Notebook, panel: Locator) -> None:
    page = notebook.page
    panel.get_by_role("checkbox", name="advanced").check()
    size = page.viewport_size
    assert size
    page.set_viewport_size(TWICE)  # type: ignore[arg-type]
    page.keyboard.press("Control+b")  # folds the list of files away
    try:
        assert scrolled_sideways(panel.locator("xpath=..")) == []
        for control in panel.locator("[role=slider], select, input").all():
            control.focus()
            expect(control).to_be_in_viewport(ratio=1)
    finally:
        page.set_viewport_size(size)
        page.keyboard.press("Control+b")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_slider_jumps_where_motion_is_not_wanted(motion: str, notebook: Notebook, panel: Locator) -> None:
    notebook.page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
    panel.locator(".noUi-target").first.click(position={"x": 5, "y": 1})
    assert bool(panel.evaluate(_MOVING)) == (motion == "no-preference")
