"""An answer to an exercise as it is kept: plain data, which can be written, read and judged without running it."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from textwrap import dedent
from typing import Any, Literal, get_args

Kind = Literal["correct", "not yet", "error", "not attempted"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the best first

_MOST_DATA, _MOST_CODE = 2_000, 20_000  # characters


@dataclass(frozen=True)
class Answer:
    """What was answered, and what the check said.

    Attributes
    ----------
    outcome : "correct", "not yet", "error" or "not attempted"
    message : str
        The first line of what the check said; of an error without the text of the exception, which may name files.
    data : number, str, list, dict or None
        The answer, if it is a value; None for code, and for what is not plain data.
    code : str
        The text of the function or of the kernel that was answered; empty for a value.
    """

    outcome: Kind
    message: str = ""
    data: Any = None
    code: str = ""

    @classmethod
    def given(cls, answer: object, outcome: Kind, message: str) -> Answer:
        """Make it of what a learner's cell handed to a check."""
        said = message.partition("\n")[0]
        if outcome == "error":
            said = said.partition(": ")[0]
        if code := _source(answer):
            return cls(outcome, said, code=code[:_MOST_CODE])
        return cls(outcome, said, data=_brief(answer))

    @classmethod
    def of(cls, content: Any) -> Answer:
        """Read what a JSON file gave.

        Raises
        ------
        ValueError, TypeError or AttributeError
            If it is no answer.
        """
        outcome, message, code = (content.get(name, "") for name in ("outcome", "message", "code"))
        if outcome not in KINDS or not isinstance(message, str) or not isinstance(code, str):
            raise ValueError(f"{outcome!r} is no outcome of a check")
        return cls(outcome, message, _brief(content.get("data")), code)


def _source(answer: object) -> str:
    """Return the text of a function that a notebook defines, or of a kernel; empty for anything else."""
    try:
        if isinstance(answer, str):
            return answer if "\n" in answer else ""
        return dedent(inspect.getsource(answer))  # type: ignore[arg-type]
    except Exception:  # an answer can be any object
        return ""


def _brief(answer: object) -> Any:
    """Return an answer as plain data; None if it is none, or long."""
    try:
        plain = _plain(answer)
        return plain if len(json.dumps(plain)) <= _MOST_DATA else None
    except Exception:  # an answer can be any object
        return None


def _plain(answer: object) -> Any:
    if answer is None or isinstance(answer, (bool, str)):
        return answer
    if isinstance(answer, Integral):
        return int(answer)
    if isinstance(answer, Real):
        number = float(answer)
        if not math.isfinite(number):
            raise ValueError("not finite")
        return number
    if isinstance(answer, (list, tuple)):
        return [_plain(part) for part in answer]
    if isinstance(answer, Mapping):
        return {str(name): _plain(part) for name, part in answer.items()}
    raise TypeError("not plain")
