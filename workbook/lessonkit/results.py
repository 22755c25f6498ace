"""What the learner has guessed, and measured on this machine: the lessons write it down, the scoreboard reads it.

It lies beside the notebooks, in `.scoreboard.json` of the folder that they run in, or in the file that
WORKBOOK_SCOREBOARD names. With each result stands how much of the machine other programs had meanwhile. Numbers from
another machine are not shown as this one's: in a copied folder the guesses stay, and measuring begins afresh.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import kernels
from workbook.files import write_whole
from workbook.measuring.this_machine import cpu_name

FILE = ".scoreboard.json"

_Numbers = dict[str, float]

# Of this kernel, if the file cannot be written.
unsaved: dict[str, _Numbers] = {"values": {}, "others": {}, "guesses": {}}


def file() -> Path:
    """Return where this machine's results are kept."""
    return Path(os.environ.get("WORKBOOK_SCOREBOARD") or FILE).absolute()


def load(path: Path | None = None) -> dict[str, float]:
    """Return this machine's results by their names, such as "convolution.ladder.gain"; empty if there are none.

    Parameters
    ----------
    path : Path, optional
        `file()` if None.
    """
    return _load(path or file(), "values")


def others(path: Path | None = None) -> dict[str, float]:
    """Return the part of this machine, from 0 to 1, that other programs had while a result was measured, by its name.

    Parameters
    ----------
    path : Path, optional
        `file()` if None.
    """
    return _load(path or file(), "others")


def guesses(path: Path | None = None) -> dict[str, float]:
    """Return the learner's guesses by the lesson's package, such as "convolution"; on whatever machine they were made.

    Parameters
    ----------
    path : Path, optional
        `file()` if None.
    """
    return _load(path or file(), "guesses")


def stored(path: Path) -> tuple[str, dict[str, float]]:
    """Return the machine that a file of results is of, in words, and its results; of any machine.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it holds no results.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {str(name): float(number) for name, number in content["values"].items()}
        return f"{content['cpu']}, {content['isa']}", values
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} holds no results of the notebooks; they lie in {FILE} beside them") from None


def record(numbers: Mapping[str, float], others: float) -> None:
    """Add results, each in the place of an older one of its name.

    If the file cannot be written, they are kept as long as this kernel lives, and a line says so.

    Parameters
    ----------
    numbers : mapping of name to number
    others : float
        The part of the machine, from 0 to 1, that other programs had meanwhile.

    Raises
    ------
    ValueError
        For a number that is not finite: something went wrong before.
    """
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}, not a measurement")
    _keep(values=numbers, others=dict.fromkeys(numbers, others))


def keep_guess(package: str, number: float) -> None:
    """Keep the guess of a lesson in the place of an older one; as `record` keeps results."""
    _keep(guesses={package: number})


def _keep(**new: Mapping[str, float]) -> None:
    path = file()
    kept = {kind: {**_load(path, kind), **new.get(kind, {})} for kind in unsaved}
    content = json.dumps({**_machine(), **kept}, indent=1).encode()
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a file")
        write_whole(path, content)
    except OSError as error:
        unsaved.update(kept)
        print(f"[machine] {path.name} is not written ({error.strerror}): the scoreboard forgets when the kernel ends")
    else:
        unsaved.update((kind, {}) for kind in kept)


def _machine() -> dict[str, str]:
    return {"cpu": cpu_name(), "isa": kernels.isa()}


def _load(path: Path, kind: str) -> _Numbers:
    return {**_read(path, kind), **unsaved[kind]}


def _read(path: Path, kind: str) -> _Numbers:
    """Return the numbers of a kind in a file; a damaged one has none, and another machine's file no results."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if kind != "guesses" and {name: content[name] for name in _machine()} != _machine():
            return {}
        return {str(name): float(number) for name, number in content.get(kind, {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
