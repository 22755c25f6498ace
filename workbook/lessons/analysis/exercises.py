"""The exercises of lesson 6: two gains on one network, the best mix of a chain, designs for three scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isclose, isfinite
from numbers import Real

from workbook.accelerator.area import todays_kind
from workbook.lessonkit.exercise import (
    NOT_ATTEMPTED,
    Exercise,
    Mistake,
    Outcome,
    WrongKindError,
    correct,
    describe,
    not_yet,
    whole_number,
)
from workbook.lessons.analysis import model as lesson  # the name that a learner's cell knows it by
from workbook.lessons.analysis.chain_of_forms import chain_mix
from workbook.lessons.analysis.model import DATAPATHS, SCENARIOS, TYPES, judged

# 6.1 Combine two gains

_SUITED, _OTHERS, _WINOGRAD, _BYTES = 60, 40, 2.5, 2


def better_tool() -> float:
    """Return the time of a frame whose layers take each their better tool."""
    suited = 60 / max(2.5, 2)  # these can run both
    others = 40 / 2  # these cannot run Winograd's algorithm
    return suited + others


_PRODUCT = (_SUITED + _OTHERS) / (_WINOGRAD * _BYTES)
_BOTH_ON_SUITED = _SUITED / (_WINOGRAD * _BYTES) + _OTHERS / _BYTES
_INT8_ALONE = (_SUITED + _OTHERS) / _BYTES
_WINOGRAD_ALONE = _SUITED / _WINOGRAD + _OTHERS
_WINOGRAD_EVERYWHERE = (_SUITED + _OTHERS) / _WINOGRAD


def verify_better_tool(answer: object) -> Outcome:
    """Compare the answer with the sum over the layers."""
    if isinstance(answer, bool) or not isinstance(answer, Real) or not isfinite(answer):
        raise WrongKindError(f"a number of milliseconds is asked for, you gave {describe(answer)}")
    value = float(answer)
    if isclose(value, better_tool(), rel_tol=1e-3):
        return correct("each layer takes the better of its tools, and the times add up")
    for wrong, why in (
        (_PRODUCT, "multiplies the gains: can one layer have both, and can all layers have either?"),
        (_BOTH_ON_SUITED, "gives the 3x3 layers both gains: bytes are multiplied as the definition says"),
        (_INT8_ALONE, "is INT8 for all layers: some have a better tool"),
        (_WINOGRAD_ALONE, "is Winograd's algorithm alone: the other layers have a tool too"),
        (_WINOGRAD_EVERYWHERE, "lets all layers run Winograd's algorithm: which of them can?"),
    ):
        if isclose(value, wrong, rel_tol=1e-3):
            return not_yet(f"{value:g} ms {why}")
    return not_yet(f"{value:g} ms is not it; divide the time of each kind of layer by its own gain, then add")


READ = Exercise(
    id="6.1",
    variable="ms",
    stub="ms = ...",
    solution=better_tool,
    verify=verify_better_tool,
    hints=(
        "a layer runs in float32 or on bytes, so it has one of the gains, not both",
        "the 3x3 layers take the better of two tools, the others have one",
        "60 ms over one gain, plus 40 ms over another",
    ),
    mistakes=(
        Mistake("gains multiplied", _PRODUCT, "multiplies the gains"),
        Mistake("both on one layer", _BOTH_ON_SUITED, "gives the 3x3 layers both"),
        Mistake("INT8 alone", _INT8_ALONE, "is INT8 for all"),
        Mistake("Winograd alone", _WINOGRAD_ALONE, "algorithm alone"),
        Mistake("Winograd everywhere", _WINOGRAD_EVERYWHERE, "which of them can"),
    ),
)


# 6.2 Complete a function: the best mix of a chain that begins on bytes

Times = Sequence[float]
Least = Callable[[Times, Times, float, float], float]


def least(floats: list[float], on_bytes: list[float], to_bytes: float, to_floats: float) -> float:
    """Return the least time of a chain that begins on bytes and ends in float32."""
    f, b = to_floats, 0.0  # so far, with the array in float32 and on bytes
    for as_float, as_bytes in zip(floats, on_bytes, strict=True):
        f, b = as_float + min(f, b + to_floats), as_bytes + min(b, f + to_bytes)
    return min(f, b + to_floats)


def _by_cut(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    """By the minimum cut, whose chains begin in float32: the camera is a layer that runs on bytes alone."""
    never = sum(floats) + sum(on_bytes) + len(floats) * (to_bytes + to_floats)
    return chain_mix([never, *floats], [0, *on_bytes], to_bytes, to_floats) - to_bytes


def _free(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    return sum(map(min, floats, on_bytes))


def _one_form(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    return min(sum(floats), sum(on_bytes)) + to_floats


def _one_price(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    return _by_cut(floats, on_bytes, to_bytes, to_bytes)


def _open_end(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    f, b = to_floats, 0.0
    for as_float, as_bytes in zip(floats, on_bytes, strict=True):
        f, b = as_float + min(f, b + to_floats), as_bytes + min(b, f + to_bytes)
    return min(f, b)


def _greedy(floats: Times, on_bytes: Times, to_bytes: float, to_floats: float) -> float:
    forms = [True, *(b < f for f, b in zip(floats, on_bytes, strict=True)), False]
    conversions = sum(to_bytes if later else to_floats for form, later in pairwise(forms) if form != later)
    return _free(floats, on_bytes, to_bytes, to_floats) + conversions


_CASES: tuple[tuple[list[float], list[float], float, float], ...] = (
    ([10.0, 4.0, 10.0, 9.0], [3.0, 5.0, 4.0, 8.0], 1.0, 2.0),
    ([1.0, 8.0, 1.0, 1.0, 7.0], [2.0, 3.0, 4.0, 4.0, 2.0], 1.5, 0.5),
    ([5.0, 5.0], [4.0, 4.0], 0.25, 0.75),
    ([1.0, 9.0, 3.0], [6.0, 2.0, 1.0], 1.0, 3.0),
)
_WRONG: tuple[tuple[Least, str], ...] = (
    (_free, "yours converts for nothing: what does it cost to change the form between two layers?"),
    (_one_form, "yours takes one form for the whole chain; a layer may differ from the one before it"),
    (_one_price, "yours takes `to_bytes` for both directions; back to float32 it is `to_floats`"),
    (
        chain_mix,
        "yours begins in float32; the camera gives bytes, so a first layer in float32 needs a conversion",
    ),
    (_open_end, "yours leaves the last array on bytes; the chain ends in float32"),
    (_greedy, "yours gives each layer its faster form, and pays then; a slower form may save two conversions"),
)


def verify_least(answer: object) -> Outcome:
    """Run the function on some chains and compare it with the minimum cut."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    found = [answer(list(floats), list(on_bytes), *prices) for floats, on_bytes, *prices in _CASES]
    if all(value is ... for value in found):
        return NOT_ATTEMPTED
    for value in found:
        if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
            raise WrongKindError(f"your function must return a number, it returned {describe(value)}")

    def equals(other: Least) -> bool:
        return all(isclose(value, other(*case)) for value, case in zip(found, _CASES, strict=True))

    if equals(_by_cut):
        return correct(f"equal to the minimum cut on {len(_CASES)} chains")
    for wrong, why in _WRONG:
        if equals(wrong):
            return not_yet(why)
    floats, on_bytes, *prices = _CASES[0]
    call = f"least({floats}, {on_bytes}, {prices[0]:g}, {prices[1]:g})"
    return not_yet(f"{call} is {_by_cut(*_CASES[0]):g}, by the minimum cut; yours is {found[0]:g}")


COMPLETE = Exercise(
    id="6.2",
    variable="least",
    stub="""def least(floats, on_bytes, to_bytes, to_floats):
    # floats[i], on_bytes[i]: time of layer i; the chain begins on bytes and ends in float32
    return ...""",
    solution=least,
    verify=verify_least,
    hints=(
        "as in the code above, keep two times along the chain: with the array in float32, and on bytes",
        "before the first layer the array on bytes has cost nothing, and the one in float32 `to_floats`",
        "at the end an array on bytes is converted once more, for `to_floats`",
    ),
    mistakes=(
        Mistake("free conversions", _free, "converts for nothing"),
        Mistake("one form for all", _one_form, "one form for the whole chain"),
        Mistake("one price", _one_price, "for both directions"),
        Mistake("begun in float32", chain_mix, "the camera gives bytes"),
        Mistake("open end", _open_end, "ends in float32"),
        Mistake("greedy", _greedy, "a slower form may save"),
    ),
)


# 6.3 Decide: a design for each scenario

IMAGES = (1, 4, 16)
Design = tuple[str, str, int]


def choose_designs() -> dict[str, tuple[str, str, int]]:
    """Return for each scenario a design that keeps every limit."""
    designs = [(kind, path, n) for kind in ("int8", "bf16", "int16")
               for path in ("own array", "best fixed", "reconfigured") for n in (1, 4, 16)]  # fmt: skip
    return {name: next(d for d in designs if not lesson.judged(name, *d).broken) for name in lesson.SCENARIOS}


def verify_designs(answer: object) -> Outcome:
    """Compute each design against its scenario's limits."""
    if not isinstance(answer, dict) or set(answer) != set(SCENARIOS):
        raise WrongKindError(f"a dictionary with {', '.join(SCENARIOS)} is asked for, you gave {describe(answer)}")
    for name in SCENARIOS:
        found = judged(name, *_design(name, answer[name]))
        if found.broken:
            return not_yet(f"{name} breaks {', '.join(found.broken)}: {str(found).rpartition(':')[0]}")
    return correct("every design keeps its four limits; no tool is in all three, nor is batch 1")


def _design(name: str, answer: object) -> Design:
    if isinstance(answer, (tuple, list)) and len(answer) == 3:
        kind, path, images = answer[0], todays_kind(answer[1]), whole_number(answer[2])
        if kind in TYPES and path in DATAPATHS and images in IMAGES:
            return kind, path, images
    known = f"one of {', '.join(TYPES)}, one of {', '.join(DATAPATHS)}, and 1, 4 or 16 images"
    raise WrongKindError(f"{name} takes {known}; you gave {describe(answer)}")


_MEDICAL, _FACTORY, _DRIVER = ("int8", "own array", 1), ("int8", "reconfigured", 4), ("int16", "reconfigured", 1)


def _all(medical: Design = _MEDICAL, factory: Design = _FACTORY, driver: Design = _DRIVER) -> dict[str, Design]:
    return dict(zip(SCENARIOS, (medical, factory, driver), strict=True))


DECIDE = Exercise(
    id="6.3",
    variable="designs",
    stub="designs = ...",
    solution=choose_designs,
    verify=verify_designs,
    hints=(
        'lesson.judged("medical imaging", "int8", "own array", 1) computes one design, with .broken',
        "which network may not lose what bytes cost? Which camera is faster than one image at a time?",
        "three loops give 27 designs; keep those for which .broken is empty",
    ),
    mistakes=(
        Mistake("fastest datapath", _all(medical=("int8", "best fixed", 1)), "medical imaging breaks power"),
        Mistake("16 bits to be safe", _all(medical=("int16", "own array", 1)), "medical imaging breaks rate"),
        Mistake("always batch 1", _all(factory=("int8", "reconfigured", 1)), "factory inspection breaks rate"),
        Mistake("large batch", _all(factory=("int8", "reconfigured", 16)), "factory inspection breaks latency"),
        Mistake("INT8 everywhere", _all(driver=("int8", "reconfigured", 1)), "driver assistance breaks loss"),
        Mistake("fixed datapath", _all(driver=("int16", "best fixed", 1)), "driver assistance breaks rate"),
    ),
)

EXERCISES = (READ, COMPLETE, DECIDE)
