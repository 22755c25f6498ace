"""What `workbook bench panels` shows: how long a move of a control takes to the new numbers and to the new figure.

Every notebook runs in JupyterLab in headless Chromium. A move is a key on a slider or another choice. The clock starts
with the event in the page and stops when the page has painted what the model says: browser, server and kernel have all
done their part. The next move comes as soon as the figure is there, so figures wait for the panel's interval between
two, as they do while somebody drags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from rich.table import Table

from workbook.errors import CommandError
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.panel import Panel
from workbook.measuring import this_machine
from workbook.tools import browser, live_panel
from workbook.tools.live_panel import LivePanel

MOVES = 30  # of each panel
READOUT, FIGURE = 0.100, 0.250  # s, at p95


@dataclass(frozen=True)
class Row:
    """One panel: seconds from each move to the new line of numbers, and to the new figure.

    Attributes
    ----------
    panel : str
        As the catalog knows it.
    readout, figure : tuple of float
    """

    panel: str
    readout: tuple[float, ...]
    figure: tuple[float, ...]

    @property
    def kept(self) -> bool:
        """Whether both are within their limits at p95."""
        return percentile(self.readout, 95) <= READOUT and percentile(self.figure, 95) <= FIGURE


def percentile(seconds: Sequence[float], p: float) -> float:
    """Return the least of the times that p of 100 do not exceed."""
    return float(np.percentile(seconds, p, method="inverted_cdf"))


@dataclass(frozen=True)
class Report:
    """All panels, with what their times depend on."""

    machine: this_machine.Machine
    chromium: str
    rows: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds."""
        return {
            "machine": asdict(self.machine),
            "chromium": self.chromium,
            "limits": {"readout": READOUT, "figure": FIGURE},
            "rows": [{**asdict(row), "kept": row.kept, **_percentiles(row)} for row in self.rows],
        }

    def table(self) -> Table:
        """A row a panel."""
        table = Table(
            title=f"{str(self.machine).removeprefix('[machine] ')}; Chromium {self.chromium}",
            caption=f"from a move to what is painted; at p95 at most {READOUT * 1e3:g} ms to the numbers, "
            f"{FIGURE * 1e3:g} ms to the figure",
        )
        table.add_column("panel", no_wrap=True)
        for name in ("moves", "numbers\np50, ms", "numbers\np95, ms", "figure\np50, ms", "figure\np95, ms", "limits"):
            table.add_column(name, justify="right")
        for row in self.rows:
            times = (f"{1e3 * seconds:.0f}" for seconds in _percentiles(row).values())
            table.add_row(row.panel, f"{len(row.readout)}", *times, "kept" if row.kept else "not kept")
        return table


def _percentiles(row: Row) -> dict[str, float]:
    return {f"{name}_p{p}": percentile(getattr(row, name), p) for name in ("readout", "figure") for p in (50, 95)}


def choose(names: Sequence[str]) -> list[Lesson]:
    """Return the lessons of these notebooks or packages, or all that have panels.

    Raises
    ------
    CommandError
        If there is no such lesson, or it has no panel.
    """
    lessons = {lesson.package: lesson for lesson in LESSONS if lesson.panels}
    by_name = lessons | {lesson.name: lesson for lesson in lessons.values()}
    for name in names:
        if name not in by_name:
            raise CommandError(f"no lesson {name!r} with panels; there are {', '.join(lessons)}")
    return [by_name[name] for name in names] or list(lessons.values())


def run(lessons: Sequence[Lesson], *, moves: int = MOVES, on_move: Callable[[], None] = lambda: None) -> Report:
    """Run the notebooks and move every panel.

    Parameters
    ----------
    lessons : sequence of Lesson
    moves : int
        Of each panel.
    on_move : function
        Called after each, for a progress bar.

    Raises
    ------
    CommandError
        If Chromium is missing, or does not get through a notebook.
    """
    if browser.CHROMIUM is None:
        raise CommandError("Moving panels needs Chromium: apt install chromium")
    rows, chromium = [], ""
    for lesson in lessons:
        try:
            with browser.opened(f"{lesson.name}.ipynb") as notebook:
                notebook.run_all()
                chromium = notebook.chromium_version
                for panel, live in live_panel.twins(notebook, lesson):
                    rows.append(_row(panel, live, moves, on_move))
        except (browser.Error, AssertionError) as error:
            raise CommandError(f"{lesson.name} in Chromium: {str(error).splitlines()[0]}") from error
    return Report(this_machine.machine(), chromium, rows)


def _row(panel: Panel[object], live: LivePanel, moves: int, on_move: Callable[[], None]) -> Row:
    times = []
    for control, step in islice(control_steps(panel, live.visible_controls()), moves):
        times.append(live.timed_step(control, step, panel.readout))
        on_move()
    readout, figure = zip(*times, strict=True)
    return Row(panel.name, readout, figure)


def control_steps(panel: Panel[object], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Move controls in turns, each up and down through its range, and yield (place of the control, 1 or -1).

    A step that leaves the line as it is, or ends in an error, has no time: it is taken back and left out.

    Parameters
    ----------
    panel : Panel
        In this process.
    places : sequence of int
        Of the controls to move.
    """
    names = list(panel.controls)
    steps = dict.fromkeys(places, 1)
    idle = 0
    for place in cycle(places):
        name, before = names[place], panel.values
        values = panel.declared[name].values
        at = values.index(before[name])
        if not 0 <= at + steps[place] < len(values):
            steps[place] *= -1
        line = panel.readout
        panel.set(**{name: values[at + steps[place]]})
        if panel.readout != line and panel.error is None:
            idle = 0
            yield place, steps[place]
            continue
        panel.set(**before)  # after an error, too, the line is as it was
        steps[place] *= -1
        idle += 1
        if idle > 2 * len(places):
            raise CommandError(f"No move of {panel.name} changes its line; it stays at: {line}")
