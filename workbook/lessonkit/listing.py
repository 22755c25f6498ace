"""Source code as a notebook shows it, and as plain text."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import kernels
from workbook.plain_text import code_as_html

_LOADED = time.time()  # the kernels are loaded; what is written later does not run in this process
_FUNCTION = r"""(?:^(?:/\*(?:(?!\*/).)*\*/|(?:\#[^\n]*\n)*\#[^\n]*)\n)?  # the comment above
                (?:^INLINE\ [\w ]+?\b{name}\(.*?^}}|^cdef\ (?:inline\ )?[\w ]+?\b{name}\(.*?(?=\n\n|\Z))"""
_OF_FUNCTIONS = ("transforms.pxd", "bytes_transforms.pxd", "simd.h", "bytes.h", "bytes_lanes.h", "stair.pyx")
_INNER_LOOPS = {
    "tile": "tile_of",
    "tile_of_lanes": "tile_of",
    "dot_tile": "dot_tile_of",
    "dot_tile_of_lanes": "dot_lanes_of",
    "pairs_tile_of_lanes": "dot_lanes_of",
}


@dataclass(frozen=True)
class Piece:
    """A file, or a part of one.

    Attributes
    ----------
    file : str
        Where it stands in a clone, such as "kernels/direct.pyx".
    text, language : str
    """

    file: str
    text: str
    language: str


@dataclass(frozen=True)
class Listing:
    """Pieces of source code, the one that was asked for first.

    A fenced Markdown block would be highlighted by the page, and broken within words. What is marked here is little, so
    that the committed outputs depend on no highlighter and fit light and dark pages.

    Attributes
    ----------
    pieces : tuple of Piece
    path : Path
        Where the first lies on this machine.
    """

    pieces: tuple[Piece, ...]
    path: Path

    @classmethod
    def of(cls, thing: Callable[..., object] | type | ModuleType) -> Listing:
        """List a function, a class or a module in Python."""
        module = thing if isinstance(thing, ModuleType) else inspect.getmodule(thing)
        path = Path(inspect.getsourcefile(thing) or "")
        name = module.__name__ if module else path.stem
        return cls((Piece(f"{name.replace('.', '/')}.py", inspect.getsource(thing), "python"),), path)

    @classmethod
    def of_kernel(cls, name: str) -> Listing:
        """List a compiled file with what it includes and the loop that takes its time, or a function such as "input_4".

        Raises
        ------
        ValueError
            For another name; the message lists the files there are.
        """
        if (function := _function(name)) is not None:
            return cls((function,), kernels.source_file(Path(function.file).name))
        path, text = kernels.source_file(name), kernels.source(name)
        loops = sorted({_INNER_LOOPS[call] for call in re.findall(r"\b(\w+)\(", text) if call in _INNER_LOOPS})
        included = (_piece(file, kernels.source(file)) for file in re.findall(r'^include "(.+)"', text, re.MULTILINE))
        return cls((_piece(path.name, text), *included, *filter(None, map(_function, loops))), path)

    @property
    def text(self) -> str:
        """The first piece."""
        return self.pieces[0].text

    @property
    def is_newer(self) -> bool:
        """Whether the file was changed after this process had loaded what it runs."""
        return self.path.exists() and self.path.stat().st_mtime > _LOADED

    def _warning(self) -> list[str]:
        text = f"{self.pieces[0].file} was changed after this kernel began: what runs is older. Restart the kernel."
        return [text] if self.is_newer else []

    def __str__(self) -> str:
        return "\n\n".join([*self._warning(), *(f"{piece.file}:\n\n{piece.text.rstrip()}" for piece in self.pieces)])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        blocks = (
            f"<p><code>{piece.file}</code></p>{code_as_html(piece.text.rstrip(), piece.language)}"
            for piece in self.pieces
        )
        warning = (f"<p><b>{text}</b></p>" for text in self._warning())
        return {"text/html": "\n".join([*warning, *blocks]), "text/plain": str(self)}


def _piece(file: str, text: str) -> Piece:
    return Piece(f"kernels/{file}", text, "c" if file.endswith(".h") else "cython")


def _function(name: str) -> Piece | None:
    """Return a function of a file that is read in parts, with the comment above it."""
    pattern = _FUNCTION.format(name=re.escape(name))
    for file in _OF_FUNCTIONS:
        if found := re.search(pattern, kernels.source(file), re.DOTALL | re.MULTILINE | re.VERBOSE):
            return _piece(file, found[0].strip("\n"))
    return None
