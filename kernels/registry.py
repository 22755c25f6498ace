"""The algorithms in floating point, and what each can run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kernels import depthwise, direct, im2col, naive, winograd
from kernels.geometry import Geometry, Window
from kernels.layout import LANES

FloatArray = npt.NDArray[np.float32]


class Algorithm(Protocol):
    """What each algorithm offers; its .pyi says it in full."""

    @property
    def pack(self) -> Callable[..., FloatArray]:
        """Weights (K, C / groups, R, S) in the algorithm's own order."""

    @property
    def scratch_size(self) -> Callable[..., int]:
        """Floats of scratch that a call needs."""

    @property
    def bind(self) -> Callable[..., Callable[[FloatArray], None]]:
        """A layer with its arrays, to be called with scratch."""

    @property
    def cost(self) -> Callable[..., tuple[float, float, float, float]]:
        """Vectors of arithmetic, copies, outputs and weights that a layer takes."""


class _Direct:
    """direct.pyx, or depthwise.pyx for a layer in which each channel is a group of its own."""

    def pack(self, weight: FloatArray, groups: int) -> FloatArray:
        module: Algorithm = depthwise if weight.shape[:2] == (groups, 1) else direct
        return module.pack(weight, groups)

    def scratch_size(self, layer: dict[str, float], threads: int) -> int:
        return _direct_for(layer).scratch_size(layer, threads)

    def cost(self, layer: dict[str, float]) -> tuple[float, float, float, float]:
        return _direct_for(layer).cost(layer)

    def bind(self, layer: dict[str, float], *arguments: Any) -> Callable[[FloatArray], None]:
        return _direct_for(layer).bind(layer, *arguments)


def _direct_for(layer: dict[str, float]) -> Algorithm:
    return depthwise if layer["C"] == layer["K"] == layer["groups"] else direct


class _Winograd:
    """winograd.pyx with one tile size, looking like the other algorithms' modules."""

    def __init__(self, m: int) -> None:
        self.pack = partial(winograd.pack, m=m)
        self.scratch_size = partial(winograd.scratch_size, m=m)
        self.bind = partial(winograd.bind, m=m)
        self.cost = partial(winograd.cost, m=m)


ALGORITHMS: dict[str, Algorithm] = {
    "naive": naive,
    "direct": _Direct(),
    "im2col": im2col,
    "winograd_f2": _Winograd(2),
    "winograd_f4": _Winograd(4),
    "winograd_f6": _Winograd(6),
}

PLAIN = ("naive", "im2col")  # know no lanes

# How these pack the filters of a compact layer: as they are, to be transformed in each call.
COMPACT = dict.fromkeys(("winograd_f2", "winograd_f4", "winograd_f6"), winograd.pack_compact)

# Floats of 16 bits have one algorithm, on CPUs that have its instructions: the module for each type.
MODULES = {"float16": "half", "bfloat16": "bfloat"}
SHORT: dict[str, dict[str, Algorithm]] = {
    dtype: {"direct": sys.modules[f"kernels.{name}"]}
    for dtype, name in MODULES.items()
    if f"kernels.{name}" in sys.modules
}


def of_dtype(dtype: str) -> dict[str, Algorithm]:
    """Return the algorithms that compute in a floating-point dtype, given by its name."""
    return SHORT.get(dtype, ALGORITHMS)


def floats() -> tuple[str, ...]:
    """Return the floating-point dtypes that the kernels compute in here."""
    return ("float32", *SHORT)


def obstacle(
    name: str, weight_shape: tuple[int, int, int, int], window: Window, x_lanes: bool = False, y_lanes: bool = False
) -> str:
    """Why an algorithm cannot run a layer, with x and y in these forms; empty if it can."""
    K, C, R, S = weight_shape
    if x_lanes or y_lanes:
        if name in PLAIN:
            return "it knows no lanes"
        by_depthwise = name == "direct" and C == 1 and window.groups == K
        for channels in (C,) * x_lanes + (K // window.groups,) * y_lanes:
            if channels % LANES and not by_depthwise:
                return f"{channels} channels of a group are no multiple of the {LANES} lanes"
    if not name.startswith("winograd"):
        return ""
    if (R, S) != (3, 3):
        return f"its filter is {R}x{S}, not 3x3"
    if window.stride != (1, 1):
        return f"its stride is {window.stride}, not 1"
    if window.dilation != (1, 1):
        return f"its dilation is {window.dilation}, not 1"
    return ""


@lru_cache(maxsize=1024)
def described(
    shape: Geometry,
    activation: tuple[int, float],
    algorithm: str,
    threads: int,
    dtype: str,
    x_lanes: bool,
    y_lanes: bool,
    compact: bool,
) -> tuple[dict[str, float], int]:
    """Return the layer as the compiled algorithms take it, and how many numbers of scratch it needs."""
    layer = shape.compiled(activation, x_lanes, y_lanes, compact)
    return layer, max(1, of_dtype(dtype)[algorithm].scratch_size(layer, threads))
