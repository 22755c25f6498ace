"""Where the count of multiply-adds stops predicting the time: a layer whose filters read fewer and fewer channels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np

import kernels
from workbook.lessons.convolution.model import macs
from workbook.lessons.convolution.rungs import CHANNELS, SIDE, TAPS
from workbook.measuring import timing
from workbook.plain_text import Text


@dataclass(frozen=True)
class Grouped(Text):
    """The layer of the ladder with its channels cut into groups, as this machine ran it.

    Attributes
    ----------
    macs : dict of int to int
        Multiply-adds of the layer by the number of groups.
    times : dict of int to Timing
    """

    macs: dict[int, int]
    times: dict[int, timing.Timing]

    def predicted(self, groups: int) -> float:
        """Seconds that the layer would take if every multiply-add took as long as those of the first."""
        first = next(iter(self.macs))
        return self.times[first].median * self.macs[groups] / self.macs[first]

    def slowdown(self, groups: int) -> float:
        """How many times longer than that it takes."""
        return self.times[groups].median / self.predicted(groups)

    def __str__(self) -> str:
        lines = [f"{'groups':>6}{'MACs':>10}   if MACs decided{'median':>17}{'slower than that':>30}"]
        for groups, count in self.macs.items():
            predicted, median = self.predicted(groups), self.times[groups].median
            lines.append(
                f"{groups:>6}{count / 1e6:>8.2f} M{timing.measured(predicted * 1e3, 'ms', 10)}"
                f"{timing.measured(median * 1e3, 'ms', 10)}{timing.measured(self.slowdown(groups), 'x', 9)}"
            )
        return "\n".join([*lines, *timing.trust(self.times.values())])

    __repr__ = __str__


def grouped(*groups: int) -> Grouped:
    """Time the ladder's layer with its 64 channels cut into each number of groups; the first is the yardstick.

    Raises
    ------
    ValueError
        For a number that does not divide 64, or without one.
    """
    if not groups:
        raise ValueError("grouped needs a number of groups at least, such as 1")
    random = np.random.default_rng(1)
    size = SIDE + TAPS - 1
    x = random.standard_normal((1, CHANNELS, size, size), np.float32)
    plans = {}
    for count in groups:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1 or CHANNELS % count:
            raise ValueError(f"groups must divide the {CHANNELS} channels, {count!r} does not")
        weight = random.standard_normal((CHANNELS, CHANNELS // count, TAPS, TAPS), np.float32)
        plans[count] = kernels.Conv2d(weight, groups=count, algorithm="direct", threads=1)
    times = timing.interleaved({str(count): partial(plan, x) for count, plan in plans.items()}, clock=time.thread_time)
    return Grouped(
        {count: macs(CHANNELS, CHANNELS // count, TAPS, TAPS, SIDE, SIDE) for count in plans},
        {count: times[str(count)] for count in plans},
    )
