"""A notebook in JupyterLab in headless Chromium, as a learner sees it; for the browser tests of every notebook.

Nothing here sleeps: each step waits for what the learner would wait for.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from workbook.lab import Server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_PATIENCE = 60_000  # ms for a kernel to start, or a notebook to run, on a busy machine
_SCROLLS = 20
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """Yield an empty page of a new browser without a past."""
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else _FLAGS
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=flags, viewport={"width": width, "height": height}
        )
        browser.set_default_timeout(_PATIENCE)
        expect.set_options(timeout=_PATIENCE)
        yield browser.pages[0]
        browser.close()


class Notebook:
    """A notebook that is open in a page.

    Attributes
    ----------
    page : Page
    path : Path
        Its file.
    errors : list of str
        What the page complained about since it was opened.
    """

    def __init__(self, page: Page, server: Server, path: Path) -> None:
        self.page, self.path = page, path
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.goto(server.address(path.name))
        expect(page.locator(".jp-Toolbar-kernelName")).to_have_text(re.compile("Python 3"))
        self._expect_kernel("idle")
        expect(page.locator(".jp-Cell").first).to_be_visible()

    @property
    def pictures(self) -> Locator:
        """The static pictures in the outputs."""
        return self.page.locator(".jp-OutputArea-output.jp-RenderedImage img")

    @property
    def panels(self) -> Locator:
        """The live panels."""
        return self.page.locator(".jp-OutputArea-output .widget-vbox").filter(has=self.page.locator("[role=status]"))

    def run_all(self) -> None:
        """Run every cell from the menu, and wait for the last."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self._expect_kernel("busy")
        self._expect_kernel("idle")

    def save(self) -> None:
        """Save, and wait until that is done."""
        self.page.get_by_role("menuitem", name="File", exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()
        expect(self.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0)

    def _expect_kernel(self, status: str) -> None:
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", status)


def _bring_into_view(box: Locator) -> None:
    """Scroll until the box is there to stay: JupyterLab lays a cell out when it comes near, which moves the others."""
    seen = """box => new Promise(answer => requestAnimationFrame(() => requestAnimationFrame(() => {
        const {top, bottom} = box.getBoundingClientRect();
        answer(bottom > 0 && top < window.innerHeight);
    })))"""
    for _ in range(_SCROLLS):
        box.scroll_into_view_if_needed()
        if box.evaluate(seen):
            return
    raise AssertionError(f"not in view after {_SCROLLS} scrolls")


class LivePanel:
    """One panel of a notebook that has run."""

    def __init__(self, box: Locator) -> None:
        _bring_into_view(box)
        self.box = box
        self.sliders = box.get_by_role("slider")
        self.line = box.locator("[role=status]")
        self.figure = box.locator("svg[role=img]")

    def values(self) -> list[int | str]:
        """Return what each control stands at, in order: a number for a slider, a word for a choice."""
        read = """box => [...box.querySelectorAll('[role=slider], select')].map(
            control => control.value ?? Number(control.getAttribute('aria-valuenow')))"""
        return list(self.box.evaluate(read))

    def expect_line(self, line: str) -> None:
        """Wait until the line of numbers, and the figure, are those of a move."""
        expect(self.line).to_have_text(line)
        expect(self.figure.locator("title").first).to_have_text(re.compile(re.escape(line)))

    def picture(self) -> bytes:
        """Return the figure's pixels."""
        return self.figure.screenshot()

    def watch_height(self) -> None:
        """Begin to note every height that the panel takes."""
        self.box.evaluate(
            "box => { box.heights = []; new ResizeObserver(() => box.heights.push(box.offsetHeight)).observe(box) }"
        )

    def heights(self) -> set[int]:
        """Return the heights noted so far."""
        return set(self.box.evaluate("box => [...box.heights, box.offsetHeight]"))
