"""Numbers in prose, each with the claim that backs it.

A number with a unit in a Markdown cell is followed by a comment with its claim's id: `2.25×<!--claim: lesson.name-->`.
A test evaluates every claim that is mentioned and compares it with the digits printed, and finds numbers that mention
none. Sizes such as 3x3, counts of things, years and minutes need no claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from workbook.reference import reference

UNITS = (
    *("×", "x", "%", "times"),
    *("s", "ms", "µs", "us", "ns", "GHz", "Hz", "fps", "frames a second"),
    *("MACs", "MAC", "multiply-adds", "multiplications", "additions", "operations", "GMAC/s", "GFLOP/s", "TOPS"),
    *("bytes", "byte", "KB", "kB", "KiB", "MB", "MiB", "GB", "GB/s"),
    *("dB", "J", "mJ", "W", "mW", "mm²", "LUTs"),
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}

_NUMBER = re.compile(
    r"(?<![\w.,])(?P<digits>\d[\d,]*(?:\.\d+)?)"
    rf"(?:\s+(?P<scale>{'|'.join(_SCALES)}))?"
    rf"\s*(?P<unit>{'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))})(?![\w/²])"
    r"(?:<!--\s*claim:\s*(?P<claim>[\w.]+)\s*-->)?"
)
_SIZE = re.compile(r"\d+(?:\s*[x×]\s*\d+)+")  # 3x3, 28 x 28: not "28 times"
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


@dataclass(frozen=True)
class Claim:
    """A number and where it comes from.

    Attributes
    ----------
    id : str
        Such as "convolution.layer.macs".
    value : function
        Computes or looks up the number.
    unit : str
        One of UNITS.
    source : str
        "computed", "measured on the reference machine", or who published it: paper, table, page.
    """

    id: str
    value: Callable[[], float]
    unit: str
    source: str


def computed(id: str, value: Callable[[], float], unit: str) -> Claim:
    """Claim what a model computes."""
    return Claim(id, value, unit, "computed")


def measured(id: str, unit: str) -> Claim:
    """Claim what was measured on the reference machine, under the claim's own id."""
    return Claim(id, partial(reference().value, id), unit, "measured on the reference machine")


def cited(id: str, value: float, unit: str, source: str) -> Claim:
    """Claim what somebody published."""
    return Claim(id, lambda: value, unit, source)


@dataclass(frozen=True)
class Mention:
    """A number with a unit, as prose prints it."""

    text: str
    digits: Decimal
    scale: int
    unit: str
    claim: str | None


def mentions(markdown: str) -> Iterator[Mention]:
    """Find the numbers with a unit in a text, outside of code."""
    prose = _CODE.sub(" ", markdown)
    prose = _SIZE.sub("size", prose)
    for match in _NUMBER.finditer(prose):
        digits = Decimal(match["digits"].replace(",", ""))
        yield Mention(match[0], digits, _SCALES.get(match["scale"], 1), match["unit"], match["claim"])


def problems(markdown: str, claims: Iterable[Claim]) -> list[str]:
    """Say what is wrong with the numbers of a text: no claim, an unknown one, another unit, other digits."""
    known = {claim.id: claim for claim in claims}
    found = []
    for mention in mentions(markdown):
        if mention.claim is None:
            found.append(f"{mention.text!r} has no claim")
        elif mention.claim not in known:
            found.append(f"{mention.text!r} mentions an unknown claim")
        else:
            found += _compare(mention, known[mention.claim])
    return found


def _compare(mention: Mention, claim: Claim) -> list[str]:
    """The digits printed must be the value's, rounded to as many decimals as are printed."""
    if mention.unit != claim.unit:
        return [f"{mention.text!r} has another unit than its claim, {claim.unit}"]
    value = Decimal(claim.value()) / mention.scale
    last_digit = Decimal(1).scaleb(int(mention.digits.as_tuple().exponent))
    if abs(value - mention.digits) > last_digit / 2:
        return [f"{mention.text!r} differs from its claim's {value:.6g}"]
    return []
