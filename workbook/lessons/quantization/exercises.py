"""The exercises of lesson 3: quantize a tensor, pick a calibrator for a tail, find the layer to exclude."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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
from workbook.lessons.quantization.collapse import WOUNDED, accuracy_with, layer_report
from workbook.lessons.quantization.model import CALIBRATORS, Cut, cut, tail
from workbook.lessons.quantization.trained import network
from workbook.quantize.affine import Affine


class lesson:  # noqa: N801
    """What a learner's cell knows by this name."""

    CALIBRATORS = CALIBRATORS
    cut, tail, layer_report = staticmethod(cut), staticmethod(tail), staticmethod(layer_report)


# 3.1 Quantize a tensor


def to_bytes(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    """Return x as unsigned bytes for the range low .. high, with scale and zero point."""
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = np.clip(np.rint(x / scale) + zero_point, 0, 255)
    return q.astype(np.uint8), scale, zero_point


_X = np.array([[-3.1, -1.26, -0.41, 0.0], [0.37, 1.13, 2.9, 7.2]], np.float32)
_RANGES = ((-1.3, 3.1), (-2.0, 0.55), (0.4, 3.0))  # each cuts off some of _X; the last does not hold 0


def verify_bytes(answer: object) -> Outcome:
    """Compare what the function returns on three ranges with `Affine`."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for low, high in _RANGES:
        given: Any = answer(_X.copy(), low, high)
        if given is ...:
            return NOT_ATTEMPTED
        q, scale, zero = _parts(given)
        right = Affine.of_range(low, high)
        says = _about_scale(scale, low, high) or _about_zero(zero, right) or _about_bytes(q, right)
        if says:
            return not_yet(f"range {low} to {high}: {says}")
    return correct("scale, zero point and bytes are those of QuantizeLinear, and 0 is exact")


def _parts(given: object) -> tuple[npt.NDArray[np.float64], float, float]:
    """Return the bytes, the scale and the zero point that a learner's function gave."""
    if not isinstance(given, tuple) or len(given) != 3:
        raise WrongKindError(f"your function must return (q, scale, zero_point), it returned {describe(given)}")
    q, scale, zero = given
    if not isinstance(q, np.ndarray) or q.shape != _X.shape:
        raise WrongKindError(f"q must be an array of the shape of x, {_X.shape}, you returned {describe(q)}")
    return q.astype(np.float64), float(scale), float(zero)


def _about_scale(scale: float, low: float, high: float) -> str:
    """Say what is wrong with a scale; nothing if it is right."""
    wide = max(high, 0) - min(low, 0)

    def near(number: float) -> bool:
        return abs(scale - number) <= 1e-5 * abs(number)

    if near(wide / 255):
        return ""
    if near((high - low) / 255):
        return f"your scale {scale:.5f} leaves 0 out; widen the range so that it holds 0"
    if near(wide / 256):
        return f"your scale {scale:.5f} counts 256 steps; between 256 bytes there is one step less"
    if near(255 / wide):
        return f"your scale {scale:.5f} is upside down: it says how far apart two bytes are, in units of x"
    if near(2 * max(-low, high) / 255) or near(max(-low, high) / 127):
        return f"your scale {scale:.5f} is that of a symmetric range; here the two sides differ"
    return f"your scale {scale:.5f} is not the width of the range over the number of steps"


def _about_zero(zero: float, right: Affine) -> str:
    """Say what is wrong with a zero point; nothing if it is right."""
    if zero == float(right.zero_point):
        return ""
    if zero != round(zero):
        return f"your zero point {zero:.2f} is no byte, so 0 would not be exact; round it"
    if zero == -float(right.zero_point):
        return f"your zero point {zero:g} has the wrong sign: it is the byte that stands for 0"
    return f"your zero point {zero:g} is not the byte that stands for 0"


def _about_bytes(q: npt.NDArray[np.float64], right: Affine) -> str:
    """Say what is wrong with the bytes; nothing if they are right."""
    exact = right.quantize(_X).astype(np.float64)
    wrong = np.flatnonzero(q.ravel() != exact.ravel())
    if not wrong.size:
        return ""
    steps = _X / right.scale + float(right.zero_point)
    if np.array_equal(q, np.rint(steps)) or np.array_equal(q, np.rint(steps).astype(np.int64) % 256):
        return "what lies outside the range leaves 0 .. 255; cut it off before it becomes bytes"
    if np.array_equal(q, np.clip(np.floor(steps), 0, 255)) or np.array_equal(q, np.clip(np.trunc(steps), 0, 255)):
        return "your bytes drop the fraction; round to the nearest byte"
    return f"{wrong.size} of {q.size} bytes are wrong, the first for x = {_X.ravel()[wrong[0]]:g}"


def _of_256_steps(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    scale = (max(high, 0) - min(low, 0)) / 256
    zero = round(-min(low, 0) / scale)
    return np.clip(np.rint(x / scale) + zero, 0, 255), scale, zero


def _wrapping(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    _, scale, zero = to_bytes(x, low, high)
    return (np.rint(x / np.float32(scale)).astype(np.int64) + zero).astype(np.uint8), scale, zero


def _truncating(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    _, scale, zero = to_bytes(x, low, high)
    return np.clip(x / np.float32(scale) + zero, 0, 255).astype(np.uint8), scale, zero


def _zero_in_fractions(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, float]:
    q, scale, _ = to_bytes(x, low, high)
    return q, scale, -min(low, 0) / scale


def _wrong_sign(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    q, scale, zero = to_bytes(x, low, high)
    return q, scale, -zero


def _without_zero(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    q, _, zero = to_bytes(x, low, high)
    return q, (high - low) / 255, zero


def _symmetric(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    scale = max(-low, high) / 127
    return np.clip(np.rint(x / scale), -127, 127), scale, 0


QUANTIZE = Exercise(
    id="3.1",
    variable="to_bytes",
    stub="""\
def to_bytes(x, low, high):
    # the scale and the zero point for the range, then the bytes: return q, scale, zero_point
    return ...""",
    solution=to_bytes,
    verify=verify_bytes,
    hints=(
        "between 256 bytes there are 255 steps, and low becomes byte 0; the byte that stands for 0.0 is the zero point",
        "a range that does not hold 0 is widened first: low, high = min(low, 0), max(high, 0)",
        "q = np.clip(np.rint(x / scale) + zero_point, 0, 255), with zero_point = round(-low / scale)",
    ),
    mistakes=(
        Mistake("256 steps", _of_256_steps, "counts 256 steps"),
        Mistake("not cut off", _wrapping, "cut it off"),
        Mistake("fraction dropped", _truncating, "drop the fraction"),
        Mistake("zero point not rounded", _zero_in_fractions, "is no byte"),
        Mistake("sign of the zero point", _wrong_sign, "wrong sign"),
        Mistake("range without 0", _without_zero, "leaves 0 out"),
        Mistake("symmetric", _symmetric, "symmetric range"),
    ),
)


# 3.2 Pick a calibrator

BUDGET_STEP = 0.15


def pick_calibrator() -> str:
    """Return the calibrator that cuts off least of those whose step fits."""
    cuts = {name: lesson.cut(lesson.tail(), name) for name in lesson.CALIBRATORS}
    fits = [name for name in cuts if cuts[name].step <= 0.15]
    return min(fits, key=lambda name: cuts[name].share)


_CUTS = {name: cut(tail(), name) for name in CALIBRATORS}
_BEST = min((name for name, found in _CUTS.items() if found.step <= BUDGET_STEP), key=lambda name: _CUTS[name].share)


def verify_calibrator(answer: object) -> Outcome:
    """Compare the answer with the calibrator that cuts off least within the budget."""
    if not isinstance(answer, str) or answer not in CALIBRATORS:
        raise WrongKindError(
            f"the name of a calibrator is asked for, as lesson.CALIBRATORS has it, you gave {describe(answer)}"
        )
    found: Cut = _CUTS[answer]
    if answer == _BEST:
        return correct(f"a step of {found.step:.3f}, and {found.share:.2%} of the numbers are cut off")
    if found.step <= BUDGET_STEP:
        return not_yet(f"{answer} keeps the budget, but cuts off {found.share:.2%}; another one cuts off less")
    if answer == "mse":
        return not_yet(f"mse weighs a far number by its square, so its step is {found.step:.3f}, beyond the budget")
    if not found.share:
        return not_yet(f"{answer} cuts off nothing, so a few numbers make the step {found.step:.3f}, beyond the budget")
    return not_yet(f"{answer} cuts off only {found.share:.3%}, and its step of {found.step:.3f} is beyond the budget")


PICK = Exercise(
    id="3.2",
    variable="calibrator",
    stub="calibrator = ...",
    solution=pick_calibrator,
    verify=verify_calibrator,
    hints=(
        "print(lesson.cut(lesson.tail(), 'minmax')) says the range, the step, and what is cut off",
        "cross out the calibrators whose step is more than 0.15; a percentile with fewer nines cuts off more",
        "two of the percentiles keep the budget; which of them cuts off less?",
    ),
    mistakes=(
        Mistake("all numbers", "minmax", "cuts off nothing"),
        Mistake("least squares", "mse", "by its square"),
        Mistake("too few cut off", "percentile 99.99", "cuts off only"),
        Mistake("too many cut off", "percentile 99", "another one cuts off less"),
    ),
)


# 3.3 Find the layer to exclude


def find_layer() -> str:
    """Return the layer that loses most on exact input."""
    rows = lesson.layer_report().rows
    return min(rows, key=lambda row: row.alone).name


CULPRIT, INHERITS = "conv5_depthwise", "conv5_pointwise"  # lowest SQNR alone, and so far: a test compares


def verify_layer(answer: object) -> Outcome:
    """Compare the answer with the layer whose own error is largest, and say what leaving it in float32 wins."""
    layers = [node.name for node in network(WOUNDED).graph.nodes if node.op in ("Conv", "Gemm")]
    if not isinstance(answer, str) or answer not in layers:
        raise WrongKindError(f"the name of a layer is asked for, as the report has it, you gave {describe(answer)}")
    won = accuracy_with((answer,))
    if answer == CULPRIT:
        return correct(f"with it in float32 the accuracy is {won:.1%}, without it {accuracy_with():.1%}")
    if answer == layers[0]:
        why = "the first layer sees the image, but its own error is small"
    elif answer == layers[-1]:
        why = "the scores inherit their error"
    elif answer == INHERITS:
        why = "its output is bad because its input is; look at its error alone"
    else:
        why = "another layer has a larger error of its own"
    return not_yet(f"with {answer} in float32 the accuracy is {won:.1%}: {why}")


EXCLUDE = Exercise(
    id="3.3",
    variable="layer",
    stub="layer = ...",
    solution=find_layer,
    verify=verify_layer,
    hints=(
        "print(lesson.layer_report()): 'alone' is a layer's own error, 'so far' holds that of the layers before it",
        "a low SQNR is a large error; a layer behind a bad one looks bad too",
        "try one: lesson.accuracy_with(exclude=('conv1',)) is the accuracy with conv1 in float32",
    ),
    mistakes=(
        Mistake("the first layer", "conv1", "sees the image"),
        Mistake("the last layer", "scores", "inherit their error"),
        Mistake("an inherited error", "conv5_pointwise", "because its input is"),
        Mistake("the second worst", "conv4_pointwise", "a larger error of its own"),
    ),
)

EXERCISES = (QUANTIZE, PICK, EXCLUDE)
