"""The energy that the processor itself counts, where Linux lets a program read it.

RAPL ("running average power limit") is a counter of microjoules for each package, of Intel's processors and AMD's, in
/sys/class/powercap; zones inside of a package, such as its cores, are part of it. It counts all that the package does,
for other programs too, and its rest. Virtual machines seldom show it, and most systems show it to root alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Counters:
    """The counters of all packages at a moment.

    Attributes
    ----------
    microjoules : mapping of str to int
        By zone, such as "intel-rapl:0".
    ranges : mapping of str to int
        Where each begins again at 0; on a busy processor after minutes.
    """

    microjoules: Mapping[str, int]
    ranges: Mapping[str, int]

    @classmethod
    def now(cls, tree: Path = POWERCAP) -> Counters | None:
        """Read them; None where there are none, or where one of them may not be read."""
        microjoules, ranges = {}, {}
        try:
            for zone in sorted(tree.glob("*-rapl:*")):
                if (zone / "name").read_text("ascii").startswith("package"):
                    microjoules[zone.name] = int((zone / "energy_uj").read_text("ascii"))
                    ranges[zone.name] = int((zone / "max_energy_range_uj").read_text("ascii"))
        except (OSError, ValueError):
            return None
        return cls(microjoules, ranges) if microjoules else None

    def joules(self, later: Counters) -> float:
        """Joules up to a later moment, if no counter has begun again twice."""
        return 1e-6 * sum(
            (later.microjoules[zone] - microjoules) % self.ranges[zone]
            for zone, microjoules in self.microjoules.items()
        )
