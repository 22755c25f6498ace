"""Lesson 4, flexible hardware, as its notebook uses it: `from workbook.lessons import hardware as lesson`.

Its model is what `workbook sweep` computes too: the layers of a network on the datapaths of a machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbook.accelerator import datapath, timeline
from workbook.accelerator.area import design
from workbook.accelerator.datapath import Datapath, cycles
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.depth_first import depth_first, schedule_stacks, stacks
from workbook.accelerator.five_lines import break_even, five_lines, pay_area, with_switch_time
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.prefetch import ahead_seconds
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.printed_nest import nest
from workbook.accelerator.schedule import Schedule, fixed, reconfigured, switch_seconds
from workbook.accelerator.timeloop_files import write as timeloop
from workbook.accelerator.validation_report import Report
from workbook.accelerator.workload import Layer, Workload
from workbook.accelerator.zigzag_files import write as zigzag
from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.panel import Panel, named
from workbook.lessonkit.reference import reference
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.hardware import charts, exercises, model, one_core, panels
from workbook.lessons.hardware.model import MEMORIES, NETWORKS, layer, setting
from workbook.lessons.hardware.one_core import Reach
from workbook.measuring.this_machine import machine

__all__ = [
    "MEMORIES",
    "NETWORKS",
    "PRESETS",
    "Datapath",
    "Layer",
    "Workload",
    "ahead_seconds",
    "break_even",
    "check",
    "compare",
    "cost",
    "cycles",
    "depth_first",
    "design",
    "evaluate",
    "explore",
    "five_lines",
    "gantt",
    "guess",
    "hint",
    "layer",
    "machine",
    "nest",
    "pay_area",
    "reconfigured",
    "reference",
    "reset",
    "roofline",
    "schedule_stacks",
    "setting",
    "solution",
    "source",
    "stacks",
    "switch_seconds",
    "timeloop",
    "validation",
    "with_switch_time",
    "zigzag",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("hardware")


def explore(panel: str = "layer") -> Panel[Any]:
    """Return a panel, "layer", "switch", "pays" or "design".

    A datapath by hand; what a switch may cost; with which ports it pays; a machine with its area.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.layer, panels.switch, panels.pays, panels.design)


def roofline(names: Sequence[str] = ("resnet50", "mobilenet_v2", "vgg16"), datapath: Datapath | None = None) -> Picture:
    """Return every layer of some networks under the X1's roof, on one fixed datapath; by default 64 x 64 channels.

    Raises
    ------
    ValueError
        Without a network, or for one that there is not.
    """
    if not names:
        raise ValueError(f"roofline needs at least one network of {', '.join(NETWORKS)}")
    path = datapath or model.X1.array
    schedules = []
    for name in names:
        workload, endless = setting(name)
        schedules.append(fixed(evaluate(workload, endless, (path,))))
    idle = ", ".join(f"{schedule.workload.name} {schedule.utilisation:.1%}" for schedule in schedules)
    text = f"hardware.roofline: {path}; multipliers that work while a network computes, on average: {idle}"
    return Picture.of(lambda: charts.roofline_figure(schedules, model.X1), text)


def gantt(*schedules: Schedule) -> Picture:
    """Return the Gantt charts of one or more schedules.

    Raises
    ------
    ValueError
        Without a schedule.
    """
    if not schedules:
        raise ValueError("gantt needs at least one schedule, such as lesson.five_lines(...).fixed")
    spent = []
    for schedule in schedules:
        times = timeline.totals(timeline.timeline(schedule))
        spent.append(f"{schedule.name} " + ", ".join(f"{kind} {time * 1e6:.1f} us" for kind, time in times.items()))
    return Picture.of(lambda: charts.gantt_figure(schedules), f"hardware.gantt: {'; '.join(spent)}")


def compare(guess: object = ...) -> Reach:
    """Time layers on one core, all by one program and by others; the scoreboard keeps the rates."""
    guess = keep("hardware", guess)
    found = one_core.reach(guess)
    one_core.record(found)
    return found


def validation() -> Report:
    """Return the model beside published numbers, as the tests assert it."""
    return Report()


def source(name: str) -> Listing:
    """Return the source of "cycles", the formula; or of a compiled file, such as "datapath_costs" or "datapath_search".

    Raises
    ------
    ValueError
        For another name; the message lists the files there are.
    """
    if name == "cycles":
        return Listing.of(datapath.cycles)
    return Listing.of_kernel(name)


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return one_core.numbers(one_core.reach(seconds=2))


guard(__name__)
