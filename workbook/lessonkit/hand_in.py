"""The file that a learner hands in: guesses, measurements and answers, the machine and the version; nothing else.

It has the keys of `.scoreboard.json`, so that `workbook compare` reads it too, and a digest of its own content. The
digest finds damage. It does not stop forgery: who changes the content can compute the digest anew.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.lessonkit import edition, results
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.results import Kept

FILE = "hand-in.json"
FORMAT = "edge-ai-workbook hand-in 1"


class ForeignError(Exception):
    """A file is none that was handed in; the text says what it is not."""


class DamagedError(Exception):
    """A file was handed in, and is no longer what was written; the text says what is wrong."""


@dataclass(frozen=True)
class HandIn:
    """One learner's work.

    Attributes
    ----------
    learner : str
        What the learner typed as a name; empty if nothing.
    variant : str
        Which numbers the exercises had, as `class.json` beside the notebooks says; empty for those of the workbook.
    version : str
        Of the workbook.
    kept : Kept
    """

    learner: str
    variant: str
    version: str
    kept: Kept

    def as_text(self) -> str:
        """Return the file's text, sealed."""
        kept = asdict(self.kept)
        content = {"format": FORMAT, "version": self.version, "learner": self.learner, "variant": self.variant, **kept}
        return json.dumps({**content, "digest": _digest(content)}, indent=1, ensure_ascii=False) + "\n"

    @property
    def correct(self) -> int:
        """How many exercises are correct, as the checks told the learner."""
        return Counter(answer.outcome for answer in self.kept.answers.values())["correct"]

    def __str__(self) -> str:
        asked = sum(lesson.guess is not None for lesson in LESSONS)
        exercises = sum(len(lesson.exercises) for lesson in LESSONS)
        kept = self.kept
        return (
            f"{len(kept.guesses)} of {asked} guesses, {len(kept.values)} measurements, "
            f"{len(kept.answers)} of {exercises} exercises answered, {self.correct} of them correct"
        )


def write(folder: Path, learner: str = "", output: Path | None = None) -> tuple[Path, HandIn]:
    """Write what lies beside the notebooks of a folder as one file; return its path, and what it holds.

    Parameters
    ----------
    folder : Path
    learner : str
        A name, or whatever else the teacher asked for.
    output : Path, optional
        `hand-in.json` in the folder if None.

    Raises
    ------
    CommandError
        If there is nothing to hand in.
    OSError
        If the file cannot be written; it is then as it was.
    """
    return _write(folder / results.FILE, learner, output)


def hand_in(learner: object = "") -> None:
    """Write `hand-in.json` beside the notebook: your guesses, measurements and answers, for your teacher.

    Parameters
    ----------
    learner : str
        Your name, if it is asked for. No other name, and no path, gets into the file.
    """
    if not isinstance(learner, str):
        raise ValueError("your name is a text, such as 'Ada', or nothing")
    path, written = _write(results.file(), learner, None)
    print(f"[machine] {path.name}: {written}")


def read(path: Path) -> HandIn:
    """Read a file that was handed in; nothing in it is run.

    Raises
    ------
    ForeignError
        If it is another kind of file.
    DamagedError
        If it is not as it was written.
    OSError
        If it cannot be read.
    """
    try:
        text = results.text(path)
    except ValueError:
        raise ForeignError("not a hand-in: no text, or too long") from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        if FORMAT in text:
            raise DamagedError("damaged: its end or a part of it is missing") from None
        raise ForeignError("not a hand-in" if text.strip() else "empty") from None
    if isinstance(content, dict) and "cells" in content:
        raise ForeignError("not a hand-in but a notebook: workbook check runs it")
    if not isinstance(content, dict) or not str(content.get("format", "")).startswith(FORMAT.rpartition(" ")[0]):
        raise ForeignError("not a hand-in")
    if content["format"] != FORMAT:
        raise ForeignError(f"a hand-in of another version of the workbook: {str(content.get('version', ''))[:20]}")
    sealed = content.pop("digest", None)
    try:
        if sealed != _digest(content):
            raise DamagedError("changed since it was written: the digest is that of another content")
        learner, variant, made_by = (str(content[name]) for name in ("learner", "variant", "version"))
        return HandIn(learner, variant, made_by, Kept.of(content))
    except (KeyError, ValueError) as error:
        raise DamagedError(f"damaged: {str(error)[:80]}") from None


def _write(kept_in: Path, learner: str, output: Path | None) -> tuple[Path, HandIn]:
    path = output or kept_in.with_name(FILE)
    try:
        kept = results.stored(kept_in)
    except FileNotFoundError:
        raise CommandError(
            f"{kept_in} is not there: nothing was guessed, measured or checked in {kept_in.parent} yet"
        ) from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    made = HandIn(learner, edition.here(kept_in.parent).variant, version("edge-ai-workbook"), kept)
    write_whole(path, made.as_text().encode())
    return path, made


def _digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a content, whatever the order of its names and the blanks between them."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
