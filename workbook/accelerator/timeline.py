"""When what happens: computing, DRAM, configuration and stalls of a schedule, as the bars of a Gantt chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbook.accelerator.schedule import Schedule

Kind = Literal["compute", "DRAM", "configuration", "stall"]


@dataclass(frozen=True)
class Bar:
    """One stretch of time of one kind.

    Attributes
    ----------
    kind : str
        "compute", "DRAM", "configuration" (the datapath is reconfigured) or "stall" (multipliers wait for DRAM).
    layer : int
        The layer it belongs to; a configuration belongs to the layer before it, the way back to the last.
    start, end : float
        Seconds from the start of the frame.
    """

    kind: Kind
    layer: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


def timeline(schedule: Schedule) -> tuple[Bar, ...]:
    """Return the bars of a frame in the order in which they start.

    Computing and DRAM start together if they overlap; if not, DRAM comes first and is all stall. The load of a shadow
    context is not shown where it is hidden: what of it is left over is a configuration.
    """
    bars: list[Bar] = []
    now = 0.0
    for i, cost in enumerate(schedule.costs):
        begin = now if schedule.overlap else now + cost.dram_seconds
        end = now + cost.seconds
        computed = begin + cost.compute_seconds
        bars.append(Bar("DRAM", i, now, now + cost.dram_seconds))
        if not schedule.overlap:
            bars.append(Bar("stall", i, now, begin))
        bars.append(Bar("compute", i, begin, computed))
        if schedule.overlap and cost.stall_seconds > 0:
            bars.append(Bar("stall", i, computed, end))
        now = end
        paid = schedule.switch_seconds[i]
        if paid > 0:
            bars.append(Bar("configuration", i, now, now + paid))
            now += paid
    return tuple(bars)


def totals(bars: tuple[Bar, ...]) -> dict[Kind, float]:
    """Seconds of each kind in a frame."""
    kinds: tuple[Kind, ...] = ("compute", "DRAM", "configuration", "stall")
    return {kind: sum(bar.seconds for bar in bars if bar.kind == kind) for kind in kinds}
