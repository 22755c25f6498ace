"""What this machine can measure of the lesson: one core is a datapath too, and it suits some layers better than others.

The program im2col turns every layer into one matrix product and computes it on one tile of multipliers: rows are output
channels, columns are pixels. That is a fixed datapath. A core changes its program at the price of a call, so the best
program for each layer is a reconfiguration free of charge. What a switch of hardware costs is not measured.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import LayerCost, cost
from workbook.accelerator.machine import Machine
from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.hardware.model import LAYERS, layer
from workbook.measuring import timing
from workbook.measuring.roofline import Roofline, layer_bytes
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.timing import Timing
from workbook.measuring.topologies import NETWORKS, ConvLayer
from workbook.measuring.trial import trial
from workbook.plain_text import Text

FIXED, OTHERS = "im2col", ("direct",)  # Winograd is left out: it does other multiply-adds

TILE = Datapath(K=14, pixel=16)  # of im2col in the instruction set of the reference machine: rows, floats of a vector
_CACHE_KB = 512.0
_NAMES = {"resnet50": "ResNet-50", "mobilenet_v2": "MobileNetV2"}

Times = dict[str, timing.Timing]


def conv_layer(kind: str) -> ConvLayer:
    """Return a layer of LAYERS with its padding, as the kernels compute it."""
    network, name = LAYERS[kind]
    for found in NETWORKS[_NAMES[network]]():
        if found.name == name:
            return found
    return ConvLayer(name, 2048, 1, 1, 1000)  # the fully connected layer


def core(roof: Roofline) -> Machine:
    """Return one core as a machine of this lesson: im2col's tile, and a clock at which that reaches the core's peak."""
    clock = roof.peak_gmacs * 1e3 / TILE.multipliers
    return Machine("core", TILE.multipliers, clock, _CACHE_KB, roof.gbs[MEMORY], TILE, rates={"fp32": 1})


def predicted(kind: str) -> LayerCost:
    """Predict a layer on the core of the reference machine, on im2col's tile."""
    return cost(replace(layer(*LAYERS[kind]), type="fp32", added=False, pooled=None), TILE, core(reference().roofline))


@dataclass(frozen=True)
class Reach(Text):
    """The layers as this machine ran them, on one core.

    Attributes
    ----------
    times : dict of kind to dict of program to Timing
    guess : object
        The learner's: how many times as fast the fastest layer runs as the slowest, in multiply-adds a second.
    """

    times: dict[str, Times]
    guess: object = ...

    @property
    def rates(self) -> dict[str, float]:
        """GMAC/s of each layer on the fixed datapath."""
        return {kind: _rate(kind, times[FIXED]) for kind, times in self.times.items()}

    @property
    def gains(self) -> dict[str, float]:
        """How many times as fast each layer is by its best program."""
        return {
            kind: times[FIXED].median / min(timing.median for timing in times.values())
            for kind, times in self.times.items()
        }

    @property
    def timings(self) -> list[Timing]:
        """All that was measured."""
        return [taken for times in self.times.values() for taken in times.values()]

    @property
    def spread(self) -> float:
        """How many times as many multiply-adds a second the fastest layer does as the slowest."""
        return max(self.rates.values()) / min(self.rates.values())

    def __str__(self) -> str:
        known = reference()
        lines = [f"{'layer':<17}{'MAC/byte':>8}{'predicted':>10}{'reference':>10}{'GMAC/s here':>16}"]
        for kind, rate in self.rates.items():
            found = conv_layer(kind)
            lines.append(
                f"{kind:<17}{found.macs / layer_bytes(found):>8.2f}{predicted_rate(kind):>10.2f}"
                f"{known.value(f'hardware.{result_id(kind)}'):>10.2f}{timing.measured(rate, 'GMAC/s', 9)}"
            )
        lines += ["", f"{'layer':<17}{'bytes moved here':>20}{'another program':>23}"]
        for kind, times in self.times.items():
            moved = layer_bytes(conv_layer(kind)) / times[FIXED].median / 1e9
            gain = timing.measured(self.gains[kind], "x", 9)
            lines.append(f"{kind:<17}{timing.measured(moved, 'GB/s', 9)}{gain}")
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands below the table: how to read it, what another program gains, how far to trust it."""
        known = reference()
        return [
            f"one core, one image, fp32, all layers by {FIXED}; predicted and reference in GMAC/s",
            f"another program: how many times as fast a layer is by the best of {', '.join((FIXED, *OTHERS))}",
            f"predicted: {TILE} at the peak of the reference machine, or its memory",
            f"reference: {known.name}, {known.isa}, {known.date}",
            f"[machine] the fastest layer does {self.spread:.1f} x the multiply-adds a second of the slowest; "
            f"{said(self.guess)}",
            *timing.trust(self.timings),
        ]


def _rate(kind: str, timing: timing.Timing) -> float:
    return conv_layer(kind).macs / timing.median / 1e9


def predicted_rate(kind: str) -> float:
    """Predict the GMAC/s of a layer on the reference machine."""
    return conv_layer(kind).macs / predicted(kind).seconds / 1e9


def predicted_spread() -> float:
    """Predict `Reach.spread` of the reference machine."""
    rates = [predicted_rate(kind) for kind in LAYERS]
    return max(rates) / min(rates)


def result_id(kind: str) -> str:
    """Return the name of a layer's rate; the reference machine knows it by that."""
    name = re.sub(r"(\d)x\d", r"conv\1", kind)  # 3x3 in a name would look like a size in prose
    return f"core.{name.replace(' ', '_')}"


def reach(guess: object = ..., seconds: float | None = None) -> Reach:
    """Time every layer by the fixed program and by the others.

    Parameters
    ----------
    guess : number, optional
        How many times as many multiply-adds a second the fastest layer does as the slowest.
    seconds : float, optional
        To spend on a layer; by default a second, or less when WORKBOOK_QUICK is set.
    """
    return Reach({kind: _timed(kind, seconds) for kind in LAYERS}, guess)


def _timed(kind: str, seconds: float | None) -> Times:
    programs = {name: trial(conv_layer(kind), name) for name in (FIXED, *OTHERS)}
    return timing.interleaved(programs, seconds=seconds, clock=time.thread_time)


def record(found: Reach) -> None:
    """Put the spread on the scoreboard."""
    results.record({f"hardware.{id}": number for id, number in numbers(found).items()}, timing.others(found.timings))


def numbers(found: Reach) -> dict[str, float]:
    """Return what is kept of a measurement: each layer's rate, the spread, the largest gain of another program."""
    rates = {result_id(kind): rate for kind, rate in found.rates.items()}
    return {**rates, "core.spread": found.spread, "core.gain": max(found.gains.values())}
