"""The learner's copy: what is missing is laid, what is there is never touched, nothing is left half written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workbook.files import write_whole
from workbook.tools.start import shipped, start

NAMES = [name for name, _ in shipped()]


def test_lays_every_notebook_as_shipped(tmp_path: Path) -> None:
    folder = tmp_path / "my work" / "book"
    laid = start(folder)
    assert laid.written == NAMES
    assert NAMES
    for name, source in shipped():
        assert (folder / name).read_bytes() == source.read_bytes()
    assert start(folder).same == NAMES


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
