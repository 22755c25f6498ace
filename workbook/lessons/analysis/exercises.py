"""The exercises of lesson 6: two gains on one network, the best mix of a chain, designs for three scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isclose
from random import Random

from workbook.accelerator.area import todays_kind
from workbook.lessonkit.exercise import (
    NOT_ATTEMPTED,
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
from workbook.lessonkit.number_exercise import Wrong, number_exercise
from workbook.lessonkit.variants import Varied
from workbook.lessons.analysis import model as lesson  # the name that a learner's cell knows it by
from workbook.lessons.analysis.chain_of_forms import chain_mix
from workbook.lessons.analysis.model import DATAPATHS, SCENARIOS, TYPES, judged

# 6.1 Combine two gains

_SUITED, _WINOGRAD, _BYTES = 60, 2.5, 2


def better_tool() -> float:
    """Return the time of a frame whose layers take each their better tool."""
    suited = 60 / max(2.5, 2)  # these can run both
    others = 40 / 2  # these cannot run Winograd's algorithm
    return suited + others


def two_gains(suited: int, winograd: float, on_bytes: float) -> Exercise:
    """Return the exercise for a frame of 100 ms: ms of it in layers that suit Winograd, and the gains of both tools."""
    others = 100 - suited
    return number_exercise(
        id="6.1",
        variable="ms",
        solution=better_tool,
        hints=(
            "a layer runs in float32 or on bytes, so it has one of the gains, not both",
            "the 3x3 layers take the better of two tools, the others have one",
            f"{suited} ms over one gain, plus {others} ms over another",
        ),
        right=suited / max(winograd, on_bytes) + others / on_bytes,
        because="each layer takes the better of its tools, and the times add up",
        wrong=(
            Wrong(
                "gains multiplied",
                100 / (winograd * on_bytes),
                "multiplies the gains: can one layer have both, and can all layers have either?",
            ),
            Wrong(
                "both on one layer",
                suited / (winograd * on_bytes) + others / on_bytes,
                "gives the 3x3 layers both gains: bytes are multiplied as the definition says",
            ),
            Wrong("INT8 alone", 100 / on_bytes, "is INT8 for all layers: some have a better tool"),
            Wrong(
                "Winograd alone",
                suited / winograd + others,
                "is Winograd's algorithm alone: the other layers have a tool too",
            ),
            Wrong(
                "Winograd everywhere",
                100 / winograd,
                "lets all layers run Winograd's algorithm: which of them can?",
            ),
        ),
        otherwise="is not it; divide the time of each kind of layer by its own gain, then add",
        tolerance=_ROUNDED,
        unit="ms",
    )


_ROUNDED = 2e-3  # of the time
READ = two_gains(_SUITED, _WINOGRAD, _BYTES)


def _vary_gains(random: Random) -> Varied:
    suited, winograd = random.choice((50, 60, 70, 80)), random.choice((2.5, 3, 4))
    on_bytes = random.choice((1.5, 1.6, 2))
    text = {
        "60 of them in 3x3 layers": f"{suited} of them in 3x3 layers",
        "speeds those up by 2.5, INT8 makes every\nlayer twice as fast": f"speeds those up by {winograd}, INT8 every\n"
        f"layer by {on_bytes}",
    }
    right = suited / winograd + (100 - suited) / on_bytes
    return Varied(two_gains(suited, winograd, on_bytes), text, right)


VARIED = {"6.1": _vary_gains}


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


Case = tuple[list[float], list[float], float, float]

_CASES: tuple[Case, ...] = (
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
        if not is_number(value):
            raise WrongKindError(f"your function must return a number, it returned {describe(value)}")

    def equals(other: Least) -> bool:
        return all(_agree(value, case, other) for value, case in zip(found, _CASES, strict=True))

    if equals(_by_cut):
        return correct(f"equal to the minimum cut on {len(_CASES)} chains")
    for wrong, why in _WRONG:
        if equals(wrong):
            return not_yet(why)
    case, value = next((case, value) for case, value in zip(_CASES, found, strict=True) if not _agree(value, case))
    floats, on_bytes, *prices = case
    call = f"least({floats}, {on_bytes}, {prices[0]:g}, {prices[1]:g})"
    return not_yet(f"{call} is {_by_cut(*case):.6g}, by the minimum cut; yours is {value:.6g}")


def _agree(value: float, case: Case, other: Least | None = None) -> bool:
    """Whether a number is what the minimum cut, or another function, gives for a chain."""
    return isclose(value, (other or _by_cut)(*case))


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
LIMITS = ("rate", "latency", "loss", "power")
Design = tuple[str, str, int]
_NEAR = 0.9  # of the largest share: a limit as near as that is the tightest too


def choose_designs() -> dict[str, tuple[str, str, int, str]]:
    """Return for each scenario the design of least power that keeps every limit, and its tightest limit."""
    designs = [(kind, path, n) for kind in ("int8", "bf16", "int16")
               for path in ("own array", "best fixed", "reconfigured") for n in (1, 4, 16)]  # fmt: skip
    chosen = {}
    for name in lesson.SCENARIOS:
        judged = {design: lesson.judged(name, *design) for design in designs}
        best = min((d for d in designs if not judged[d].broken), key=lambda d: judged[d].watts)
        chosen[name] = (*best, judged[best].tightest)
    return chosen


def verify_designs(answer: object) -> Outcome:
    """Compute each design against its scenario's limits, then hold the reasons against its shares."""
    if not isinstance(answer, dict) or set(answer) != set(SCENARIOS):
        raise WrongKindError(f"a dictionary with {', '.join(SCENARIOS)} is asked for, you gave {describe(answer)}")
    designs = {name: _design(name, answer[name]) for name in SCENARIOS}
    for name, (design, _) in designs.items():
        found = judged(name, *design)
        if found.broken:
            return not_yet(f"{name} breaks {', '.join(found.broken)}: {str(found).rpartition(':')[0]}")
    for name, (design, limit) in designs.items():
        found = judged(name, *design)
        if limit is None:
            return not_yet(f"every limit is kept; now say why no more is possible: name {name}'s tightest limit")
        if found.shares[limit] < _NEAR * max(found.shares.values()):
            return not_yet(f"{name} keeps every limit, but its {limit} is only at {found.shares[limit]:.0%}")
    return correct("every design keeps its four limits, and you know which one is next; other designs do too")


def _design(name: str, answer: object) -> tuple[Design, str | None]:
    if isinstance(answer, (tuple, list)) and len(answer) in (3, 4):
        kind, path, images = answer[0], todays_kind(answer[1]), whole_number(answer[2])
        limit = answer[3] if len(answer) == 4 else None
        if kind in TYPES and path in DATAPATHS and images in IMAGES and limit in (*LIMITS, None):
            return (kind, path, images), limit
    known = f"one of {', '.join(TYPES)}, one of {', '.join(DATAPATHS)}, 1, 4 or 16 images, and the tightest limit"
    raise WrongKindError(f"{name} takes {known}, one of {', '.join(LIMITS)}; you gave {describe(answer)}")


Answer = tuple[str, str, int, str]
_MEDICAL: Answer = ("int8", "own array", 1, "power")
_FACTORY: Answer = ("int8", "own array", 4, "power")
_DRIVER: Answer = ("int16", "best fixed", 1, "power")


def _all(medical: object = _MEDICAL, factory: object = _FACTORY, driver: object = _DRIVER) -> dict[str, object]:
    return dict(zip(SCENARIOS, (medical, factory, driver), strict=True))


DECIDE = Exercise(
    id="6.3",
    variable="designs",
    stub="designs = ...",
    solution=choose_designs,
    verify=verify_designs,
    hints=(
        'lesson.judged("medical imaging", "int8", "own array", 1) computes one design, with .broken and .shares',
        "which network may not lose what bytes cost? Where is one image at a time too slow?",
        "the tightest limit is the largest of .shares; several designs are right",
    ),
    mistakes=(
        Mistake("16 bits to be safe", _all(medical=("int16", "own array", 1, "power")), "medical imaging breaks power"),
        Mistake("always batch 1", _all(factory=("int8", "own array", 1, "rate")), "factory inspection breaks rate"),
        Mistake("large batch", _all(factory=("int8", "reconfigured", 16, "rate")), "factory inspection breaks latency"),
        Mistake("INT8 everywhere", _all(driver=("int8", "best fixed", 1, "loss")), "driver assistance breaks loss"),
        Mistake("16-bit floats", _all(driver=("bf16", "reconfigured", 1, "loss")), "driver assistance breaks power"),
        Mistake("no reason", _all(medical=_MEDICAL[:3]), "name medical imaging's tightest limit"),
        Mistake("wrong reason", _all(medical=(*_MEDICAL[:3], "loss")), "its loss is only at"),
    ),
)

EXERCISES = (READ, COMPLETE, DECIDE)
