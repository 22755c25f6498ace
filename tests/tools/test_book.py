"""`workbook book`: a site that is valid, legible and complete by itself; its panels say what the live ones say."""

from __future__ import annotations

import functools
import http.server
import json
import math
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import html5lib
import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run
from playwright.sync_api import Page, expect
from readable import faults

from workbook.errors import CommandError
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel_outputs import Words
from workbook.tools import panel_stops, stops_ahead
from workbook.tools.book_site import write_book
from workbook.tools.browser import CHROMIUM, chromium
from workbook.tools.live_panel import value_of
from workbook.tools.panel_stops import MOST_BYTES, MOST_FIGURES, MOST_STOPS

FEW = 3  # stops of a control, of the books that are built here
PANEL = "convolution.window"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PHONE = {"width": 390, "height": 844}
in_a_browser = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing")


def small_notebook() -> Any:
    """One notebook with all that a page treats in its own way."""
    output, cell = nbformat.v4.new_output, nbformat.v4.new_code_cell
    still = [
        output("display_data", {"text/plain": f"panel {PANEL}", "text/html": ""}),
        output("display_data", {"text/plain": f"{PANEL}: a line", "image/png": PIXEL}),
        output("display_data", Words("a line")._repr_mimebundle_()),
    ]
    picture = [output("display_data", {"text/plain": "a & b, in words", "image/png": PIXEL})]
    text = "# Small\n\n2.25×<!--claim: winograd.f2.saving--> and $\\frac{a^2}{b}$\n\n## Another\n\n$$\\sum_i x_i$$"
    return nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(text),
            cell("panel", execution_count=1, outputs=still),
            cell("chart", execution_count=2, outputs=picture),
        ]
    )


def write(folder: Path, notebooks: dict[str, Any], front: str = "# Front\n") -> list[str]:
    """Write a book of few stops."""
    return write_book(folder, notebooks, front, FEW)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert write(folder / "book", {"small": small_notebook()}, f"# Front\n\n{{panel:{PANEL}}}\n") == []
    return folder / "book"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook's book, as the command writes it."""
    folder = tmp_path_factory.mktemp("whole")
    done = subprocess.run(
        [COMMAND, "book", "--stops", str(FEW)],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "book      book/index.html\n"
    return folder / "book"


def test_a_small_notebook_becomes_a_page(small: Path) -> None:
    text = (small / "small.html").read_text()
    assert "claim:" not in text
    assert "<mfrac>" in text
    assert text.count("<math ") == 2
    assert f'data-name="{PANEL}"' in text
    assert "<svg role=" in text
    assert "workbook-still" not in text
    assert f"{PANEL}: a line" not in text
    assert re.findall(r'<img [^>]*alt="([^"]*)"', text) == ["a &amp; b, in words"]
    assert f'data-name="{PANEL}"' in (small / "index.html").read_text()


def test_pages_of_a_small_book_are_valid(small: Path) -> None:
    assert_valid(small)


def test_an_old_book_is_replaced_and_nothing_else(small: Path, tmp_path: Path) -> None:
    assert write(tmp_path / "book", {"old": small_notebook_without_panel()}) == []
    assert write(tmp_path / "book", {"new": small_notebook_without_panel()}) == []
    assert (tmp_path / "book/new.html").exists()
    assert not (tmp_path / "book/old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["book"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/work.txt").write_text("mine")
    assert_one_line_error(run("book", tmp_path / "mine"), "did not write", "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["work.txt"]


def small_notebook_without_panel() -> Any:
    notebook = small_notebook()
    del notebook.cells[1]
    return notebook


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbook.tools.book_site.find_spec", lambda name: None if name == "myst_nb" else name)
    assert_one_line_error(run("book", tmp_path / "book"), "myst_nb", "edge-ai-workbook[book]")


@pytest.mark.parametrize("count", range(3, MOST_STOPS + 1))
@pytest.mark.parametrize("default", [0, 1, 37, 99, 100])
def test_stops_have_both_ends_and_the_default(count: int, default: int) -> None:
    stops = panel_stops.spread(Slider("n", "n", 0, 100, default), count)
    assert len(stops) == len(set(stops)) == count
    assert stops == tuple(sorted(stops))
    assert {0, default, 100} <= set(stops)
    assert panel_stops.spread(Slider("n", "n", 0, 2, 1), count) == (0, 1, 2)


@pytest.mark.parametrize("name", panel_stops.names())
def test_stops_of_a_panel_are_few_and_include_what_it_begins_with(name: str) -> None:
    panel = panel_stops.make(name)
    stops = panel_stops.grid(panel)
    assert set(stops) == set(panel.declared) - panel.folded
    assert all(panel_stops.LEAST_STOPS <= len(values) <= MOST_STOPS or len(values) == 2 for values in stops.values())
    assert math.prod(map(len, stops.values())) <= MOST_FIGURES
    for control, values in stops.items():
        assert panel.declared[control].default in values
        if isinstance(panel.declared[control], Choice):
            assert values == panel.declared[control].values


def test_what_was_computed_is_kept_until_the_sources_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    steps: list[tuple[int, int]] = []
    first = stops_ahead.computed([PANEL], FEW, jobs=1)
    monkeypatch.setattr(stops_ahead, "_show", None)
    assert stops_ahead.computed([PANEL], FEW, lambda *step: steps.append(step), jobs=1) == first
    assert steps == [(27, 27)]
    monkeypatch.setattr(stops_ahead, "_sources", lambda: "others")
    with pytest.raises(TypeError):
        stops_ahead.computed([PANEL], FEW, jobs=1)


def test_a_panel_that_fails_at_a_stop_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    panel = panel_stops.make(PANEL)
    panel._model = lambda row, column, filter: 1 / (row - 93)
    panel._line = str
    monkeypatch.setattr(stops_ahead, "_made", lambda name: panel)
    with pytest.raises(CommandError, match=rf"{PANEL} has no figure at row=.*"):
        stops_ahead.computed([PANEL], FEW, jobs=1)


@pytest.mark.parametrize("name", ["start_here.roof", "winograd.layer"])
def test_a_panel_that_measures_shows_the_reference_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for what in ("measuring.roofline.measured", "lessons.winograd.model.measured_grid"):
        monkeypatch.setattr(f"workbook.{what}", lambda: pytest.fail("measured here"))
    panel = panel_stops.make(name)
    assert panel.shows_reference
    assert panel.error is None
    assert "measured here" not in panel.view
    assert not panel_stops.make(PANEL).shows_reference


@pytest.mark.parametrize("name", panel_stops.names())
def test_every_stop_shows_what_the_live_panel_shows(whole: Path, name: str) -> None:
    """The page's own texts, in its own order, against a panel that is moved to the values that they stand for."""
    figures, lines, pieces = data_of(whole, name)
    assert len(pieces) == len(set(pieces))
    assert (whole / f"_static/panels/{name}.js").stat().st_size <= MOST_BYTES
    panel = panel_stops.make(name)
    stops = dict(zip(panel_stops.grid(panel, FEW), texts_of(whole, name), strict=True))
    settings = panel_stops.settings(stops)
    assert len(settings) == len(figures) == len(lines)
    for texts, figure, line in zip(settings, figures, lines, strict=True):
        panel.set(**{control: value_of(panel.declared[control], text) for control, text in texts.items()})
        assert line == panel.readout
        assert figure == re.sub(r'<g id="[^"]*"', "<g", panel.view)


def test_every_page_is_valid_and_its_links_lead_somewhere(whole: Path) -> None:
    assert_valid(whole)
    for path in whole.glob("*.html"):
        for target in re.findall(r'(?:href|src|data-src)="([^"]+)"', path.read_text()):
            target, _, anchor = unescape(target).partition("#")
            target = target.partition("?")[0]
            if not target.startswith(("http://", "https://", "data:")):
                page = whole / target if target else path
                assert page.exists(), (path.name, target)
                if anchor and page.suffix == ".html":
                    assert f'id="{anchor}"' in page.read_text(), (path.name, target, anchor)


def test_every_lesson_and_every_panel_is_there(whole: Path) -> None:
    front = (whole / "index.html").read_text()
    for lesson in LESSONS:
        page = (whole / f"{lesson.name}.html").read_text()
        assert f'href="{lesson.name}.html"' in front
        assert re.findall(r'data-name="([\w.]+)"', page) == list(lesson.panel_names)
        assert "run Setup, then this cell" not in page
        assert len(re.findall("<img ", page)) == len(re.findall(r'<img [^>]*alt="[^"]', page))
    assert len(set(re.findall(r'data-name="([\w.]+)"', front))) == 3


@in_a_browser
def test_in_a_browser(whole: Path) -> None:
    with served(whole) as address, chromium() as page:
        requests: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        three_panels_move_by_keys(page, whole, f"{address}/index.html")
        search_finds_a_word(page, address)
        for name in ("index", "search", "genindex", *(lesson.name for lesson in LESSONS)):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto(f"{address}/{name}.html")
                expect(page.locator("html")).to_have_attribute("data-theme", scheme)
                assert complaints == [], (name, scheme)
                assert faults(page) == [], (name, scheme)
                complaints.clear()  # axe-core makes some of its own
            page.set_viewport_size(PHONE)
            page.reload()  # after a change of size, the theme takes a while to make what scrolls reachable by keys
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            assert complaints == [], (name, "phone")
            assert faults(page) == [], (name, "phone")
            complaints.clear()
            page.set_viewport_size({"width": 1280, "height": 900})
        assert [url for url in requests if not url.startswith((address, "data:"))] == []


@in_a_browser
def test_panels_move_in_a_book_that_is_opened_from_its_folder(small: Path) -> None:
    with chromium() as page:
        page.context.set_offline(True)
        page.goto((small / "small.html").as_uri())
        panel = page.locator(".workbook-panel")
        before = panel.locator(".workbook-line").inner_text()
        panel.get_by_role("slider").first.press("End")
        expect(panel.locator(".workbook-line")).to_have_text(re.compile("^row 93, "))
        assert before.startswith("row 25, ")


def three_panels_move_by_keys(page: Page, book: Path, address: str) -> None:
    """Each slider to its end and each choice to its last, by keys; line, figure and value follow."""
    page.goto(address)
    panels = page.locator(".workbook-panel")
    expect(panels).to_have_count(3)
    for panel in panels.all():
        name = panel.get_attribute("data-name")
        assert name
        figures, lines, _ = data_of(book, name)
        texts = texts_of(book, name)
        at = [stops.index(default) for stops, default in zip(texts, shown(panel), strict=True)]
        controls = panel.locator("input, select")
        for i, control in enumerate(controls.all()):
            control.focus()
            control.press("End")
            at[i] = len(texts[i]) - 1
            expected = functools.reduce(lambda place, j: place * len(texts[j]) + at[j], range(len(texts)), 0)
            expect(panel.get_by_role("status")).to_have_text(lines[expected])
            title = panel.locator("svg[role=img] > title")
            expect(title).to_have_text(unescape(re.findall("<title>(.*?)</title>", figures[expected])[0]))
            assert shown(panel)[i] == texts[i][-1]
        controls.first.press("ArrowLeft")
        assert shown(panel)[0] == texts[0][-2]


def search_finds_a_word(page: Page, address: str) -> None:
    page.goto(f"{address}/search.html?q=roofline")
    expect(page.locator("#search-results li").first).to_be_visible()
    expect(page.locator("#search-results").get_by_text("0 · Start here").first).to_be_visible()


def shown(panel: Any) -> list[str]:
    """Return what each control says that it stands at, as a screen reader would."""
    return list(
        panel.locator("input, select").evaluate_all(
            "all => all.map(c => c.selectedOptions?.[0].text ?? c.getAttribute('aria-valuetext'))"
        )
    )


def data_of(book: Path, name: str) -> tuple[list[str], list[str], list[str]]:
    """Return figures, lines and pieces of the file that moves a panel."""
    found = re.fullmatch(r"workbookPanels\[.*?\]\((.*)\);\n", (book / f"_static/panels/{name}.js").read_text())
    assert found
    return *panel_stops.unpacked(found[1]), json.loads(found[1])["pieces"]


def texts_of(book: Path, name: str) -> list[list[str]]:
    """Return the texts of the stops of a panel's controls, from its page."""
    package = name.partition(".")[0]
    lesson = next(lesson for lesson in LESSONS if lesson.package == package)
    panels = (book / f"{lesson.name}.html").read_text().split('<div class="workbook-panel"')
    (panel,) = (part for part in panels if f'data-name="{name}"' in part)
    return [
        json.loads(unescape(slider)) if slider else [unescape(text) for text in re.findall("<option.*?>(.*?)<", choice)]
        for slider, choice in re.findall(r'data-texts="(.*?)"|<select.*?>(.*?)</select>', panel)
    ]


def assert_valid(book: Path) -> None:
    for path in book.glob("*.html"):
        text = path.read_text()
        html5lib.HTMLParser(strict=True).parse(text)
        ids = re.findall(r'<[a-zA-Z][^<>]* id="([^"]*)"', text)
        assert len(ids) == len(set(ids)), path.name


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve static files as any host does; yield the address."""
    handler = functools.partial(SilentHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
