"""An exercise that asks for one number: it is right, wrong in a way that people are wrong, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isclose

from workbook.lessonkit.exercise import (
    Exercise,
    Mistake,
    Outcome,
    WrongKindError,
    correct,
    describe,
    is_number,
    not_yet,
    whole_number,
)


@dataclass(frozen=True)
class Wrong:
    """A wrong number that people do give.

    Attributes
    ----------
    name : str
    value : float
    why : str
        What is said after the number; it gives the right one away no more than a hint does.
    """

    name: str
    value: float
    why: str


def number_exercise(
    *,
    id: str,
    variable: str,
    solution: Callable[[], float],
    hints: tuple[str, ...],
    right: float,
    because: str,
    wrong: Sequence[Wrong],
    otherwise: str,
    tolerance: float = 0,
    unit: str = "",
) -> Exercise:
    """Return the exercise.

    Parameters
    ----------
    right, because
        The number, and why it is right.
    otherwise : str
        What is said after a number that is neither right nor among the wrong ones.
    tolerance : float
        How far an answer may be off, relative to the number; 0 asks for a whole number.
    unit : str
        Of the number, such as "ms".
    """
    asked = f"a number of {unit}" if unit else "a number"

    def number(answer: object) -> float:
        if not tolerance:
            return whole_number(answer)
        if not is_number(answer):
            raise WrongKindError(f"{asked} is asked for, you gave {describe(answer)}")
        return float(answer)

    def verify(answer: object) -> Outcome:
        given = number(answer)
        if isclose(given, right, rel_tol=tolerance):
            return correct(because)
        told = next((known.why for known in wrong if isclose(given, known.value, rel_tol=tolerance)), otherwise)
        return not_yet(f"{f'{given:g}' if tolerance else given}{f' {unit}' if unit else ''} {told}")

    mistakes = tuple(Mistake(known.name, _written(known.value), known.why) for known in wrong)
    stub = f"{variable} = ..."
    return Exercise(id, variable, stub, solution, verify, hints, mistakes)


def _written(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.4g}")
