"""The exercises of lesson 3: take the zero point out of a sum, undo a sum that wrapped, return layers to float32."""

from __future__ import annotations

from collections.abc import Callable
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

# 3.1 Take the zero point out


def offsets(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return for each filter the whole number that is added to its sum of products of bytes."""
    added: np.ndarray = np.rint(bias / units).astype(np.int64) - x_zero * q_w.sum(axis=1, dtype=np.int64)
    return added


def _layer(
    seed: int, x_zero: int
) -> tuple[npt.NDArray[np.int8], int, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a layer of four filters with many weights of one sign, as 8 bits cannot add them up."""
    random = np.random.default_rng(seed)
    q_w = random.integers(-60, 128, (4, 9), np.int8)
    return q_w, x_zero, random.uniform(-2, 2, 4), random.uniform(1e-4, 4e-4, 4)


_LAYERS = (_layer(1, 64), _layer(2, 128), _layer(3, 0))


def verify_offsets(answer: object) -> Outcome:
    """Compare what the function returns for three layers with the expansion of (q_x - z_x) q_w."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for q_w, x_zero, bias, units in _LAYERS:
        given: Any = answer(q_w.copy(), x_zero, bias.copy(), units.copy())
        if given is ...:
            return NOT_ATTEMPTED
        if not isinstance(given, np.ndarray) or given.shape not in ((), bias.shape) or given.dtype.kind not in "iuf":
            raise WrongKindError(
                f"your function must return an array of {len(bias)} numbers, one for each filter, "
                f"it returned {describe(given)}"
            )
        found, right = given.astype(np.float64), offsets(q_w, x_zero, bias, units)
        if found.shape != right.shape or not np.array_equal(found, right):
            return not_yet(f"zero point {x_zero}: {_about_offsets(found, q_w, x_zero, bias, units)}")
    return correct("sums of bytes and one whole number for each filter give the sums of real numbers")


def _about_offsets(
    found: npt.NDArray[np.float64], q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray
) -> str:
    """Say what is wrong with offsets."""
    scaled, weights = bias / units, q_w.sum(axis=1, dtype=np.int64)
    if found.shape != bias.shape:
        return f"{found:,.6g} is one number for all filters; each has weights and a bias of its own"
    first = f"the first is {found[0]:,.6g}"
    for wrong, why in (
        (scaled - x_zero * weights, "it has a fraction, and the sum is of whole numbers: round the bias"),
        (np.rint(scaled), "that is the bias alone; each product counts x_zero too often, times the weight"),
        (np.rint(scaled) + x_zero * weights, "(q_x - x_zero) takes x_zero off: the sign of that term"),
        (-x_zero * weights, "the bias is missing"),
        (bias - x_zero * weights, "the bias is a real number; the sum counts in units of x_scale * w_scale"),
        (np.rint(bias) - x_zero * weights, "the bias is a real number; the sum counts in units of x_scale * w_scale"),
        (np.rint(scaled) - x_zero * q_w.sum(dtype=np.int64), "it takes the weights of all filters; each has its own"),
        (np.rint(scaled) - x_zero * q_w.sum(axis=1, dtype=np.int8).astype(int), "its sum of weights wrapped in 8 bits"),
    ):
        if np.allclose(found, wrong, rtol=1e-9, atol=1e-6):
            return f"{first}; {why}"
    return f"{first}, which is not bias / units - x_zero * (sum of the filter's weights), rounded"


def _fraction(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return bias / units - x_zero * q_w.sum(axis=1, dtype=np.int64)


def _bias_alone(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return np.rint(bias / units)


def _added(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return np.rint(bias / units) + x_zero * q_w.sum(axis=1, dtype=np.int64)


def _no_bias(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return -x_zero * q_w.sum(axis=1, dtype=np.int64)


def _real_bias(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return bias - x_zero * q_w.sum(axis=1, dtype=np.int64)


def _all_filters(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return np.rint(bias / units) - x_zero * q_w.sum(dtype=np.int64)


def _wrapped(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> Any:
    return np.rint(bias / units) - x_zero * q_w.sum(axis=1, dtype=np.int8).astype(int)


def _one_for_all(q_w: np.ndarray, x_zero: int, bias: np.ndarray, units: np.ndarray) -> np.ndarray:
    return np.asarray(offsets(q_w, x_zero, bias, units).sum())


OFFSETS = Exercise(
    id="3.1",
    variable="offsets",
    stub="""\
def offsets(q_w, x_zero, bias, units):
    # q_w (K, C) int8, bias and units = x_scale * w_scale (K,) float
    # what is added to q_w @ q_x, for each filter
    return ...""",
    solution=offsets,
    verify=verify_offsets,
    hints=(
        "q_w @ (q_x - x_zero) is q_w @ q_x less a term that knows nothing of q_x",
        "that term is x_zero times the sum of the filter's weights; add them up in more than 8 bits",
        "np.rint(bias / units) - x_zero * q_w.sum(axis=1, dtype=np.int64)",
    ),
    mistakes=(
        Mistake("not rounded", _fraction, "has a fraction"),
        Mistake("the bias alone", _bias_alone, "the bias alone"),
        Mistake("sign", _added, "the sign of that term"),
        Mistake("no bias", _no_bias, "the bias is missing"),
        Mistake("a real bias", _real_bias, "in units of"),
        Mistake("weights of all filters", _all_filters, "each has its own"),
        Mistake("wrapped", _wrapped, "wrapped in 8 bits"),
        Mistake("one for all", _one_for_all, "one number for all filters"),
    ),
)


# 3.2 Undo the wrap


def undo(S: np.ndarray, low: int) -> np.ndarray:
    """Return y from S = 576 * y modulo 2**32; y lies from low to low + 2**26 - 1."""
    ninth = pow(9, -1, 2**32)
    y = (S.astype(np.uint64) >> 6) * ninth
    return low + (y.astype(np.int64) - low) % 2**26


_LOWS = (0, -1_000_000, -(2**26) + 1, 2**24)
_FACTOR, _KNOWN = 576, 2**26


def _sums(low: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Return y and S for an interval: both ends, and some numbers between."""
    y = np.concatenate([[low, low + _KNOWN - 1], np.random.default_rng(3).integers(low, low + _KNOWN, 30)])
    return y, (_FACTOR * y % 2**32).astype(np.uint32)


def verify_undo(answer: object) -> Outcome:
    """Compare what the function returns on four intervals with the numbers that made the sums."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for low in _LOWS:
        y, S = _sums(low)
        given: Any = answer(S.copy(), low)
        if given is ...:
            return NOT_ATTEMPTED
        if not isinstance(given, np.ndarray) or given.shape != S.shape or given.dtype.kind not in "iuf":
            raise WrongKindError(f"your function must return as many numbers as S has, it returned {describe(given)}")
        found = given.astype(np.float64)
        wrong = np.flatnonzero(found != y)
        if wrong.size:
            first = wrong[0]
            return not_yet(f"low {low:,}, S {S[first]:,}: {found[first]:,.6g} is not y; {_why(found, y, S, low)}")
    return correct("every y is exact, though the sums left 32 bits on the way")


def _why(found: npt.NDArray[np.float64], y: npt.NDArray[np.int64], S: npt.NDArray[np.uint32], low: int) -> str:
    """Say what is wrong with numbers that are not y."""
    if np.array_equal(found, S // _FACTOR):
        return "S has lost multiples of 2**32, and a division cannot know how many"
    if np.array_equal(found, S / _FACTOR):
        return "a division in floats has a fraction where multiples of 2**32 are lost"
    if np.array_equal(found, y % _KNOWN):
        return "it counts from 0, and y lies from low on"
    if np.array_equal(found, (y - low) % _KNOWN):
        return "it counts how far y is above low, without low"
    if np.array_equal(found % _KNOWN, (9 * y) % _KNOWN):
        return "S >> 6 is 9 * y: one more multiplication undoes the 9"
    if np.array_equal(found % _KNOWN, y % _KNOWN):
        return "it differs from y by a multiple of 2**26: take the one that lies from low on"
    return "576 is 64 * 9: shift by 6, then undo the 9 by a multiplication that wraps"


def _divided(S: np.ndarray, low: int) -> np.ndarray:
    return S // np.uint32(_FACTOR)


def _divided_as_floats(S: np.ndarray, low: int) -> np.ndarray:
    return S / _FACTOR


def _from_zero(S: np.ndarray, low: int) -> np.ndarray:
    return undo(S, 0)


def _above_low(S: np.ndarray, low: int) -> np.ndarray:
    return undo(S, low) - low


def _nine_left(S: np.ndarray, low: int) -> np.ndarray:
    return low + ((S >> np.uint32(6)).astype(np.int64) - low) % _KNOWN


def _wrong_multiple(S: np.ndarray, low: int) -> np.ndarray:
    return undo(S, low) - _KNOWN


UNDO = Exercise(
    id="3.2",
    variable="undo",
    stub="""\
def undo(S, low):
    # y from S = 576 * y modulo 2**32, an array of uint32; y lies from low to low + 2**26 - 1
    return ...""",
    solution=undo,
    verify=verify_undo,
    hints=(
        "576 is 64 * 9. The 64 is a shift by 6, which leaves 9 * y modulo 2**26: 26 bits are known",
        "pow(9, -1, 2**32) is the inverse of 9: their product wraps to 1; multiply by it",
        "counted from low, the remainder is y: low + (product - low) % 2**26",
    ),
    mistakes=(
        Mistake("divided", _divided, "a division cannot know"),
        Mistake("divided as floats", _divided_as_floats, "in floats"),
        Mistake("counted from 0", _from_zero, "counts from 0"),
        Mistake("low left out", _above_low, "without low"),
        Mistake("nine times too large", _nine_left, "undoes the 9"),
        Mistake("the wrong multiple", _wrong_multiple, "a multiple of 2**26"),
    ),
)


# 3.3 Stay within a loss


def search(names: list[str], accuracy: "Callable[[tuple[str, ...]], float]", target: float) -> list[str]:
    """Return the layers that go back to float32, in the order in which they are found."""
    back: list[str] = []
    while accuracy(tuple(back)) < target:
        left = [name for name in names if name not in back]
        back.append(max(left, key=lambda name: accuracy((*back, name))))
    return back


def _apart(back: tuple[str, ...]) -> float:
    """An accuracy to which each layer on bytes costs something of its own."""
    lost = {"first": 0.01, "second": 0.02, "third": 0.12, "fourth": 0.05, "last": 0.03}
    return round(0.99 - sum(cost for name, cost in lost.items() if name not in back), 6)


def _together(back: tuple[str, ...]) -> float:
    """One where "second" and "third" cost the same points: to return either is to return both."""
    lost = {"first": 0.01, "fourth": 0.03, "last": 0.02}
    pair = 0.0 if {"second", "third"} & set(back) else 0.10
    helped = 0.001 * ("third" in back)
    return round(0.98 - pair + helped - sum(cost for name, cost in lost.items() if name not in back), 6)


_NAMES = ["first", "second", "third", "fourth", "last"]
_SEARCHES = ((_apart, 0.93), (_apart, 0.76), (_together, 0.95), (_apart, 0.99))


def verify_search(answer: object) -> Outcome:
    """Compare what the function finds for made-up accuracies with the search that looks again after each layer."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for accuracy, target in _SEARCHES:
        given: Any = answer(list(_NAMES), accuracy, target)
        if given is ...:
            return NOT_ATTEMPTED
        if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
            raise WrongKindError(f"your function must return a list of names, it returned {describe(given)}")
        right = search(_NAMES, accuracy, target)
        if list(given) != right:
            return not_yet(
                f"target {target:.0%}: your list has {len(given)} layers; {_lacks(given, right, accuracy, target)}"
            )
    return correct("it stops within the loss, and looks again after each layer")


def _lacks(given: Any, right: list[str], accuracy: Callable[[tuple[str, ...]], float], target: float) -> str:
    """Say what is wrong with a list of layers."""
    if not set(given) <= set(_NAMES) or len(set(given)) < len(given):
        return "it holds a layer twice, or one that is not there"
    if accuracy(tuple(given)) < target:
        return f"with them the accuracy is {accuracy(tuple(given)):.1%}, which is not enough"
    if not right:
        return "but the accuracy is the target without any of them"
    if accuracy(tuple(given[:-1])) >= target:
        return f"but without {given[-1]!r} the accuracy is {accuracy(tuple(given[:-1])):.1%} already"
    if given[0] != right[0]:
        return f"{right[0]!r} alone would help more than {given[0]!r}"
    return "what a layer wins depends on those that are back: look again after each"


def _all_of_them(names: list[str], accuracy: Any, target: float) -> list[str]:
    return sorted(names, key=lambda name: -accuracy((name,)))


def _ranked_once(names: list[str], accuracy: Any, target: float) -> list[str]:
    ranked = sorted(names, key=lambda name: -accuracy((name,)))
    return next(ranked[:n] for n in range(len(names) + 1) if accuracy(tuple(ranked[:n])) >= target)


def _one_too_few(names: list[str], accuracy: Any, target: float) -> list[str]:
    return search(names, accuracy, target)[:-1]


def _in_order(names: list[str], accuracy: Any, target: float) -> list[str]:
    return next(names[:n] for n in range(len(names) + 1) if accuracy(tuple(names[:n])) >= target)


def _one_at_least(names: list[str], accuracy: Any, target: float) -> list[str]:
    return search(names, accuracy, target) or [max(names, key=lambda name: accuracy((name,)))]


SEARCH = Exercise(
    id="3.3",
    variable="search",
    stub="""\
def search(names, accuracy, target):
    # the layers that go back to float32, as a list of names
    # accuracy(("conv1",)) is that with conv1 in float32
    return ...""",
    solution=search,
    verify=verify_search,
    hints=(
        "begin with an empty list; while accuracy(tuple(back)) is below target, one more layer goes back",
        "the layer to take is the one for which accuracy((*back, name)) is largest, of those that are left",
        "max(left, key=lambda name: accuracy((*back, name))) is that layer",
    ),
    mistakes=(
        Mistake("all of them", _all_of_them, "already"),
        Mistake("ranked once", _ranked_once, "look again after each"),
        Mistake("one too few", _one_too_few, "is not enough"),
        Mistake("in the order of the network", _in_order, "would help more"),
        Mistake("one at least", _one_at_least, "without any of them"),
    ),
)

EXERCISES = (OFFSETS, UNDO, SEARCH)
