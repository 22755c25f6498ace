"""Which layers cost most on bytes, and what it costs in time to return them to float32, one after the other.

The layers of collapse.WOUNDED, one scale for a layer, are ranked by the SQNR of what each makes of exact input: the
least first. Tools that search for mixed precision begin with such a ranking.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from workbook.lessons.quantization.collapse import WOUNDED, accuracy_with, layer_report
from workbook.lessons.quantization.trained import network, recipe, right_in_float
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.models import digits
from workbook.plain_text import Text
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


@dataclass(frozen=True)
class Step:
    """A layer that returns to float32 after those before it.

    Attributes
    ----------
    name : str
        Of the layer; "none" of the network with all of them on bytes.
    alone : float
        SQNR in dB of its output from exact input.
    accuracy : float
        Of the network with this layer and those before it in float32.
    time : Timing
        Of an image, on one thread.
    """

    name: str
    alone: float
    accuracy: float
    time: Timing


@dataclass(frozen=True)
class Sensitivity(Text):
    """The steps from all layers on bytes to none.

    Attributes
    ----------
    steps : tuple of Step
    in_float : float
        The accuracy in float32.
    """

    steps: tuple[Step, ...]
    in_float: float

    def __str__(self) -> str:
        lines = [f"{'back in float32':<17}{'SQNR alone':>12}{'accuracy then':>15}   an image"]
        for i, step in enumerate(self.steps):
            alone = f"{step.alone:.1f} dB" if i else ""
            taken = timing.measured(1e3 * step.time.median, "ms", 7)
            lines.append(f"{step.name:<17}{alone:>12}{step.accuracy:>15.1%} {taken}")
        return "\n".join([*lines, f"in float32 {self.in_float:.1%}"])

    __repr__ = __str__


def sensitivity(seconds: float | None = None) -> Sensitivity:
    """Rank the layers and return them one by one; some seconds the first time.

    Parameters
    ----------
    seconds : float, optional
        To spend on timing; 1 s, or 0.2 s when WORKBOOK_QUICK is set.
    """
    rows = sorted(layer_report().rows, key=lambda row: row.alone)
    names = [row.name for row in rows]
    image = digits.digits("test").images[:1]
    nets = {
        count: quantize(network(WOUNDED), recipe(WOUNDED, _scheme(names[:count])), threads=1)
        for count in range(len(names) + 1)
    }
    runs = {str(count): partial(net, image) for count, net in nets.items()}
    times = timing.interleaved(runs, seconds=seconds, clock=time.thread_time)
    steps = [
        Step(name, alone, accuracy_with(tuple(names[:count])), times[str(count)])
        for count, (name, alone) in enumerate([("none", 0.0), *((row.name, row.alone) for row in rows)])
    ]
    return Sensitivity(tuple(steps), float(right_in_float(WOUNDED).mean()))


def _scheme(exclude: list[str]) -> Scheme:
    return Scheme(per_channel=False, exclude=tuple(exclude))
