"""The exercise of lesson 2 on strides: a layer of stride 2 as four layers of stride 1, for which Winograd has tiles."""

from __future__ import annotations

from collections.abc import Callable
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
)
from workbook.lessons.winograd.construction import TAPS

FloatArray = npt.NDArray[np.float32]
Layer = Callable[[FloatArray, FloatArray], FloatArray]

STRIDE = 2
_TAPS = TAPS**2


def saving(m: int) -> float:
    """Return how many times fewer multiplications the four layers take than the definition, by tiles of m x m outputs.

    In one direction their filters have two taps and one: F(m, 2) takes m + 1 multiplications for m outputs, one tap m.
    """
    return float((TAPS / ((m + 1) / m + 1)) ** 2)


class CountedLayer:
    """A layer of stride 1 without padding, which counts its multiplications."""

    def __init__(self) -> None:
        self.multiplications = 0

    def __call__(self, x: FloatArray, weight: FloatArray) -> FloatArray:
        """Compute x (C, H, W) by weight (K, C, R, S)."""
        y: FloatArray = kernels.conv2d(
            np.ascontiguousarray(x, np.float32)[None], np.ascontiguousarray(weight, np.float32), algorithm="naive"
        )[0]
        self.multiplications += y.size * weight[0].size
        return y


def by_parity(x: np.ndarray, weight: np.ndarray, conv: np.ufunc) -> np.ndarray:
    """Return the layer of stride 2 as the sum of four layers of stride 1: one for each parity of row and column."""
    parts = [conv(x[:, row::2, column::2], weight[:, :, row::2, column::2]) for row in range(2) for column in range(2)]
    y: np.ndarray = sum(parts)
    return y


_parity: Any = by_parity  # of any layer; a learner's cell knows no other types than NumPy's


def case() -> tuple[FloatArray, FloatArray]:
    """Return x (C, H, W) and weight (K, C, 3, 3) of small whole numbers, whose sums are exact."""
    random = np.random.default_rng(24)
    x = random.integers(0, 10, (2, 11, 9)).astype(np.float32)
    return x, random.integers(-3, 4, (3, 2, TAPS, TAPS)).astype(np.float32)


def verify_parity(answer: object) -> Outcome:
    """Compare the output with the kernel's, and count what the layers of stride 1 multiply."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    (x, weight), conv = case(), CountedLayer()
    given: Any = answer(x.copy(), weight.copy(), conv)
    if given is ...:
        return NOT_ATTEMPTED
    right = kernels.conv2d(x[None], weight, stride=STRIDE)[0]
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiu":
        raise WrongKindError(f"your function must return an array of numbers, it returned {describe(given)}")
    definition = right.size * weight[0].size
    products = f"{conv.multiplications:,} multiplications"
    if given.shape != right.shape:
        return not_yet(f"your output has shape {given.shape}, that of the layer is {right.shape}")
    if conv.multiplications > definition:
        times = conv.multiplications / definition
        return not_yet(f"conv made {products}, {times:.2g} times those of the layer: you throw outputs away")
    if not np.array_equal(given, right):
        if conv.multiplications < definition:
            share = f"{conv.multiplications * _TAPS // definition} of {_TAPS}"
            return not_yet(f"your layers use {share} taps of each filter; every tap belongs to one of four parts")
        wrong = int((given != right).sum())
        return not_yet(
            f"{wrong} of {right.size} outputs differ; an even row of a filter meets even rows of x, and so on"
        )
    if conv.multiplications < definition:
        return not_yet(f"your output is right, but conv made only {products}; let it do all {definition:,}")
    return correct(f"all outputs are right, with {products}, as many as the definition; a tile saves on each part")


def _thrown_away(x: FloatArray, weight: FloatArray, conv: Layer) -> FloatArray:
    return conv(x, weight)[:, ::2, ::2]


def _even_alone(x: FloatArray, weight: FloatArray, conv: Layer) -> FloatArray:
    return conv(x[:, ::2, ::2], weight[:, :, ::2, ::2])


def _filter_whole(x: FloatArray, weight: FloatArray, conv: Layer) -> FloatArray:
    return conv(x[:, ::2, ::2], weight)


def _without_conv(x: FloatArray, weight: FloatArray, _conv: Layer) -> FloatArray:
    y: FloatArray = _parity(x, weight, CountedLayer())
    return y


def _always_even_rows(x: FloatArray, weight: FloatArray, conv: Layer) -> FloatArray:
    _, P, Q = (size // 2 for size in x.shape)
    parts = [
        conv(x[:, ::2, ::2][:, : P + (not row), : Q + (not column)], weight[:, :, row::2, column::2])
        for row in range(2)
        for column in range(2)
    ]
    return parts[0] + parts[1] + parts[2] + parts[3]


PARITY = Exercise(
    id="2.4",
    variable="by_parity",
    stub="""\
def by_parity(x, weight, conv):
    # x (C, H, W) with H and W odd, weight (K, C, 3, 3); conv(x, weight) is a layer of stride 1
    return ...""",
    solution=by_parity,
    verify=verify_parity,
    hints=(
        "with stride 2, row p of the output meets rows 2p, 2p + 1 and 2p + 2 of x: rows 0 and 2 of a filter meet even "
        "rows alone, row 1 meets odd ones",
        "x[:, ::2] are the even rows, weight[:, :, ::2] the filter rows that meet them; on these the stride is 1",
        "so there are four layers, of even or odd rows and even or odd columns; their outputs have the same shape: add "
        "them",
    ),
    mistakes=(
        Mistake("outputs thrown away", _thrown_away, "you throw outputs away"),
        Mistake("even rows and columns alone", _even_alone, "use 4 of 9 taps"),
        Mistake("the filter not split", _filter_whole, "that of the layer is"),
        Mistake("without conv", _without_conv, "conv made only"),
        Mistake("odd taps on even rows", _always_even_rows, "an even row of a filter"),
    ),
)
