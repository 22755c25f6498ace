"""Lesson 4, flexible hardware, as its notebook uses it: `from workbook import hardware as lesson`.

Its model is what `workbook sweep` computes too: the layers of a network on the datapaths of a machine.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import kernels
from workbook.drawing import Picture
from workbook.exercise import Sheet
from workbook.hardware import charts, core, datapath, exercises, model, panels, timeline
from workbook.hardware.area import design
from workbook.hardware.core import Reach
from workbook.hardware.cost import cost
from workbook.hardware.datapath import Datapath, cycles
from workbook.hardware.lines import break_even, five_lines, pay_area, with_switch_time
from workbook.hardware.model import MEMORIES, NETWORKS, layer, setting
from workbook.hardware.presets import PRESETS
from workbook.hardware.schedule import Schedule, reconfigured, switch_seconds
from workbook.hardware.table import evaluate
from workbook.hardware.validation_report import Report
from workbook.hardware.workload import Layer, Workload
from workbook.listing import Listing
from workbook.measure import machine
from workbook.panel import Panel, named
from workbook.reference import reference

__all__ = [
    "MEMORIES",
    "NETWORKS",
    "PRESETS",
    "Datapath",
    "Layer",
    "Workload",
    "break_even",
    "check",
    "compare",
    "cost",
    "cycles",
    "design",
    "evaluate",
    "explore",
    "five_lines",
    "gantt",
    "hint",
    "layer",
    "machine",
    "pay_area",
    "reconfigured",
    "reference",
    "reset",
    "roofline",
    "setting",
    "solution",
    "source",
    "switch_seconds",
    "validation",
    "with_switch_time",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset


def explore(panel: str = "layer") -> Panel[Any]:
    """Return a panel: "layer", lanes by hand; "switch", what a switch may cost; "design", a machine with its area.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.layer, panels.switch, panels.design)


def roofline(names: Sequence[str] = ("resnet50", "mobilenet_v2", "vgg16"), datapath: Datapath | None = None) -> Picture:
    """Return every layer of some networks under the X1's roof, on one fixed datapath; by default 64 x 64 channels."""
    path = datapath or model.X1.array
    schedules = []
    for name in names:
        workload, endless = setting(name)
        layers = len(workload.layers)
        schedules.append(Schedule("fixed", workload, endless, (path,) * layers, (0.0,) * (layers - 1)))
    idle = ", ".join(f"{schedule.workload.name} {schedule.utilisation:.1%}" for schedule in schedules)
    text = f"hardware.roofline: {path}; lanes that work while a network computes, on average: {idle}"
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
    found = core.reach(guess)
    core.record(found)
    return found


def validation() -> Report:
    """Return the model beside published numbers, as the tests assert it."""
    return Report()


def source(name: str) -> Listing:
    """Return the source of "cycles", the formula; or of a compiled file, such as "sweep" or "schedule".

    Raises
    ------
    ValueError
        For another name; the message lists the files there are.
    """
    if name == "cycles":
        return Listing(inspect.getsource(datapath.cycles), "python")
    return Listing(kernels.source(name), "cython")


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return core.numbers(core.reach(seconds=2))
