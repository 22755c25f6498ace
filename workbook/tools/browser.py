"""A notebook in JupyterLab or Notebook 7 in headless Chromium, as a learner sees it; for tests and `workbook bench`.

Nothing here sleeps: each step waits for what the learner would wait for. It needs Playwright and a Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Error as Error
from playwright.sync_api import Locator, Page, expect, sync_playwright

from workbook.lessonkit.panel_outputs import PANEL
from workbook.tools.lab import Server, serving
from workbook.tools.start import start

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

PATIENCE = 300_000  # ms for a kernel to start, or a notebook to run, on a slow and busy machine
SAVED = 5_000  # ms for a save
PICTURE = ".jp-OutputArea-output.jp-RenderedImage img"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # root has none
]


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """Yield an empty page of a new browser without a past."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS, viewport={"width": width, "height": height}
        )
        browser.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield browser.pages[0]
        browser.close()


@contextmanager
def opened(name: str, width: int = 1280, height: int = 900) -> Iterator[Notebook]:
    """Yield a notebook of a fresh copy, not run yet, in a new browser, with nobody's settings and short measurements.

    Parameters
    ----------
    name : str
        The file's, such as "01_convolution.ipynb".
    width, height : int
        Of the browser's window, in CSS pixels.
    """
    with tempfile.TemporaryDirectory() as own, Desk(Path(own)).opened(name, width=width, height=height) as notebook:
        yield notebook


class Desk:
    """A fresh copy of the notebooks with nobody's settings, which stays when servers and browsers are closed.

    Only what is asked to be saved is: JupyterLab's own save every two minutes would now and then meet ours, and one of
    the two then asks whether to overwrite the other.

    Attributes
    ----------
    folder : Path
        The copy.
    environment : dict of str to str
        What Jupyter and its kernels see beside the environment of this process.
    """

    def __init__(self, own: Path) -> None:
        self.folder = own / "my workbook"
        start(self.folder)
        self.environment = {"WORKBOOK_QUICK": "1", "IPYTHONDIR": str(own / "ipython")}
        self.environment |= {f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA")}
        settings = own / "config/lab/user-settings/@jupyterlab/docmanager-extension"
        settings.mkdir(parents=True)
        (settings / "plugin.jupyterlab-settings").write_text('{"autosave": false}')

    @contextmanager
    def opened(self, name: str, view: str = "lab/tree", width: int = 1280, height: int = 900) -> Iterator[Notebook]:
        """Yield a notebook in a new browser, on a new server; `view` is as in `Server.address`."""
        with (
            serving(self.folder, port=0, environment=self.environment) as server,
            chromium(width, height) as page,
        ):
            yield Notebook(page, server, self.folder / name, view)


class Notebook:
    """A notebook that is open in a page.

    Attributes
    ----------
    page : Page
    server : Server
    path : Path
        Its file.
    view : str
        What shows it, as in `Server.address`.
    errors : list of str
        What the page complained about since it was opened.
    """

    def __init__(self, page: Page, server: Server, path: Path, view: str = "lab/tree") -> None:
        self.page, self.server, self.path, self.view = page, server, path, view
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.goto(server.address(path.name, view))
        expect(page.locator(".jp-Toolbar-kernelName")).to_have_text(re.compile("Python 3"))
        self._expect_kernel("idle")
        expect(page.locator(".jp-Cell").first).to_be_visible()

    @property
    def cells(self) -> Locator:
        """The cells, in order; what one holds may be rendered only when it comes near."""
        return self.page.locator(".jp-Notebook .jp-Cell")

    @property
    def outputs(self) -> Locator:
        """What the cells have shown."""
        return self.page.locator(".jp-OutputArea-output")

    @property
    def pictures(self) -> Locator:
        """The static pictures in the outputs."""
        return self.page.locator(PICTURE)

    @property
    def panels(self) -> Locator:
        """The live panels."""
        return self.page.locator(f".jp-OutputArea-output .{PANEL}")

    @property
    def chromium_version(self) -> str:
        """The browser's, such as 120.0.6099.224."""
        return str(self.page.evaluate("navigator.userAgent.match(/Chrome\\/([\\d.]+)/)[1]"))

    def run_all(self) -> None:
        """Run every cell from the menu, and wait for the last."""
        self.start_all()
        self.expect_all_run()

    def start_all(self) -> None:
        """Run every cell from the menu, and wait until the kernel has begun."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self._expect_kernel("busy")

    def expect_all_run(self) -> None:
        """Wait until no cell runs or waits."""
        # Between two cells the kernel is idle too.
        expect(self.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0)
        self._expect_kernel("idle")

    def restart(self) -> None:
        """Restart the kernel from the menu, and wait for the new one."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self._expect_kernel("idle")

    def run_new_cell(self, code: str) -> None:
        """Add a cell at the end, and run it."""
        self.page.locator(".jp-Notebook-footer").click()
        editor = self.cells.last.locator(".cm-content")
        editor.fill(code)
        editor.press("Control+Enter")

    def choose_theme(self, name: str) -> None:
        """Choose a theme from the menu, such as JupyterLab Dark, and wait until the page wears it."""
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        for entry in ("Theme", name):
            self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)

    def save(self) -> None:
        """Save, and wait until that is done; again where a picture came meanwhile."""
        unsaved = self.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")
        for _ in range(PATIENCE // SAVED):
            self.page.get_by_role("menuitem", name="File", exact=True).click()
            self.page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()
            with suppress(AssertionError):
                expect(unsaved).to_have_count(0, timeout=SAVED)
                return
        expect(unsaved).to_have_count(0)

    def _expect_kernel(self, status: str) -> None:
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", status)
