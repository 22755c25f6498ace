"""Exercises: what a learner fills in, how it is checked, and what a wrong answer is told.

A check has four outcomes: correct, not yet (with a message that names the value given), not attempted, and error (the
answer is of a wrong kind, or the learner's function raised). No answer of any kind makes a check raise.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["correct", "not yet", "not attempted", "error"]


@dataclass(frozen=True)
class Outcome:
    """What a check says; it shows as one line."""

    exercise: str
    kind: Kind
    message: str

    def __str__(self) -> str:
        return f"{self.exercise} {self.kind}: {self.message}"

    __repr__ = __str__


class NotYet(Exception):
    """Raised by an exercise's `verify`: the answer is of the right kind and wrong; the text is for the learner."""


class WrongKind(Exception):
    """Raised by an exercise's `verify`: the answer is not what the exercise asks for; the text is for the learner."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people do give, and words that its message must contain."""

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
        The function asked for; for a value, a function without arguments that computes it.
    verify : function
        Takes the learner's answer; returns praise that says why it is right, or raises NotYet or WrongKind.
    hints : tuple of str
        Up to three, each tells more.
    mistakes : tuple of Mistake
    """

    id: str
    variable: str
    stub: str
    solution: Callable[..., object]
    verify: Callable[[object], str]
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = field(default=())

    @property
    def asks_for_function(self) -> bool:
        """Whether the answer is a function rather than a value."""
        return self.solution.__name__ == self.variable

    @property
    def cell(self) -> str:
        """The learner's cell as the notebook has it."""
        return self._with_check(self.stub)

    @property
    def solved_cell(self) -> str:
        """The learner's cell with the solution filled in."""
        code = textwrap.dedent(inspect.getsource(self.solution)).strip()
        if not self.asks_for_function:
            code = f"{code}\n\n\n{self.variable} = {self.solution.__name__}()"
        return self._with_check(code)

    def check(self, answer: object) -> Outcome:
        """Judge an answer; never raises."""
        if answer is ...:
            return self._not_attempted()
        try:
            return Outcome(self.id, "correct", self.verify(answer))
        except NotAttempted:
            return self._not_attempted()
        except NotYet as message:
            return Outcome(self.id, "not yet", str(message))
        except WrongKind as message:
            return Outcome(self.id, "error", str(message))
        except Exception as error:
            return Outcome(self.id, "error", f"your answer raised {type(error).__name__}: {error}")

    def _not_attempted(self) -> Outcome:
        return Outcome(self.id, "not attempted", "replace the ... and run the cell again")

    def _with_check(self, code: str) -> str:
        gap = "\n\n\n" if self.asks_for_function else "\n"
        return f'{code.strip()}{gap}lesson.check("{self.id}", {self.variable})'


class NotAttempted(Exception):
    """Raised by an exercise's `verify`: the learner's function still returns `...`."""


def whole_number(answer: object) -> int:
    """Return an answer as an int; NumPy's integers and floats without a fraction count too.

    Raises
    ------
    WrongKind
        For anything else.
    """
    import numpy as np

    if isinstance(answer, (int, float, np.integer, np.floating)) and not isinstance(answer, bool):
        if np.isfinite(answer) and answer == int(answer):
            return int(answer)
        raise WrongKind(f"a whole number is asked for, you gave {answer}")
    raise WrongKind(f"a whole number is asked for, you gave {describe(answer)}")


def describe(answer: object) -> str:
    """Name an answer of a wrong kind briefly, whatever it is."""
    kind = type(answer).__name__
    shape = getattr(answer, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}" if kind == "ndarray" else f"{kind} of shape {shape}"
    if answer is None:
        return "None"
    try:
        text = repr(answer)
    except Exception:
        return f"a {kind}"
    return f"{text} ({kind})" if len(text) <= 40 else f"a {kind}"


class Sheet:
    """The exercises of a lesson, as its notebook uses them."""

    def __init__(self, exercises: Iterable[Exercise]) -> None:
        self._exercises = {exercise.id: exercise for exercise in exercises}
        self._hints_given = dict.fromkeys(self._exercises, 0)

    def check(self, exercise: str, answer: object) -> Outcome:
        """Judge an answer."""
        return self._find(exercise).check(answer)

    def hint(self, exercise: str) -> None:
        """Print the next hint; after the last one, print it again."""
        hints = self._find(exercise).hints
        place = min(self._hints_given[exercise], len(hints) - 1)
        self._hints_given[exercise] = place + 1
        print(f"{exercise} hint {place + 1} of {len(hints)}: {hints[place]}")

    def solution(self, exercise: str) -> None:
        """Print a cell that solves the exercise."""
        print(self._find(exercise).solved_cell)

    def reset(self, exercise: str) -> None:
        """Print the cell as it was, to paste over yours, and begin with the first hint again."""
        self._hints_given[exercise] = 0
        print(self._find(exercise).cell)

    def _find(self, exercise: str) -> Exercise:
        try:
            return self._exercises[exercise]
        except (KeyError, TypeError):
            raise ValueError(f"no exercise {exercise!r}; there are {', '.join(self._exercises)}") from None
