"""What other programs took of this machine while something was measured here.

A call on one thread tells it by its own clock (`Timing.waited`). A camera's frames, or a call of several threads, wait
for each other too; there the system's count of busy time tells it, less what this process took.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from workbook.measuring import this_machine
from workbook.measuring.timing import BUSY, advice

_STAT = Path("/proc/stat")
_IDLE = (3, 4, 8, 9)  # of a core's numbers: idle, waiting for a disk; and those of guests, which "user" has already


@dataclass(frozen=True)
class Usage:
    """Seconds up to a moment: of the clock, of all programs on the cores of this process, and of this process."""

    wall: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> Usage:
        """Read the clocks. Where the system does not count for all programs, nothing but this process is busy."""
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return cls(time.monotonic(), _busy(own), own)


@dataclass(frozen=True)
class Others:
    """How many of the cores other programs kept busy, on average.

    Attributes
    ----------
    cores : float
    of : int
        The cores that this process may use.
    """

    cores: float
    of: int

    @classmethod
    def since(cls, before: Usage) -> Others:
        """Return what they took since then; the system counts in hundredths of a second."""
        now = Usage.now()
        taken = (now.busy - before.busy - (now.own - before.own)) / max(now.wall - before.wall, 1e-9)
        return cls(max(0.0, taken), len(this_machine.cores()))

    @property
    def share(self) -> float:
        """The part of the cores that they had, from 0 to 1."""
        return self.cores / self.of

    @property
    def disturb(self) -> bool:
        """Whether numbers that were measured meanwhile say little."""
        return self.share > BUSY

    def __str__(self) -> str:
        return f"[machine] other programs kept {self.cores:.2f} of {self.of} cores busy{advice(self.share)}"


def _busy(own: float) -> float:
    """Return the seconds in which a core of this process did not rest, whatever ran on it."""
    try:
        lines = _STAT.read_text("ascii").splitlines()
    except OSError:
        return own
    cores = {f"cpu{number}" for number in this_machine.cores()}
    counts = [[int(number) for number in rest] for name, *rest in map(str.split, lines) if name in cores]
    ticks = sum(sum(count) - sum(count[place] for place in _IDLE) for count in counts)
    return ticks / os.sysconf("SC_CLK_TCK")
