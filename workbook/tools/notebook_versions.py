"""Tells which version of a notebook a file has, and whether a learner has changed it.

A notebook is what its cells say: running it changes outputs, and leaves it the same notebook. Versions are known from
two places. `released_notebooks.json` has those of earlier releases; `docs/released_notebooks.py` writes it. A record in
each learner's folder has what was laid there, be it from between two releases.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from workbook.files import write_whole

RECORD = ".versions.json"
RELEASED = "released_notebooks.json"


@dataclass(frozen=True)
class Version:
    """A notebook as it was shipped.

    Attributes
    ----------
    number : str
        The workbook's version, such as "0.2.0".
    cells : tuple of str
        A digest of each cell, in order.
    """

    number: str
    cells: tuple[str, ...]

    def likeness(self, cells: tuple[str, ...]) -> float:
        """Return how much of a notebook is of this version: 0 nothing, 1 every cell."""
        ours, theirs = set(self.cells), set(cells)
        return len(ours & theirs) / max(1, len(ours | theirs))


def installed() -> str:
    """Return the version of the workbook that runs."""
    return version("edge-ai-workbook")


def cells_of(content: bytes) -> tuple[str, ...]:
    """Return a digest of each cell's type and source; of a file that is no notebook, one of all that is in it."""
    try:
        cells = json.loads(content)["cells"]
        pieces = [f"{cell['cell_type']}\n{''.join(cell['source'])}".encode() for cell in cells]
    except (ValueError, TypeError, KeyError, RecursionError):
        pieces = [content]
    return tuple(hashlib.sha256(piece).hexdigest()[:12] for piece in pieces)


def origin(cells: tuple[str, ...], versions: Iterable[Version]) -> Version:
    """Return the version that a notebook is, or else the one that it was made of; of equal ones the first."""
    return max(versions, key=lambda version: (version.cells == cells, version.likeness(cells)))


@cache
def released() -> Mapping[str, tuple[Version, ...]]:
    """Return the versions of earlier releases by the notebook's name."""
    table = json.loads((files("workbook.tools") / RELEASED).read_text(encoding="utf-8"))
    names = {name for notebooks in table.values() for name in notebooks}
    return {
        name: tuple(
            Version(number, tuple(notebooks[name].split())) for number, notebooks in table.items() if name in notebooks
        )
        for name in names
    }


def read_record(folder: Path) -> dict[str, Version]:
    """Return what was laid in a folder, by the file's name; nothing if that was not written down, or is damaged."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        return {name: Version(str(laid["number"]), tuple(map(str, laid["cells"]))) for name, laid in record.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def write_record(folder: Path, record: Mapping[str, Version]) -> None:
    """Write down what was laid in a folder.

    Raises
    ------
    OSError
        If the file cannot be written; it is then as it was.
    """
    content = {name: asdict(laid) for name, laid in sorted(record.items())}
    write_whole(folder / RECORD, json.dumps(content).encode() + b"\n")


def is_newer(number: str, than: str) -> bool:
    """Whether a version comes after another one."""
    return _in_order(number) > _in_order(than)


def _in_order(number: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", number)))
