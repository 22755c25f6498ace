"""The rungs of the ladder against each other, on this machine: one thread, in turns.

A rate counts the time in which the thread ran, so that a busy machine does not slow the long programs alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.convolution.ladder_traffic import ladder_bytes
from workbook.lessons.convolution.rungs import LAYER, Rung, rungs
from workbook.measuring import roofline, this_machine, timing
from workbook.measuring.roofline import Roofline
from workbook.plain_text import Text

_SECONDS = 2.5  # the slow rungs take most of it: about ten rounds


@dataclass(frozen=True)
class Race(Text):
    """How fast each rung was.

    Attributes
    ----------
    rungs : tuple of Rung
    times : dict of str to Timing
        Of one run, by the rung's id.
    roof : Roofline
        In the same rounds: the peak, and the bandwidth of the nearest cache.
    guess : object
        The learner's: how many times faster than Python the fastest rung is.
    """

    rungs: tuple[Rung, ...]
    times: dict[str, timing.Timing]
    roof: Roofline
    guess: object

    def rate(self, rung: Rung) -> float:
        """GMAC/s of a rung."""
        return rung.macs / self.times[rung.id].median / 1e9

    @property
    def gain(self) -> float:
        """How many times faster than Python the fastest rung is."""
        return max(map(self.rate, self.rungs)) / self.rate(self.rungs[0])

    def __str__(self) -> str:
        known = reference()
        lines = [f"{'operation':<15}{'output':<8}{'MMAC':>6}{'at most':>10}{'reference':>10}   this machine"]
        for rung in self.rungs:
            rate = known.value(f"convolution.ladder.{rung.id}")
            lines.append(
                f"{rung.name:<15}{f'{LAYER.K}x{rung.rows}x{LAYER.Q}':<8}{rung.macs / 1e6:>6.2f}"
                f"{at_most(rung, known.roofline):>10.2f}{rate:>10.3g}{timing.measured(self.rate(rung), 'GMAC/s', 9)}"
            )
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands beside the measurement: the reference machine, this one's bounds, the guess."""
        known, roof = reference(), self.roof
        bounds = ", ".join(f"{rung.id} {at_most(rung, roof):.2f}" for rung in self.rungs)
        fastest = max(map(self.rate, self.rungs))
        return [
            f"reference: {known.name}, {known.isa}, {known.date}",
            "at most: GMAC/s by its roofline, with vectors of bytes from its nearest cache",
            f"[machine] at most on this machine: {bounds} GMAC/s",
            f"[machine] the fastest reaches {fastest / roof.peak_gmacs:.0%} of the {roof.peak_gmacs:.0f} GMAC/s "
            "that one core can do",
            f"[machine] it is {self.gain:,.0f} x as fast as Python; {said(self.guess)}",
            *timing.trust(self.times.values()),
        ]


def intensity(rung: Rung) -> float:
    """MAC/byte of a rung, by the model in `traffic`."""
    return LAYER.macs / ladder_bytes(rung.id, LAYER)


def at_most(rung: Rung, roof: Roofline) -> float:
    """GMAC/s at most of a rung whose bytes come from the nearest cache."""
    return roof.bound(intensity(rung), next(iter(roof.gbs)))


def race(guess: object = ..., seconds: float | None = None) -> Race:
    """Time the rungs.

    Parameters
    ----------
    guess : number, optional
        How many times faster than Python the fastest rung is.
    seconds : float, optional
        To spend; a few rounds when WORKBOOK_QUICK is set.
    """
    programs = rungs()
    if seconds is None and not timing.quick():
        seconds = _SECONDS
    probes = roofline.probes(next(iter(this_machine.working_sets())))
    runs = {rung.id: rung.run for rung in programs}
    times = timing.interleaved({**runs, **probes}, seconds=seconds, clock=time.thread_time)
    return Race(programs, {id: times[id] for id in runs}, roofline.in_rounds(probes, times), guess)
