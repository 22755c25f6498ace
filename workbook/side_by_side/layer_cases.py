"""What is timed of one layer in one dtype: the kernels, what they are compared with, and what the cores do at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import kernels
from kernels import registry
from workbook import peers
from workbook.measuring.this_machine import PROBE_STEPS, multiplying
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.peers.operands import window

ONE_THREAD = "1 thread"
IM2COL = "float32 im2col"

Run = Callable[[], npt.NDArray[Any]]

_STEPS_OF_MANY = 200_000  # of a probe: long enough for all threads to wake


@dataclass(frozen=True)
class Case:
    """All that is timed of one layer.

    Attributes
    ----------
    auto : str
        The algorithm that `algorithm="auto"` takes.
    ours : dict of algorithm to function
    peak : dict of str to function
        Multiply-adds in registers and nothing else, by dtype, this case's first; `ONE_THREAD` is this case's on one
        thread, if there are more, and so are floats of 16 bits. Each returns how many multiply-adds it did.
    peer : function
        Prepares the peer of a name.
    agrees : function
        Whether a peer's y is what it should be.
    beside : dict of str to function
        The kernels in another dtype, or on one thread.
    predicted : dict of algorithm to float
        Seconds, by the kernels' cost model.
    packed_bytes : dict of str to int
        Of the weights: `auto`, and that of `beside` which packs them alike.
    """

    auto: str
    ours: dict[str, Run]
    peak: dict[str, Callable[[], int]]
    peer: Callable[[str], peers.Prepared]
    agrees: Callable[[npt.NDArray[Any]], bool]
    beside: dict[str, Run] = field(default_factory=dict)
    predicted: dict[str, float] = field(default_factory=dict)
    packed_bytes: dict[str, int] = field(default_factory=dict)


def float32(layer: ConvLayer, threads: int) -> Case:
    """Every algorithm that is meant to be fast; with more threads, `auto` on one thread too."""
    floats = peers.Floats.random(layer)
    names = kernels.algorithms(floats.x.shape, floats.weight.shape, **window(layer))
    ours = {name: _float_plan(floats, name, threads) for name in names if name != "naive"}
    explained = _float_plan(floats, "auto", threads).explain(floats.x.shape)
    expected = kernels.conv2d(floats.x, floats.weight, floats.bias, algorithm="direct", **window(layer))
    return Case(
        auto=explained.algorithm,
        ours={name: _on(plan, floats.x, expected) for name, plan in ours.items()},
        peak=_probes(("float32",), threads),
        peer=lambda name: peers.prepare(name, layer, floats.x, floats.weight, floats.bias, threads),
        agrees=lambda y: np.allclose(y, expected, rtol=1e-3, atol=1e-2),
        beside={ONE_THREAD: _on(_float_plan(floats, "auto", 1), floats.x, expected)} if threads > 1 else {},
        predicted={option.algorithm: option.seconds for option in explained.options if option.algorithm in ours},
    )


def int8(layer: ConvLayer, threads: int) -> Case:
    """The exact algorithms; beside them the kernels in float32, and in the floats of 16 bits that the CPU has."""
    floats = peers.Floats.random(layer)
    integers = peers.Integers.of(floats)
    names = kernels.algorithms(floats.x.shape, floats.weight.shape, dtype="uint8", **window(layer))
    plans = {name: _int8_plan(integers, name, threads) for name in names if name != "saturating"}
    expected = plans["direct"](integers.x)  # the first call packs the filters
    auto = _int8_plan(integers, "auto", threads).bind(integers.x, np.empty_like(expected)).algorithm
    ours = {name: plan for name, plan in plans.items() if _is_exact(plan, integers.x)}
    im2col, automatic = (_float_plan(floats, name, threads) for name in ("im2col", "auto"))
    y = np.empty(expected.shape, np.float32)
    beside = {IM2COL: _on(im2col, floats.x, y), "float32": _on(automatic, floats.x, y)}
    peak = _probes(("int8", "float32"), threads)
    for short, algorithms in registry.SHORT.items():
        beside[short] = trial(layer, dtype=short, threads=threads)
        direct: Any = algorithms["direct"]
        peak[short] = partial(direct.multiply_adds, PROBE_STEPS)
    if threads > 1:
        beside[ONE_THREAD] = _on(_int8_plan(integers, "auto", 1), integers.x, expected)
    return Case(
        auto=auto,
        ours={name: _on(plan, integers.x, expected) for name, plan in ours.items()},
        peak=peak,
        peer=lambda name: peers.prepare_int8(name, integers, threads),
        agrees=lambda y: bool((np.abs(y.astype(np.int16) - expected) <= 1).all()),  # they round halves differently
        beside=beside,
        packed_bytes={"direct": plans["direct"].packed_bytes, IM2COL: im2col.packed_bytes},
    )


def _is_exact(plan: kernels.QLinearConv, x: npt.NDArray[np.uint8]) -> bool:
    """Whether the filters are small enough for the plan's algorithm, which it tells when it packs them."""
    try:
        plan(x)
    except ValueError:
        return False
    return True


CASES = {"float32": float32, "int8": int8}


def _float_plan(floats: peers.Floats, algorithm: str, threads: int) -> kernels.Conv2d:
    return kernels.Conv2d(floats.weight, floats.bias, algorithm=algorithm, threads=threads, **window(floats.layer))


def _int8_plan(integers: peers.Integers, algorithm: str, threads: int) -> kernels.QLinearConv:
    return kernels.QLinearConv(
        integers.weight,
        integers.weight_scale,
        0,
        integers.bias,
        x_scale=integers.x_scale,
        x_zero_point=integers.x_zero,
        y_scale=integers.y_scale,
        y_zero_point=integers.y_zero,
        algorithm=algorithm,
        threads=threads,
        **window(integers.layer),
    )


def _on(plan: Callable[..., Any], x: npt.NDArray[Any], like: npt.NDArray[Any]) -> Run:
    """Return the plan on x, writing into an array of its own."""
    return partial(plan, x, out=np.empty_like(like))


def _probes(dtypes: tuple[str, ...], threads: int) -> dict[str, Callable[[], int]]:
    steps = PROBE_STEPS if threads == 1 else _STEPS_OF_MANY
    probes = {dtype: multiplying(dtype, threads, steps) for dtype in dtypes}
    if threads > 1:
        probes[ONE_THREAD] = multiplying(dtypes[0], 1, steps)
    return probes
