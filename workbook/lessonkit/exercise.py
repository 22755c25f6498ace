"""Exercises: what a learner fills in, how it is checked, and what a wrong answer is told.

A check has four outcomes: correct, not yet (the message names the answer given), not attempted, and error (the answer
is of a wrong kind, or the learner's function raised, or never ended). No answer makes a check raise.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import isfinite
from numbers import Real
from typing import Protocol, TypeGuard

import numpy as np

from workbook.lessonkit.answer import Kind
from workbook.lessonkit.time_limit import TooLongError, run_within
from workbook.plain_text import as_html

METADATA = "workbook_outcome"  # the key under which an output carries the outcome for a program
LIMIT = 10  # seconds that a learner's function may take, all calls together


@dataclass(frozen=True)
class Outcome:
    """What a check says; a notebook shows it as one line, and keeps it as data beside that line."""

    kind: Kind
    message: str
    exercise: str = ""

    def __str__(self) -> str:
        return f"{self.exercise} {self.kind}: {self.message}"

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"text/html": as_html(str(self)), "text/plain": str(self)}, {METADATA: asdict(self)}


NOT_ATTEMPTED = Outcome("not attempted", "replace the ... and run the cell again")


def correct(why: str) -> Outcome:
    """Accept the answer and say why it is right."""
    return Outcome("correct", why)


def not_yet(message: str) -> Outcome:
    """Refuse an answer of the right kind; the message names it and does not give the right one away."""
    return Outcome("not yet", message)


class WrongKindError(Exception):
    """The answer is not what the exercise asks for; the text is for the learner."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people do give, and words that only its message contains."""

    name: str
    answer: object
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    id : str
        Such as "1.2".
    variable : str
        What the learner's cell defines: the name of a value or of a function.
    stub : str
        The cell as the learner finds it, without its last line, the check.
    solution : function
        The function asked for; for a value, a function without arguments that computes it. It uses only names that the
        notebook has, because it is shown and run there.
    verify : function
        Takes the learner's answer and judges it; may raise WrongKindError.
    hints : tuple of str
        Up to three; each tells more.
    mistakes : tuple of Mistake
    """

    id: str
    variable: str
    stub: str
    solution: Callable[..., object]
    verify: Callable[[object], Outcome]
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def cell(self) -> str:
        """The learner's cell as the notebook has it."""
        return self._with_check(self.stub)

    @property
    def solved_cell(self) -> str:
        """The learner's cell with the solution filled in."""
        code = inspect.getsource(self.solution).rstrip()
        if not self._asks_for_function:
            code += f"\n\n\n{self.variable} = {self.solution.__name__}()"
        return self._with_check(code)

    def check(self, answer: object) -> Outcome:
        """Judge an answer; never raises."""
        try:
            outcome = NOT_ATTEMPTED if answer is ... else self._verified(answer)
        except WrongKindError as message:
            outcome = Outcome("error", str(message))
        except TooLongError:
            outcome = Outcome("error", f"your answer ran longer than {LIMIT} s: does a loop in it never end?")
        except (Exception, SystemExit) as error:
            outcome = Outcome("error", f"your answer raised {describe_error(error)}")
        return replace(outcome, exercise=self.id)

    def _verified(self, answer: object) -> Outcome:
        return run_within(LIMIT, partial(self.verify, answer)) if callable(answer) else self.verify(answer)

    @property
    def _asks_for_function(self) -> bool:
        return self.solution.__name__ == self.variable

    def _with_check(self, code: str) -> str:
        gap = "\n\n\n" if self._asks_for_function else "\n"
        return f'{code}{gap}lesson.check("{self.id}", {self.variable})'


class Asked(Protocol):
    """What a sheet wants of an exercise, whatever its answer is."""

    @property
    def id(self) -> str:
        """Such as "1.1"."""

    @property
    def hints(self) -> tuple[str, ...]:
        """Each tells more."""

    @property
    def cell(self) -> str:
        """The learner's cell as the notebook has it."""

    @property
    def solved_cell(self) -> str:
        """The learner's cell with the solution filled in."""

    def check(self, answer: object) -> Outcome:
        """Judge an answer; never raises."""


def is_number(answer: object) -> TypeGuard[float]:
    """Whether an answer is a finite real number, Python's or NumPy's; True and False are none."""
    return isinstance(answer, Real) and not isinstance(answer, bool) and isfinite(answer)


def whole_number(answer: object) -> int:
    """Return an answer as an int; NumPy's integers and floats without a fraction count too.

    Raises
    ------
    WrongKindError
        For anything else.
    """
    if isinstance(answer, Real) and not isinstance(answer, bool) and float(answer).is_integer():
        return int(float(answer))
    raise WrongKindError(f"a whole number is asked for, you gave {describe(answer)}")


def describe_error(error: BaseException) -> str:
    """Name an exception in one line, even one that cannot say what it is."""
    try:
        text = str(error).partition("\n")[0]
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def describe(answer: object) -> str:
    """Name an answer of a wrong kind briefly, whatever it is."""
    if isinstance(answer, np.ndarray):
        return f"an array of shape {answer.shape}"
    kind = type(answer).__name__
    try:
        text = repr(answer)
    except Exception:
        return f"a value of type {kind}"
    is_brief = len(text) <= 40 and " at 0x" not in text  # an address says nothing, and may hold the digits of an answer
    return f"{text} ({kind})" if is_brief else f"a value of type {kind}"
