"""The learner's copy: what is missing is laid, what was changed is never touched, nothing is left half written."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path

import nbformat
import pytest
from yesterday import FIRST, SECOND, YESTERDAY, answer, change, lay_yesterday, run_all

from workbook.files import write_whole
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.tools import start as starting
from workbook.tools.notebook_versions import (
    RECORD,
    Version,
    cells_of,
    installed,
    origin,
    read_record,
    released,
    write_record,
)
from workbook.tools.start import for_learner, is_laid_beside, older, shipped, start, update_command

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name, _ in shipped()]
TODAY = {name: for_learner(name, source.read_bytes()) for name, source in shipped()}
BESIDE = f"{Path(FIRST).stem} (version {installed()}).ipynb"


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lays_every_notebook(tmp_path: Path) -> None:
    folder = tmp_path / "my work" / "book"
    laid = start(folder)
    assert laid.written == NAMES
    assert NAMES
    for name, content in TODAY.items():
        assert (folder / name).read_bytes() == content
    assert start(folder).same == NAMES


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_outputs_that_answer_a_guess_stay_away_and_all_others_are_there(lesson: Lesson, tmp_path: Path) -> None:
    start(tmp_path)
    copy, shown = (
        nbformat.read(path / f"{lesson.name}.ipynb", as_version=4) for path in (tmp_path, ROOT / "notebooks")
    )
    answers = lesson.guess.answers if lesson.guess else ()
    assert set(answers) <= {cell.id for cell in copy.cells}
    for cell in shown.cells:
        if cell.id in answers:
            cell.outputs, cell.execution_count = [], None
    assert copy == shown


@pytest.mark.parametrize("name", NAMES)
def test_nothing_shipped_holds_the_state_of_a_widget(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    assert "widgets" not in notebook.metadata
    kinds = {mime for cell in notebook.cells for output in cell.get("outputs", []) for mime in output.get("data", {})}
    assert not any("widget" in kind for kind in kinds)


def test_learners_own_file_may_hold_the_state_of_its_widgets(tmp_path: Path) -> None:
    start(tmp_path)

    def save_with_widgets(notebook: nbformat.NotebookNode) -> None:
        state = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {}}, "version_major": 2}}
        notebook.metadata["widgets"] = state

    mine = change(tmp_path / FIRST, save_with_widgets)
    assert start(tmp_path, update=True).same == NAMES
    assert (tmp_path / FIRST).read_bytes() == mine


def test_keeps_the_learners_edits_and_lays_what_is_missing(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / NAMES[0]).write_text("mine")
    (tmp_path / "notes.txt").write_text("also mine")
    for name in NAMES[1:]:
        (tmp_path / name).unlink()
    again = start(tmp_path)
    assert again.edited == NAMES[:1]
    assert again.written == NAMES[1:]
    assert (tmp_path / NAMES[0]).read_text() == "mine"
    assert (tmp_path / "notes.txt").read_text() == "also mine"


def test_learner_may_write_to_the_copy(tmp_path: Path) -> None:
    start(tmp_path)
    assert os.stat(tmp_path / NAMES[0]).st_mode & 0o600 == 0o600


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        start(tmp_path)
    assert error.value.filename == str(tmp_path / NAMES[0])
    assert list(tmp_path.iterdir()) == []


def test_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.ipynb"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


class TestUpdate:
    """A copy of version 0.1.0, or of any other version than the one that is installed."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A copy of yesterday."""
        folder = tmp_path / "my old work"
        lay_yesterday(folder)
        return folder

    @pytest.fixture
    def tomorrow(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
        """Install a version of which each notebook has another last cell."""
        package = tmp_path / "tomorrow"

        def shipped_then() -> list[tuple[str, Traversable]]:
            return [(name, package / name) for name in NAMES]

        def install() -> None:
            package.mkdir()
            for name, content in TODAY.items():
                (package / name).write_bytes(content)
                change(package / name, lambda notebook: notebook.cells.append(nbformat.v4.new_raw_cell("new")))
            monkeypatch.setattr(starting, "shipped", shipped_then)
            monkeypatch.setattr(starting, "installed", lambda: "99.0.0")

        return install

    def test_fresh_copy_has_nothing_to_update(self, tmp_path: Path) -> None:
        start(tmp_path)
        before = content_of(tmp_path)
        assert start(tmp_path, update=True).same == NAMES
        assert content_of(tmp_path) == before
        assert older(tmp_path) == []

    def test_start_alone_says_what_is_newer_and_touches_nothing(self, folder: Path) -> None:
        mine = change(folder / SECOND, answer)
        before = content_of(folder)
        found = start(folder)
        assert found.older == [FIRST, SECOND] == older(folder)
        assert found.edited == [SECOND]
        assert found.written == NAMES[2:]
        assert {name: content_of(folder)[name] for name in before} == before
        assert (folder / SECOND).read_bytes() == mine

    def test_untouched_is_replaced(self, folder: Path) -> None:
        done = start(folder, update=True)
        assert done.updated == [FIRST, SECOND]
        assert done.written == NAMES[2:]
        assert (done.edited, done.older, done.beside) == ([], [], {})
        assert content_of(folder) == {**TODAY, RECORD: (folder / RECORD).read_bytes()}

    def test_what_was_only_run_is_untouched(self, folder: Path) -> None:
        change(folder / FIRST, run_all)
        assert FIRST in start(folder, update=True).updated
        assert (folder / FIRST).read_bytes() == TODAY[FIRST]

    def test_run_notebook_of_today_keeps_its_outputs(self, tmp_path: Path) -> None:
        start(tmp_path)
        mine = change(tmp_path / FIRST, run_all)
        assert start(tmp_path, update=True).same == NAMES
        assert (tmp_path / FIRST).read_bytes() == mine

    def test_changed_stays_and_the_newer_version_lies_beside(self, folder: Path) -> None:
        mine = change(folder / FIRST, answer)
        done = start(folder, update=True)
        assert done.beside == {FIRST: BESIDE}
        assert done.edited == [FIRST]
        assert done.updated == [SECOND]
        assert (folder / FIRST).read_bytes() == mine
        assert (folder / BESIDE).read_bytes() == TODAY[FIRST]
        assert older(folder) == []

    def test_twice_does_nothing_the_second_time(self, folder: Path) -> None:
        change(folder / FIRST, answer)
        start(folder, update=True)
        before = content_of(folder)
        again = start(folder, update=True)
        assert (again.written, again.updated, again.beside, again.older) == ([], [], {}, [])
        assert content_of(folder) == before

    def test_what_was_laid_beside_and_deleted_does_not_come_back(self, folder: Path) -> None:
        change(folder / FIRST, answer)
        start(folder, update=True)
        (folder / BESIDE).unlink()
        assert start(folder, update=True).beside == {}
        assert older(folder) == []
        assert not (folder / BESIDE).exists()

    def test_file_of_the_learner_under_that_name_is_left_alone(self, folder: Path) -> None:
        change(folder / FIRST, answer)
        (folder / BESIDE).write_text("mine")
        assert start(folder, update=True).beside == {}
        assert (folder / BESIDE).read_text() == "mine"

    def test_deleted_comes_back_as_of_today(self, folder: Path) -> None:
        (folder / FIRST).unlink()
        assert FIRST in start(folder, update=True).written
        assert (folder / FIRST).read_bytes() == TODAY[FIRST]

    def test_nothing_else_is_touched(self, folder: Path) -> None:
        others = {"notes.txt": b"mine", ".scoreboard.json": b"{}", "essay.ipynb": b"no notebook", "data/a.bin": b"\0"}
        (folder / "data").mkdir()
        for name, content in others.items():
            (folder / name).write_bytes(content)
        start(folder, update=True)
        assert content_of(folder) == {**TODAY, **others, RECORD: (folder / RECORD).read_bytes()}

    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"3", b"\xff\0", b'{"a": 3}', b'{"a": {"number": 1}}', None])
    def test_missing_or_damaged_record(self, folder: Path, damage: bytes | None) -> None:
        """The table of releases knows the versions."""
        mine = change(folder / FIRST, answer)
        if damage is not None:
            (folder / RECORD).write_bytes(damage)
        done = start(folder, update=True)
        assert (done.updated, done.beside) == ([SECOND], {FIRST: BESIDE})
        assert (folder / FIRST).read_bytes() == mine
        assert read_record(folder)[SECOND] == Version(installed(), cells_of(TODAY[SECOND]))

    @pytest.mark.parametrize(
        "content", [b"mine", b"", b"{}", b'{"cells": 3}', b'{"cells": [3]}', b'{"cells": []}', b"\xff"]
    )
    def test_what_is_no_notebook_is_the_learners(self, folder: Path, content: bytes) -> None:
        (folder / FIRST).write_bytes(content)
        done = start(folder, update=True)
        assert (done.edited, done.beside, done.older) == ([FIRST], {}, [])
        assert (folder / FIRST).read_bytes() == content

    def test_record_knows_what_no_table_has(self, tmp_path: Path, tomorrow: Callable[[], None]) -> None:
        """A copy of today's version, which may be no release, meets the next one."""
        folder = tmp_path / "copy"
        start(folder)
        mine = change(folder / SECOND, answer)
        tomorrow()
        beside = f"{Path(SECOND).stem} (version 99.0.0).ipynb"
        assert older(folder) == NAMES
        done = start(folder, update=True)
        assert done.updated == [name for name in NAMES if name != SECOND]
        assert done.beside == {SECOND: beside}
        assert (folder / SECOND).read_bytes() == mine
        assert cells_of((folder / beside).read_bytes()) == cells_of((tmp_path / "tomorrow" / SECOND).read_bytes())

    def test_second_update_leaves_what_the_first_laid_beside(self, folder: Path, tomorrow: Callable[[], None]) -> None:
        mine = change(folder / FIRST, answer)
        start(folder, update=True)
        tomorrow()
        assert start(folder, update=True).beside == {FIRST: f"{Path(FIRST).stem} (version 99.0.0).ipynb"}
        assert (folder / FIRST).read_bytes() == mine
        assert (folder / BESIDE).read_bytes() == TODAY[FIRST]

    def test_newer_copy_than_the_workbook_is_left_alone(
        self, tmp_path: Path, tomorrow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "copy"
        tomorrow()
        start(folder)
        before = content_of(folder)
        monkeypatch.undo()
        done = start(folder, update=True)
        assert (done.updated, done.beside, done.older) == ([], {}, [])
        assert content_of(folder) == before

    def test_full_disk_leaves_each_file_whole(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        before = content_of(folder)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            start(folder, update=True)
        assert content_of(folder) == before

    def test_ctrl_c_leaves_each_file_whole_and_the_next_update_goes_on(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename, done = os.replace, []

        def interrupted(source: str, target: Path) -> None:
            if done:
                raise KeyboardInterrupt
            done.append(rename(source, target))

        before = content_of(folder)
        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            start(folder, update=True)
        assert content_of(folder) == {**before, FIRST: TODAY[FIRST]}
        monkeypatch.undo()
        assert start(folder, update=True).updated == [SECOND]
        assert {name: content_of(folder)[name] for name in NAMES} == TODAY

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_read_only_folder(self, folder: Path) -> None:
        before = content_of(folder)
        folder.chmod(0o500)
        with pytest.raises(OSError, match="Permission denied"):
            start(folder, update=True)
        assert content_of(folder) == before

    def test_whole_copy_is_not_written_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may be read only, such as one that was handed in."""
        start(tmp_path)
        (tmp_path / RECORD).unlink()
        monkeypatch.setattr(starting, "write_whole", None)
        monkeypatch.setattr(starting, "write_record", None)
        assert start(tmp_path, update=True).same == NAMES

    def test_learners_permissions_stay(self, folder: Path) -> None:
        (folder / FIRST).chmod(0o640)
        start(folder, update=True)
        assert (folder / FIRST).stat().st_mode & 0o777 == 0o640


class TestLaidBeside:
    def test_until_the_learner_works_in_it(self, tmp_path: Path) -> None:
        lay_yesterday(tmp_path)
        change(tmp_path / FIRST, answer)
        start(tmp_path, update=True)
        assert [path.name for path in tmp_path.glob("*.ipynb") if is_laid_beside(path)] == [BESIDE]
        change(tmp_path / BESIDE, run_all)
        assert is_laid_beside(tmp_path / BESIDE)
        change(tmp_path / BESIDE, answer)
        assert not is_laid_beside(tmp_path / BESIDE)

    def test_of_yesterday_or_in_the_record(self, tmp_path: Path) -> None:
        """What an earlier update has laid is no more the learner's than what this one has."""
        lay_yesterday(tmp_path)
        before = tmp_path / f"{Path(FIRST).stem} (version 0.1.0).ipynb"
        before.write_bytes((tmp_path / FIRST).read_bytes())
        assert is_laid_beside(before)
        between = tmp_path / f"{Path(FIRST).stem} (version 0.1.5).ipynb"
        cells = cells_of(change(before.rename(between), answer))
        assert not is_laid_beside(between)
        write_record(tmp_path, {between.name: Version("0.1.5", cells)})
        assert is_laid_beside(between)

    def test_folder_of_that_name_is_none(self, tmp_path: Path) -> None:
        start(tmp_path)
        (tmp_path / BESIDE).mkdir()
        assert not is_laid_beside(tmp_path / BESIDE)

    def test_alone_it_is_the_learners(self, tmp_path: Path) -> None:
        (tmp_path / BESIDE).write_bytes(TODAY[FIRST])
        assert not is_laid_beside(tmp_path / BESIDE)

    def test_copy_of_a_notebook_under_another_name_is_the_learners(self, tmp_path: Path) -> None:
        start(tmp_path)
        for name in ("copy.ipynb", "mine (version 2).ipynb"):
            (tmp_path / name).write_bytes(TODAY[FIRST])
            assert not is_laid_beside(tmp_path / name)


class TestVersions:
    def test_digests_are_those_of_the_notebooks(self, tmp_path: Path) -> None:
        lay_yesterday(tmp_path)
        for name in YESTERDAY:
            cells = cells_of((tmp_path / name).read_bytes())
            assert Version("0.1.0", cells) in released()[name]

    def test_every_earlier_version_of_the_changelog_is_in_the_table(self) -> None:
        newest, *earlier = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
        assert newest == installed()
        for number in earlier:
            known = {
                name for name, versions in released().items() if number in [version.number for version in versions]
            }
            assert known, f"run: python docs/released_notebooks.py {number} COMMIT"

    def test_origin_is_what_a_notebook_has_most_of(self) -> None:
        today, before = Version("2", ("a", "b", "c", "new")), Version("1", ("a", "b", "c"))
        assert origin(("a", "b", "c"), [today, before]) == before
        assert origin(("a", "mine", "c"), [today, before]) == before
        assert origin(("a", "mine", "new", "c"), [today, before]) == today
        assert origin(("mine",), [today, before]) == today
        assert origin(("c", "b", "a"), [Version("2", ("a", "b", "c")), Version("1", ("c", "b", "a"))]).number == "1"

    def test_command_names_the_folder(self) -> None:
        assert update_command(starting.DEFAULT) == "workbook start --update"
        assert update_command(Path("my work")) == "workbook start 'my work' --update"
