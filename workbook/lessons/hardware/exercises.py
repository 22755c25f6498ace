"""The exercises of lesson 4: what stays in registers, a break-even time, a design under budgets."""

from __future__ import annotations

from functools import cache
from math import isclose
from random import Random

from workbook.accelerator import area as lesson  # the name that a learner's cell knows it by
from workbook.accelerator.area import Design, design, todays_kind
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.workload import Layer
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
from workbook.lessonkit.variants import Varied

# 4.1 What stays

_SUM = 4  # bytes of a sum that is not complete


def what_stays() -> tuple[str, int]:
    """Return which dataflow moves fewer bytes through the ports for 256 -> 64 channels of 14 x 14, and how many."""
    inputs = 4 * 256 * 196  # read again for each of 64 / 16 rounds along K
    sums = 64 * 196
    weights_stay = inputs + 256 * 64 + sums + 2 * 4 * (256 // 16 - 1) * sums
    outputs_stay = inputs + 256 * 64 * 196 + sums
    return ("weights", weights_stay) if weights_stay < outputs_stay else ("outputs", outputs_stay)


def stays_on(layer: Layer, path: Datapath) -> Exercise:
    """Return the exercise for a 1x1 layer whose channels fill a datapath that is unrolled along C and K."""
    rounds_c, rounds_k, pixels = layer.C // path.C, layer.K // path.K, layer.P * layer.Q
    inputs, weights, sums = rounds_k * layer.C * pixels, layer.C * layer.K, layer.K * pixels
    once = inputs + weights + sums
    right = once + 2 * _SUM * (rounds_c - 1) * sums
    outputs_stay = inputs + weights * pixels + sums
    not_read_back = once + _SUM * (rounds_c - 1) * sums
    byte_sums = once + 2 * (rounds_c - 1) * sums
    inputs_once = right - inputs + layer.C * pixels

    def verify_what_stays(answer: object) -> Outcome:
        """Compare the answer with the bytes of both dataflows."""
        if not isinstance(answer, (tuple, list)) or len(answer) != 2 or answer[0] not in ("weights", "outputs"):
            raise WrongKindError(
                f'"weights" or "outputs" and a number of bytes are asked for, you gave {describe(answer)}'
            )
        way, size = answer
        if not is_number(size):
            raise WrongKindError(f"the second must be a number of bytes, you gave {describe(answer)}")

        def near(number: float) -> bool:
            return isclose(float(size), number, rel_tol=0.001)

        if way == "outputs" and near(outputs_stay):
            return not_yet(
                f"{size:,} is right for outputs that stay, with weights that come for each pixel; count the other"
            )
        if way == "outputs":
            return not_yet(f"outputs stay: how often do {weights:,} weights come, if each round is another pixel?")
        if near(right):
            again = f"2 x {_SUM} x {rounds_c - 1} x {sums:,}"
            return correct(f"weight-stationary: {inputs:,} + {weights:,} + {sums:,} + {again}")
        if near(once):
            return not_yet(f"{size:,} leaves the sums in registers too, but there only the weights stay")
        if near(not_read_back):
            return not_yet(f"{size:,} writes the sums of each round and never reads them back")
        if near(byte_sums):
            return not_yet(f"{size:,} has sums of one byte: one that is not complete has {_SUM}")
        if near(inputs_once):
            return not_yet(
                f"{size:,} reads the inputs once: {path.K} of {layer.K} output channels are computed in a round"
            )
        return not_yet(f"{size:,} is not it; add inputs, weights, complete sums, and those that go out and come back")

    return Exercise(
        id="4.1",
        variable="stays",
        stub="stays = ...",
        solution=what_stays,
        verify=verify_what_stays,
        hints=(
            f"{path.C} x {path.K} multipliers need {rounds_c} rounds along the input channels and {rounds_k} along the"
            " output channels, for each pixel",
            f"outputs stay: weights x {pixels}. Weights stay: after each of the first {rounds_c - 1} rounds all sums go"
            " out, and come back",
            f"inputs {rounds_k} x {layer.C} x {pixels} both times; a sum that is not complete has {_SUM} bytes,"
            " a complete one has 1",
        ),
        mistakes=(
            Mistake("the other dataflow", ("outputs", outputs_stay), "count the other"),
            Mistake("outputs, guessed", ("outputs", 1000), "outputs stay: how often"),
            Mistake("everything stays", ("weights", once), "leaves the sums in registers"),
            Mistake("never read back", ("weights", not_read_back), "never reads them back"),
            Mistake("sums of a byte", ("weights", byte_sums), "sums of one byte"),
            Mistake("inputs once", ("weights", inputs_once), "reads the inputs once"),
            Mistake("something else", ("weights", 12), "is not it"),
        ),
    )


LAYER = Layer("layer", C=256, H=14, W=14, K=64, P=14, Q=14)
PATH = Datapath(C=16, K=16)
READ = stays_on(LAYER, PATH)


def _vary_stays(random: Random) -> Varied:
    C, K, side = random.choice((128, 192, 320, 384)), random.choice((48, 80, 96)), random.choice((7, 14, 28))
    text = {
        "makes 64 channels of 256": f"makes {K} channels of {C}",
        "on a map of 14 x 14": f"on a map of {side} x {side}",
    }
    pixels = side * side
    again = 2 * _SUM * (C // PATH.C - 1)
    right = K // PATH.K * C * pixels + C * K + (1 + again) * K * pixels
    layer = Layer("layer", C=C, H=side, W=side, K=K, P=side, Q=side)
    return Varied(stays_on(layer, PATH), text, ["weights", right])


VARIED = {"4.1": _vary_stays}


# 4.2 Complete a function: the break-even time of one switch


def break_even(on_a: list[float], on_b: list[float], batch: int) -> float:
    """Return the longest switch that pays: from datapath A to B and back, against the better of A and B."""
    fixed = min(sum(on_a), sum(on_b))
    once = min(sum(on_a[:i]) + sum(on_b[i:]) for i in range(len(on_a) + 1))
    return batch * (fixed - once) / 2


_CASES: tuple[tuple[list[float], list[float], int], ...] = (
    ([30, 20, 70, 40], [50, 60, 20, 10], 1),
    ([12, 80, 40, 30, 5], [90, 10, 20, 10, 35], 4),
    ([5, 5, 5], [9, 9, 9], 2),
)
"""Microseconds of each layer on A, on B, and the batch; in the last, B is never better."""


def _against_a(on_a: list[float], on_b: list[float], batch: int) -> float:
    return break_even(on_a, on_b, batch) + batch * (sum(on_a) - min(sum(on_a), sum(on_b))) / 2


def _way_back_forgotten(on_a: list[float], on_b: list[float], batch: int) -> float:
    return 2 * break_even(on_a, on_b, batch)


def _batch_forgotten(on_a: list[float], on_b: list[float], batch: int) -> float:
    return break_even(on_a, on_b, 1)


def _batch_divides(on_a: list[float], on_b: list[float], batch: int) -> float:
    return break_even(on_a, on_b, 1) / batch


def _oracle(on_a: list[float], on_b: list[float], batch: int) -> float:
    return batch * (min(sum(on_a), sum(on_b)) - sum(map(min, on_a, on_b))) / 2


def _frame(on_a: list[float], on_b: list[float], batch: int) -> float:
    return batch * min(sum(on_a), sum(on_b)) - 2 * break_even(on_a, on_b, batch)


def verify_break_even(answer: object) -> Outcome:
    """Run the function on three networks and compare; name what a known mistake would have given."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    found = []
    for on_a, on_b, batch in _CASES:
        given = answer(list(on_a), list(on_b), batch)
        if given is ...:
            return NOT_ATTEMPTED
        if not is_number(given):
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
    _way_back_forgotten: "yours pays one switch a frame: how does the next frame get back to datapath A?",
    _against_a: "yours compares with datapath A, but B may be the better one to stay on: take the strongest opponent",
    _batch_forgotten: "yours forgets the batch: all its images go through a layer before the switch",
    _batch_divides: "yours divides by the batch: with more images, is a switch paid more often or less often?",
    _oracle: "yours takes the better datapath for every layer, but only one switch and its way back are allowed",
    _frame: "yours is the time of a frame; the switches pay as long as they are shorter than what is saved",
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
        "both switches pay while they save more: the better fixed frame less the best divided one is the limit",
    ),
    mistakes=(
        Mistake("way back forgotten", _way_back_forgotten, "back to datapath A"),
        Mistake("weak opponent", _against_a, "strongest opponent"),
        Mistake("batch forgotten", _batch_forgotten, "forgets the batch"),
        Mistake("batch divides", _batch_divides, "divides by the batch"),
        Mistake("the oracle", _oracle, "only one switch and its way back"),
        Mistake("a frame's time", _frame, "shorter than what is saved"),
    ),
)


# 4.3 Design under budgets: every design that no other betters is right

AREA_MM2, WATTS, LEAST_FPS = 13.0, 4.8, 1700
MULTIPLIERS, MEMORIES_KB = (256, 512, 1024, 2048, 4096), (512, 1024, 2048)
CHOICES: tuple[str, ...] = ("best fixed", "reconfigured")
_SAME = 1.005  # a difference smaller than this is none


def choose_design() -> tuple[int, int, str]:
    """Return multipliers, KB and kind of the smallest design that keeps all three limits."""
    choices = [(n, kb, kind) for n in (256, 512, 1024, 2048, 4096) for kb in (512, 1024, 2048)
               for kind in ("best fixed", "reconfigured")]  # fmt: skip
    designs = {choice: lesson.design(*choice) for choice in choices}
    fitting = [c for c, d in designs.items() if d.area_mm2 <= 13 and d.watts <= 4.8 and d.fps >= 1700]
    return min(fitting, key=lambda choice: designs[choice].area_mm2)


def _fits(found: Design) -> bool:
    return found.area_mm2 <= AREA_MM2 and found.watts <= WATTS and found.fps >= LEAST_FPS


@cache
def pareto_set() -> tuple[Design, ...]:
    """Return the designs within all limits that no other of them betters: as many images a second in less area."""
    designs = [design(n, kb, kind) for n in MULTIPLIERS for kb in MEMORIES_KB for kind in CHOICES]
    fitting = [found for found in designs if _fits(found)]
    return tuple(found for found in fitting if not any(_betters(other, found) for other in fitting))


def _betters(one: Design, other: Design) -> bool:
    """Whether a design is no slower and no larger, and clearly better in one of both."""
    no_worse = one.fps * _SAME >= other.fps and one.area_mm2 <= other.area_mm2 * _SAME
    return no_worse and (one.fps > other.fps * _SAME or one.area_mm2 * _SAME < other.area_mm2)


def verify_design(answer: object) -> Outcome:
    """Compute the design and compare it with the limits and with all others."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise WrongKindError(f"multipliers, KB and a kind of datapath are asked for, you gave {describe(answer)}")
    multipliers, kb, kind = whole_number(answer[0]), whole_number(answer[1]), todays_kind(answer[2])
    if multipliers not in MULTIPLIERS or kb not in MEMORIES_KB or kind not in CHOICES:
        numbers, sizes = (", ".join(map(str, known)) for known in (MULTIPLIERS, MEMORIES_KB))
        known = f"{numbers} multipliers, {sizes} KB, {' or '.join(CHOICES)}"
        raise WrongKindError(f"there are {known}; you gave {describe(answer)}")
    found = design(multipliers, kb, kind)
    if found.area_mm2 > AREA_MM2:
        return not_yet(f"it takes {found.area_mm2:.2f} mm2, which is too large; of power it takes {found.watts:.2f} W")
    if found.watts > WATTS:
        return not_yet(f"it takes {found.watts:.2f} W, which is too much; its area fits, with {found.area_mm2:.2f} mm2")
    if found.fps < LEAST_FPS:
        return not_yet(f"it fits, but {found.fps:,.0f} images/s are too few: what waits, multipliers or DRAM?")
    if not any(found == other for other in pareto_set()):
        if kind == "reconfigured":
            return not_yet(f"it fits, with {found.fps:,.0f} images/s; is there a fixed one as fast in less area?")
        return not_yet(f"it fits, with {found.fps:,.0f} images/s; another is faster and smaller")
    others = len(pareto_set()) - 1
    return correct(f"{found}; no other betters it, and {others} more designs can say so: what matters more is yours")


DECIDE = Exercise(
    id="4.3",
    variable="design",
    stub="design = ...",
    solution=choose_design,
    verify=verify_design,
    hints=(
        'lesson.design(1024, 512, "best fixed") computes one design, with .area_mm2, .watts and .fps',
        "memory keeps tensors on the chip: it costs area, saves DRAM's energy, and lets the multipliers work",
        "list all of them with three loops, cross out what breaks a limit; keep both of two unless one is better",
    ),
    mistakes=(
        Mistake("too large", (4096, 2048, "reconfigured"), "too large"),
        Mistake("too much power", (1024, 2048, "best fixed"), "its area fits"),
        Mistake("too slow", (512, 1024, "reconfigured"), "what waits"),
        Mistake("flexible for nothing", (2048, 1024, "reconfigured"), "as fast in less area"),
    ),
)

EXERCISES = (READ, COMPLETE, DECIDE)
