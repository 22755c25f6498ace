"""Lays the learner's copy of the notebooks, and brings newer versions of them.

The copy comes without the outputs that answer the guess of a lesson; the catalog names their cells. What is missing is
written; what is there is touched by an update alone, and by that only if the learner has not changed it. Of a notebook
that was changed the newer version is laid beside it, under a name that says so. In a folder of a class edition the
exercises have the numbers of its class.json.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

from workbook.files import write_whole
from workbook.lessonkit import edition
from workbook.lessonkit.catalog import LESSONS
from workbook.tools.notebook_versions import (
    Version,
    cells_of,
    installed,
    is_newer,
    origin,
    read_record,
    released,
    write_record,
)

DEFAULT = Path("my-workbook")


@dataclass(frozen=True)
class Copy:
    """What `start` found and did; the names are paths below the folder.

    Attributes
    ----------
    folder : Path
        Where the copy lies.
    version : str
        Of the workbook that is installed, and of what it lays.
    written : list of str
        Missing before.
    updated : list of str
        Replaced by this version: the learner had not changed them.
    beside : dict of str to str
        Changed by the learner, and left as they are; with the name under which this version now lies beside each.
    edited : list of str
        There already, and changed by the learner, those of `beside` too.
    same : list of str
        There already, cells as shipped; they may have been run.
    older : list of str
        There already, of another version than this; an update would bring it.
    """

    folder: Path
    version: str
    written: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return what a script reads."""
        return {**asdict(self), "folder": str(self.folder)}


@dataclass(frozen=True)
class _Notebook:
    """A notebook as a learner gets it, and what the folder has of it."""

    name: str
    content: bytes
    today: Version
    is_there: bool
    is_changed: bool = False
    is_older: bool = False


def shipped() -> Iterator[tuple[str, Traversable]]:
    """Yield (path below the folder, file) of everything that a copy consists of, in the order of the names."""
    yield from _walk(files("workbook") / "notebooks", "")


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def for_learner(name: str, content: bytes, variant: str = "") -> bytes:
    """Return a shipped notebook without the outputs that answer its lesson's guess, with the numbers of a variant."""
    lesson = next((lesson for lesson in LESSONS if name == f"{lesson.name}.ipynb"), None)
    if lesson is None or not (lesson.guess or variant):
        return content
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if lesson.guess and cell["id"] in lesson.guess.answers:
            cell.update(outputs=[], execution_count=None)
    if variant:
        variants: Any = importlib.import_module("workbook.lessonkit.variants")  # with the exercises, and so the kernels
        variants.renumber(notebook, variant)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def start(folder: Path, *, update: bool = False) -> Copy:
    """Write the notebooks that the folder does not have yet.

    Parameters
    ----------
    folder : Path
    update : bool
        Bring this version of those that are older, too.

    Raises
    ------
    OSError
        If the folder cannot be written, or a file not be read; no file is left half written.
    """
    record = read_record(folder)
    copy, laid = Copy(folder, installed()), dict(record)

    def lay(name: str, notebook: _Notebook) -> None:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, notebook.content)
        laid[name] = notebook.today

    for notebook in _compared(folder, record):
        name = notebook.name
        if notebook.is_changed:
            copy.edited.append(name)
        if not notebook.is_there:
            lay(name, notebook)
            copy.written.append(name)
        elif notebook.is_older and not update:
            copy.older.append(name)
        elif notebook.is_older and notebook.is_changed:
            copy.beside[name] = _beside(name, copy.version)
            lay(copy.beside[name], notebook)
        elif notebook.is_older:
            lay(name, notebook)
            copy.updated.append(name)
        elif not notebook.is_changed:
            copy.same.append(name)
    if laid != record:
        write_record(folder, laid)
    return copy


def older(folder: Path) -> list[str]:
    """Return the notebooks of a folder of which an update would bring this version.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    return [notebook.name for notebook in _compared(folder, read_record(folder)) if notebook.is_older]


def update_command(folder: Path) -> str:
    """Return what a learner types to update this folder."""
    return f"workbook start {f'{shlex.quote(str(folder))} ' if folder != DEFAULT else ''}--update"


def _beside(name: str, number: str) -> str:
    """Return such as "02_winograd (version 0.2.0).ipynb"; `is_laid_beside` knows it again."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem} (version {number}){path.suffix}"))


def is_laid_beside(path: Path) -> bool:
    """Whether an update has laid this file beside a notebook, and nobody has changed it since."""
    named = re.fullmatch(r"(.+) \(version [^()]+\)", path.stem)
    name = f"{named[1]}{path.suffix}" if named else ""
    if not named or not path.with_name(name).exists():
        return False
    versions = [cells_of(source.read_bytes()) for other, source in shipped() if other == name]
    versions += [version.cells for version in released().get(name, ())]
    versions += [laid.cells for laid_as, laid in read_record(path.parent).items() if laid_as == path.name]
    try:
        return cells_of(path.read_bytes()) in versions
    except OSError:  # who opens it says why
        return False


def first_notebook() -> str | None:
    """Return the notebook to begin with."""
    return next((name for name, _ in shipped() if name.endswith(".ipynb")), None)


def _compared(folder: Path, record: Mapping[str, Version]) -> Iterator[_Notebook]:
    """Yield every notebook, compared with what the folder has.

    A changed one is older if it was made of another version, and this one was not laid beside it.
    """
    number, variant = installed(), edition.here(folder).variant
    for name, source in shipped():
        content, target = for_learner(name, source.read_bytes(), variant), folder / name
        today = Version(number, cells_of(content))
        if not target.exists():
            yield _Notebook(name, content, today, is_there=False)
            continue
        cells = cells_of(target.read_bytes())
        before = [record[name]] if name in record else []
        before = [version for version in (*before, *released().get(name, ())) if not is_newer(version.number, number)]
        made_of = origin(cells, [today, *before])
        changed = made_of.cells != cells
        brought = changed and _was_laid(folder, _beside(name, number), today, record)
        yield _Notebook(name, content, today, True, changed, is_older=made_of.cells != today.cells and not brought)


def _was_laid(folder: Path, name: str, today: Version, record: Mapping[str, Version]) -> bool:
    """Whether a version was laid beside a notebook, though the learner may have changed or deleted it since."""
    path, laid = folder / name, record.get(name)
    if not path.exists():
        return laid is not None and laid.cells == today.cells
    cells = cells_of(path.read_bytes())
    is_stale = laid is not None and cells == laid.cells != today.cells  # of a commit between releases
    return not is_stale
