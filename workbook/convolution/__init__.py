"""Lesson 1, convolution, as its notebook uses it: `from workbook import convolution as lesson`."""

from __future__ import annotations

import inspect

import kernels
from workbook import results
from workbook.convolution import exercises, figures, panels, rungs
from workbook.convolution.groups import grouped
from workbook.convolution.model import FILTERS, Window, macs, photo, window
from workbook.convolution.race import Race
from workbook.convolution.race import race as ladder
from workbook.convolution.rungs import CHANNELS
from workbook.convolution.twice import Growth
from workbook.convolution.twice import growth as time_growth
from workbook.drawing import Picture
from workbook.exercise import Sheet
from workbook.listing import Listing
from workbook.measure import machine
from workbook.panel import Panel

__all__ = [
    "FILTERS",
    "chart",
    "check",
    "explore",
    "grouped",
    "growth",
    "hint",
    "ladder",
    "machine",
    "macs",
    "photo",
    "reset",
    "solution",
    "source",
    "window",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset


def explore() -> Panel[Window]:
    """Return the panel: a filter slides over a photo."""
    return panels.window()


def chart(race: Race) -> Picture:
    """Return the ladder as a picture."""
    names = ", ".join(rung.name for rung in race.rungs)
    text = f"convolution.ladder: GMAC/s on a logarithmic scale of {names}; a line at what one core can do"
    return Picture.of(lambda: figures.ladder_figure(race), text)


def growth() -> Growth:
    """Time a layer and its larger forms; the scoreboard keeps how much longer they take."""
    timed = time_growth()
    results.record({f"convolution.growth.{name}": factor for name, factor in timed.factors.items()})
    return timed


def source(name: str) -> Listing:
    """Return the source of one rung of the ladder: "python", "numpy", or a compiled file such as "naive" or "im2col".

    Raises
    ------
    ValueError
        For another name; the message lists those there are.
    """
    if name in ("python", "numpy"):
        return Listing(inspect.getsource(getattr(rungs, f"in_{name}")), "python")
    return Listing(kernels.source(name), "c" if name.endswith(".h") else "cython")


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    race, cut = ladder(seconds=10), grouped(1, CHANNELS)
    rates = {f"ladder.{rung.id}": race.rate(rung) for rung in race.rungs}
    rates |= {f"growth.{name}": factor for name, factor in time_growth(seconds=3).factors.items()}
    return {**rates, "ladder.gain": race.gain, "groups.slowdown": cut.slowdown(CHANNELS)}
