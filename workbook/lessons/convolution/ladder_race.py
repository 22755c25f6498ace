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
from workbook.measuring import this_machine, timing
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
    guess : object
        The learner's: how many times faster than Python the fastest rung is.
    """

    rungs: tuple[Rung, ...]
    times: dict[str, timing.Timing]
    guess: object

    def rate(self, rung: Rung) -> float:
        """GMAC/s of a rung."""
        return rung.macs / self.times[rung.id].median / 1e9

    @property
    def gain(self) -> float:
        """How many times faster than Python the fastest rung is."""
        return max(map(self.rate, self.rungs)) / self.rate(self.rungs[0])

    @property
    def waited(self) -> float:
        """The part of the time in which another program had the core, for the rung that it hit most."""
        return max(timing.waited for timing in self.times.values())

    @property
    def spread(self) -> float:
        """The largest interquartile range of a rung's times, as a part of their median."""
        return max(timing.spread / timing.median for timing in self.times.values())

    def __str__(self) -> str:
        known = reference()
        lines = [f"{'operation':<15}{'output':<8}{'MMAC':>6}{'predicted':>10}{'reference':>10}   this machine"]
        for rung in self.rungs:
            rate = known.value(f"convolution.ladder.{rung.id}")
            lines.append(
                f"{rung.name:<15}{f'{LAYER.K}x{rung.rows}x{LAYER.Q}':<8}{rung.macs / 1e6:>6.2f}"
                f"{at_most(rung, known.roofline):>10.2f}{rate:>10.3g}{timing.measured(self.rate(rung), 'GMAC/s', 9)}"
            )
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands beside the measurement: the reference machine, this one's predictions, the guess."""
        known, roof = reference(), nearest_roof()
        predicted = ", ".join(f"{rung.id} {at_most(rung, roof):.2f}" for rung in self.rungs)
        fastest = max(map(self.rate, self.rungs))
        return [
            f"reference: {known.name}, {known.isa}, {known.date}",
            "predicted: GMAC/s by its roofline, with the bytes from its nearest cache",
            f"[machine] predicted for this machine: {predicted} GMAC/s",
            f"[machine] the fastest reaches {fastest / roof.peak_gmacs:.0%} of the {roof.peak_gmacs:.0f} GMAC/s "
            "that one core can do",
            f"[machine] it is {self.gain:,.0f} x as fast as Python; {said(self.guess)}",
            f"[machine] half of a program's runs lie within {self.spread:.0%} of each other, or closer",
            f"[machine] other programs had the core for up to {self.waited:.0%} of the time; it is not counted",
        ]


def intensity(rung: Rung) -> float:
    """MAC/byte of a rung, by the model in `traffic`."""
    return LAYER.macs / ladder_bytes(rung.id, LAYER)


def at_most(rung: Rung, roof: Roofline) -> float:
    """GMAC/s at most of a rung whose bytes come from the nearest cache."""
    return roof.bound(intensity(rung), next(iter(roof.gbs)))


def nearest_roof() -> Roofline:
    """Return this machine's peak and its bandwidth to the nearest cache."""
    level = next(iter(this_machine.working_sets()))
    return Roofline(this_machine.peak_gmacs(), {level: this_machine.bandwidth_gbs(level)})


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
    times = timing.interleaved({rung.id: rung.run for rung in programs}, seconds=seconds, clock=time.thread_time)
    return Race(programs, times, guess)
