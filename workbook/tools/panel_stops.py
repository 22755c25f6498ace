"""Computes a panel ahead at some stops of each control, so that a page moves it without a kernel.

What a stop shows is what the live panel shows there: its own model, figure and line. A panel that would measure this
machine shows the reference machine. Figures of one panel share most of their lines, so each line is kept once.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from itertools import product
from typing import Any

from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.controls import Choice, Control
from workbook.lessonkit.panel import Panel

MOST_STOPS = 9  # of a control
LEAST_STOPS = 3  # of a slider: both ends and the default
MOST_FIGURES = 250  # of a panel: half a minute of one core
MOST_BYTES = 3_000_000  # of a panel's data

# Nothing refers to a group, and the groups of two figures on a page would have the same ids.
_GROUP = re.compile(r'<g id="[^"]*"(?=/?>)')


@dataclass(frozen=True)
class Stops:
    """One control at its stops.

    Attributes
    ----------
    name, label : str
    kind : str
        "slider" or "choice".
    texts : tuple of str
        What the page shows at each stop.
    default : int
        The stop that the panel begins with.
    """

    name: str
    label: str
    kind: str
    texts: tuple[str, ...]
    default: int


@dataclass(frozen=True)
class Recorded:
    """A panel, computed ahead.

    Attributes
    ----------
    name, title : str
    height : int
        Of the figure, in CSS pixels.
    controls : tuple of Stops
        The last one moves fastest in `figures` and `lines`.
    fixed : dict of str to str
        The labels of advanced controls, and the defaults that they stay at.
    whole : bool
        Whether the stops are all values of these controls.
    of_reference : bool
        Whether it shows the reference machine in the place of this one.
    figures : tuple of str
        An SVG for each combination of stops, without the ids of its groups.
    lines : tuple of str
        The line of exact numbers that belongs to it.
    """

    name: str
    title: str
    height: int
    controls: tuple[Stops, ...]
    fixed: Mapping[str, str]
    whole: bool
    of_reference: bool
    figures: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def begin(self) -> int:
        """The place of the defaults in `figures`."""
        place = 0
        for control in self.controls:
            place = place * len(control.texts) + control.default
        return place


def names() -> list[str]:
    """Return the names of all panels of the workbook, such as "convolution.window"."""
    return [name for lesson in LESSONS for name in lesson.panel_names]


def make(name: str) -> Panel[Any]:
    """Return a panel of the workbook, on the reference machine if it measures, and without files of the reader's."""
    package, _, maker = name.partition(".")
    with tempfile.TemporaryDirectory() as empty, chdir(empty):
        panel: Panel[Any] = getattr(importlib.import_module(f"workbook.lessons.{package}.panels"), maker)()
    panel.show_reference()
    return panel


def grid(panel: Panel[Any], most: int = MOST_STOPS) -> dict[str, tuple[Any, ...]]:
    """Return the values at which each control that is not folded away stops.

    At most `most` of each, and so few that they combine to at most MOST_FIGURES; sliders lose stops before choices do.
    """
    shown = {name: control for name, control in panel.declared.items() if name not in panel.folded}
    counts = {name: min(len(control.values), most) for name, control in shown.items()}
    while math.prod(counts.values()) > MOST_FIGURES:
        longest = max(counts, key=lambda name: (_is_slider(shown[name]) and counts[name] > LEAST_STOPS, counts[name]))
        counts[longest] -= 1
    return {name: spread(control, counts[name]) for name, control in shown.items()}


def spread(control: Control, count: int) -> tuple[Any, ...]:
    """Return so many values of a control, evenly spaced; both ends and the default are among them.

    Raises
    ------
    ValueError
        For fewer than LEAST_STOPS of a control that has more.
    """
    values, last = control.values, len(control.values) - 1
    if count >= len(values):
        return values
    if count < LEAST_STOPS:
        raise ValueError(f"{control.name} needs {LEAST_STOPS} stops at least, not {count}")
    places = [round(i * last / (count - 1)) for i in range(count)]
    default = values.index(control.default)
    if default not in places:
        nearest = min(range(1, count - 1), key=lambda i: abs(places[i] - default))
        places[nearest] = default
    return tuple(values[place] for place in sorted(places))


def settings(stops: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of stops; the last control moves fastest."""
    return [dict(zip(stops, values, strict=True)) for values in product(*stops.values())]


def packed(recorded: Recorded) -> str:
    """Return what a page needs to move a panel, as JSON: every line of its figures once, and in what order they come.

    A figure is a list of numbers in pairs: where a run of lines begins among all of them, and how many follow.
    """
    places: dict[str, int] = {}
    figures = []
    for figure in recorded.figures:
        runs: list[int] = []
        for line in figure.split("\n"):
            place = places.setdefault(line, len(places))
            if runs and runs[-2] + runs[-1] == place:
                runs[-1] += 1
            else:
                runs += [place, 1]
        figures.append(runs)
    content = {"pieces": list(places), "figures": figures, "lines": recorded.lines}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def unpacked(text: str) -> tuple[list[str], list[str]]:
    """Return the figures and the lines of `packed`, as a page puts them together."""
    content = json.loads(text)
    pieces = content["pieces"]
    figures = [
        "\n".join(line for at, count in zip(runs[::2], runs[1::2], strict=True) for line in pieces[at : at + count])
        for runs in content["figures"]
    ]
    return figures, content["lines"]


def recorded(panel: Panel[Any], stops: Mapping[str, tuple[Any, ...]], shown: Iterable[tuple[str, str]]) -> Recorded:
    """Return a panel with what it shows, (figure, line), at each of `settings(stops)`."""
    controls = tuple(
        Stops(
            name,
            control.label,
            "slider" if _is_slider(control) else "choice",
            tuple(map(control.shown, values)),
            values.index(control.default),
        )
        for name, values in stops.items()
        for control in (panel.declared[name],)
    )
    figures, lines = zip(*((_GROUP.sub("<g", figure), line) for figure, line in shown), strict=True)
    folded = [control for name, control in panel.declared.items() if name in panel.folded]
    return Recorded(
        name=panel.name,
        title=panel.title,
        height=panel.height,
        controls=controls,
        fixed={control.label: control.shown(control.default) for control in folded},
        whole=all(len(values) == len(panel.declared[name].values) for name, values in stops.items()),
        of_reference=panel.shows_reference,
        figures=figures,
        lines=lines,
    )


def _is_slider(control: Control) -> bool:
    return not isinstance(control, Choice)
