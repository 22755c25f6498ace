"""Numbers that count how often an input is multiplied by a tap; exercise 2.2 runs a learner's function on them.

Additions, and multiplications by constants, are free: they belong to the transforms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from typing import Literal

Kind = Literal["input", "filter", "product"]


class WrongFormulaError(Exception):
    """The numbers were combined in a way that no transform does; the text is for the learner."""


@dataclass
class Count:
    """How many multiplications of an input by a tap there were."""

    multiplications: int = 0


@dataclass(frozen=True)
class Counted:
    """A number that knows what it was made of.

    Attributes
    ----------
    value : Fraction
    kind : "input", "filter" or "product"
        What it is a sum of.
    count : Count
        Shared by all numbers of one run.
    """

    value: Fraction
    kind: Kind
    count: Count = field(repr=False)

    def __add__(self, other: object) -> Counted:
        if isinstance(other, Counted):
            if other.kind != self.kind:
                raise WrongFormulaError(f"your function adds {_an(self.kind)} and {_an(other.kind)}")
            return Counted(self.value + other.value, self.kind, self.count)
        if isinstance(other, Real) and other == 0:  # as `sum` begins
            return self
        return NotImplemented

    __radd__ = __add__

    def __neg__(self) -> Counted:
        return Counted(-self.value, self.kind, self.count)

    def __sub__(self, other: object) -> Counted:
        return self + (-other) if isinstance(other, Counted) else NotImplemented

    def __mul__(self, other: object) -> Counted:
        if isinstance(other, Counted):
            if {self.kind, other.kind} != {"input", "filter"}:
                raise WrongFormulaError(f"your function multiplies {_an(self.kind)} by {_an(other.kind)}")
            self.count.multiplications += 1
            return Counted(self.value * other.value, "product", self.count)
        constant = _constant(other)
        return NotImplemented if constant is None else Counted(self.value * constant, self.kind, self.count)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Counted:
        constant = _constant(other)
        return NotImplemented if not constant else Counted(self.value / constant, self.kind, self.count)


def _an(kind: Kind) -> str:
    return "an input" if kind == "input" else f"a {kind}"


def _constant(number: object) -> Fraction | None:
    if isinstance(number, Fraction):
        return number
    return Fraction(float(number)) if isinstance(number, Real) else None
