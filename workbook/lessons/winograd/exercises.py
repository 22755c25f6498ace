"""The exercises of lesson 2: predict a gain, build matrices, choose tiles, split a stride, write a transform."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from random import Random

from workbook.lessonkit.exercise import (
    NOT_ATTEMPTED,
    Exercise,
    Mistake,
    Outcome,
    WrongKindError,
    correct,
    describe,
    not_yet,
)
from workbook.lessonkit.number_exercise import Wrong, number_exercise
from workbook.lessonkit.variants import Varied
from workbook.lessons.winograd.construction import TAPS
from workbook.lessons.winograd.matrix_exercise import MATRICES
from workbook.lessons.winograd.precision import error
from workbook.lessons.winograd.stride_exercise import PARITY
from workbook.lessons.winograd.tile_trials import PLAIN, PROGRAMS, WINOGRAD
from workbook.lessons.winograd.transform_exercise import TRANSFORM
from workbook.lessons.winograd.work import Work, layer, layer_of


class lesson:  # noqa: N801
    """What a learner's cell knows by this name."""

    error, layer = staticmethod(error), staticmethod(layer)


# 2.1 Predict a gain

MAP, TILE = 13, 4  # YOLOv3-tiny's deepest maps, F(4,3)


def predict_gain() -> float:
    """Return how many times fewer multiplications F(4,3) takes on a map of 13 x 13."""
    tiles = -(-13 // 4)  # in each direction, rounded up
    return (13 * 3) ** 2 / (tiles * 6) ** 2


def gain_on(side: int) -> Exercise:
    """Return the exercise for a map of side x side."""
    n, direct, tiles = TILE + TAPS - 1, (side * TAPS) ** 2, ceil(side / TILE)
    right = direct / (tiles * n) ** 2
    return number_exercise(
        id="2.1",
        variable="gain",
        solution=predict_gain,
        hints=(
            f"how many multiplications does the definition take for an output map of {side} x {side}, on one channel?",
            f"how many tiles cover {side} outputs in one direction? The last one may stick out",
            f"the first panel knows: panel.set(side={side}, tile='F(4,3)'), and read the line",
        ),
        right=right,
        because=f"{tiles} x {tiles} tiles of {n} x {n} multiplications, for {direct} by the definition",
        wrong=(
            Wrong(
                "whole tiles",
                (TILE * TAPS / n) ** 2,
                f"would be right if whole tiles covered the map: {side} is no multiple of {TILE}",
            ),
            Wrong(
                "rounded down",
                direct / (side // TILE * n) ** 2,
                "leaves the last row and column of outputs without a tile",
            ),
            Wrong(
                "one direction",
                side * TAPS / (tiles * n),
                "is the gain in one direction; the map has two",
            ),
            Wrong(
                "upside down",
                1 / right,
                "is upside down: the definition takes more multiplications, not fewer",
            ),
            Wrong("other tile", Work(layer_of(1, side), 2).saving, "is the gain of F(2,3), whose tiles are smaller"),
        ),
        otherwise="is not it; count the multiplications of all tiles, then those of the definition",
        tolerance=0.02,  # two digits are enough
    )


PREDICT = gain_on(MAP)


def _vary_gain(random: Random) -> Varied:
    side = random.choice((9, 10, 13, 14, 17, 18, 21, 25))
    text = {"The deepest maps of YOLOv3-tiny have 13 x 13 pixels.": f"A map has {side} x {side} pixels."}
    return Varied(gain_on(side), text, Work(layer_of(1, side), TILE).saving)


VARIED = {"2.1": _vary_gain}


# 2.3 Decide under a budget


@dataclass(frozen=True)
class Budget:
    """What a chip computes in, the error that a layer may have there, and the side of its map."""

    type: str
    error: float
    side: int


BUDGETS = (Budget("bf16", 0.02, 12), Budget("fp16", 0.0008, 12), Budget("fp32", 1e-5, 8))


def choose_tiles() -> list[str]:
    """Return for each chip the kernel with the fewest multiplications whose error fits."""
    chosen = []
    for type, most, side in (("bf16", 0.02, 12), ("fp16", 0.0008, 12), ("fp32", 0.00001, 8)):
        fits = [m for m in (2, 4, 6) if lesson.error(type, m) <= most]
        best = max(fits, key=lambda m: lesson.layer(channels=1, side=side, m=m).saving)
        chosen.append(f"winograd_f{best}")
    return chosen


_M = {name: m for m, name in WINOGRAD.items()}


def _saving(name: str, budget: Budget) -> float:
    return Work(layer_of(1, budget.side), _M[name]).saving


def best_within(budget: Budget) -> str:
    """Return the kernel that saves most multiplications within a budget."""
    fitting = [name for name, m in _M.items() if error(budget.type, m) <= budget.error]
    return max(fitting, key=lambda name: _saving(name, budget))


def _kernel_of(answer: object) -> str:
    """Return the kernel that an answer names: by its name, or by its tile, such as F(4,3) or F(4x4, 3x3)."""
    if isinstance(answer, str):
        named = re.fullmatch(r"(?:winograd_)?f\(?(\d)(?:x\1)?(?:,3(?:x3)?)?\)?", answer.lower().replace(" ", ""))
        name = f"winograd_f{named[1]}" if named else answer.strip().lower()
        if name in (*PROGRAMS, "naive", "auto"):
            return name
    raise WrongKindError(
        f'the name of a kernel is asked for, such as "direct" or "F(2,3)", you gave {describe(answer)}'
    )


def verify_tiles(answer: object) -> Outcome:
    """Compare each name with the kernel that saves most within its budget."""
    if not isinstance(answer, (list, tuple)) or len(answer) != len(BUDGETS):
        raise WrongKindError(f"a list of {len(BUDGETS)} names of kernels is asked for, you gave {describe(answer)}")
    if any(name is ... for name in answer):
        return NOT_ATTEMPTED
    for name, budget in zip(map(_kernel_of, answer), BUDGETS, strict=True):
        if wrong := _objection(name, budget):
            return not_yet(f"the chip in {budget.type}: {wrong}")
    saved = ", ".join(f"{_saving(best_within(budget), budget):.2f}" for budget in BUDGETS)
    return correct(f"all errors fit, and they take {saved} times fewer multiplications")


def _objection(name: str, budget: Budget) -> str:
    """Say why a kernel is not the one for a budget; empty if it is."""
    if name == "auto":
        return "auto chooses by time alone: it does not know your budget"
    if name not in _M:
        return f"{name} does every multiplication of the definition; a tile within the budget does fewer"
    found = error(budget.type, _M[name])
    if found > budget.error:
        return f"{name} has an error of {100 * found:.2g} %, more than {100 * budget.error:.2g} %"
    if _saving(name, budget) < _saving(best_within(budget), budget):
        return f"{name} keeps the budget, but on this map another tile does so with fewer multiplications"
    return ""


DECIDE = Exercise(
    id="2.3",
    variable="chosen",
    stub="chosen = [..., ..., ...]",
    solution=choose_tiles,
    verify=verify_tiles,
    hints=(
        "lesson.error('bf16', m) is a tile's error; lesson.layer(channels=1, side=12, m=m).saving is what it saves",
        "for each chip cross out the tiles whose error is too large; of the others take the one that saves most",
        "a larger tile saves more only where it does not stick out: 8 is no multiple of 6",
    ),
    mistakes=(
        Mistake("saves most in any type", ["winograd_f6"] * 3, "in bf16: winograd_f6 has an error"),
        Mistake("smallest error", ["winograd_f2"] * 3, "in bf16: winograd_f2 keeps the budget"),
        Mistake("the same tile for fp16", ["F(4,3)"] * 3, "in fp16: winograd_f4 has an error"),
        Mistake("the largest tile on a small map", ["F(4,3)", "F(2,3)", "F(6,3)"], "in fp32: winograd_f6 keeps"),
        Mistake("no Winograd", [PLAIN[0]] * 3, "every multiplication of the definition"),
        Mistake("left to the library", ["auto"] * 3, "does not know your budget"),
    ),
)

EXERCISES = (PREDICT, MATRICES, DECIDE, PARITY, TRANSFORM)
