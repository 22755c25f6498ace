"""What was measured on the reference machine: a named machine to stand beside the learner's.

`python -m workbook.reference` measures every lesson's numbers on this machine and makes it the reference.
"""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from workbook import catalog, measure

_FILE = Path(__file__).with_name("reference.json")


@dataclass(frozen=True)
class Reference:
    """One machine on one day.

    Attributes
    ----------
    cpu, isa : str
    cores : int
    peak_gmacs : float
        What one core can do at most.
    date : str
        Year and month.
    values : mapping of str to float
        By claim id, such as "convolution.ladder.direct".
    """

    cpu: str
    cores: int
    isa: str
    peak_gmacs: float
    date: str
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
        return f"{self.cpu}, {self.isa}, {self.peak_gmacs:.0f} GMAC/s a core, {self.date}"


@cache
def reference() -> Reference:
    """Return the reference machine's numbers."""
    return Reference(**json.loads(_FILE.read_text(encoding="utf-8")))


def record() -> None:
    """Measure every lesson's numbers here and write them down, rounded to three digits."""
    values: dict[str, float] = {}
    for lesson in catalog.LESSONS:
        numbers = importlib.import_module(f"workbook.{lesson.package}").measurements()
        values |= {f"{lesson.package}.{name}": float(f"{number:.3g}") for name, number in numbers.items()}
    machine = measure.machine()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    made = Reference(
        machine.cpu, machine.cores, machine.isa, float(f"{machine.peak_gmacs:.3g}"), f"{today:%Y-%m}", values
    )
    _FILE.write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
