"""The reference machine: a named machine whose numbers stand beside the learner's.

`python -m workbook.lessonkit.reference NAME` measures every lesson's numbers here and makes this machine the
reference; with the name of a lesson, such as 06_your_network, those of this one on the same machine. A number gets into
`reference.json` in no other way.
"""

from __future__ import annotations

import datetime
import importlib
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from workbook.files import write_whole
from workbook.lessonkit import catalog
from workbook.measuring import roofline, this_machine
from workbook.measuring.roofline import Roofline

_FILE = "reference.json"


@dataclass(frozen=True)
class Reference:
    """One machine on one day.

    Attributes
    ----------
    name : str
        What the machine is, in words.
    cpu, isa : str
    cores : int
    roofline : Roofline
        What one core can do at most.
    date : str
        Year and month.
    versions : mapping of str to str
        Of Python and of the packages that the numbers depend on.
    values : mapping of str to float
        By claim id, such as "convolution.ladder.direct".
    """

    name: str
    cpu: str
    cores: int
    isa: str
    roofline: Roofline
    date: str
    versions: Mapping[str, str]
    values: Mapping[str, float]

    def value(self, id: str) -> float:
        """Return one number.

        Raises
        ------
        ValueError
            If it was not measured.
        """
        if id not in self.values:
            raise ValueError(f"{id} was not measured on the reference machine")
        return self.values[id]

    def __str__(self) -> str:
        peak, memory = self.roofline.peak_gmacs, self.roofline.gbs[this_machine.MEMORY]
        return f"{self.name}, {self.isa}; a core does {peak:.0f} GMAC/s and {memory:.0f} GB/s at most; {self.date}"


@cache
def reference() -> Reference:
    """Return the reference machine's numbers."""
    content = json.loads((files("workbook.lessonkit") / _FILE).read_text(encoding="utf-8"))
    return Reference(**{**content, "roofline": Roofline(**content["roofline"])})


def measure_all(
    name: str, on_lesson: Callable[[str], None] | None = None, lessons: Sequence[catalog.Lesson] = catalog.LESSONS
) -> Reference:
    """Measure the numbers of lessons on this machine, rounded to three digits.

    Parameters
    ----------
    name : str
        What the machine is, in words.
    on_lesson : function, optional
        Called with the name of each lesson before it is measured, for a progress bar.

    Raises
    ------
    RuntimeError
        If other programs disturb a measurement.
    """
    values: dict[str, float] = {}
    for lesson in lessons:
        if on_lesson:
            on_lesson(lesson.name)
        numbers = importlib.import_module(f"workbook.lessons.{lesson.package}").measurements()
        values |= {f"{lesson.package}.{id}": _rounded(number) for id, number in numbers.items()}
    machine, here = this_machine.machine(), roofline.measured()
    return Reference(
        name=name,
        cpu=machine.cpu,
        cores=machine.cores,
        isa=machine.isa,
        roofline=Roofline(_rounded(here.peak_gmacs), {level: _rounded(rate) for level, rate in here.gbs.items()}),
        date=f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m}",
        versions={
            "python": platform.python_version(),
            **{package: version(package) for package in ("edge-ai-workbook", "numpy")},
        },
        values=values,
    )


def renewed(old: Reference, new: Reference) -> Reference:
    """Return the old reference with the new values in place of its own.

    Raises
    ------
    ValueError
        If they were measured on different machines.
    """
    if (old.name, old.cpu, old.cores) != (new.name, new.cpu, new.cores):
        raise ValueError(f"the reference is {old}, this is {new}: measure every lesson")
    return replace(old, values={**old.values, **new.values})


def write(made: Reference) -> None:
    """Make it the reference: replace the package's file.

    Raises
    ------
    OSError
        If it cannot be written; it is then as it was.
    """
    write_whole(Path(__file__).with_name(_FILE), json.dumps(asdict(made), indent=1).encode() + b"\n")


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        write(measure_all(sys.argv[1], on_lesson=print))
    elif len(sys.argv) == 3:
        write(renewed(reference(), measure_all(sys.argv[1], print, [catalog.lesson(sys.argv[2])])))
    else:
        sys.exit(
            "python -m workbook.lessonkit.reference NAME [LESSON]: "
            "say what this is, such as 'Intel N100, 4 cores, mini PC'"
        )
