"""Layers over the batch size, as lesson 5 measures them: what a batch shares, and for whom that matters."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessonkit import results
from workbook.lessonkit.reference import reference
from workbook.lessons.streaming import batches
from workbook.lessons.streaming.batches import Case, Sweep, sweep
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.plain_text import Text

LARGEST = 16
BATCHES = tuple(batch for batch in batches.BATCHES if batch <= LARGEST)

# By the name of the result; the weights of each are read once a batch, or lie in a cache from image to image.
CASES: dict[str, Case] = {
    f"batch.{id}": next(case for case in batches.CASES if (case.name, case.algorithm) == (name, algorithm))
    for id, name, algorithm in (
        ("early", "early", "direct"),
        ("deep", "deep", "winograd_f4"),
        ("connected", "fully connected", "direct"),
        ("connected_int8", "fully connected", "int8"),
    )
}


@dataclass(frozen=True)
class Throughput(Text):
    """The layers of CASES with the batch sizes of BATCHES; the first and the last of them if WORKBOOK_QUICK is set.

    Attributes
    ----------
    sweeps : dict of str to Sweep
        By the keys of CASES.
    """

    sweeps: dict[str, Sweep]

    @property
    def gains(self) -> dict[str, float]:
        """How many times the throughput of one image at a time the best batch has."""
        return {id: sweep.gain for id, sweep in self.sweeps.items()}

    @property
    def timings(self) -> list[Timing]:
        """All that was measured."""
        return [point.timing for sweep in self.sweeps.values() for point in sweep.points]

    def __str__(self) -> str:
        known = reference()
        lines = [
            f"one core; throughput of the best batch of up to {LARGEST}, over one image at a time",
            f"{'':<42}{'reference':>10}{'here':>10}",
        ]
        for id, gain in self.gains.items():
            there = known.value(f"streaming.{id}")
            lines.append(f"{CASES[id]!s:<42}{there:>8.2f} x{timing.measured(gain, 'x', 8)}")
        lines += ["", f"{'':<25}{'one image here':>16}{f'a batch of {LARGEST} here':>26}"]
        for found in self.sweeps.values():
            one, many = (timing.measured(1e3 * found.points[i].latency, "ms", 9) for i in (0, -1))
            lines.append(f"{name_of(found.case):<25}{one}{many}")
        lines.append(f"reference: {known.name}, {known.isa}, {known.date}")
        return "\n".join([*lines, *map(_bound, self.sweeps.values())])

    __repr__ = __str__


def _bound(found: Sweep) -> str:
    """Say what the largest batch gains here, and what the model of the sweep expects of this machine."""
    first, last = found.points[0], found.points[-1]
    model = first.predicted / first.batch / (last.predicted / last.batch)
    until = f"up to batch {found.bound_up_to}" if found.bound_up_to else "at no batch"
    return (
        f"[machine] {name_of(found.case)}: {last.batch} at once {last.throughput / first.throughput:.2f} x, "
        f"by the model {model:.2f} x; weights are the bound {until}"
    )


def throughput(seconds: float | None = None) -> Throughput:
    """Measure every layer with every batch size, in turns, by the thread's own time.

    Parameters
    ----------
    seconds : float, optional
        To spend; as `measure.interleaved`.
    """
    found = sweep(tuple(CASES.values()), BATCHES[:: 4 if timing.quick() else 1], seconds=seconds)
    return Throughput(dict(zip(CASES, found, strict=True)))


def record(found: Throughput) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"streaming.{id}": gain for id, gain in found.gains.items()}, timing.others(found.timings))


def name_of(case: Case) -> str:
    """Return a short name, such as "deep" or "fully connected, int8"."""
    return case.name + (", int8" if case.algorithm == batches.INT8 else "")


def weight_bytes(id: str) -> int:
    """Return the bytes of a layer's weights, in float32, or on bytes."""
    case = CASES[id]
    return case.layer.weight_numbers * (1 if case.algorithm == batches.INT8 else 4)
