"""The public face of elementwise.pyx: checks the arrays and runs it, called or bound to them, as `Conv2d`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import elementwise
from kernels.arrays import check_array, check_out, readable, thread_count
from kernels.bound import Bound, without_scratch
from kernels.geometry import Activation, activation_code
from kernels.layout import in_lanes

FloatArray = npt.NDArray[np.float32]

_NOTHING = np.empty(0, np.float32)  # the scratch of what needs none


class _OfOneArray(ABC):
    """What reads one array and writes one of its shape."""

    threads: int

    def __call__(self, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return an array of x's shape; `out` is where to write it."""
        check_array(x, "x")
        out = np.empty(x.shape, np.float32) if out is None else out
        self.bind(readable(x), out)(_NOTHING)
        return out

    @abstractmethod
    def bind(self, x: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""


class Activate(_OfOneArray):
    """An activation of each number.

    Parameters
    ----------
    activation
        As `Conv2d` takes it.
    threads : int, optional
        At most this many; all cores that the process may use if None. The result does not depend on it.
    """

    def __init__(self, activation: Activation, *, threads: int | None = None) -> None:
        self._code, self.threads = activation_code(activation), thread_count(threads)

    def bind(self, x: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x")
        check_out(out, x.shape, {"x": x})
        bind = partial(elementwise.activation, _flat(x, "x"), *self._code, _flat(out, "out"))
        return without_scratch("activation", bind, self.threads, out)


class ScaleChannels:
    """Images times one number a channel: (N, C, H, W) times (N, C, 1, 1), both plain or both in lanes.

    Parameters
    ----------
    below_zero : bool
        Whether other numbers stay as they are: a leaky ReLU with one slope a channel, ONNX's PRelu.
    threads : int, optional
        As `Activate` takes it.
    """

    def __init__(self, *, below_zero: bool = False, threads: int | None = None) -> None:
        self._below_zero, self.threads = below_zero, thread_count(threads)

    def __call__(self, x: FloatArray, factor: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return an array as x; `out` is where to write it."""
        check_array(x, "x")
        out = np.empty(x.shape, np.float32) if out is None else out
        self.bind(readable(x), readable(factor), out)(_NOTHING)
        return out

    def bind(self, x: FloatArray, factor: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x")
        check_array(factor, "factor")
        lanes = in_lanes(x.shape)
        if x.ndim not in (4, 5) or factor.shape != (*x.shape[:2], 1, 1, *x.shape[4:]):
            raise ValueError(
                f"factor must have one number for each channel of x, {x.shape}, not the shape {factor.shape}"
            )
        check_out(out, x.shape, {"x": x, "factor": factor})
        flat = (_flat(x, "x"), _flat(factor, "factor"), lanes, self._below_zero, _flat(out, "out"))
        return without_scratch("scale", partial(elementwise.scale, *flat), self.threads, out)


class Softmax(_OfOneArray):
    """Shares of 1 by e^x, along the last axis.

    Parameters
    ----------
    threads : int, optional
        As `Activate` takes it.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self.threads = thread_count(threads)

    def bind(self, x: FloatArray, out: FloatArray) -> Bound:
        """Check the arrays once, for many calls on what they hold then."""
        check_array(x, "x")
        if not x.ndim:
            raise ValueError("x must have an axis, but it is a single number")
        check_out(out, x.shape, {"x": x})
        bind = partial(elementwise.softmax, _flat(x, "x"), x.shape[-1], _flat(out, "out"))
        return without_scratch("softmax", bind, self.threads, out)


def _flat(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return the numbers in the order in which they lie."""
    if readable(array) is not array:
        raise ValueError(f"{name} must be contiguous (C order) and aligned to be bound; its copy would grow old")
    return array.reshape(-1)
