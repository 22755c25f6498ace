"""Lays the learner's copy of the notebooks: what is missing is written, what is there is never touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from workbook.files import write_whole

DEFAULT = Path("my-workbook")


@dataclass(frozen=True)
class Copy:
    """What `start` found and did; the names are paths below the folder.

    Attributes
    ----------
    folder : Path
        Where the copy lies.
    written : list of str
        Missing before.
    edited : list of str
        There already, and not as shipped: the learner's work, or an older version.
    same : list of str
        There already, as shipped.
    """

    folder: Path
    written: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return what a script reads."""
        return {**asdict(self), "folder": str(self.folder)}


def shipped() -> Iterator[tuple[str, Traversable]]:
    """Yield (path below the folder, file) of everything that a copy consists of, in the order of the names."""
    yield from _walk(files("workbook") / "notebooks", "")


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def start(folder: Path) -> Copy:
    """Write the notebooks that the folder does not have yet.

    Raises
    ------
    OSError
        If the folder cannot be written; no file is left half written.
    """
    copy = Copy(folder)
    for name, source in shipped():
        target = folder / name
        content = source.read_bytes()
        if target.exists():
            (copy.same if target.read_bytes() == content else copy.edited).append(name)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
            copy.written.append(name)
    return copy


def first_notebook() -> str | None:
    """Return the notebook to begin with."""
    return next((name for name, _ in shipped() if name.endswith(".ipynb")), None)
