"""Lesson 2, Winograd's algorithm, as its notebook uses it: `from workbook.lessons import winograd as lesson`."""

from __future__ import annotations

from typing import Any

from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.kernel_cell import offer
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.own_layer import OwnLayer, measure
from workbook.lessonkit.panel import Panel, named
from workbook.lessonkit.reference import reference
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.winograd import charts, exercises, panels
from workbook.lessons.winograd.construction import cook_toom
from workbook.lessons.winograd.library_race import beside_peers
from workbook.lessons.winograd.precision import TYPES, error
from workbook.lessons.winograd.tile_race import LAYERS, Race, record
from workbook.lessons.winograd.tile_race import race as run_race
from workbook.lessons.winograd.tile_trials import WINOGRAD
from workbook.lessons.winograd.work import Work, layer, layer_of
from workbook.measuring.this_machine import machine

__all__ = [
    "TYPES",
    "beside_peers",
    "chart",
    "check",
    "compare",
    "cook_toom",
    "error",
    "explore",
    "guess",
    "hint",
    "layer",
    "machine",
    "measure",
    "reference",
    "reset",
    "solution",
    "source",
]

_sheet = Sheet(exercises.EXERCISES)
offer(_sheet)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("winograd")


def explore(panel: str = "layer") -> Panel[Any]:
    """Return a panel: "layer", a layer by a tile, or "points", the points of F(4,3) and its error.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.layer, panels.points)


def compare(guess: object = ...) -> Race:
    """Time four layers by every program; the scoreboard keeps the gains."""
    guess = keep("winograd", guess)
    timed = run_race(guess)
    record(timed)
    return timed


def chart(shown: Race | OwnLayer) -> Picture:
    """Return a result of `compare` or `measure` as a picture."""
    if isinstance(shown, OwnLayer):
        return shown.picture()
    saved = (
        f"{layer_of(*layer).name} " + "/".join(f"{Work(layer_of(*layer), m).saving:.2f}" for m in WINOGRAD)
        for layer in LAYERS
    )
    text = f"winograd.race: times as fast as the definition, and multiplications saved by each tile: {', '.join(saved)}"
    return Picture.of(lambda: charts.race_figure(shown), text)


def source(name: str) -> Listing:
    """Return the source of "cook_toom", of a compiled file such as "winograd", or of a transform such as "input_4".

    Raises
    ------
    ValueError
        For another name; the message lists the files there are.
    """
    if name == "cook_toom":
        return Listing.of(cook_toom)
    return Listing.of_kernel(name)


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return run_race(seconds=3).gains


guard(__name__)
