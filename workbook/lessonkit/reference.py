"""Machines that were measured, a file of `workbook/machines` each; one of them is the reference.

The reference machine's numbers stand beside the learner's. `workbook compare` sets any two machines side by side.
`python -m workbook.lessonkit.reference FILE NAME` measures every lesson's numbers here and writes FILE.json; with the
name of a lesson, such as 06_your_network, it renews those of this one. A number gets into such a file in no other way.
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

_FOLDER = "machines"
REFERENCE = "epyc_zen4"
"""The file of the reference machine."""


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
            raise ValueError(f"{id} was not measured on {self.name}")
        return self.values[id]

    def __str__(self) -> str:
        peak, memory = self.roofline.peak_gmacs, self.roofline.gbs[this_machine.MEMORY]
        return f"{self.name}, {self.isa}; a core does {peak:.0f} GMAC/s and {memory:.0f} GB/s at most; {self.date}"


def reference() -> Reference:
    """Return the reference machine's numbers."""
    return measured_machine(REFERENCE)


@cache
def measured_machine(file: str) -> Reference:
    """Return the numbers of a machine that was measured.

    Raises
    ------
    ValueError
        If there is no file of this name.
    """
    if file not in measured_machines():
        raise ValueError(f"{file} was not measured; {', '.join(measured_machines())} were")
    content = json.loads((files("workbook") / _FOLDER / f"{file}.json").read_text(encoding="utf-8"))
    return Reference(**{**content, "roofline": Roofline(**content["roofline"])})


@cache
def measured_machines() -> tuple[str, ...]:
    """Return the names of the files."""
    return tuple(sorted(file.name.removesuffix(".json") for file in (files("workbook") / _FOLDER).iterdir()))


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
        raise ValueError(f"the file is of {old}, this is {new}: measure every lesson")
    return replace(old, values={**old.values, **new.values})


def write(file: str, made: Reference) -> None:
    """Put a machine into the package's folder, in place of what the file held.

    Raises
    ------
    OSError
        If it cannot be written; it is then as it was.
    """
    path = Path(__file__).parents[1] / _FOLDER / f"{file}.json"
    write_whole(path, json.dumps(asdict(made), indent=1).encode() + b"\n")


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].isidentifier():
        write(sys.argv[1], measure_all(sys.argv[2], on_lesson=print))
    elif len(sys.argv) == 4:
        made = measure_all(sys.argv[2], print, [catalog.lesson(sys.argv[3])])
        write(sys.argv[1], renewed(measured_machine(sys.argv[1]), made))
    else:
        sys.exit(
            "python -m workbook.lessonkit.reference FILE NAME [LESSON]: "
            "a file and what the machine is, such as n100 'Intel N100, 4 cores, mini PC'"
        )
