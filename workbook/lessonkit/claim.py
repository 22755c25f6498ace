"""Numbers in prose, each with the claim that backs it.

A number with a unit in Markdown is followed by a comment with its claim's id: `2.25×<!--claim: winograd.f2.saving-->`.
A test evaluates every claim that is mentioned and compares it with the digits printed, and finds numbers that mention
none. Sizes such as 3x3, counts of things, years and minutes need no claim.

A lesson's claims are the tuple CLAIMS in the `claims` module of its package.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from workbook.lessonkit import catalog
from workbook.lessonkit.reference import reference

Kind = Literal["computed", "cited", "measured"]

UNITS = (
    *("×", "x", "%", "percent", "times"),
    *("s", "ms", "µs", "us", "ns", "seconds", "GHz", "MHz", "Hz", "fps", "frames a second"),
    *("MACs", "MAC", "MMAC", "GMAC", "MAC/byte", "GMAC/s", "GFLOP/s", "TOPS"),
    *("multiply-adds", "multiplications", "additions", "operations"),
    *("bytes", "byte", "KB", "kB", "KiB", "MB", "MiB", "GB", "GB/s"),
    *("dB", "J", "mJ", "µJ", "pJ", "W", "mW", "mm²", "LUTs"),
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}

_DIGITS = r"\d[\d,]*(?:\.\d+)?"
_CLAIM = re.compile(r"<!--\s*claim:\s*(?P<claim>[\w.]+)\s*-->")
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<range>{_DIGITS}\s*(?:-|–|to)\s*)?(?P<digits>{_DIGITS})"
    rf"(?:\s+(?P<scale>{'|'.join(_SCALES)})\b)?"
    rf"(?:\s*(?P<unit>{'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))})(?![\w/²]))?"
    rf"[*_]*(?:{_CLAIM.pattern})?"
)
_IN_WORDS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|(?:a|one) (?:dozen|hundred|thousand|million)) times\b",
    re.IGNORECASE,
)
_FREE = re.compile(r"\d+(?:\s*[x×]\s*\d+)+|\b\d{3}0s\b")  # 3x3, 28 x 28: not "28 times"; the 1980s: not seconds
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


@dataclass(frozen=True)
class Claim:
    """A number, what it says, and where it comes from.

    Attributes
    ----------
    id : str
        Such as "convolution.layer.macs".
    sentence : str
        What the number supports, with {} in its place.
    unit : str
        One of UNITS, or empty.
    kind : "computed", "cited" or "measured"
    source : str
        Who published a cited number: paper, table, page. For others empty.
    compute : function
        Computes or looks up the number.
    """

    id: str
    sentence: str
    unit: str
    kind: Kind
    source: str
    compute: Callable[[], float]

    @property
    def value(self) -> float:
        """The number."""
        return float(self.compute())

    @property
    def number(self) -> str:
        """The number to three digits, with its unit, as a table prints it."""
        return f"{three_digits(self.value)} {self.unit}".strip()

    def __str__(self) -> str:
        return self.sentence.format(self.number)


def three_digits(value: float) -> str:
    """Write a number to three digits, without an exponent."""
    return f"{float(f'{value:.3g}'):,.10g}"


def computed(id: str, sentence: str, compute: Callable[[], float], unit: str) -> Claim:
    """Claim what a model computes."""
    return Claim(id, sentence, unit, "computed", "", compute)


def cited(id: str, sentence: str, value: float, unit: str, source: str) -> Claim:
    """Claim what somebody published; the source names the paper or page, and the place in it."""
    return Claim(id, sentence, unit, "cited", source, lambda: value)


def measured(id: str, sentence: str, unit: str) -> Claim:
    """Claim what was measured on the reference machine, under the claim's own id."""
    return Claim(id, sentence, unit, "measured", "", lambda: reference().value(id))


def registry() -> dict[str, Claim]:
    """Return the claims of all lessons by their ids.

    Raises
    ------
    ValueError
        If two have the same id.
    """
    claims: dict[str, Claim] = {}
    for lesson in catalog.LESSONS:
        for claim in importlib.import_module(f"workbook.lessons.{lesson.package}.claims").CLAIMS:
            if claims.setdefault(claim.id, claim) is not claim:
                raise ValueError(f"two claims have the id {claim.id}")
    return claims


@dataclass(frozen=True)
class Mention:
    """A number as prose prints it: with a unit, a scale such as "million", or a claim."""

    text: str
    digits: Decimal
    scale: int
    unit: str
    claim: str | None
    is_range: bool


def mentions(markdown: str) -> Iterator[Mention]:
    """Find the numbers of a text that need a claim or have one, outside of code."""
    for match in _NUMBER.finditer(_prose(markdown)):
        if match["unit"] or match["scale"] or match["claim"]:
            digits = Decimal(match["digits"].replace(",", ""))
            scale = _SCALES.get(match["scale"], 1)
            yield Mention(match[0], digits, scale, match["unit"] or "", match["claim"], bool(match["range"]))


def problems(markdown: str, claims: Mapping[str, Claim]) -> list[str]:
    """Say what is wrong with the numbers of a text: no claim, an unknown one, another unit, other digits.

    Parameters
    ----------
    markdown : str
    claims : mapping of id to Claim

    Returns
    -------
    list of str
        Empty if all is well.
    """
    prose = _prose(markdown)
    found = [f"{words[0]!r}: write it in digits, with its claim" for words in _IN_WORDS.finditer(prose)]
    found += [f"{lost!r} follows no number" for lost in _CLAIM.findall(_NUMBER.sub("", prose))]
    for mention in mentions(markdown):
        if mention.is_range:
            found.append(f"{mention.text!r} is a range: give each end its unit and its claim")
        elif mention.claim is None:
            found.append(f"{mention.text!r} has no claim")
        elif mention.claim not in claims:
            found.append(f"{mention.text!r} mentions an unknown claim")
        else:
            found += _differences(mention, claims[mention.claim])
    return found


def _prose(markdown: str) -> str:
    return _FREE.sub("size", _CODE.sub(" ", markdown))


def _differences(mention: Mention, claim: Claim) -> list[str]:
    """The digits printed must be the value's, rounded to as many decimals as are printed."""
    if mention.unit != claim.unit:
        return [f"{mention.text!r} has another unit than its claim, {claim.unit or 'which has none'}"]
    value = Decimal(claim.value) / mention.scale
    last_digit = Decimal(1).scaleb(int(mention.digits.as_tuple().exponent))
    if abs(value - mention.digits) > last_digit / 2:
        return [f"{mention.text!r} differs from its claim's {value:.6g}"]
    return []
