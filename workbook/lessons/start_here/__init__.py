"""Lesson 0, start here, as its notebook uses it: `from workbook.lessons import start_here as lesson`."""

from __future__ import annotations

from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.glossary import glossary
from workbook.lessonkit.panel import Panel
from workbook.lessonkit.scoreboard import scoreboard
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.start_here import charts, exercises, panels
from workbook.lessons.start_here.limits import speeds
from workbook.lessons.start_here.model import NetworkOnRoof
from workbook.lessons.start_here.under_roof import Reach, reach
from workbook.measuring.this_machine import machine

__all__ = [
    "chart",
    "check",
    "explore",
    "glossary",
    "hint",
    "machine",
    "measurements",
    "reach",
    "reset",
    "scoreboard",
    "solution",
    "speeds",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset


def explore() -> Panel[NetworkOnRoof]:
    """Return the panel: the layers of a network under this machine's roofline."""
    return panels.roof()


def chart(shown: Reach) -> Picture:
    """Return what `reach` measured as a picture: three layers under the bounds of the caches and of memory."""
    text = "start_here.reach: what three layers reached, under the bounds of this core's units, caches and memory"
    return Picture.of(lambda: charts.reach_figure(shown), text)


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return {f"reach.{layer.name}": rate for layer, rate in reach(seconds=3).rates.items()}


guard(__name__)
