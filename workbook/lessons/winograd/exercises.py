"""The exercises of lesson 2: predict a gain, complete the transform, choose a tile under an error budget."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, isfinite
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

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
from workbook.lessons.winograd.construction import TAPS
from workbook.lessons.winograd.counted import Count, Counted, Kind, WrongFormulaError
from workbook.lessons.winograd.precision import error
from workbook.lessons.winograd.tile_trials import PLAIN, PROGRAMS, WINOGRAD
from workbook.lessons.winograd.work import Work, layer, layer_of


class lesson:  # noqa: N801
    """What a learner's cell knows by this name."""

    error, layer = staticmethod(error), staticmethod(layer)


# 2.1 Predict a gain

MAP, TILE = 13, 4  # YOLOv3-tiny's deepest maps, F(4,3)
_N = TILE + TAPS - 1
_DIRECT = (MAP * TAPS) ** 2
_TILES = ceil(MAP / TILE)


def predict_gain() -> float:
    """Return how many times fewer multiplications F(4,3) takes on a map of 13 x 13."""
    tiles = -(-13 // 4)  # in each direction, rounded up
    return (13 * 3) ** 2 / (tiles * 6) ** 2


_RIGHT_GAIN = _DIRECT / (_TILES * _N) ** 2
_WHOLE_TILES = (TILE * TAPS / _N) ** 2
_ROUNDED_DOWN = _DIRECT / (MAP // TILE * _N) ** 2
_ONE_WAY = MAP * TAPS / (_TILES * _N)
_OTHER_TILE = Work(layer_of(1, MAP), 2).saving


def verify_gain(answer: object) -> Outcome:
    """Compare the answer with the multiplications of the tiles that cover the map."""
    if isinstance(answer, bool) or not isinstance(answer, Real) or not isfinite(answer):
        raise WrongKindError(f"a number is asked for, you gave {describe(answer)}")
    value = float(answer)

    def near(number: float) -> bool:
        return abs(value - number) <= 0.005 * number

    if near(_RIGHT_GAIN):
        return correct(f"{_TILES} x {_TILES} tiles of {_N} x {_N} multiplications, for {_DIRECT} by the definition")
    if near(_WHOLE_TILES):
        return not_yet(f"{value:g} would be right if whole tiles covered the map: {MAP} is no multiple of {TILE}")
    if near(_ROUNDED_DOWN):
        return not_yet(f"{value:g} leaves the last row and column of outputs without a tile")
    if near(_ONE_WAY):
        return not_yet(f"{value:g} is the gain in one direction; the map has two")
    if near(1 / _RIGHT_GAIN):
        return not_yet(f"{value:g} is upside down: the definition takes more multiplications, not fewer")
    if near(_OTHER_TILE):
        return not_yet(f"{value:g} is the gain of F(2,3), whose tiles are smaller")
    return not_yet(f"{value:g} is not it; count the multiplications of all tiles, then those of the definition")


PREDICT = Exercise(
    id="2.1",
    variable="gain",
    stub="gain = ...",
    solution=predict_gain,
    verify=verify_gain,
    hints=(
        "how many multiplications does the definition take for an output map of 13 x 13, on one channel?",
        "how many tiles cover 13 outputs in one direction? The last one may stick out",
        "the first panel knows: panel.set(side=13, tile='F(4,3)'), and read the line",
    ),
    mistakes=(
        Mistake("whole tiles", _WHOLE_TILES, "no multiple of"),
        Mistake("rounded down", round(_ROUNDED_DOWN, 3), "without a tile"),
        Mistake("one direction", _ONE_WAY, "in one direction"),
        Mistake("upside down", round(1 / _RIGHT_GAIN, 3), "upside down"),
        Mistake("other tile", round(_OTHER_TILE, 2), "gain of F(2,3)"),
    ),
)


# 2.2 Complete a function


def winograd_line(d: np.ndarray, g: np.ndarray) -> tuple[float, float, float]:
    """Return the three outputs of the filter g (2 taps) on d (4 inputs), with four multiplications."""
    U = np.array([-g[0], (g[0] + g[1]) / 2, (g[0] - g[1]) / 2, g[1]])
    V = np.array([d[2] - d[0], d[1] + d[2], d[2] - d[1], d[3] - d[1]])
    M = U * V
    return M[0] + M[1] + M[2], M[1] - M[2], M[1] + M[2] + M[3]


Outputs: TypeAlias = tuple[float, float, float]

_INPUTS, _FILTER = np.array([3, 7, 1, 12]), np.array([2, 9])  # no mistake gives a right output by chance
_FEWEST = len(_INPUTS)


def outputs_of(d: np.ndarray, g: np.ndarray) -> Outputs:
    """Return the three outputs by the definition, with six multiplications."""
    return d[0] * g[0] + d[1] * g[1], d[1] * g[0] + d[2] * g[1], d[2] * g[0] + d[3] * g[1]


def verify_line(answer: object) -> Outcome:
    """Run the function on numbers that count their multiplications."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    count = Count()
    try:
        given: Any = answer(_counted(_INPUTS, "input", count), _counted(_FILTER, "filter", count))
    except WrongFormulaError as message:
        return not_yet(str(message))
    if given is ...:
        return NOT_ATTEMPTED
    values, right = _values_of(given), list(outputs_of(_INPUTS, _FILTER))
    if values == right:
        if count.multiplications <= _FEWEST:
            return correct(f"all outputs are right, with {count.multiplications} multiplications")
        return not_yet(f"all outputs are right, but with {count.multiplications} multiplications; {_FEWEST} are enough")
    if values == list(outputs_of(_INPUTS, _FILTER[::-1])):
        return not_yet("your filter is turned round: a layer multiplies without turning it")
    if values == right[::-1]:
        return not_yet("your outputs stand in the opposite order")
    wrong = [i for i, (value, other) in enumerate(zip(values, right, strict=True)) if value != other]
    if len(wrong) == 1:
        return not_yet(f"your output {wrong[0]} alone is wrong: check row {wrong[0]} of A^T, and the products in it")
    return not_yet(f"{len(wrong)} of {len(right)} outputs are wrong; check U, V and the sums against G, B^T and A^T")


def _counted(values: np.ndarray, kind: Kind, count: Count) -> np.ndarray:
    return np.array([Counted(Fraction(int(value)), kind, count) for value in values], dtype=object)


def _values_of(given: object) -> list[Fraction]:
    """Return the outputs of a learner's function as numbers."""
    outputs = len(_INPUTS) - len(_FILTER) + 1
    if not isinstance(given, (tuple, list, np.ndarray)) or len(given) != outputs:
        raise WrongKindError(f"your function must return {outputs} outputs, it returned {describe(given)}")
    if not all(isinstance(y, Counted) and y.kind == "product" for y in given):
        raise WrongKindError("your outputs must be sums of products of inputs and taps")
    return [y.value for y in given]


def _turned(d: np.ndarray, g: np.ndarray) -> Outputs:
    return winograd_line(d, g[::-1])


def _reversed(d: np.ndarray, g: np.ndarray) -> Outputs:
    first, second, third = winograd_line(d, g)
    return third, second, first


def _sign_of_first(d: np.ndarray, g: np.ndarray) -> Outputs:
    first, second, third = winograd_line(d, g)
    return first - 2 * ((d[0] - d[2]) * g[0]), second, third


def _sign_of_last(d: np.ndarray, g: np.ndarray) -> Outputs:
    first, second, third = winograd_line(d, g)
    return first, second, third - 2 * ((d[3] - d[1]) * g[1])


def _halves_forgotten(d: np.ndarray, g: np.ndarray) -> Outputs:
    first, second, third = winograd_line(d, g)
    sums = (d[1] + d[2]) * ((g[0] + g[1]) / 2), (d[2] - d[1]) * ((g[0] - g[1]) / 2)
    return first + sums[0] + sums[1], second + sums[0] - sums[1], third + sums[0] + sums[1]


def _multiplied_too_early(d: np.ndarray, g: np.ndarray) -> Outputs:
    return d[0] * d[1] * g[0], d[1], d[2]


COMPLETE = Exercise(
    id="2.2",
    variable="winograd_line",
    stub="""\
def winograd_line(d, g):
    # U: four sums of taps; V: four sums of inputs; M = U * V, all as arrays; then three sums of M
    return ...""",
    solution=winograd_line,
    verify=verify_line,
    hints=(
        "lesson.cook_toom(3, (0, 1, -1), r=2) prints the matrices: G makes U, B^T makes V, A^T makes the outputs",
        "B^T is that of F(2,3), so V = np.array([d[2] - d[0], d[1] + d[2], d[2] - d[1], d[3] - d[1]])",
        "U = np.array([-g[0], (g[0] + g[1]) / 2, (g[0] - g[1]) / 2, g[1]]), and the rows of A^T say what to add",
    ),
    mistakes=(
        Mistake("the definition", outputs_of, "with 6 multiplications"),
        Mistake("filter turned round", _turned, "turned round"),
        Mistake("outputs in reverse", _reversed, "opposite order"),
        Mistake("sign of the first product", _sign_of_first, "row 0 of A^T"),
        Mistake("sign of the last product", _sign_of_last, "row 2 of A^T"),
        Mistake("halves forgotten", _halves_forgotten, "3 of 3 outputs"),
        Mistake("inputs multiplied by inputs", _multiplied_too_early, "an input by an input"),
    ),
)


# 2.3 Decide under a budget

BUDGET_TYPE, BUDGET_ERROR, BUDGET_SIDE = "bf16", 0.02, 12


def choose_tile() -> str:
    """Return the kernel with the fewest multiplications whose error fits."""
    fits = [m for m in (2, 4, 6) if lesson.error("bf16", m) <= 0.02]
    best = max(fits, key=lambda m: lesson.layer(channels=1, side=12, m=m).saving)
    return f"winograd_f{best}"


def _saving(name: str) -> float:
    return Work(layer_of(1, BUDGET_SIDE), _M[name]).saving


_M = {name: m for m, name in WINOGRAD.items()}
_FITTING = [name for name, m in _M.items() if error(BUDGET_TYPE, m) <= BUDGET_ERROR]
_BEST = max(_FITTING, key=_saving)


def verify_tile(answer: object) -> Outcome:
    """Compare the answer with the kernel that saves most within the budget."""
    if not isinstance(answer, str) or answer not in (*PROGRAMS, "naive", "auto"):
        raise WrongKindError(
            f"the name of a kernel is asked for, as the table above has it, you gave {describe(answer)}"
        )
    if answer == "auto":
        return not_yet("auto chooses by time alone: it does not know your budget")
    if answer not in _M:
        return not_yet(f"{answer} does every multiplication of the definition; a tile within the budget does fewer")
    found = error(BUDGET_TYPE, _M[answer])
    if answer == _BEST:
        return correct(f"its error is {found:.2%}, and it takes {_saving(answer):.2f} times fewer multiplications")
    if found > BUDGET_ERROR:
        return not_yet(f"{answer} has an error of {found:.1%} in {BUDGET_TYPE}, more than {BUDGET_ERROR:.0%}")
    return not_yet(f"{answer} keeps the budget, with an error of {found:.2%}, but a larger tile does so too")


DECIDE = Exercise(
    id="2.3",
    variable="kernel",
    stub="kernel = ...",
    solution=choose_tile,
    verify=verify_tile,
    hints=(
        "lesson.error('bf16', m) is a tile's error; lesson.layer(channels=1, side=12, m=m).saving is what it saves",
        "cross out the tiles whose error is more than 0.02; of the others take the one that saves most",
        "on a map of 12 x 12 every tile fits without sticking out, so a larger one always saves more",
    ),
    mistakes=(
        Mistake("saves most", "winograd_f6", "more than 2%"),
        Mistake("smallest error", "winograd_f2", "a larger tile does so too"),
        Mistake("no Winograd", PLAIN[0], "every multiplication of the definition"),
        Mistake("left to the library", "auto", "does not know your budget"),
    ),
)

EXERCISES = (PREDICT, COMPLETE, DECIDE)
