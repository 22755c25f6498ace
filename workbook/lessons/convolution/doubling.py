"""Whether time grows as the multiply-adds do: the ladder's layer with an image or a set of filters twice as large."""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbook.lessonkit.reference import reference
from workbook.lessons.convolution.rungs import CHANNELS, SIDE, TAPS
from workbook.measuring import timing
from workbook.measuring.roofline import Roofline, intensity
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.plain_text import Text

_PADDING = TAPS // 2
LAYER = ConvLayer("layer", CHANNELS, SIDE, SIDE, CHANNELS, TAPS, TAPS, padding=_PADDING)
TWICE = {
    "side": ConvLayer("twice the side", CHANNELS, 2 * SIDE, 2 * SIDE, CHANNELS, TAPS, TAPS, padding=_PADDING),
    "filters": ConvLayer("twice the filters", CHANNELS, SIDE, SIDE, 2 * CHANNELS, TAPS, TAPS, padding=_PADDING),
}


@dataclass(frozen=True)
class Growth(Text):
    """Times of the layer and of its larger forms, by the names in TWICE; the layer's own name is empty."""

    times: dict[str, timing.Timing]

    @property
    def factors(self) -> dict[str, float]:
        """How many times as long each larger form takes, by the names in TWICE."""
        return {name: self.times[name].median / self.times[""].median for name in TWICE}

    def __str__(self) -> str:
        lines = [f"{'':<18}{'multiply-adds':>13}{'predicted':>13}   time"]
        roof = reference().roofline
        for name, layer in TWICE.items():
            lines.append(
                f"{layer.name:<18}{layer.macs / LAYER.macs:>11.2f} x{predicted(name, roof):>11.2f} x"
                f"{timing.measured(self.factors[name], 'x', 8)}"
            )
        return "\n".join([*lines, *timing.trust(self.times.values())])

    __repr__ = __str__


def predicted(name: str, roof: Roofline) -> float:
    """How many times as long a larger form takes on a machine whose roofline alone decides."""

    def seconds(layer: ConvLayer) -> float:
        return layer.macs / roof.bound(intensity(layer)) / 1e9

    return seconds(TWICE[name]) / seconds(LAYER)


def growth(seconds: float | None = None) -> Growth:
    """Time the layer and its larger forms in turns, on one core."""
    cases = {"": LAYER, **TWICE}
    return Growth(
        timing.interleaved(
            {name: trial(layer, "direct") for name, layer in cases.items()}, seconds=seconds, clock=time.thread_time
        )
    )
