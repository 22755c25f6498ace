"""Layers and networks in float32 and on bytes, timed on this machine, on one thread.

A time counts only while the thread runs, as in lesson 2. Each layer of float32 names its program, so that what is
compared does not change with the machine; the networks choose for themselves.

The model is that of byte_speed.py, for the reference machine, whose words hold four bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import kernels
from kernels import bytes_plain, registry
from workbook import models
from workbook.lessonkit.reference import reference
from workbook.lessons.quantization.sixteen_bits import ShortNetwork
from workbook.lessons.quantization.trained import camera, network, recipe
from workbook.measuring import this_machine, timing
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.models import digits
from workbook.quantize.saturation import WORD
from workbook.quantize.to_bytes import quantize

PAIRS = 1 / 2  # Winograd's transforms leave 16 bits: a word holds two numbers in place of four
PEAK = "peak.bytes"  # result: multiply-adds of bytes at the peak, over those of float32
OVER_HALVES = "halves"  # end of a result: how many times faster bytes are than the fastest floats of 16 bits
NETWORKS = {"denoiser": "256x256", "digits_cnn": "28x28"}

Times = dict[str, timing.Timing]


@dataclass(frozen=True)
class Case:
    """One layer, with the program of float32 that it is compared with.

    Attributes
    ----------
    id : str
        In the names of results.
    layer : ConvLayer
    program : str
        Of `kernels.Conv2d`.
    on_bytes : str
        Of `kernels.QLinearConv`.
    """

    id: str
    layer: ConvLayer
    program: str = "direct"
    on_bytes: str = "direct"

    @property
    def name(self) -> str:
        """The layer and the two programs."""
        return f"{self.layer.name} {self.program}, {self.on_bytes}"

    @property
    def filled(self) -> float:
        """The part of the bytes in the layer's words that is not padding."""
        C = self.layer.C // self.layer.groups
        count = self.layer.S if bytes_plain.reads_taps(C, self.layer.S, WORD) else C
        return count / (-(-count // WORD) * WORD)

    @property
    def predicted(self) -> float:
        """How many times faster bytes are on the reference machine, if multiply-adds are all the work."""
        saved = saving(self.on_bytes) / saving(self.program)
        return reference().value(f"quantization.{PEAK}") * saved * (self.filled if self.on_bytes == "direct" else PAIRS)


_MIDDLE = ConvLayer("3x3 64@56", 64, 56, 56, 64, 3, 3, padding=1)
CASES = (
    Case("direct", _MIDDLE),
    Case("winograd", _MIDDLE, "winograd_f4"),
    Case("both", _MIDDLE, "winograd_f4", "winograd_f4"),
    Case("strided", ConvLayer("3x3/2 128@56", 128, 56, 56, 128, 3, 3, stride=2, padding=1)),
    Case("pointwise", ConvLayer("1x1 256@28", 256, 28, 28, 256)),
    Case("depthwise", ConvLayer("3x3dw 128@28", 128, 28, 28, 128, 3, 3, padding=1, groups=128)),
    Case("small", ConvLayer("3x3 16@7", 16, 7, 7, 16, 3, 3, padding=1)),
)


def peaks(seconds: float | None = None) -> dict[str, float]:
    """Measure what a core does at most in each type that it has, in turns, in GMAC/s."""
    probes = {kind: this_machine.multiplying(kind) for kind in ("float32", "int8")}
    for kind in halves():
        module: Any = registry.SHORT[kind]["direct"]
        probes[kind] = partial(module.multiply_adds, this_machine.PROBE_STEPS)
    times = timing.interleaved(probes, seconds=seconds, clock=time.thread_time)
    return {kind: run() / times[kind].median / 1e9 for kind, run in probes.items()}


def halves() -> tuple[str, ...]:
    """Return which floats of 16 bits the kernels in use multiply: "float16", "bfloat16", both or none."""
    return tuple(registry.SHORT)


def timed_layer(case: Case, seconds: float | None = None) -> Times:
    """Time a layer in float32, on bytes, and, if both run it directly, in floats of 16 bits, in turns."""
    runs = {"float32": trial(case.layer, case.program), "int8": _on_bytes(case.layer, case.on_bytes)}
    if case.program == case.on_bytes == "direct":
        runs |= {kind: trial(case.layer, dtype=kind) for kind in halves()}
    return timing.interleaved(runs, seconds=seconds, clock=time.thread_time)


def timed_network(name: str, seconds: float | None = None) -> Times:
    """Time a network of NETWORKS in float32, on bytes, and the denoiser in 16-bit floats, on one image, in turns."""
    x = camera()[1][:, :, :256, :256].copy() if name == "denoiser" else digits.digits("test").images[:1]
    nets = {"float32": models.load(name, threads=1), "int8": quantize(network(name), recipe(name), threads=1)}
    runs: dict[str, Callable[[], object]] = {kind: partial(net, x) for kind, net in nets.items()}
    if name == "denoiser":  # only it is made of convolutions alone
        runs |= {kind: partial(ShortNetwork(network(name), kind), x) for kind in halves()}
    return timing.interleaved(runs, seconds=seconds, clock=time.thread_time)


def gain(times: Times) -> float:
    """Return how many times faster bytes are."""
    return times["float32"].median / times["int8"].median


def saving(program: str) -> int:
    """Return how many times fewer multiplications a program does than the definition, on whole tiles."""
    return 4 if program == "winograd_f4" else 1


def _on_bytes(layer: ConvLayer, algorithm: str) -> Callable[[], object]:
    """Return a function that computes the layer on random bytes, weights packed beforehand."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (1, layer.C, layer.H, layer.W), np.uint8)
    w = random.integers(-127, 128, (layer.K, layer.C // layer.groups, layer.R, layer.S), np.int8)
    plan = kernels.QLinearConv(
        w,
        np.full(layer.K, 1e-3, np.float32),
        0,
        np.zeros(layer.K, np.int32),
        x_scale=0.02,
        x_zero_point=128,
        y_scale=0.1,
        y_zero_point=np.uint8(128),
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        algorithm=algorithm,
        threads=1,
    )
    return partial(plan, x, out=np.empty((1, layer.K, layer.P, layer.Q), np.uint8))
