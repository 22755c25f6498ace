"""What a report says of itself: when, with which version, on which machine and by which command it was made."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from importlib.metadata import version

from workbook.measuring.this_machine import machine


@dataclass(frozen=True)
class Made:
    """Where a report's numbers come from.

    Attributes
    ----------
    date : str
        The day, as in 2026-01-31.
    version : str
        Of this workbook.
    machine : str
    command : str
        As it was typed.
    """

    date: str
    version: str
    machine: str
    command: str

    @classmethod
    def now(cls, command: str) -> Made:
        """Return what holds for a report that is made now."""
        here = str(machine()).removeprefix("[machine] ")
        return cls(time.strftime("%Y-%m-%d"), version("edge-ai-workbook"), here, command)

    def __str__(self) -> str:
        return f"{self.date}, edge-ai-workbook {self.version}, on {self.machine}: {self.command}"

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)
