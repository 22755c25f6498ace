"""What one core of this machine does at most: multiply-adds, and bytes from each cache and from memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbook.lessonkit.reference import reference
from workbook.measuring import roofline, this_machine, timing
from workbook.measuring.others import Others, Usage
from workbook.measuring.roofline import Roofline
from workbook.plain_text import Text


@dataclass(frozen=True)
class Speeds(Text):
    """Limits of this machine, to stand beside the reference machine's.

    Attributes
    ----------
    here : Roofline
    triad_gbs : float
        GB/s of memory when two streams are read and one is written.
    others : Others
        What other programs took meanwhile: they slow nothing that counts a thread's own time, but share the memory.
    """

    here: Roofline
    triad_gbs: float
    others: Others

    def __str__(self) -> str:
        elsewhere = reference().roofline
        rows = (
            ("multiply-adds", elsewhere.peak_gmacs, self.here.peak_gmacs, "GMAC/s"),
            ("bytes from memory", elsewhere.gbs[this_machine.MEMORY], self.here.gbs[this_machine.MEMORY], "GB/s"),
        )
        lines = [f"{'one core at most':<18}{'reference machine':>20}   this machine"]
        for name, there, here, unit in rows:
            lines.append(f"{name:<18}{there:>13.1f} {unit:<6}{timing.measured(here, unit, 12)}")
        caches = (
            f"{rate:.0f} GB/s from {level}" for level, rate in self.here.gbs.items() if level != this_machine.MEMORY
        )
        return "\n".join(
            [
                *lines,
                f"[machine] nearer and faster: {', '.join(caches) or 'the system does not name its caches'}",
                f"[machine] two streams read and one written: {self.triad_gbs:.0f} GB/s{self._disturbed()}",
                f"[machine] ridge: {self.here.ridge():.2f} MAC/byte; the reference machine's: {elsewhere.ridge():.2f}",
            ]
        )

    __repr__ = __str__

    def _disturbed(self) -> str:
        """What to add where other programs took a part: one line in any case, since validation counts lines."""
        return "; " + str(self.others).removeprefix("[machine] ") if self.others.disturb else ""


@cache
def speeds() -> Speeds:
    """Measure what one core does at most, once."""
    before = Usage.now()
    return Speeds(roofline.measured(), this_machine.bandwidth_gbs(this_machine.MEMORY, "triad"), Others.since(before))
