"""Six layers and two networks, in float32 and on bytes: what arithmetic predicts, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.quantization.type_trials import (
    CASES,
    NETWORKS,
    PEAK,
    Times,
    gain,
    peaks,
    timed_layer,
    timed_network,
)
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.plain_text import Text

GUESSED = "denoiser"


@dataclass(frozen=True)
class Race(Text):
    """How fast each layer and each network was.

    Attributes
    ----------
    layers, networks : dict of str to Times
        By the id of a Case, and by NETWORKS.
    float_peak, byte_peak : float
        What a core does at most, in GMAC/s, in the same run.
    guess : object
        The learner's: how many times as fast GUESSED is on bytes.
    """

    layers: dict[str, Times]
    networks: dict[str, Times]
    float_peak: float
    byte_peak: float
    guess: object = ...

    @property
    def gains(self) -> dict[str, float]:
        """How many times as fast bytes are, by the names of the results."""
        return {
            PEAK: self.byte_peak / self.float_peak,
            **{f"layer.{id}": gain(times) for id, times in self.layers.items()},
            **{f"network.{name}": gain(times) for name, times in self.networks.items()},
            **self._over_halves,
        }

    @property
    def timings(self) -> list[Timing]:
        """All that was measured, but for the peaks."""
        return [taken for times in (*self.layers.values(), *self.networks.values()) for taken in times.values()]

    @property
    def _over_halves(self) -> dict[str, float]:
        """How many times as fast as in float16 the first layer is on bytes, where the CPU has float16."""
        times = self.layers[CASES[0].id]
        return {"layer.float16": times["float16"].median / times["int8"].median} if "float16" in times else {}

    def __str__(self) -> str:
        known, here = reference(), self.gains
        lines = [f"{'':<14}{'float32 by':<13}{'predicted':>11}{'reference':>11}   gain here"]

        def line(name: str, program: str, predicted: str, id: str) -> str:
            there = known.value(f"quantization.{id}")
            return f"{name:<14}{program:<13}{predicted:>11}{there:>9.2f} x{timing.measured(here[id], 'x', 8)}"

        lines.append(line("peak", "", "", PEAK))
        for case in CASES:
            lines.append(line(case.layer.name, case.program, f"{case.predicted:.2f} x", f"layer.{case.id}"))
        lines += [line(name, "auto", "", f"network.{name}") for name in NETWORKS]
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands below the table: how to read it, the guess, the times."""
        known = reference()
        both = {case.layer.name + " " + case.program: self.layers[case.id] for case in CASES}
        both |= {f"{name} {size}": self.networks[name] for name, size in NETWORKS.items()}
        return [
            "gain: times as fast as float32; int8 multiplies as the definition says",
            f"reference: {known.name}, {known.isa}, {known.date}",
            f"[machine] a core does {self.float_peak:.0f} GMAC/s in float32 and {self.byte_peak:.0f} on bytes at most",
            *(
                f"[machine] {name}: float32 {_ms(times, 'float32')}, int8 {_ms(times, 'int8')}"
                for name, times in both.items()
            ),
            f"[machine] float16: {self._halves()}",
            f"[machine] {GUESSED}: {self.gains[f'network.{GUESSED}']:.2f} x as fast on bytes; {said(self.guess)}",
            *timing.trust(self.timings),
        ]

    def _halves(self) -> str:
        """The times in float16, and how many times as fast bytes are; or why there are none."""
        cells = [
            f"{case.layer.name} {_ms(times, 'float16')}, int8 {times['float16'].median / times['int8'].median:.2f} x"
            for case in CASES
            if case.program == "direct" and "float16" in (times := self.layers[case.id])
        ]
        return "; ".join(cells) or "not measured, this CPU or this build lacks AVX512-FP16"


def _ms(times: Times, kind: str) -> str:
    return f"{times[kind].median * 1e3:.3f} ms"


def race(guess: object = ..., seconds: float | None = None) -> Race:
    """Time every layer and every network.

    Parameters
    ----------
    guess : number, optional
        How many times as fast GUESSED is on bytes.
    seconds : float, optional
        To spend on each; by default a second, or 0.05 s when WORKBOOK_QUICK is set.
    """
    seconds = seconds if seconds is not None else 0.05 if timing.quick() else 1.0
    return Race(
        {case.id: timed_layer(case, seconds) for case in CASES},
        {name: timed_network(name, seconds) for name in NETWORKS},
        *peaks(seconds),
        guess,
    )


def record(race: Race) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"quantization.{id}": gain for id, gain in race.gains.items()}, timing.others(race.timings))
