"""The exercises of lesson 1: read a value, complete a function, decide under a budget, and write two kernels."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

import kernels
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
from workbook.lessonkit.number_exercise import Wrong, number_exercise
from workbook.lessonkit.variants import Varied
from workbook.lessons.convolution import model
from workbook.lessons.convolution import model as lesson  # the name that a learner's cell knows it by
from workbook.lessons.convolution.kernel_exercises import KERNELS
from workbook.lessons.convolution.model import FloatArray

# 1.1 Compute a value

FILTER = np.array([[0, 1, 2], [0, -4, 0], [0, 0, 3]], np.float32)  # no turn and no mirror leaves it as it is
ROW, COLUMN = 60, 24

Weights = npt.NDArray[Any]


def compute_output() -> float:
    """Return the output of the filter at row 60, column 24 of the grey photo."""
    weight = np.array([[0, 1, 2], [0, -4, 0], [0, 0, 3]])
    return float((lesson.photo()[60:63, 24:27] * weight).sum())


def read_value(weight: Weights, row: int, column: int) -> Exercise:
    """Return the exercise for a filter (3, 3) and a place of the output."""

    def output(weight: Weights, row: int = row, column: int = column) -> int:
        return int((model.photo()[row : row + 3, column : column + 3] * weight).sum())

    right = output(weight)
    return number_exercise(
        id="1.1",
        variable="answer",
        solution=compute_output,
        hints=(
            "lesson.photo() is the grey photo as an array: rows first, then columns, both counted from 0",
            "the window of output (p, q) is photo[p : p + 3, q : q + 3]",
            "multiply the window by the filter, element by element, and take .sum()",
        ),
        right=right,
        because=f"{right} is the sum of the products",
        wrong=(
            Wrong(
                "filter turned round",
                output(weight[::-1, ::-1]),
                "is what the filter gives when it is turned by 180 degrees: a layer does not turn it",
            ),
            Wrong(
                "filter transposed",
                output(weight.T),
                "is what the filter gives with its rows and columns exchanged",
            ),
            Wrong(
                "row and column swapped",
                output(weight, column, row),
                f"is the output at row {column}, column {row}: they are swapped",
            ),
            Wrong(
                "window centred",
                output(weight, row - 1, column - 1),
                "belongs to a window whose middle is there; without padding its top left pixel is",
            ),
            Wrong(
                "pixels without the filter",
                output(np.ones_like(weight)),
                "is the sum of the pixels; each is multiplied by its filter element first",
            ),
        ),
        otherwise="is not the output at this place; multiply nine pixels by the nine weights, and add",
    )


READ = read_value(FILTER, ROW, COLUMN)


def _vary_value(random: Random) -> Varied:
    row, column = random.randrange(50, 70), random.randrange(20, 40)
    numbers = [0, random.randint(1, 3), 2, 0, -random.randint(3, 5), random.randint(-1, 0), 0, 0, random.randint(3, 5)]
    weight = np.array(numbers).reshape(3, 3)
    rows = ", then ".join(", ".join(map(str, line)) for line in weight)
    text = {
        "the rows 0, 1, 2, then 0, -4, 0, then 0, 0, 3.": f"the rows {rows}.",
        "at row 60, column 24": f"at row {row}, column {column}",
    }
    right = int((model.photo()[row : row + 3, column : column + 3] * weight).sum())
    return Varied(read_value(weight, row, column), text, right)


# 1.2 Complete a function


def strided_convolution(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """Convolve x (C, H, W) with weight (K, C, R, S), windows `stride` apart; return (K, P, Q)."""
    K, _, R, S = weight.shape
    P = (x.shape[1] - R) // stride + 1
    Q = (x.shape[2] - S) // stride + 1
    y = np.zeros((K, P, Q), np.float32)
    for p in range(P):
        for q in range(Q):
            top, left = p * stride, q * stride
            window = x[:, top : top + R, left : left + S]
            y[:, p, q] = (window * weight).sum(axis=(1, 2, 3))
    return y


def strided_case() -> tuple[FloatArray, FloatArray, int]:
    """Return x (C, H, W), weight (K, C, R, S) and a stride: small whole numbers, so that the right answer is exact."""
    random = np.random.default_rng(12)
    x = random.integers(0, 10, (2, 9, 12)).astype(np.float32)
    weight = random.integers(-3, 4, (3, 2, 3, 2)).astype(np.float32)
    return x, weight, 2


def verify_strided(answer: object) -> Outcome:
    """Compare the function's output with the kernel's on one small layer."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    x, weight, stride = strided_case()
    given: Any = answer(x.copy(), weight.copy(), stride)
    if given is ...:
        return NOT_ATTEMPTED
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiu":
        raise WrongKindError(f"your function must return an array of numbers, it returned {describe(given)}")
    right = kernels.conv2d(x[None], weight, stride=stride)[0]
    every_window = kernels.conv2d(x[None], weight)[0]
    turned = kernels.conv2d(x[None], np.ascontiguousarray(weight[:, :, ::-1, ::-1]), stride=stride)[0]
    _, P, Q = right.shape
    if given.shape == every_window.shape:
        return not_yet(f"your output has shape {given.shape}, a pixel for every window: the stride leaves some out")
    if np.array_equal(given, right.transpose(0, 2, 1)):
        return not_yet("your output has rows and columns swapped")
    if given.ndim == 3 and given.shape[0] == len(right) and (P - given.shape[1], Q - given.shape[2]) in _ONE_FEWER:
        return not_yet(f"your output has shape {given.shape}, a window too few: the first one counts too, so + 1")
    if given.shape != right.shape:
        return not_yet(f"your output has shape {given.shape}, which is not (K, P, Q) of this layer; P and Q round down")
    if np.array_equal(given, right):
        return correct("your function and the kernel agree on every pixel")
    if np.array_equal(given, every_window[:, :P, :Q]):
        return not_yet("your windows are neighbours: the window of output row p begins at input row p * stride")
    if np.array_equal(given, turned):
        return not_yet("your filter is turned by 180 degrees: a layer multiplies without turning it")
    wrong = int((given != right).sum())
    return not_yet(f"the shape is right, but {wrong} of {right.size} output pixels differ from the kernel's")


_ONE_FEWER = ((1, 1), (1, 0), (0, 1))  # rows and columns


def _one_fewer(x: FloatArray, weight: FloatArray, stride: int) -> FloatArray:
    return strided_convolution(x, weight, stride)[:, :-1, :-1]


def _every_window(x: FloatArray, weight: FloatArray, _stride: int) -> FloatArray:
    return strided_convolution(x, weight, 1)


def _neighbours(x: FloatArray, weight: FloatArray, stride: int) -> FloatArray:
    _, P, Q = strided_convolution(x, weight, stride).shape
    return strided_convolution(x, weight, 1)[:, :P, :Q]


def _turned(x: FloatArray, weight: FloatArray, stride: int) -> FloatArray:
    return strided_convolution(x, weight[:, :, ::-1, ::-1], stride)


def _swapped(x: FloatArray, weight: FloatArray, stride: int) -> FloatArray:
    return strided_convolution(x, weight, stride).transpose(0, 2, 1)


def _rounded_up(x: FloatArray, weight: FloatArray, stride: int) -> FloatArray:
    return np.pad(strided_convolution(x, weight, stride), ((0, 0), (0, 1), (0, 0)))


COMPLETE = Exercise(
    id="1.2",
    variable="strided_convolution",
    stub="""\
def strided_convolution(x, weight, stride):
    K, C, R, S = weight.shape
    # how many windows fit (P, Q), where each begins, and what its K outputs are
    return ...""",
    solution=strided_convolution,
    verify=verify_strided,
    hints=(
        "begin with the function of `In code`; only the number of windows and their places change",
        "the window of output pixel (p, q) begins at row p * stride, column q * stride",
        "P is (H - R) // stride + 1: the first window, and one more for each whole stride that is left",
    ),
    mistakes=(
        Mistake("stride ignored", _every_window, "a pixel for every window"),
        Mistake("windows not apart", _neighbours, "your windows are neighbours"),
        Mistake("filter turned round", _turned, "turned by 180 degrees"),
        Mistake("rows and columns swapped", _swapped, "rows and columns swapped"),
        Mistake("the first window forgotten", _one_fewer, "the first one counts too"),
        Mistake("one row too many", _rounded_up, "P and Q round down"),
    ),
)


# 1.3 Decide under a budget

BUDGET_RATE, BUDGET_FPS, BUDGET_STEP = 20e9, 60, 8  # multiply-adds a second, frames a second, filters
BUDGET_CHANNELS, BUDGET_TAPS, BUDGET_SIDE = 32, 3, 112


def decide_filters() -> int:
    """Return the largest multiple of 8 filters whose multiply-adds fit in a frame."""
    budget = 20e9 / 60
    per_filter = lesson.macs(K=1, C=32, R=3, S=3, P=112, Q=112)
    return int(budget / per_filter) // 8 * 8


@dataclass(frozen=True)
class Budget:
    """What a core does in a second, the camera, and the layer whose filters are to be counted."""

    rate: float = BUDGET_RATE
    fps: int = BUDGET_FPS
    channels: int = BUDGET_CHANNELS
    side: int = BUDGET_SIDE

    @property
    def per_filter(self) -> int:
        """Multiply-adds of one filter."""
        return model.macs(1, self.channels, BUDGET_TAPS, BUDGET_TAPS, self.side, self.side)

    def fitting(self, macs_per_filter: float) -> int:
        """Return how many filters fit in a frame, as a multiple of 8, if each takes so many multiply-adds."""
        return int(self.rate / self.fps / macs_per_filter) // BUDGET_STEP * BUDGET_STEP


def count_filters(budget: Budget) -> Exercise:
    """Return the exercise for a budget."""
    per_filter = budget.per_filter
    right, one_channel = budget.fitting(per_filter), budget.fitting(per_filter / budget.channels)
    one_tap, a_second = budget.fitting(per_filter / BUDGET_TAPS**2), budget.fitting(per_filter / budget.fps)

    def verify_decision(answer: object) -> Outcome:
        """Compare the answer with the largest number of filters that fit."""
        value = whole_number(answer)
        needed = f"{value * per_filter / 1e6:.0f} million multiply-adds a frame"
        if value == right:
            return correct(f"{value} filters take {needed}, of {budget.rate / budget.fps / 1e6:.0f} million")
        if value <= 0:
            return not_yet(f"{value} filters are no layer")
        if value == a_second:
            return not_yet(f"{value} would fit if there were one frame a second")
        if value == one_channel:
            return not_yet(f"{value} would fit if a filter read one input channel; it reads all {budget.channels}")
        if value == one_tap:
            taps = f"{BUDGET_TAPS} x {BUDGET_TAPS}"
            return not_yet(f"{value} would fit if a filter had one element a channel; it has {taps}")
        if value % BUDGET_STEP:
            return not_yet(f"{value} is not a multiple of {BUDGET_STEP}")
        if value > right:
            return not_yet(f"{value} filters need {needed}, which is too many")
        return not_yet(f"{value} filters fit, but so do {BUDGET_STEP} more")

    return Exercise(
        id="1.3",
        variable="most_filters",
        stub="most_filters = ...",
        solution=decide_filters,
        verify=verify_decision,
        hints=(
            "how many multiply-adds can be done until the next frame comes?",
            "how many does one filter take? It computes one number for each output pixel",
            f"lesson.macs(K=1, C={budget.channels}, R=3, S=3, P={budget.side}, Q={budget.side}) "
            "counts those of one filter",
        ),
        mistakes=(
            Mistake("one frame a second", a_second, "one frame a second"),
            Mistake("one input channel", one_channel, "one input channel"),
            Mistake("one filter element", one_tap, "one element a channel"),
            Mistake("not a multiple of 8", right + 4, "not a multiple"),
            Mistake("over the budget", right + BUDGET_STEP, "too many"),
            Mistake("room left", right - BUDGET_STEP, "so do 8 more"),
        ),
    )


DECIDE = count_filters(Budget())


def _vary_filters(random: Random) -> Varied:
    rate, fps = random.randrange(18, 30), random.choice((24, 25, 30, 50))
    budget = Budget(1e9 * rate, fps, random.choice((24, 32, 40)), random.choice((96, 104, 112)))
    text = {
        "60 frames a second<!--claim: convolution.budget.fps-->": f"{fps} frames a second",
        "20 billion\nmultiply-adds<!--claim: convolution.budget.rate-->": f"{rate} billion\nmultiply-adds",
        "The layer reads 32 channels": f"The layer reads {budget.channels} channels",
        "its output has 112 x 112 pixels": f"its output has {budget.side} x {budget.side} pixels",
    }
    return Varied(count_filters(budget), text, budget.fitting(budget.per_filter))


VARIED = {"1.1": _vary_value, "1.3": _vary_filters}
EXERCISES = (READ, COMPLETE, DECIDE, *KERNELS)
