"""The exercises of lesson 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook import convolution as lesson
from workbook.convolution import model
from workbook.exercise import Exercise, Mistake, NotAttempted, NotYet, WrongKind, describe, whole_number

# 1.1 Read a value

_READ = model.window(row=44, column=14, filter="horizontal edges")


def read_output() -> float:
    """Return the output of "horizontal edges" at row 44, column 14."""
    window = lesson.window(row=44, column=14, filter="horizontal edges")
    return float((window.values * window.weight).sum())


def verify_reading(answer: object) -> str:
    """Compare with the sum of the products."""
    value = whole_number(answer)
    swapped = model.window(_READ.column, _READ.row, _READ.filter_name)
    other = model.window(_READ.row, _READ.column, "vertical edges")
    if value == _READ.total:
        return f"{value} is the sum of the products, and the kernel computed the same"
    if value == -_READ.total:
        raise NotYet(f"{value} has the opposite sign: a layer does not turn the filter round before it multiplies")
    if value == swapped.total:
        raise NotYet(f"{value} is the output at row {swapped.row}, column {swapped.column}: they are swapped")
    if value == other.total:
        raise NotYet(f"{value} is the output of the filter '{other.filter_name}' there")
    if value == _READ.values.sum():
        raise NotYet(f"{value} is the sum of the pixels; each is multiplied with its filter element first")
    raise NotYet(f"{value} is not the output at this place; the line below the panel's figure says what is")


# 1.2 Complete a function


def strided_convolution(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """Convolve x (C, H, W) with weight (K, C, R, S), windows `stride` apart; return (K, P, Q)."""
    K, C, R, S = weight.shape
    P = (x.shape[1] - R) // stride + 1
    Q = (x.shape[2] - S) // stride + 1
    y = np.zeros((K, P, Q), np.float32)
    for p in range(P):
        for q in range(Q):
            top, left = p * stride, q * stride
            window = x[:, top : top + R, left : left + S]
            y[:, p, q] = (window * weight).sum(axis=(1, 2, 3))
    return y


def strided_case() -> tuple[model.FloatArray, model.FloatArray, int]:
    """Return x (C, H, W), weight (K, C, R, S) and a stride: whole numbers, so that the right answer is exact."""
    random = np.random.default_rng(12)
    x = random.integers(0, 10, (2, 9, 12)).astype(np.float32)
    weight = random.integers(-3, 4, (3, 2, 3, 2)).astype(np.float32)
    return x, weight, 2


def verify_strided(answer: object) -> str:
    """Compare the function's output with the kernel's on one small layer."""
    import kernels

    if not callable(answer):
        raise WrongKind(f"a function is asked for, you gave {describe(answer)}")
    x, weight, stride = strided_case()
    given: Any = answer(x.copy(), weight.copy(), stride)
    if given is ...:
        raise NotAttempted
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiu":
        raise WrongKind(f"your function must return an array of numbers, it returned {describe(given)}")
    right = kernels.conv2d(x[None], weight, stride=stride)[0]
    everywhere = kernels.conv2d(x[None], weight)[0]
    turned = kernels.conv2d(x[None], np.ascontiguousarray(weight[:, :, ::-1, ::-1]), stride=stride)[0]
    if given.shape == everywhere.shape:
        raise NotYet(f"your output has shape {given.shape}, one pixel for each position: use the stride for P and Q")
    if np.array_equal(given, right.transpose(0, 2, 1)):
        raise NotYet("your output has rows and columns swapped")
    if given.shape != right.shape:
        raise NotYet(f"your output has shape {given.shape}, which is not (K, P, Q) for this layer; P and Q round down")
    if np.array_equal(given, right):
        return "your function and the kernel agree on every pixel"
    if np.array_equal(given, everywhere[:, : right.shape[1], : right.shape[2]]):
        raise NotYet("your windows are neighbours: the window of output row p begins at input row p * stride")
    if np.array_equal(given, turned):
        raise NotYet("your filter is turned by 180 degrees: a layer multiplies without turning it")
    wrong = int((given != right).sum())
    raise NotYet(f"the shape is right, but {wrong} of {right.size} output pixels differ from the kernel's")


def _ignore_stride(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    return strided_convolution(x, weight, 1)


def _neighbours(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    K, P, Q = strided_convolution(x, weight, stride).shape
    return strided_convolution(x, weight, 1)[:, :P, :Q]


def _turned(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    return strided_convolution(x, weight[:, :, ::-1, ::-1], stride)


def _transposed(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    return strided_convolution(x, weight, stride).transpose(0, 2, 1)


# 1.3 Decide under a budget

BUDGET_CHANNELS, BUDGET_SIDE, BUDGET_TAPS = 32, 112, 3
BUDGET_GMACS, BUDGET_FPS, BUDGET_STEP = 20, 60, 8


def decide_filters() -> int:
    """Return the largest multiple of 8 filters whose multiply-adds fit in a frame."""
    budget = 20e9 / 60
    per_filter = lesson.macs(K=1, C=32, R=3, S=3, P=112, Q=112)
    return int(budget // per_filter // 8 * 8)


def verify_decision(answer: object) -> str:
    """Compare with the largest multiple of 8 whose multiply-adds fit in a frame."""
    value = whole_number(answer)
    budget = BUDGET_GMACS * 1e9 / BUDGET_FPS
    per_filter = model.macs(1, BUDGET_CHANNELS, BUDGET_TAPS, BUDGET_TAPS, BUDGET_SIDE, BUDGET_SIDE)
    right = int(budget // per_filter // BUDGET_STEP * BUDGET_STEP)
    if value == right:
        return f"{value} filters take {value * per_filter / 1e6:.0f} of the {budget / 1e6:.0f} million multiply-adds"
    if value <= 0:
        raise NotYet(f"{value} filters are not a layer")
    if value == int(budget // (per_filter // BUDGET_CHANNELS) // BUDGET_STEP * BUDGET_STEP):
        raise NotYet(f"{value} would fit if a filter read one input channel; it reads all {BUDGET_CHANNELS}")
    if value == int(budget // (per_filter // BUDGET_TAPS**2) // BUDGET_STEP * BUDGET_STEP):
        raise NotYet(f"{value} would fit if a filter had one element a channel; it has {BUDGET_TAPS} x {BUDGET_TAPS}")
    if value % BUDGET_STEP:
        raise NotYet(f"{value} is not a multiple of {BUDGET_STEP}")
    if value > right:
        raise NotYet(f"{value} filters need {value * per_filter / 1e6:.0f} million multiply-adds a frame: too many")
    raise NotYet(f"{value} filters fit, but so do {BUDGET_STEP} more")


EXERCISES = (
    Exercise(
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
            Mistake("filter turned round", -_READ.total, "opposite sign"),
            Mistake(
                "row and column swapped", model.window(_READ.column, _READ.row, _READ.filter_name).total, "swapped"
            ),
            Mistake("other filter", model.window(_READ.row, _READ.column, "vertical edges").total, "'vertical edges'"),
            Mistake("pixels without the filter", float(_READ.values.sum()), "sum of the pixels"),
        ),
    ),
    Exercise(
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
            Mistake("stride ignored", _ignore_stride, "one pixel for each position"),
            Mistake("neighbouring windows", _neighbours, "your windows are neighbours"),
            Mistake("filter turned round", _turned, "turned by 180 degrees"),
            Mistake("rows and columns swapped", _transposed, "swapped"),
        ),
    ),
    Exercise(
        id="1.3",
        variable="filters",
        stub="filters = ...",
        solution=decide_filters,
        verify=verify_decision,
        hints=(
            "how many multiply-adds can be done until the next frame comes?",
            "how many does one filter need? It computes one number for each output pixel",
            "lesson.macs(K=1, C=32, R=3, S=3, P=112, Q=112) counts those of one filter",
        ),
        mistakes=(
            Mistake("one input channel", 2952, "input channel"),
            Mistake("no taps", 824, "one element a channel"),
            Mistake("not a multiple", 92, "not a multiple"),
            Mistake("one step too many", 96, "too many"),
            Mistake("one step too few", 80, "so do 8 more"),
        ),
    ),
)
