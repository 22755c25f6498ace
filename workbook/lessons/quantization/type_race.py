"""Seven layers and two networks, in float32 and on bytes: what arithmetic predicts, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.quantization.type_trials import (
    CASES,
    NETWORKS,
    OVER_HALVES,
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
    peaks : dict of str to float
        What a core does at most, in GMAC/s, in the same run: "float32", "int8", "float16" and "bfloat16", if it can.
    guess : object
        The learner's: how many times faster GUESSED is on bytes.
    """

    layers: dict[str, Times]
    networks: dict[str, Times]
    peaks: dict[str, float]
    guess: object = ...

    @property
    def gains(self) -> dict[str, float]:
        """How many times faster bytes are, by the names of the results."""
        return {
            PEAK: self.peaks["int8"] / self.peaks["float32"],
            **{f"layer.{id}": gain(times) for id, times in self.layers.items()},
            **{f"network.{name}": gain(times) for name, times in self.networks.items()},
            **{f"{name}.{OVER_HALVES}": min(found.values()) for name, found in self._over_halves.items()},
        }

    @property
    def timings(self) -> list[Timing]:
        """All that was measured, but for the peaks."""
        return [taken for times in (*self.layers.values(), *self.networks.values()) for taken in times.values()]

    @property
    def _over_halves(self) -> dict[str, dict[str, float]]:
        """How many times faster bytes are than each kind of 16-bit floats: at the peak, on a layer, on a network."""
        measured = {"layer": self.layers[CASES[0].id], "network": self.networks[GUESSED]}
        peaks = {kind: self.peaks["int8"] / peak for kind, peak in self.peaks.items() if kind.endswith("float16")}
        found = {"peak": peaks} | {
            name: {kind: times[kind].median / times["int8"].median for kind in times if kind.endswith("float16")}
            for name, times in measured.items()
        }
        return {name: gains for name, gains in found.items() if gains}

    @property
    def over_halves(self) -> str:
        """The peak of bytes over that of 16-bit floats, or why there is none."""
        return _gains(self._over_halves.get("peak", {}))

    def __str__(self) -> str:
        known, here = reference(), self.gains
        lines = [f"{'':<14}{'float32 by':<12}{'int8 by':<12}{'predicted':>9}{'reference':>11}   here"]

        def line(name: str, programs: tuple[str, str], predicted: str, id: str) -> str:
            there, by = known.value(f"quantization.{id}"), "".join(f"{program:<12}" for program in programs)
            return f"{name:<14}{by}{predicted:>9}{there:>9.2f} x{timing.measured(here[id], 'x', 7)}"

        lines.append(line("peak", ("", ""), "", PEAK))
        for case in CASES:
            by, predicted = (case.program, case.on_bytes), f"{case.predicted:.2f} x"
            lines.append(line(case.layer.name, by, predicted, f"layer.{case.id}"))
        lines += [line(name, ("auto", "auto"), "", f"network.{name}") for name in NETWORKS]
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands below the table: how to read it, the guess, the times."""
        known = reference()
        both = {case.name: self.layers[case.id] for case in CASES}
        both |= {f"{name} {size}": self.networks[name] for name, size in NETWORKS.items()}
        return [
            "reference, here: how many times faster int8 is than float32",
            f"reference: {known.name}, {known.isa}, {known.date}",
            f"[machine] a core at most, GMAC/s: {', '.join(f'{kind} {peak:.0f}' for kind, peak in self.peaks.items())}",
            f"[machine] the peak of int8 over 16-bit floats: {self.over_halves}",
            *(
                f"[machine] {name}: float32 {_ms(times, 'float32')}, int8 {_ms(times, 'int8')}"
                for name, times in both.items()
            ),
            f"[machine] int8 over 16-bit floats, these by the direct algorithm: {self._beside_halves()}",
            f"[machine] {GUESSED}: {self.gains[f'network.{GUESSED}']:.2f} x faster on bytes; {said(self.guess)}",
            *timing.trust(self.timings),
        ]

    def _beside_halves(self) -> str:
        """The times of a layer and a network in 16-bit floats, and how many times faster bytes are, or why not."""
        over, first = self._over_halves, CASES[0]
        both = {
            first.layer.name: (over.get("layer", {}), self.layers[first.id]),
            GUESSED: (over.get("network", {}), self.networks[GUESSED]),
        }
        cells = [f"{name} {_gains(gains, times)}" for name, (gains, times) in both.items() if gains]
        return "; ".join(cells) or _gains({})


def _gains(gains: Mapping[str, float], times: Times | None = None) -> str:
    """Return how many times faster bytes are than each kind of floats, and the floats' time if it is given."""
    cells = [f"{gain:.2f} x, of {kind}{f' {_ms(times, kind)}' if times else ''}" for kind, gain in gains.items()]
    return "; ".join(cells) or "not measured, this CPU or this build has none"


def _ms(times: Times, kind: str) -> str:
    return f"{times[kind].median * 1e3:.3f} ms"


def race(guess: object = ..., seconds: float | None = None) -> Race:
    """Time every layer and every network.

    Parameters
    ----------
    guess : number, optional
        How many times faster GUESSED is on bytes.
    seconds : float, optional
        To spend on each; by default a second, or 0.05 s when WORKBOOK_QUICK is set.
    """
    seconds = seconds if seconds is not None else 0.05 if timing.quick() else 1.0
    return Race(
        {case.id: timed_layer(case, seconds) for case in CASES},
        {name: timed_network(name, seconds) for name in NETWORKS},
        peaks(seconds),
        guess,
    )


def record(race: Race) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"quantization.{id}": gain for id, gain in race.gains.items()}, timing.others(race.timings))
