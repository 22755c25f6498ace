"""A panel on the next day: after a save, a restart, in a second tab, and exported; in JupyterLab and in Notebook 7.

And one in Voila, on a page of VS Code's form, and one that is slow: what the page shows meanwhile.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from socket import create_connection, socket
from urllib.request import Request, urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Page, expect

from workbook.lessonkit.panel_outputs import Words, live_head
from workbook.tools.browser import CHROMIUM, Desk, Notebook, chromium
from workbook.tools.lab import serving

NAME = "one panel.ipynb"
LINE = "row 26, column 24, vertical edges: sum of 9 products"
WAKE = "A picture of the panel. To move it, run Setup, then this cell."
SLEEPS = "The kernel has restarted: this panel sleeps. To move it, run Setup, then this cell."
WORDS = ".workbook-still"
PANEL = ".workbook-panel"

SLOW = """
import time
from matplotlib.figure import Figure
from workbook.lessonkit.panel import Panel, Slider
def model(n):
    time.sleep(3)
    return n
figure = lambda n: Figure(figsize=(7.6, 3))
Panel("test.slow", "Slow", [Slider("n", "n", 0, 3, 1)], model, figure, "n is {}".format, height=288, work="sleeping")
"""

DEADLY = SLOW.replace("time.sleep(3)", "time.sleep(1) if n == 1 else [time.sleep(1), __import__('os')._exit(1)]")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium"
)
needs_notebook_7 = pytest.mark.skipif(
    find_spec("notebook") is None and not os.environ.get("CI"), reason="Notebook 7 is missing: pip install notebook"
)
needs_voila = pytest.mark.skipif(
    find_spec("voila") is None and not os.environ.get("CI"), reason="Voila is missing: pip install voila"
)
each_view = pytest.mark.parametrize("view", ["lab/tree", pytest.param("notebooks", marks=needs_notebook_7)])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A copy with a notebook of one panel beside the others, not run yet."""
    made = Desk(tmp_path)
    cells = [
        new_markdown_cell("## A heading\n\nA paragraph.\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        new_code_cell("from workbook.lessons import convolution as lesson"),
        new_code_cell("lesson.explore()"),
    ]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": python}), made.folder / NAME)
    return made


@each_view
def test_the_next_day_it_shows_the_state_it_was_left_in(desk: Desk, view: str) -> None:
    path = desk.folder / NAME
    with desk.opened(NAME, view) as notebook:
        notebook.run_all()
        expect(notebook.page.locator(PANEL)).to_be_visible()
        expect(notebook.page.locator(WORDS)).to_be_hidden()
        expect(notebook.page.locator(".jp-OutputArea img").filter(visible=True)).to_have_count(0)
        move_one_row(notebook)
        a_second_tab_is_in_step(notebook)
        notebook.restart()
        panel = notebook.page.locator(PANEL)
        expect(panel.get_by_text(SLEEPS)).to_be_visible()
        expect(panel.locator(".workbook-controls").first).to_have_css("pointer-events", "none")
        expect(panel.locator("[role=status]")).to_contain_text(LINE)
        notebook.save()
    for _ in ("as it was saved, trusted", "changed elsewhere, not trusted"):
        with desk.opened(NAME, view) as notebook:
            shows_picture_and_words(notebook.page)
            expect(notebook.page.locator(".jp-OutputArea-child").filter(visible=True)).to_have_count(2)
        path.write_text(path.read_text().replace("A paragraph", "Another paragraph"))


def test_an_export_keeps_headings_picture_and_words(desk: Desk) -> None:
    with desk.opened(NAME) as notebook:
        notebook.run_all()
        move_one_row(notebook)
        notebook.save()
    with serving(desk.folder, port=0, environment=desk.environment) as server, offline() as page:
        for sanitized in ("true", "false"):
            address = f"{server.url}nbconvert/html/{NAME.replace(' ', '%20')}?sanitize_html={sanitized}"
            with urlopen(Request(address, headers={"Authorization": f"token {server.token}"})) as answer:
                page.set_content(answer.read().decode(), wait_until="domcontentloaded")
            expect(page.locator("h2")).to_have_text(re.compile("A heading"))
            expect(page.locator("p").filter(has_text="A paragraph")).to_be_visible()
            expect(page.locator("thead th")).to_have_count(2)
            shows_picture_and_words(page)
            assert not re.search("<h2|<p>|<style|display:", page.locator("body").inner_text())


def test_nbconvert_executes_it_without_a_network(desk: Desk) -> None:
    convert = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", desk.folder / NAME]
    subprocess.run(convert, env={**os.environ, **desk.environment}, check=True, capture_output=True)
    with offline() as page:
        page.goto((desk.folder / NAME).with_suffix(".html").as_uri(), wait_until="domcontentloaded")
        shows_picture_and_words(page, LINE.replace("26", "25"))


@needs_voila
def test_it_is_live_in_voila(desk: Desk) -> None:
    with voila(desk) as address, chromium() as page:
        page.goto(address)
        panel = page.locator(PANEL)
        expect(panel.locator("[role=status]")).to_contain_text(LINE.replace("26", "25"))
        panel.get_by_role("slider", name="row").press("ArrowRight")
        expect(panel.locator("[role=status]")).to_contain_text(LINE)
        expect(panel).to_have_count(1)
        expect(page.locator(WORDS)).to_be_hidden()
        expect(page.locator(".jp-OutputArea img").filter(visible=True)).to_have_count(0)


@pytest.mark.parametrize("output", ["jp-OutputArea-child", "output_area", "output_container"])
@pytest.mark.parametrize("live", [True, False])
def test_no_host_shows_it_twice(output: str, live: bool) -> None:
    """In elements of JupyterLab, nbclassic and VS Code; without its kernel, an error is in the view's place."""
    view = f'<div class="workbook-panel">{live_head("a panel")}</div>' if live else "Error displaying widget"
    words = Words("a line")._repr_mimebundle_()["text/html"]
    outputs = (view, "<img>", words)
    with offline() as page:
        page.set_content("".join(f'<div class="{output}"><div class="output">{shown}</div></div>' for shown in outputs))
        parts = page.locator(f".{output}").all()
        displays = [part.evaluate("part => getComputedStyle(part).display") for part in parts]
        assert displays == (["block", "none", "none"] if live else ["none", "block", "block"])


def test_a_slow_panel_is_there_at_once_and_says_what_it_does(desk: Desk) -> None:
    with desk.opened(NAME) as notebook:
        notebook.run_new_cell(SLOW)
        panel = notebook.page.locator(PANEL)
        works, figure = panel.get_by_text("Sleeping …"), panel.locator("svg[role=img]")
        expect(works).to_be_visible()
        place = panel.locator(".workbook-place").bounding_box()
        expect(figure).to_have_count(0)
        expect(figure).to_be_visible()
        expect(works).to_be_hidden()
        assert panel.locator(".workbook-place").bounding_box() == place, "nothing has moved"
        panel.get_by_role("slider").press("ArrowRight")
        expect(works).to_be_visible()
        expect(figure).to_have_css("opacity", "0.3")
        expect(panel.locator("[role=status]")).to_have_text("n is 1")
        expect(panel.locator("[role=status]")).to_have_text("n is 2")
        expect(works).to_be_hidden()
        expect(figure).to_have_css("opacity", "1")


def test_a_kernel_that_dies_while_a_panel_computes_is_said(desk: Desk) -> None:
    with desk.opened(NAME) as notebook:
        notebook.run_new_cell(DEADLY)
        panel = notebook.page.locator(PANEL)
        works, figure = panel.get_by_text("Sleeping …"), panel.locator("svg[role=img]")
        expect(figure).to_have_css("opacity", "1")
        panel.get_by_role("slider").press("ArrowRight")
        expect(panel.get_by_text(SLEEPS)).to_be_visible()
        expect(works).to_be_hidden()
        expect(figure).to_have_css("opacity", "1")
        expect(panel.locator(".workbook-controls").first).to_have_css("pointer-events", "none")


def test_a_typed_number_means_itself(desk: Desk) -> None:
    with desk.opened(NAME) as notebook:
        notebook.run_new_cell("from workbook.lessons import winograd; winograd.explore('points')")
        panel = notebook.page.locator(PANEL)
        line = panel.locator("[role=status]")
        expect(line).to_contain_text("F(4,3) at 0, ±1, ±2 and infinity")
        for typed, said in (("0.625", "±5/8, ±2"), ("2", "a and b are both 2")):
            panel.locator(".widget-readout").first.fill(typed)
            notebook.page.keyboard.press("Enter")
            expect(line).to_contain_text(said)
        expect(panel.get_by_role("alert")).to_have_count(0)


@contextmanager
def voila(desk: Desk) -> Iterator[str]:
    """Serve the notebook as an application; yield its address."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--Voila.log_level=ERROR"]
    command = [sys.executable, "-m", "voila", *options, str(desk.folder / NAME)]
    with subprocess.Popen(command, env={**os.environ, **desk.environment}) as server:
        try:
            while server.poll() is None:
                with suppress(ConnectionRefusedError):
                    create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


@contextmanager
def offline() -> Iterator[Page]:
    with chromium() as page:
        page.context.set_offline(True)
        yield page


def move_one_row(notebook: Notebook) -> None:
    """Move the first slider by a key, and wait until the outputs that the file keeps have followed."""
    notebook.page.locator(PANEL).get_by_role("slider", name="row").press("ArrowRight")
    expect(notebook.page.locator(WORDS)).to_contain_text(LINE)


def shows_picture_and_words(page: Page, line: str = LINE) -> None:
    expect(page.locator(WORDS)).to_be_visible()
    expect(page.locator(WORDS)).to_contain_text(line)
    expect(page.locator(WORDS)).to_contain_text(WAKE)
    picture = page.locator(".jp-OutputArea img").filter(visible=True)
    expect(picture).to_have_count(1)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(page.locator(PANEL)).to_have_count(0)
    assert page.get_by_text("Error displaying widget").filter(visible=True).count() == 0


def a_second_tab_is_in_step(notebook: Notebook) -> None:
    """Open the notebook again beside the first, move the panel there, and look at it here."""
    notebook.save()
    second = Notebook(notebook.page.context.new_page(), notebook.server, notebook.path, notebook.view)
    panel = second.page.locator(PANEL)
    expect(panel.locator("[role=status]")).to_contain_text(LINE)
    expect(second.page.locator(WORDS)).to_be_hidden()
    panel.get_by_role("slider", name="column").press("ArrowRight")
    for page in (second.page, notebook.page):
        expect(page.locator(PANEL).locator("[role=status]")).to_contain_text(LINE.replace("24", "25"))
    panel.get_by_role("slider", name="column").press("ArrowLeft")
    expect(notebook.page.locator(WORDS)).to_contain_text(LINE)
    second.page.close()
