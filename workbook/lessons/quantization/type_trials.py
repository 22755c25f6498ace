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

import numpy as np

import kernels
from kernels import bytes_plain, registry
from workbook import models
from workbook.lessonkit.reference import reference
from workbook.lessons.quantization.trained import camera, network, recipe
from workbook.measuring import this_machine, timing
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.models import digits
from workbook.quantize.saturation import WORD
from workbook.quantize.to_bytes import quantize

PEAK = "peak.bytes"  # result: multiply-adds of bytes at the peak, over those of float32
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
    saved : float
        How many times fewer multiplications the program does than the definition.
    """

    id: str
    layer: ConvLayer
    program: str
    saved: float = 1

    @property
    def filled(self) -> float:
        """The part of the bytes in the layer's words that is not padding."""
        C = self.layer.C // self.layer.groups
        count = self.layer.S if bytes_plain.reads_taps(C, self.layer.S, WORD) else C
        return count / (-(-count // WORD) * WORD)

    @property
    def predicted(self) -> float:
        """How many times as fast bytes are on the reference machine, if multiply-adds are all the work."""
        return reference().value(f"quantization.{PEAK}") * self.filled / self.saved


_MIDDLE = ConvLayer("3x3 64@56", 64, 56, 56, 64, 3, 3, padding=1)
CASES = (
    Case("direct", _MIDDLE, "direct"),
    Case("winograd", _MIDDLE, "winograd_f4", saved=4),
    Case("strided", ConvLayer("3x3/2 128@56", 128, 56, 56, 128, 3, 3, stride=2, padding=1), "direct"),
    Case("pointwise", ConvLayer("1x1 256@28", 256, 28, 28, 256), "direct"),
    Case("depthwise", ConvLayer("3x3dw 128@28", 128, 28, 28, 128, 3, 3, padding=1, groups=128), "direct"),
    Case("small", ConvLayer("3x3 16@7", 16, 7, 7, 16, 3, 3, padding=1), "direct"),
)


def peaks(seconds: float | None = None) -> tuple[float, float]:
    """Measure what a core does at most in float32 and on bytes, in turns, in GMAC/s."""
    probes = {kind: this_machine.multiplying(kind) for kind in ("float32", "int8")}
    times = timing.interleaved(probes, seconds=seconds, clock=time.thread_time)
    floats, bytes = (probe() / times[kind].median / 1e9 for kind, probe in probes.items())
    return floats, bytes


def timed_layer(case: Case, seconds: float | None = None) -> Times:
    """Time a layer in float32, on bytes, and, where the CPU has AVX512-FP16, in float16, in turns."""
    runs = {"float32": trial(case.layer, case.program), "int8": _on_bytes(case.layer)}
    if has_half():
        runs["float16"] = trial(case.layer, dtype="float16")
    return timing.interleaved(runs, seconds=seconds, clock=time.thread_time)


def timed_network(name: str, seconds: float | None = None) -> Times:
    """Time a network of NETWORKS in float32 and on bytes, on one image, in turns."""
    x = camera()[1][:, :, :256, :256].copy() if name == "denoiser" else digits.digits("test").images[:1]
    nets = {"float32": models.load(name, threads=1), "int8": quantize(network(name), recipe(name), threads=1)}
    runs = {kind: partial(net, x) for kind, net in nets.items()}
    return timing.interleaved(runs, seconds=seconds, clock=time.thread_time)


def gain(times: Times) -> float:
    """Return how many times as fast bytes are."""
    return times["float32"].median / times["int8"].median


def has_half() -> bool:
    """Whether the kernels in use multiply halves."""
    return "float16" in registry.floats()


def _on_bytes(layer: ConvLayer) -> Callable[[], object]:
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
        algorithm="direct",
        threads=1,
    )
    return partial(plan, x, out=np.empty((1, layer.K, layer.P, layer.Q), np.uint8))
