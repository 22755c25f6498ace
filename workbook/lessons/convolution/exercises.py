"""The exercises of lesson 1: read a value, complete a function, decide under a budget, and write two kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

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
from workbook.lessons.convolution import model
from workbook.lessons.convolution import model as lesson  # the name that a learner's cell knows it by
from workbook.lessons.convolution.kernel_exercises import KERNELS
from workbook.lessons.convolution.model import FloatArray

# 1.1 Read a value

_READ = model.window(row=60, column=24, filter="horizontal edges")
_SWAPPED = model.window(_READ.column, _READ.row, _READ.filter_name)
_OTHER = model.window(_READ.row, _READ.column, "vertical edges")
_PIXELS = int(_READ.values.sum())


def read_output() -> float:
    """Return the output of "horizontal edges" at row 60, column 24."""
    window = lesson.window(row=60, column=24, filter="horizontal edges")
    return float((window.values * window.weight).sum())


def verify_reading(answer: object) -> Outcome:
    """Compare the answer with the sum of the products."""
    value = whole_number(answer)
    if value == _READ.total:
        return correct(f"{value} is the sum of the products, and the kernel computed the same")
    if value == -_READ.total:
        return not_yet(f"{value} has the opposite sign: a layer does not turn the filter round before it multiplies")
    if value == _SWAPPED.total:
        return not_yet(f"{value} is the output at row {_SWAPPED.row}, column {_SWAPPED.column}: they are swapped")
    if value == _OTHER.total:
        return not_yet(f"{value} is the output of the filter '{_OTHER.filter_name}' there")
    if value == _PIXELS:
        return not_yet(f"{value} is the sum of the pixels; each is multiplied by its filter element first")
    return not_yet(f"{value} is not the output at this place; the line below the panel's figure says what is")


READ = Exercise(
    id="1.1",
    variable="answer",
    stub="answer = ...",
    solution=read_output,
    verify=verify_reading,
    hints=(
        "panel.set(row=..., column=..., filter=...) moves the panel; the line below the figure says the sum",
        "rows are counted from the top, columns from the left, both from 0",
        "lesson.window(row, column, filter) has the same numbers: its values, its weight, their products",
    ),
    mistakes=(
        Mistake("filter turned round", -int(_READ.total), "opposite sign"),
        Mistake("row and column swapped", int(_SWAPPED.total), "they are swapped"),
        Mistake("other filter", int(_OTHER.total), "'vertical edges'"),
        Mistake("pixels without the filter", _PIXELS, "sum of the pixels"),
    ),
)


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


def filters_that_fit(macs_per_filter: float) -> int:
    """Return how many filters fit in a frame, as a multiple of 8, if each takes so many multiply-adds."""
    return int(BUDGET_RATE / BUDGET_FPS / macs_per_filter) // BUDGET_STEP * BUDGET_STEP


_PER_FILTER = model.macs(1, BUDGET_CHANNELS, BUDGET_TAPS, BUDGET_TAPS, BUDGET_SIDE, BUDGET_SIDE)
_RIGHT = filters_that_fit(_PER_FILTER)
_ONE_CHANNEL = filters_that_fit(_PER_FILTER / BUDGET_CHANNELS)
_ONE_TAP = filters_that_fit(_PER_FILTER / BUDGET_TAPS**2)
_A_SECOND = filters_that_fit(_PER_FILTER / BUDGET_FPS)


def verify_decision(answer: object) -> Outcome:
    """Compare the answer with the largest number of filters that fit."""
    value = whole_number(answer)
    needed = f"{value * _PER_FILTER / 1e6:.0f} million multiply-adds a frame"
    if value == _RIGHT:
        return correct(f"{value} filters take {needed}, of {BUDGET_RATE / BUDGET_FPS / 1e6:.0f} million")
    if value <= 0:
        return not_yet(f"{value} filters are no layer")
    if value == _A_SECOND:
        return not_yet(f"{value} would fit if there were one frame a second")
    if value == _ONE_CHANNEL:
        return not_yet(f"{value} would fit if a filter read one input channel; it reads all {BUDGET_CHANNELS}")
    if value == _ONE_TAP:
        return not_yet(f"{value} would fit if a filter had one element a channel; it has {BUDGET_TAPS} x {BUDGET_TAPS}")
    if value % BUDGET_STEP:
        return not_yet(f"{value} is not a multiple of {BUDGET_STEP}")
    if value > _RIGHT:
        return not_yet(f"{value} filters need {needed}, which is too many")
    return not_yet(f"{value} filters fit, but so do {BUDGET_STEP} more")


DECIDE = Exercise(
    id="1.3",
    variable="most_filters",
    stub="most_filters = ...",
    solution=decide_filters,
    verify=verify_decision,
    hints=(
        "how many multiply-adds can be done until the next frame comes?",
        "how many does one filter take? It computes one number for each output pixel",
        "lesson.macs(K=1, C=32, R=3, S=3, P=112, Q=112) counts those of one filter",
    ),
    mistakes=(
        Mistake("one frame a second", _A_SECOND, "one frame a second"),
        Mistake("one input channel", _ONE_CHANNEL, "one input channel"),
        Mistake("one filter element", _ONE_TAP, "one element a channel"),
        Mistake("not a multiple of 8", _RIGHT + 4, "not a multiple"),
        Mistake("over the budget", _RIGHT + BUDGET_STEP, "too many"),
        Mistake("room left", _RIGHT - BUDGET_STEP, "so do 8 more"),
    ),
)

EXERCISES = (READ, COMPLETE, DECIDE, *KERNELS)
