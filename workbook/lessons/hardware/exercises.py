"""The exercises of lesson 4: the utilisation of an unrolling, a break-even time, a design under two budgets."""

from __future__ import annotations

from functools import cache
from math import isclose, isfinite
from numbers import Real

from workbook.accelerator import area as lesson  # the name that a learner's cell knows it by
from workbook.accelerator.area import Design, design, todays_kind
from workbook.accelerator.datapath import Datapath
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
from workbook.lessons.hardware.model import layer

# 4.1 Utilisation of a given unrolling

_LAYER = layer("mobilenet_v2", "block2_2.project")
_PATH = Datapath(C=32, K=16, pixel=8)


def utilisation() -> float:
    """Return the share of 32 x 16 x 8 multipliers that work on 144 -> 24 channels of 56 x 56, 1x1 filters."""
    rounds = 5 * 2 * 392  # 144 / 32, 24 / 16 and 56 * 56 / 8, each rounded up
    return 144 * 24 * 56 * 56 / (rounds * 32 * 16 * 8)


_SHARE = utilisation()
_ALONG_C, _ALONG_K = 144 / (5 * 32), 24 / (2 * 16)
_ROUNDED_DOWN = 144 * 24 / (4 * 32 * 1 * 16)


def verify_utilisation(answer: object) -> Outcome:
    """Compare the answer with products over multipliers times rounds."""
    if isinstance(answer, bool) or not isinstance(answer, Real) or not isfinite(answer):
        raise WrongKindError(f"a number is asked for, you gave {describe(answer)}")
    value = float(answer)

    def near(number: float) -> bool:
        return isclose(value, number, rel_tol=0.005)

    if near(_SHARE):
        return correct(f"{_LAYER.macs:,} products, in 5 x 2 x 392 rounds of {_PATH.multipliers} multipliers")
    if near(100 * _SHARE):
        return not_yet(f"{value:g} is in per cent; give the share, from 0 to 1")
    if near(1):
        return not_yet(f"{value:g} would be right if the multipliers divided the channels: do they?")
    if near(_ALONG_C):
        return not_yet(f"{value:g} is the share along the input channels alone")
    if near(_ALONG_K):
        return not_yet(f"{value:g} is the share along the output channels alone")
    if near(_ROUNDED_DOWN):
        return not_yet(f"{value:g} rounds down: the last channels need a round too")
    if value > 1:
        return not_yet(f"{value:g} is more than all multipliers: no more of them work than there are")
    return not_yet(f"{value:g} is not it; count rounds along C, K and pixels, divide products by multipliers x rounds")


READ = Exercise(
    id="4.1",
    variable="share",
    stub="share = ...",
    solution=utilisation,
    verify=verify_utilisation,
    hints=(
        "along each dimension, how many rounds do the multipliers need? A round that is not full counts whole",
        "rounds = ceil(144 / 32) * ceil(24 / 16) * ceil(56 * 56 / 8)",
        "divide 144 * 24 * 56 * 56 products by rounds x multipliers; the first panel shows it for C = 32, K = 16",
    ),
    mistakes=(
        Mistake("per cent", round(100 * _SHARE, 2), "in per cent"),
        Mistake("no rounding", 1.0, "divided the channels"),
        Mistake("input channels alone", _ALONG_C, "input channels alone"),
        Mistake("output channels alone", _ALONG_K, "output channels alone"),
        Mistake("rounded down", _ROUNDED_DOWN, "rounds down"),
        Mistake("upside down", round(1 / _SHARE, 3), "more than all multipliers"),
    ),
)


# 4.2 Complete a function: the break-even time of one switch


def break_even(on_a: list[float], on_b: list[float], batch: int) -> float:
    """Return the longest switch that pays: from datapath A to B once, against the better of A and B."""
    fixed = min(sum(on_a), sum(on_b))
    once = min(sum(on_a[:i]) + sum(on_b[i:]) for i in range(len(on_a) + 1))
    return batch * (fixed - once)


_CASES: tuple[tuple[list[float], list[float], int], ...] = (
    ([30, 20, 70, 40], [50, 60, 20, 10], 1),
    ([12, 80, 40, 30, 5], [90, 10, 20, 10, 35], 4),
    ([5, 5, 5], [9, 9, 9], 2),
)
"""Microseconds of each layer on A, on B, and the batch; in the last, B is never better."""


def _against_a(on_a: list[float], on_b: list[float], batch: int) -> float:
    return batch * (sum(on_a) - (min(sum(on_a), sum(on_b)) - break_even(on_a, on_b, 1)))


def _batch_forgotten(on_a: list[float], on_b: list[float], batch: int) -> float:
    return break_even(on_a, on_b, 1)


def _batch_divides(on_a: list[float], on_b: list[float], batch: int) -> float:
    return break_even(on_a, on_b, 1) / batch


def _oracle(on_a: list[float], on_b: list[float], batch: int) -> float:
    return batch * (min(sum(on_a), sum(on_b)) - sum(map(min, on_a, on_b)))


def _frame(on_a: list[float], on_b: list[float], batch: int) -> float:
    return batch * (min(sum(on_a), sum(on_b)) - break_even(on_a, on_b, 1))


def verify_break_even(answer: object) -> Outcome:
    """Run the function on three networks and compare; name what a known mistake would have given."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    found = []
    for on_a, on_b, batch in _CASES:
        given = answer(list(on_a), list(on_b), batch)
        if given is ...:
            return NOT_ATTEMPTED
        if isinstance(given, bool) or not isinstance(given, Real) or not isfinite(given):
            raise WrongKindError(f"your function must return a number, it returned {describe(given)}")
        found.append(float(given))
    if _same(found, break_even):
        return correct("a longer switch loses against the better fixed datapath; more images pay for a longer one")
    for mistake, message in _NAMED.items():
        if _same(found, mistake):
            return not_yet(message)
    on_a, on_b, batch = next(
        case for case, value in zip(_CASES, found, strict=True) if not _equal(value, break_even(*case))
    )
    return not_yet(f"your function is wrong for A {list(on_a)}, B {list(on_b)} and a batch of {batch}")


def _same(found: list[float], function: object) -> bool:
    assert callable(function)
    return all(_equal(value, function(*case)) for value, case in zip(found, _CASES, strict=True))


def _equal(value: float, other: float) -> bool:
    return isclose(value, other, abs_tol=1e-6)


_NAMED = {
    _against_a: "yours compares with datapath A, but B may be the better one to stay on: take the strongest opponent",
    _batch_forgotten: "yours forgets the batch: all its images go through a layer before the switch",
    _batch_divides: "yours divides by the batch: with more images, is a switch paid more often or less often?",
    _oracle: "yours takes the better datapath for every layer, which may need many switches; only one is allowed",
    _frame: "yours is the time of a frame; the switch pays as long as it is shorter than what is saved",
}

COMPLETE = Exercise(
    id="4.2",
    variable="break_even",
    stub="""\
def break_even(on_a, on_b, batch):
    # on_a[i], on_b[i]: time of layer i for one image, on datapath A and on B
    return ...""",
    solution=break_even,
    verify=verify_break_even,
    hints=(
        "what does a frame take that stays on A, and one that stays on B? The better one is to be beaten",
        "with one switch before layer i a frame takes sum(on_a[:i]) + sum(on_b[i:]); which i is best?",
        "the switch pays while it is shorter than what it saves: the better fixed frame less the best divided one",
    ),
    mistakes=(
        Mistake("weak opponent", _against_a, "strongest opponent"),
        Mistake("batch forgotten", _batch_forgotten, "forgets the batch"),
        Mistake("batch divides", _batch_divides, "divides by the batch"),
        Mistake("the oracle", _oracle, "only one is allowed"),
        Mistake("a frame's time", _frame, "shorter than what is saved"),
    ),
)


# 4.3 Design under a budget of area and power

AREA_MM2, WATTS = 13.0, 2.4
MULTIPLIERS, MEMORIES_KB = (256, 512, 1024, 2048, 4096), (512, 1024, 2048)
CHOICES: tuple[str, ...] = ("best fixed", "reconfigured")


def choose_design() -> tuple[int, int, str]:
    """Return multipliers, KB and kind of the fastest design within both budgets."""
    choices = [(n, kb, kind) for n in (256, 512, 1024, 2048, 4096) for kb in (512, 1024, 2048)
               for kind in ("best fixed", "reconfigured")]  # fmt: skip
    designs = {choice: lesson.design(*choice) for choice in choices}
    fitting = [c for c, found in designs.items() if found.area_mm2 <= 13 and found.watts <= 2.4]
    return max(fitting, key=lambda choice: designs[choice].fps)


def _fits(found: Design) -> bool:
    return found.area_mm2 <= AREA_MM2 and found.watts <= WATTS


@cache
def _fastest() -> float:
    """Images a second of the best design that fits."""
    designs = (design(multipliers, kb, kind) for multipliers in MULTIPLIERS for kb in MEMORIES_KB for kind in CHOICES)
    return max(found.fps for found in designs if _fits(found))


def verify_design(answer: object) -> Outcome:
    """Compute the design and compare it with the budgets and with all others."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise WrongKindError(f"multipliers, KB and a kind of datapath are asked for, you gave {describe(answer)}")
    multipliers, kb, kind = whole_number(answer[0]), whole_number(answer[1]), todays_kind(answer[2])
    if multipliers not in MULTIPLIERS or kb not in MEMORIES_KB or kind not in CHOICES:
        numbers, sizes = (", ".join(map(str, known)) for known in (MULTIPLIERS, MEMORIES_KB))
        known = f"{numbers} multipliers, {sizes} KB, {' or '.join(CHOICES)}"
        raise WrongKindError(f"there are {known}; you gave {describe(answer)}")
    found = design(multipliers, kb, kind)
    if found.area_mm2 > AREA_MM2 and found.watts > WATTS:
        return not_yet(f"it takes {found.area_mm2:.2f} mm2 and {found.watts:.2f} W: both are too much")
    if found.area_mm2 > AREA_MM2:
        return not_yet(f"it takes {found.area_mm2:.2f} mm2, which is too large; of power it takes {found.watts:.2f} W")
    if found.watts > WATTS:
        return not_yet(f"it takes {found.watts:.2f} W, which is too much; its area fits, with {found.area_mm2:.2f} mm2")
    if found.fps == _fastest():
        return correct(f"{found}; no other that fits does more")
    if kind == "best fixed":
        return not_yet(f"it fits, with {found.fps:,.0f} images/s on a fixed datapath; another that fits does more")
    return not_yet(f"it fits, with {found.fps:,.0f} images/s, but there is room: what waits, multipliers or DRAM?")


DECIDE = Exercise(
    id="4.3",
    variable="design",
    stub="design = ...",
    solution=choose_design,
    verify=verify_design,
    hints=(
        'lesson.design(1024, 512, "best fixed") computes one design, with .area_mm2, .watts and .fps',
        "memory keeps tensors on the chip: it costs area, saves DRAM's energy, and lets the multipliers work",
        "list all of them with three loops, cross out what breaks a budget, take the most images a second",
    ),
    mistakes=(
        Mistake("most of all", (4096, 2048, "reconfigured"), "both are too much"),
        Mistake("too large", (4096, 2048, "best fixed"), "too large"),
        Mistake("too much power", (2048, 2048, "reconfigured"), "its area fits"),
        Mistake("fixed", (2048, 2048, "best fixed"), "on a fixed datapath"),
        Mistake("too small", (512, 2048, "reconfigured"), "what waits"),
    ),
)

EXERCISES = (READ, COMPLETE, DECIDE)
