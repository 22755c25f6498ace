"""The rungs of the ladder against each other, on this machine: one thread, in turns.

A rate counts the time in which the thread ran, so that a busy machine does not slow the long programs alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from kernels import probe
from workbook import measure
from workbook.convolution.rungs import CHANNELS, SIDE, Rung, rungs
from workbook.reference import reference

_SECONDS = 2.5  # the slow rungs take most of it: about ten rounds


@dataclass(frozen=True)
class Race:
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
    times: dict[str, measure.Timing]
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

    def __str__(self) -> str:
        lines = [f"{'rung':<15}{'MACs':>7}   median{'interquartile range':>32}{'rate':>9}{'over the one above':>34}"]
        above = None
        for rung in self.rungs:
            timing, rate = self.times[rung.id], self.rate(rung)
            line = f"{rung.name:<14}{rung.macs / 1e6:>6.2f} M"
            line += measure.measured(timing.median * 1e3, "ms", 9) + measure.measured(timing.spread * 1e3, "ms", 9)
            line += measure.measured(rate, "GMAC/s", 8)
            lines.append(line + (measure.measured(rate / above, "x", 8) if above else ""))
            above = rate
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands beside the measurement: the reference machine, the model's prediction, the guess."""
        rates = ", ".join(f"{rung.name} {reference().value(f'convolution.ladder.{rung.id}'):g}" for rung in self.rungs)
        micro_kernel, peak, fastest = (
            measure.micro_kernel_gmacs(),
            measure.peak_gmacs(),
            max(map(self.rate, self.rungs)),
        )
        predicted = micro_kernel * tile_fullness()
        guess = f"you guessed {self.guess:,} x" if isinstance(self.guess, (int, float)) else "you did not guess"
        return [
            f"reference machine, GMAC/s: {rates}",
            f"reference machine: {reference()}",
            f"[machine] predicted for direct and im2col: {predicted:.1f} GMAC/s, the rate of their inner loop alone",
            f"[machine] the fastest reaches {fastest / peak:.0%} of the {peak:.0f} GMAC/s that one core can do",
            f"[machine] it is {self.gain:,.0f} x as fast as Python; {guess}",
            f"[machine] other programs had the core for up to {self.waited:.0%} of the time; it is not counted",
        ]


def tile_fullness() -> float:
    """Return the used part of the innermost loop's tiles in `direct`: output pixels of a row x output channels."""
    rows, columns = probe.tile_shape()
    return SIDE * CHANNELS / (-(-SIDE // rows) * rows * -(-CHANNELS // columns) * columns)


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
    if seconds is None and not measure.quick():
        seconds = _SECONDS
    times = measure.interleaved({rung.id: rung.run for rung in programs}, seconds=seconds, clock=time.thread_time)
    return Race(programs, times, guess)
