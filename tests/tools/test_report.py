"""`workbook report`: one page with everything on it, that fetches nothing; written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import time
from html import unescape
from pathlib import Path

import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run
from interrupting import PATIENCE

from workbook import page
from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.scoreboard import COLUMNS, ROWS
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


def test_page_has_every_lesson_and_the_scoreboard(whole: Path) -> None:
    text = (whole / "report" / "index.html").read_text()
    for lesson in LESSONS:
        assert f'<section id="{lesson.name}">' in text
        assert f'href="#{lesson.name}"' in text
        assert f"<h1>{lesson.number} · {lesson.title}</h1>" in text
    head = text.partition("<section")[0]
    assert all(f">{column}</th>" in head for column in COLUMNS)
    assert all(row.sentence in unescape(head) for row in ROWS)
    assert "raised an error" not in head
    assert "convolution.window: row 25" in text
    assert "run Setup" not in text, "a page has no panel to wake"


def test_page_refers_to_nothing_outside_but_by_links(whole: Path) -> None:
    text = (whole / "report" / "index.html").read_text()
    assert "<script" not in text
    assert "<link" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)', text))
    for link in re.findall(r'href="#([^"]*)', text):
        assert f'id="{link}"' in text
    assert len(re.findall("<img ", text)) == len(re.findall(r'<img [^>]*alt="[^"]', text)) >= len(LESSONS)


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
def test_page_in_a_browser_without_a_network(whole: Path) -> None:
    with chromium() as view:
        complaints: list[str] = []
        view.context.set_offline(True)
        view.on("request", lambda request: complaints.append(request.url))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.goto((whole / "report" / "index.html").as_uri())
        assert [complaint for complaint in complaints if not complaint.startswith(("file:", "data:"))] == []
        for picture in view.locator("img").all():
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        view.set_viewport_size({"width": 400, "height": 800})
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
    assert run("report", folder, "--output", tmp_path / "a.html").exit_code == 0
    text = unescape((tmp_path / "a.html").read_text())
    assert "the kernel died" not in text
    assert "raised an error" not in text
    line = next(line for line in text.split("<tr>") if row.sentence in line)
    assert ">12.3 ×</td>" in line


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
    assert run("report", folder, "--output", tmp_path / "a.html").exit_code == 0
    text = unescape((tmp_path / "a.html").read_text())
    assert "raised an error" not in text
    assert mine.read_bytes() == before
    assert [number in text for number in ("78.9 ×", "12.3 ×", "45.6 ×", "3 ×</td>", "7 ×</td>")] == [
        *(True, False, True, True, False)
    ]


def test_cell_that_raises_is_shown_and_counted(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1 / 0  # <b>")
    assert run("report", folder, "--output", tmp_path / "a.html").exit_code == 0
    text = (tmp_path / "a.html").read_text()
    assert text.count("1 cell raised an error") == len(LESSONS)
    assert '<div class="error">ZeroDivisionError: division by zero</div>' in text
    assert "<b>" not in text


def test_kernel_that_dies_is_said(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "import os; os._exit(1)")
    assert run("report", folder, "--output", tmp_path / "a.html").exit_code == 0
    assert (tmp_path / "a.html").read_text().count(": the kernel died") == len(LESSONS)


def test_damaged_notebook_is_one_line(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1")
    (folder / NAMES[-1]).write_text("{")
    result = run("report", folder, "--output", tmp_path / "a.html")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {folder / NAMES[-1]} is no notebook, or a damaged one\n"
    assert not (tmp_path / "a.html").exists()


def test_page_that_cannot_be_written(tmp_path: Path) -> None:
    folder = small_copy(tmp_path / "copy", "1 / 0")
    (tmp_path / "file").touch()
    assert_one_line_error(run("report", folder, "--output", tmp_path / "file" / "a.html"), "file")


def test_full_disk_keeps_the_last_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder, old = small_copy(tmp_path / "copy", "1"), tmp_path / "report" / "index.html"
    old.parent.mkdir()
    old.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    assert_one_line_error(run("report", folder, "--output", old), str(old), "No space left on device")
    assert [path.read_text() for path in old.parent.iterdir()] == ["old"]


def test_interrupt_keeps_the_last_page(tmp_path: Path) -> None:
    running = tmp_path / "running"
    folder = small_copy(tmp_path / "copy", f"open({str(running)!r}, 'w').close()\nwhile True: pass")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    old = tmp_path / "report" / "index.html"
    old.parent.mkdir()
    old.write_text("old")
    with subprocess.Popen(
        [COMMAND, "report", folder, "--output", old], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not running.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.strip() == "Aborted!"
    assert [path.read_text() for path in old.parent.iterdir()] == ["old"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_form_of_output_is_shown() -> None:
    output = nbformat.v4.new_output
    cell = nbformat.v4.new_code_cell(
        "x",
        outputs=[
            output("stream", name="stdout", text="a < b"),
            output("display_data", {"text/html": "<i>html</i>", "text/plain": "no"}),
            output("display_data", {"text/markdown": "```nolanguage\n**not bold**\n```", "text/plain": "no"}),
            output("display_data", {"text/plain": "plain & simple"}),
            output("display_data", {"image/png": "AAAA", "text/plain": 'a "picture"'}),
        ],
    )
    text = page.section("an anchor", nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_raw_cell("raw")]))
    assert "a &lt; b" in text
    assert "<i>html</i>" in text
    assert "**not bold**" in text
    assert "plain &amp; simple" in text
    assert 'alt="a &quot;picture&quot;"' in text
    assert ">no<" not in text
    assert "raw" not in text
