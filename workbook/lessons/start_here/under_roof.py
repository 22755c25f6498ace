"""Three layers under the roof: what the roofline allows, and what a kernel reaches that does every multiply-add."""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbook.lessonkit.arguments import at_least
from workbook.lessonkit.reference import reference
from workbook.measuring import roofline, timing
from workbook.measuring.roofline import Roofline, intensity
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.plain_text import Text

LAYERS = (
    ConvLayer("3x3", 128, 28, 28, 128, 3, 3, padding=1),  # ResNet-50, stage 3
    ConvLayer("1x1", 16, 112, 112, 96),  # MobileNetV2, the first expansion
    ConvLayer("depthwise", 96, 112, 112, 96, 3, 3, stride=2, padding=1, groups=96),  # and the layer after it
)


@dataclass(frozen=True)
class Reach(Text):
    """The layers as this machine ran them, on one core.

    Attributes
    ----------
    times : dict of ConvLayer to Timing
    roof : Roofline
        In the same rounds.
    """

    times: dict[ConvLayer, timing.Timing]
    roof: Roofline

    @property
    def rates(self) -> dict[ConvLayer, float]:
        """GMAC/s of each layer."""
        return {layer: layer.macs / taken.median / 1e9 for layer, taken in self.times.items()}

    def __str__(self) -> str:
        lines = [f"{'layer':<12}{'sizes':<22}{'MAC/byte':>8}   at most{'reached':>30}"]
        for layer, rate in self.rates.items():
            at_most = timing.measured(self.roof.bound(intensity(layer)), "GMAC/s", 9)
            reached = timing.measured(rate, "GMAC/s", 10)
            lines.append(f"{layer.name:<12}{layer.shape:<22}{intensity(layer):>8.2f}{at_most}{reached}")
        elsewhere = (f"{layer.name} {reference().value(f'start_here.reach.{layer.name}'):g}" for layer in self.rates)
        reached = f"reached on the reference machine, GMAC/s: {', '.join(elsewhere)}"
        return "\n".join([*lines, "", reached, *timing.trust(self.times.values())])

    __repr__ = __str__


def reach(seconds: float | None = None) -> Reach:
    """Time the layers on one core, in turns, computed by their definition.

    Raises
    ------
    ValueError
        For a time below 0.
    """
    if seconds is not None:
        at_least(0, seconds=seconds)
    runs, probes = {layer.name: trial(layer, "direct") for layer in LAYERS}, roofline.probes(MEMORY)
    times = timing.interleaved({**runs, **probes}, seconds=seconds, clock=time.thread_time)
    return Reach({layer: times[layer.name] for layer in LAYERS}, roofline.in_rounds(probes, times))
