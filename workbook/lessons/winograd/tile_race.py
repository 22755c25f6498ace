"""The four 3x3 layers of ResNet-50 with stride 1, by every algorithm: what is saved, predicted, and measured."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.winograd.tile_trials import PLAIN, PROGRAMS, WINOGRAD, Times, gains, timed
from workbook.lessons.winograd.work import Work, layer_of
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.plain_text import Text

LAYERS = ((64, 56), (128, 28), (256, 14), (512, 7))  # channels, side of the map
_TILES = dict.fromkeys(PLAIN, 1) | {name: m for m, name in WINOGRAD.items()}


def result_id(program: str, side: int) -> str:
    """Return the name of a gain, such as "f2.at56"; the scoreboard and the reference machine know it by that."""
    return f"{program.removeprefix('winograd_')}.at{side}"


def reference_gains() -> dict[tuple[int, int, int], float]:
    """Return the gains of the reference machine by (channels, side, m)."""
    value = reference().value
    return {
        (channels, side, m): value(f"winograd.{result_id(program, side)}")
        for channels, side in LAYERS
        for m, program in WINOGRAD.items()
    }


@dataclass(frozen=True)
class Race(Text):
    """How fast each program was on each layer.

    Attributes
    ----------
    times : dict of (channels, side) to dict of program to Timing
    guess : object
        The learner's: how many times as fast the fastest Winograd is, on the first layer.
    """

    times: dict[tuple[int, int], Times]
    guess: object = ...

    @property
    def gains(self) -> dict[str, float]:
        """Each program's gain over the faster of direct and im2col, by `result_id`, and `best`."""
        return {
            result_id(program, side): gain
            for (_, side), times in self.times.items()
            for program, gain in gains(times).items()
        } | {"best.at56": self.best}

    @property
    def timings(self) -> list[Timing]:
        """All that was measured."""
        return [taken for times in self.times.values() for taken in times.values()]

    @property
    def best(self) -> float:
        """The gain of the fastest Winograd on the first layer."""
        first = next(iter(self.times.values()))
        return max(gains(first)[name] for name in WINOGRAD.values())

    def __str__(self) -> str:
        known = reference()
        lines = [f"{'layer':<8}{'program':<13}{'fewer':>7}{'predicted':>11}{'reference':>11}   gain here"]
        for (channels, side), times in self.times.items():
            here = gains(times)
            for program in PROGRAMS:
                work = Work(layer_of(channels, side), _TILES[program])
                there = known.value(f"winograd.{result_id(program, side)}")
                lines.append(
                    f"{work.layer.name if program == PROGRAMS[0] else '':<8}{program:<13}"
                    f"{work.saving:>5.2f} x{work.gain(known.roofline):>9.2f} x{there:>9.2f} x"
                    f"{timing.measured(here[program], 'x', 8)}"
                )
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands below the table: how to read it, the guess, how far to trust it."""
        layer = next(iter(self.times))
        known = reference()
        return [
            f"fewer: multiplications; gain: over the faster of {' and '.join(PLAIN)}",
            f"reference: {known.name}, {known.isa}, {known.date}",
            "predicted: for the reference machine, by the model of this lesson",
            *map(self._milliseconds, self.times),
            f"[machine] {layer_of(*layer).name}: the fastest Winograd is {self.best:.2f} x as fast; {said(self.guess)}",
            *timing.trust(self.timings),
        ]

    def _milliseconds(self, layer: tuple[int, int]) -> str:
        """The line with the time of each program on a layer."""
        medians = {name.removeprefix("winograd_"): timing.median * 1e3 for name, timing in self.times[layer].items()}
        cells = ", ".join(f"{name} {median:.2f}" for name, median in medians.items())
        return f"[machine] {layer_of(*layer).name} in ms: {cells}"


def race(guess: object = ..., seconds: float | None = None) -> Race:
    """Time every program on every layer.

    Parameters
    ----------
    guess : number, optional
        How many times as fast as the definition the fastest Winograd is, on the first layer.
    seconds : float, optional
        To spend on a layer; by default a second, or less when WORKBOOK_QUICK is set.
    """
    return Race({layer: timed(*layer, seconds) for layer in LAYERS}, guess)


def record(race: Race) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"winograd.{id}": gain for id, gain in race.gains.items()}, timing.others(race.timings))
