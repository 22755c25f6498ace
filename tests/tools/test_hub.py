"""A class on one machine: hub/jupyterhub_config.py with a Unix user for each learner, in browsers all at once.

The learners are made in a copy of /etc that nobody else sees, and their homes are in memory, so the machine's own users
stay as they are.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from workbook.tools import bare_package
from workbook.tools.browser import CHROMIUM, FLAGS, PATIENCE, Notebook
from workbook.tools.lab import Server
from workbook.tools.live_panel import LivePanel

ROOT = Path(__file__).parent.parent.parent
LEARNERS = int(os.environ.get("HUB_LEARNERS", "2"))
PASSWORD = "a password of a test"
PACKAGE = "/home/package"
FIRST = "00_start_here.ipynb"


_MOUNTS = """
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/new /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/new,workdir=/mnt/work /etc
"""


def missing() -> str:
    """Say what is missing here to serve a class; nothing if it can be tried."""
    if os.geteuid() != 0:
        return "root starts servers of other users"
    if not find_spec("jupyterhub"):
        return "JupyterHub is missing: pip install 'edge-ai-workbook[hub]'"
    for program in ("configurable-http-proxy", "unshare", "useradd", "chpasswd"):
        if not shutil.which(program):
            return f"{program} is missing"
    if CHROMIUM is None:
        return "Chromium is missing"
    begun = subprocess.run(["configurable-http-proxy", "--version"], capture_output=True, text=True)
    if begun.returncode:
        return f"configurable-http-proxy does not start: {begun.stderr.strip().splitlines()[-1:]}"
    refused = subprocess.run(["unshare", "-m", "sh", "-c", _MOUNTS], capture_output=True, text=True)
    return refused.stderr and f"this root may not mount: {refused.stderr}"


def closed() -> list[str]:
    """Folders on the way to this Python that other users may not enter, such as root's home."""
    ways = [*Path(sys.executable).parents, *Path(os.path.realpath(sys.executable)).parents]
    return sorted({str(folder) for folder in ways if not folder.stat().st_mode & 0o001})


MISSING = missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

# /etc is a copy from now on, /home is empty, and the way to this Python is open: what follows, and its children, see no
# other.
_OWN_USERS = f"""
set -e
mount -t tmpfs -o mode=700 tmpfs "$1"
copied() {{
    mkdir "$1" "$1/new" "$1/work"
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/new,workdir=$1/work" "$2"
}}
copied "$1/etc" /etc
for folder in $5; do
    copied "$1/$(basename "$folder")" "$folder"
    chmod o+x "$folder"
done
mount -t tmpfs -o mode=755 tmpfs /home
groupadd learners
for learner in $2; do
    useradd --create-home --shell /bin/bash --groups learners "$learner"
    echo "$learner:$3"
done | chpasswd
cp -r "$4" {PACKAGE}
shift 5
exec "$@"
"""

SLEEPERS = """
import subprocess
sleepers = []
try:
    while True:
        sleepers.append(subprocess.Popen(["sleep", "60"]))
except BlockingIOError as error:
    print(len(sleepers), error)
for sleeper in sleepers:
    sleeper.kill()
    sleeper.wait();
"""

_CONFIG = """
load_subconfig({config!r})
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.Spawner.environment.update({environment!r})
"""


@dataclass(frozen=True)
class Learner:
    """Somebody who has logged in, with the first notebook open."""

    name: str
    notebook: Notebook
    seconds: float

    @property
    def page(self) -> Page:
        return self.notebook.page

    def run(self, code: str) -> str:
        """Run code in a new cell, and return what it shows."""
        self.notebook.run_new_cell(code)
        output = self.notebook.cells.last.locator(".jp-OutputArea-output").last
        expect(output).to_be_visible()
        return output.inner_text()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub that serves learner0, learner1 and so on."""
    folder = tmp_path_factory.mktemp("hub")
    url = f"http://127.0.0.1:{free_port()}/"
    # Learners get the package that a class gets: an import from a clone would build, which is not theirs to do.
    wheel = folder / bare_package.build(folder)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "package")
    clones = os.pathsep.join(str(file.parent) for file in ROOT.glob("build/*/build.ninja"))
    environment = {"WORKBOOK_QUICK": "1", "PYTHONPATH": PACKAGE, "MESONPY_EDITABLE_SKIP": clones}
    settings = {"config": str(ROOT / "hub/jupyterhub_config.py"), "url": url, "environment": environment}
    (folder / "config.py").write_text(_CONFIG.format(**settings, hub=free_port(), proxy=free_port()))
    (folder / "new").mkdir()
    names = " ".join(f"learner{i}" for i in range(LEARNERS))
    command = ["unshare", "-m", "bash", "-c", _OWN_USERS, "bash", folder / "new", names, PASSWORD, folder / "package"]
    command += [" ".join(closed())]
    command += [sys.executable, "-m", "jupyterhub", "-f", folder / "config.py"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, process_group=0)
    try:
        wait_for(url, process, folder / "log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)  # the hub ends its proxy and the learners' servers
        process.wait(PATIENCE / 1000)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"{url}hub/login"):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def learners(address: str) -> Iterator[list[Learner]]:
    """All of them at once: each logs in, and has the first notebook open in a browser window of its own."""
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)
        expect.set_options(timeout=5 * PATIENCE)
        begin = time.monotonic()
        pages = [logged_in(browser, address, f"learner{i}") for i in range(LEARNERS)]
        yield [opened(page, address, f"learner{i}", begin) for i, page in enumerate(pages)]


def logged_in(browser: Browser, address: str, name: str) -> Page:
    """Send the form; the server starts while others do the same."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(5 * PATIENCE)
    page.goto(f"{address}hub/login")
    page.locator("#username_input").fill(name)
    page.locator("#password_input").fill(PASSWORD)
    page.locator("#login_submit").click(no_wait_after=True)
    return page


def opened(page: Page, address: str, name: str, begin: float) -> Learner:
    page.wait_for_url(re.compile(f"/user/{name}/lab/tree/{FIRST}"))
    server = Server(f"{address}user/{name}/", "", None)  # type: ignore[arg-type]  # its process is the hub's
    notebook = Notebook(page, server, Path(FIRST))
    return Learner(name, notebook, time.monotonic() - begin)


def test_panels_live_and_times_say_that_the_machine_is_shared(learners: list[Learner]) -> None:
    begin = time.monotonic()
    for learner in learners:
        learner.notebook.start_all()
    for learner in learners:
        learner.notebook.expect_all_run()
    run = time.monotonic() - begin
    moves = []
    for learner in learners:
        expect(learner.notebook.outputs.filter(has_text="shared with others")).not_to_have_count(0)
        moves.append(move(learner))
    figures = {
        "learners": len(learners),
        "all have the notebook open after s": round(max(learner.seconds for learner in learners), 1),
        "all have run it after s": round(run, 1),
        "a move reaches the figure after s, median": round(median(moves), 3),
        "at most": round(max(moves), 3),
    }
    print(json.dumps(figures))


def move(learner: Learner) -> float:
    """Move the first panel's first slider by a key, and return the seconds until its figure is on the page."""
    live = LivePanel(learner.notebook.panels.first)
    line = live.line.inner_text()
    begin = time.monotonic()
    live.sliders.first.press("ArrowRight")
    expect(live.line).not_to_have_text(line)
    expect(live.figure.locator("title").first).to_contain_text(live.line.inner_text())
    return time.monotonic() - begin


def test_a_python_out_of_reach_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's own Python would fail at each learner's login; the hub says so when it starts."""
    (tmp_path / "root").mkdir(mode=0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "root" / "python3"))
    with pytest.raises(SystemExit, match="is closed to learners"):
        runpy.run_path(str(ROOT / "hub/jupyterhub_config.py"), {"get_config": dict})


def test_nobody_reads_the_folder_of_another(address: str, learners: list[Learner]) -> None:
    one, other = learners[:2]
    for path in ("", f"/my-workbook/{FIRST}", "/my-workbook/.scoreboard.json"):
        said = one.run(f"from pathlib import Path; Path('/home/{other.name}{path}').read_bytes()")
        assert said.strip().endswith(f"Permission denied: '/home/{other.name}{path}'"), said
    for place in (f"api/contents/{FIRST}", f"files/{FIRST}", f"lab/tree/{FIRST}"):
        mine = one.page.context.request.get(f"{address}user/{one.name}/{place}")
        assert mine.status == 200
        others = one.page.context.request.get(f"{address}user/{other.name}/{place}")
        assert others.status in (403, 404), place
        assert "cells" not in others.text()


def test_limits_of_memory_and_processes_hold(learners: list[Learner]) -> None:
    learner = learners[0]
    assert "MemoryError: Unable to allocate" in learner.run("import numpy as np; np.ones(4 << 30, np.uint8)")
    begun, _, said = learner.run(SLEEPERS).partition(" ")
    assert "Resource temporarily unavailable" in said
    assert 50 < int(begun) < 300
