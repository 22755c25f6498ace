"""Lesson 1, convolution, as its notebook uses it: `from workbook.lessons import convolution as lesson`."""

from __future__ import annotations

from typing import Any

from workbook.drawing import Picture
from workbook.lessonkit import results
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.kernel_cell import offer
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.own_layer import OwnLayer, measure
from workbook.lessonkit.panel import Panel, named
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.convolution import charts, exercises, panels, rungs
from workbook.lessons.convolution.column_matrix import columns
from workbook.lessons.convolution.doubling import Growth
from workbook.lessons.convolution.doubling import growth as time_growth
from workbook.lessons.convolution.groups import grouped
from workbook.lessons.convolution.ladder_race import Race
from workbook.lessons.convolution.ladder_race import race as run_ladder
from workbook.lessons.convolution.ladder_traffic import ladder_bytes
from workbook.lessons.convolution.model import FILTERS, macs, photo, window
from workbook.lessons.convolution.network_survey import Survey, survey
from workbook.lessons.convolution.rungs import CHANNELS, LAYER
from workbook.lessons.convolution.stair_race import Stair
from workbook.lessons.convolution.stair_race import race as run_stair
from workbook.measuring import timing
from workbook.measuring.this_machine import machine

__all__ = [
    "FILTERS",
    "chart",
    "check",
    "columns",
    "explore",
    "grouped",
    "growth",
    "guess",
    "hint",
    "ladder",
    "machine",
    "macs",
    "measure",
    "photo",
    "reset",
    "solution",
    "source",
    "stair",
    "survey",
    "window",
]

_sheet = Sheet(exercises.EXERCISES)
offer(_sheet)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("convolution")


def explore(panel: str = "window") -> Panel[Any]:
    """Return a panel: "window", a filter slides over a photo, or "filters", several make the channels of an output.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.window, panels.filters)


def ladder(guess: object = ..., seconds: float | None = None) -> Race:
    """Time the layer by every program of the ladder; the scoreboard keeps what the fastest gains over Python."""
    guess = keep("convolution", guess)
    timed = run_ladder(guess, seconds)
    results.record({"convolution.ladder.gain": timed.gain}, timing.others(timed.times.values()))
    return timed


def stair() -> Stair:
    """Time the rungs of the stair, from the definition to our kernel, and the ceilings above them."""
    return run_stair()


def chart(shown: Race | Stair | Survey | OwnLayer) -> Picture:
    """Return a result of `ladder`, `stair`, `survey` or `measure` as a picture."""
    if isinstance(shown, OwnLayer):
        return shown.picture()
    if isinstance(shown, Stair):
        text = "convolution.stair: GMAC/s of each rung, and over MAC/byte, under the ceilings of units and of bytes"
        return Picture.of(lambda: charts.stair_figure(shown), text)
    if isinstance(shown, Survey):
        names = ", ".join(profile.name for profile in shown.profiles)
        text = (
            f"convolution.survey: multiply-adds, and bytes passed on, of each layer of {names}; the mean of each third"
        )
        return Picture.of(lambda: charts.survey_figure(shown), text)
    exact = ("python", "numpy", "naive")  # the bytes of the others depend on the instruction set
    bytes_a_mac = ", ".join(f"{rung} {ladder_bytes(rung, LAYER) / LAYER.macs:.3f}" for rung in exact)
    text = f"convolution.ladder: GMAC/s over MAC/byte, under the roofline; bytes a multiply-add: {bytes_a_mac}"
    return Picture.of(lambda: charts.ladder_figure(shown), text)


def growth() -> Growth:
    """Time a layer and its larger forms; the scoreboard keeps how much longer they take."""
    timed = time_growth()
    factors = {f"convolution.growth.{name}": factor for name, factor in timed.factors.items()}
    results.record(factors, timing.others(timed.times.values()))
    return timed


def source(name: str) -> Listing:
    """Return the source of one program: "python", "numpy", a rung of the stair, or a file such as "naive" or "im2col".

    With a compiled file comes the inner loop that takes its time; "tile_of" is that alone.

    Raises
    ------
    ValueError
        For another name; the message lists those there are.
    """
    if name in ("python", "numpy"):
        return Listing.of(getattr(rungs, f"in_{name}"))
    return Listing.of_kernel(name)


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    race, cut = run_ladder(seconds=10), grouped(1, CHANNELS)
    rates = {f"ladder.{rung.id}": race.rate(rung) for rung in race.rungs}
    rates |= {f"growth.{name}": factor for name, factor in time_growth(seconds=3).factors.items()}
    return {**rates, "ladder.gain": race.gain, "groups.slowdown": cut.slowdown(CHANNELS)}


guard(__name__)
