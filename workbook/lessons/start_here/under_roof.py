"""Three layers under the roof: what the roofline allows, and what a kernel reaches that does every multiply-add.

A layer is run again and again, so its data lie in the nearest cache that holds them: the rate of that one bounds it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbook.lessonkit.arguments import at_least
from workbook.lessonkit.reference import reference
from workbook.measuring import roofline, timing
from workbook.measuring.roofline import Roofline, intensity, layer_bytes
from workbook.measuring.this_machine import MEMORY, caches
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
        In the same rounds: the peak, and the levels of `level_of`.
    """

    times: dict[ConvLayer, timing.Timing]
    roof: Roofline

    @property
    def rates(self) -> dict[ConvLayer, float]:
        """GMAC/s of each layer."""
        return {layer: layer.macs / taken.median / 1e9 for layer, taken in self.times.items()}

    def at_most(self, layer: ConvLayer) -> float:
        """GMAC/s that the roofline allows, with the bytes from where the layer's data lie."""
        return self.roof.bound(intensity(layer), level_of(layer))

    def __str__(self) -> str:
        lines = [f"{'layer':<12}{'MAC/byte':>8}   at most{'reached':>30}"]
        for layer, rate in self.rates.items():
            at_most = timing.measured(self.at_most(layer), "GMAC/s", 9)
            reached = timing.measured(rate, "GMAC/s", 10)
            lines.append(f"{layer.name:<12}{intensity(layer):>8.2f}{at_most}{reached}")
        sizes = ", ".join(f"{layer.name} {layer.shape.removesuffix(f' {layer.name}')}" for layer in self.rates)
        elsewhere = (f"{layer.name} {reference().value(f'start_here.reach.{layer.name}'):g}" for layer in self.rates)
        reached = f"reached on the reference machine, GMAC/s: {', '.join(elsewhere)}"
        lie = ", ".join(f"{layer.name} in {level_of(layer)}" for layer in self.rates)
        return "\n".join(
            [*lines, "", f"sizes: {sizes}", reached, f"[machine] data lie: {lie}", *timing.trust(self.times.values())]
        )

    __repr__ = __str__


def level_of(layer: ConvLayer) -> str:
    """Return the nearest cache that holds all numbers of a layer; memory if none does, or if none is known."""
    return next((level for level, size in caches().items() if layer_bytes(layer) <= size), MEMORY)


def reach(seconds: float | None = None) -> Reach:
    """Time the layers on one core, in turns, computed by their definition.

    Raises
    ------
    ValueError
        For a time below 0.
    """
    if seconds is not None:
        at_least(0, seconds=seconds)
    runs, probes = (
        {layer.name: trial(layer, "direct") for layer in LAYERS},
        roofline.probes(*dict.fromkeys(map(level_of, LAYERS))),
    )
    times = timing.interleaved({**runs, **probes}, seconds=seconds, clock=time.thread_time)
    return Reach({layer: times[layer.name] for layer in LAYERS}, roofline.in_rounds(probes, times))
