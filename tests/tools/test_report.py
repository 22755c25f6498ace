"""`workbook report`: pages with everything on them, that fetch nothing; written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from html import unescape
from pathlib import Path

import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run
from interrupting import PATIENCE

from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.scoreboard import COLUMNS, ROWS
from workbook.measuring.made import Made
from workbook.tools import book_site
from workbook.tools import report as reporting
from workbook.tools.browser import CHROMIUM, chromium
from workbook.tools.start import start

NAMES = [f"{lesson.name}.ipynb" for lesson in LESSONS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a fresh copy."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WORKBOOK_QUICK", "1")
        result = run("report")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "report    report/index.html"
    return folder


def small_copy(folder: Path, code: str) -> Path:
    """Lay a copy whose notebooks have one cell each."""
    folder.mkdir()
    for name in NAMES:
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), folder / name)
    return folder


def first_page(folder: Path) -> str:
    """Return a report's first page, its signs as they were written."""
    return unescape((folder / "index.html").read_text()).replace("’", "'")


def test_first_page_has_every_lesson_the_scoreboard_and_how_it_was_made(whole: Path) -> None:
    front = first_page(whole / "report")
    for lesson in LESSONS:
        assert f'href="{lesson.name}.html"' in front
        assert f"<h1>{lesson.number} · " in (whole / "report" / f"{lesson.name}.html").read_text()
    assert all(f"<p>{column}</p></th>" in front for column in COLUMNS)
    assert all(row.sentence in front for row in ROWS)
    made = Made.now("workbook")
    assert f"{made.date}, edge-ai-workbook {made.version}, on {made.machine}: workbook" in front
    assert "raised an error" not in front


def test_a_panel_is_the_picture_and_the_line_that_the_run_left(whole: Path) -> None:
    text = (whole / "report" / "01_convolution.html").read_text()
    assert 'alt="convolution.window: row 25' in text
    assert '<p class="workbook-line">row 25' in text
    assert "run Setup" not in text, "a page has no panel to wake"
    assert not (whole / "report/_static/panels").exists(), "nothing is computed ahead"


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
def test_pages_in_a_browser_without_a_network(whole: Path) -> None:
    with chromium() as view:
        complaints: list[str] = []
        view.context.set_offline(True)
        view.on("request", lambda request: complaints.append(request.url))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.set_viewport_size({"width": 400, "height": 800})
        for name in ("index", *(lesson.name for lesson in LESSONS)):
            view.goto((whole / "report" / f"{name}.html").as_uri())
            assert [complaint for complaint in complaints if not complaint.startswith(("file:", "data:"))] == []
            for picture in view.locator("img").all():
                assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            assert view.evaluate("document.documentElement.scrollWidth") <= 400


def test_copy_is_only_read(whole: Path, tmp_path: Path) -> None:
    start(tmp_path)
    for name in NAMES:
        assert (whole / "my-workbook" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_scoreboard_has_what_the_notebooks_have_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(tmp_path / "scoreboard.json"))
    monkeypatch.setattr(results, "unsaved", {kind: {} for kind in results.unsaved})
    row = next(row for row in ROWS if row.measured)
    code = f"from workbook import results; results.record({{{row.measured!r}: 12.3}}, 0.0)"
    folder = small_copy(tmp_path / "copy", code)
    assert run("report", folder, "--output", tmp_path / "pages").exit_code == 0
    text = first_page(tmp_path / "pages")
    assert "the kernel died" not in text
    assert "raised an error" not in text
    line = next(line for line in text.split("<tr ") if row.sentence in line)
    assert "<p>12.3 ×</p></td>" in line


def test_learners_own_numbers_come_first_and_their_file_is_only_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKBOOK_SCOREBOARD", raising=False)
    first, second, *_ = (row.measured for row in ROWS if row.measured)
    code = (
        "from workbook.lessonkit import results\n"
        f"results.record({{{first!r}: 12.3, {second!r}: 45.6}}, 0.0)\n"
        "results.keep_guess('winograd', 7)"
    )
    folder = small_copy(tmp_path / "copy", code)
    mine = folder / results.FILE
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(mine))
    results.record({first: 78.9}, 0.0)
    results.keep_guess("winograd", 3)
    monkeypatch.delenv("WORKBOOK_SCOREBOARD")
    before = mine.read_bytes()
    assert run("report", folder, "--output", tmp_path / "pages").exit_code == 0
    text = first_page(tmp_path / "pages")
    assert "raised an error" not in text
    assert mine.read_bytes() == before
    assert [number in text for number in ("78.9 ×", "12.3 ×", "45.6 ×", ">3 ×</p></td>", ">7 ×</p></td>")] == [
        *(True, False, True, True, False)
    ]


def test_cell_that_raises_is_shown_and_counted(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1 / 0  # <b>")
    assert run("report", folder, "--output", tmp_path / "pages").exit_code == 0
    assert first_page(tmp_path / "pages").count("1 cell raised an error") == len(LESSONS)
    text = (tmp_path / "pages" / f"{LESSONS[0].name}.html").read_text()
    assert "ZeroDivisionError" in text
    assert "division by zero" in text
    assert "<b>" not in text


def test_kernel_that_dies_is_said(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "import os; os._exit(1)")
    assert run("report", folder, "--output", tmp_path / "pages").exit_code == 0
    assert first_page(tmp_path / "pages").count(": the kernel died") == len(LESSONS)


def test_damaged_notebook_is_one_line(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1")
    (folder / NAMES[-1]).write_text("{")
    result = run("report", folder, "--output", tmp_path / "pages")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {folder / NAMES[-1]} is no notebook, or a damaged one\n"
    assert not (tmp_path / "pages").exists()


def test_what_is_missing_or_in_the_way_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_copy(tmp_path / "copy", "1")
    monkeypatch.setattr(reporting, "execute", lambda *_, **__: pytest.fail("ran"))
    assert_one_line_error(run("report", folder, "--output", folder), "did not write", str(folder))
    monkeypatch.setattr(book_site, "find_spec", lambda name: None if name == "sphinx" else name)
    missing = run("report", folder, "--output", tmp_path / "pages")
    assert_one_line_error(missing, "(sphinx)", "pip install 'edge-ai-workbook[book]'")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_pages_that_cannot_be_written(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1")
    (tmp_path / "file").touch()
    assert_one_line_error(run("report", folder, "--output", tmp_path / "file" / "pages"), "file")


def old_report(folder: Path) -> Path:
    """Lay what an older report has left."""
    old = folder / "report"
    old.mkdir()
    for name in ("index.html", "searchindex.js"):
        (old / name).write_text("old")
    return old


def test_full_disk_keeps_the_last_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, destination: Path) -> None:
        raise shutil.Error([(str(source), str(destination), os.strerror(errno.ENOSPC))])

    folder, old = small_copy(tmp_path / "copy", "1"), old_report(tmp_path)
    monkeypatch.setattr(shutil, "copytree", full)
    assert_one_line_error(run("report", folder, "--output", old), str(old), "No space left on device")
    assert {path.read_text() for path in old.iterdir()} == {"old"}
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "report"}


def test_an_older_report_is_replaced(tmp_path: Path) -> None:
    folder, old = small_copy(tmp_path / "copy", "1"), old_report(tmp_path)
    assert run("report", folder, "--output", old).exit_code == 0
    assert "Scoreboard" in (old / "index.html").read_text()


def test_interrupt_keeps_the_last_report(tmp_path: Path) -> None:
    running = tmp_path / "running"
    folder = small_copy(tmp_path / "copy", f"open({str(running)!r}, 'w').close()\nwhile True: pass")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    old = old_report(tmp_path)
    with subprocess.Popen(
        [COMMAND, "report", folder, "--output", old], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not running.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.strip() == "Aborted!"
    assert {path.read_text() for path in old.iterdir()} == {"old"}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_form_of_output_is_shown(tmp_path: Path) -> None:
    code = """from IPython.display import display
print("a < b")
for data in (
    {"text/html": "<i>html</i>", "text/plain": "no"},
    {"text/markdown": "```nolanguage\\n**not bold**\\n```", "text/plain": "no"},
    {"text/plain": "plain & simple"},
):
    display(data, raw=True)"""
    folder = small_copy(tmp_path / "copy", code)
    assert run("report", folder, "--output", tmp_path / "pages").exit_code == 0
    text = (tmp_path / "pages" / f"{LESSONS[0].name}.html").read_text()
    output = text.partition("cell_output")[2]
    assert "a &lt; b" in output
    assert "<i>html</i>" in output
    assert "**not bold**" in output
    assert "plain &amp; simple" in output
    assert ">no<" not in output
