"""The guess that a lesson asks for: a number in any sensible form, kept, and shown beside what is measured later."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from math import isfinite
from numbers import Real
from textwrap import fill

from workbook.lessonkit import catalog, results
from workbook.lessonkit.exercise import describe
from workbook.plain_text import COLUMNS

_TEXT = re.compile(
    r"(?:(?:about|around|roughly|maybe|perhaps|circa|ca\.?|~|≈|=)\s*)*"
    r"(?P<number>\d{1,3}(?:[, _']\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?(?:e[+-]?\d+)?|\.\d+)"
    r"\s*(?:(?:x|×|times|-?\s?fold)\b[a-z ]*|×)?[.!?]?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:[, _']\d{3})+")


def number(guess: object) -> float | None:
    """Return a guess as a number; None for the three dots.

    Parameters
    ----------
    guess : object
        A number above 0 of any kind, or a text such as "5000x", "5,000", "5e3" or "about 2.5 x".

    Raises
    ------
    ValueError
        For anything else, in a sentence that asks again.
    """
    if guess is ...:
        return None
    value = _value(guess)
    if value is None or not isfinite(value) or value <= 0:
        raise ValueError(f'your guess {describe(guess)} is no number above 0; write one such as 20, 2.5 or "20x"')
    return value


def said(guess: object) -> str:
    """Say what was guessed, or ask again, in a few words that stand behind what was measured."""
    try:
        value = number(guess)
    except ValueError as again:
        return str(again)
    return "you did not guess" if value is None else f"you guessed {written(value)} x"


def written(value: float) -> str:
    """Write a guess as a learner would."""
    return f"{value:,.10g}"


def keep(package: str, guess: object) -> object:
    """Keep the guess of a lesson, if it is a number; once its answer was measured here, the one that there is stays.

    Returns
    -------
    object
        The guess that stands from now on; what was given if there is none.
    """
    asked, stands = catalog.lesson(package).guess, results.guesses().get(package)
    if stands is not None and asked and asked.result in results.load():
        return stands
    with suppress(ValueError):
        value = number(guess)
        if value is not None:
            results.keep_guess(package, value)
            return value
    return guess if stands is None else stands


def keeper(package: str) -> Callable[[object], None]:
    """Return what a lesson's notebook calls with its guess: it keeps the number, or asks for one.

    Parameters
    ----------
    package : str
        Of the lesson, as the catalog names it.
    """
    question = catalog.lesson(package).guess
    assert question, f"{package} asks for no guess"

    def guess(guess: object = ...) -> None:
        """Keep your guess; the scoreboard shows it beside what is measured, and from then on it stays."""
        try:
            value = number(guess)
        except ValueError as again:
            print(fill(f"{again}, and run the cell again", COLUMNS))
            return
        if value is None:
            print("no guess yet: replace the ... with a number, and run the cell again")
        elif (stands := keep(package, value)) == value:
            print(f"you guess {written(value)} x: {question.about}")
        else:
            print(fill(f"{said(stands)}, and have measured it since: that guess stays", COLUMNS))

    return guess


def _value(guess: object) -> float | None:
    """Read a number; None if it is none."""
    try:
        if isinstance(guess, str):
            return _read(guess)
        if isinstance(guess, (Real, Decimal)) and not isinstance(guess, bool):
            return float(guess)
    except (ValueError, OverflowError):
        pass
    return None


def _read(text: str) -> float | None:
    found = _TEXT.fullmatch(text.strip())
    if not found:
        return None
    digits = found["number"]
    if _GROUPED.match(digits):
        return float(re.sub(r"[, _']", "", digits))
    return float(digits.replace(",", "."))
