"""What the learner has guessed, measured on this machine, and answered: lessons write it down, the scoreboard reads it.

It lies beside the notebooks, in `.scoreboard.json` of the folder that they run in, or in the file that
WORKBOOK_SCOREBOARD names. With each result stands how much of the machine other programs had meanwhile. Numbers from
another machine are not shown as this one's: in a copied folder the guesses stay, and measuring begins afresh.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import kernels
from workbook.files import write_whole
from workbook.lessonkit.answer import KINDS, Answer
from workbook.measuring.this_machine import cores, cpu_name

FILE = ".scoreboard.json"
MOST_BYTES = 1 << 20  # of a file of results that is read; a learner's has a twentieth of it

_Numbers = dict[str, float]
_OF_NO_MACHINE = ("guesses", "answers")

# Of this kernel, if the file cannot be written.
unsaved: dict[str, dict[str, Any]] = {"values": {}, "others": {}, "guesses": {}, "answers": {}}


@dataclass(frozen=True)
class Kept:
    """All that a file of results holds.

    Attributes
    ----------
    cpu, isa : str
        The machine of the values.
    cores : int
        That its processes may use; 0 if an older version wrote the file.
    values, others, guesses : mapping of name to number
        As `load`, `others` and `guesses` return them.
    answers : mapping of exercise id to Answer
        The best answer to each exercise that was checked.
    """

    cpu: str
    isa: str
    cores: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, float] = field(default_factory=dict)
    guesses: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Any) -> Kept:
        """Read what a JSON file gave.

        Raises
        ------
        ValueError
            If something in it is not what it must be.
        """
        try:
            return cls(
                cpu=str(content["cpu"]),
                isa=str(content["isa"]),
                cores=int(content.get("cores", 0)),
                values=_numbers(content["values"]),
                others=_numbers(content.get("others", {})),
                guesses=_numbers(content.get("guesses", {})),
                answers={str(id): Answer.of(entry) for id, entry in content.get("answers", {}).items()},
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _numbers(content: Any) -> _Numbers:
    for number in content.values():
        if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
            raise ValueError(f"{number!r} is no number")
    return {str(name): float(number) for name, number in content.items()}


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


def answers(path: Path | None = None) -> dict[str, Answer]:
    """Return the best answer to each exercise that was checked, by its id; on whatever machine that was.

    Parameters
    ----------
    path : Path, optional
        `file()` if None.
    """
    return {id: Answer.of(entry) for id, entry in _load(path or file(), "answers").items()}


def stored(path: Path) -> Kept:
    """Return what a file of results holds; of any machine.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it holds no results.
    """
    try:
        return Kept.of(json.loads(text(path)))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} holds no results of the notebooks; they lie in {FILE} beside them") from None


def text(path: Path) -> str:
    """Return a file's text.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no text, or longer than MOST_BYTES.
    """
    with path.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is too long")
    return content.decode()


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


def keep_answer(id: str, answer: Answer) -> None:
    """Keep the answer to an exercise, unless the one before was better; as `record` keeps results."""
    before = answers().get(id)
    if before is None or KINDS.index(answer.outcome) <= KINDS.index(before.outcome):
        _keep(answers={id: asdict(answer)})


def _keep(**new: Mapping[str, Any]) -> None:
    path = file()
    kept = {kind: {**_load(path, kind), **new.get(kind, {})} for kind in unsaved}
    content = json.dumps({**_machine(), "cores": len(cores()), **kept}, indent=1).encode()
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


def _load(path: Path, kind: str) -> dict[str, Any]:
    return {**_read(path, kind), **unsaved[kind]}


def _read(path: Path, kind: str) -> dict[str, Any]:
    """Return what a file has of a kind; a damaged one has nothing, and another machine's file no results."""
    read: Callable[[Any], Any] = (lambda entry: asdict(Answer.of(entry))) if kind == "answers" else float
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if kind not in _OF_NO_MACHINE and {name: content[name] for name in _machine()} != _machine():
            return {}
        return {str(name): read(entry) for name, entry in content.get(kind, {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
