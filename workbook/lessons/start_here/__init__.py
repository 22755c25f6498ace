"""Lesson 0, start here, as its notebook uses it: `from workbook.lessons import start_here as lesson`."""

from __future__ import annotations

from workbook.lessonkit.arguments import guard
from workbook.lessonkit.glossary import glossary
from workbook.lessonkit.panel import Panel
from workbook.lessonkit.scoreboard import scoreboard
from workbook.lessons.start_here import panels
from workbook.lessons.start_here.limits import speeds
from workbook.lessons.start_here.model import NetworkOnRoof
from workbook.lessons.start_here.under_roof import reach
from workbook.measuring.this_machine import machine

__all__ = ["explore", "glossary", "machine", "measurements", "reach", "scoreboard", "speeds"]


def explore() -> Panel[NetworkOnRoof]:
    """Return the panel: the layers of a network under this machine's roofline."""
    return panels.roof()


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return {f"reach.{layer.name}": rate for layer, rate in reach(seconds=3).rates.items()}


guard(__name__)
