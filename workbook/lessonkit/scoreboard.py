"""The scoreboard: what is said of fast inference, beside theory, model, a reference machine and this one.

A row is one sentence about one of the four tools. Its theory and its model are claims; what was measured on the
reference machine and on this one has one name. Since all of them answer what a lesson asks, a row shows its numbers
once the learner has measured it, or has measured the lesson that judges it. Below the rows stand the learner's guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.claim import registry, three_digits
from workbook.lessonkit.guess import written
from workbook.lessonkit.reference import reference
from workbook.measuring.timing import BUSY

SAME = 0.9  # two numbers are the same if the smaller one is this part of the larger, or more
DISTURBED = "other programs had the processor while this was measured: measure again"

COLUMNS = ("tool", "what is said", "theory", "model", "reference machine", "this machine", "verdict")
GUESSED = ("lesson", "what you guess", "your guess", "measured here")
_NONE = "–"


@dataclass(frozen=True)
class Row:
    """One sentence.

    Attributes
    ----------
    tool : str
    sentence : str
        What is said, in our words.
    lesson : int
        The number of the lesson that measures or judges it.
    theory, model : str, optional
        Ids of claims: a number that can be derived, which the sentence promises; what a model of the machine predicts.
    measured : str, optional
        Name of a result; its unit is that of theory, and of the model. Without one there is nothing to time.
    kind : "gain" or "growth"
        A gain promises at least the number, a growth promises the number.
    judgement : str
        The verdict where nothing is measured; by the model if empty.
    """

    tool: str
    sentence: str
    lesson: int
    theory: str | None = None
    model: str | None = None
    measured: str | None = None
    kind: Literal["gain", "growth"] = "gain"
    judgement: str = ""

    def cells(self, here: Mapping[str, float], others: Mapping[str, float]) -> tuple[str, ...]:
        """Return the texts of COLUMNS.

        Parameters
        ----------
        here : mapping of name to number
            This machine's results.
        others : mapping of name to number
            The part of the machine that other programs had while each was measured.
        """
        numbers = (self._claim(self.theory), self._claim(self.model), self._number(reference().values))
        shown = numbers if self.is_open(here) else (_NONE,) * len(numbers)
        return (self.tool, self.sentence, *shown, self._number(here), self.verdict(here, others))

    def is_open(self, here: Mapping[str, float]) -> bool:
        """Whether the learner has measured the row, or the lesson that judges it."""
        if self.measured and (self.measured in here or not self.judgement):
            return self.measured in here
        package = next(lesson.package for lesson in LESSONS if lesson.number == self.lesson)
        return any(name.startswith(f"{package}.") for name in here)

    def verdict(self, here: Mapping[str, float], others: Mapping[str, float]) -> str:
        """Say in a few words whether the sentence holds on this machine; arguments as of `cells`."""
        if not self.is_open(here):
            return f"lesson {self.lesson} {'measures' if self.measured else 'judges'} this"
        if self.measured and self.measured in here:
            return self._measured(here[self.measured], others.get(self.measured, 0.0))
        return self.judgement or f"{self._compared(registry()[self.model or ''].value, None)}, by the model"

    def _measured(self, value: float, share: float) -> str:
        """Compare a result, unless other programs decide it: either of its two times may be too long by their share."""
        promised = registry()[self.theory].value if self.theory else None
        if share > BUSY:
            without = max(1 - share, 1e-9)
            if self._compared(value * without, promised) != self._compared(value / without, promised):
                return DISTURBED
        return self._compared(value, promised)

    def _compared(self, value: float, promised: float | None) -> str:
        """Name a number beside the one that is promised; if none is, beside 1."""
        if promised is not None:
            share = value / promised
            if share >= SAME and (self.kind == "gain" or share <= 1 / SAME):
                return "holds"
            if self.kind == "growth":
                return "grows less" if share < 1 else "grows more"
        if value > 1 / SAME:
            return "holds" if promised is None else "a smaller gain"
        return "about the same" if value >= SAME else "a loss"

    def _claim(self, id: str | None) -> str:
        return registry()[id].number if id else _NONE

    def _number(self, values: Mapping[str, float]) -> str:
        return f"{three_digits(values[self.measured])} ×" if self.measured and self.measured in values else _NONE


ROWS = (
    Row(
        "convolution",
        "The operations of a layer grow with the image: twice as high and twice as wide takes four times as long.",
        lesson=1,
        theory="convolution.layer.twice_side",
        model="convolution.growth.side_model",
        measured="convolution.growth.side",
        kind="growth",
    ),
    Row(
        "convolution",
        "The operations of a layer grow with its filters: twice as many take twice as long.",
        lesson=1,
        theory="convolution.layer.twice_filters",
        model="convolution.growth.filters_model",
        measured="convolution.growth.filters",
        kind="growth",
    ),
    Row(
        "1 fast algorithms",
        "Winograd's algorithm needs fewer multiplications for a 3x3 layer, so the layer takes less time.",
        lesson=2,
        theory="winograd.f2.saving",
        model="winograd.f2.at56_model",
        measured="winograd.f2.at56",
    ),
    Row(
        "1 fast algorithms",
        "The same for a deep layer: 512 channels on a map of 7x7.",
        lesson=2,
        theory="winograd.f2.small",
        model="winograd.f2.at7_model",
        measured="winograd.f2.at7",
    ),
    Row(
        "1 fast algorithms",
        "A larger tile needs fewer multiplications still, so the layer takes less time still.",
        lesson=2,
        theory="winograd.f4.saving",
        model="winograd.f4.at56_model",
        measured="winograd.f4.at56",
    ),
    Row(
        "2 small numbers",
        "A layer in INT8 takes a quarter of the time of the same layer in FP32.",
        lesson=3,
        theory="quantization.int8.lanes_of_32",
        model="quantization.predicted.direct",
        measured="quantization.layer.direct",
    ),
    Row(
        "2 small numbers",
        "The same, if both run Winograd's algorithm.",
        lesson=3,
        theory="quantization.int8.lanes_of_32",
        model="quantization.predicted.both",
        measured="quantization.layer.both",
    ),
    Row(
        "2 small numbers",
        "The same for a whole network, a denoiser of 3x3 layers.",
        lesson=3,
        theory="quantization.int8.lanes_of_32",
        measured="quantization.network.denoiser",
    ),
    Row(
        "2 small numbers",
        "A core does twice as many multiply-adds of INT8 as of 16-bit floats (FP16, or bfloat16): the peak.",
        lesson=3,
        theory="quantization.int8.lanes",
        measured="quantization.peak.halves",
        judgement="not measured: the CPU, or this build, has no 16-bit floats",
    ),
    Row(
        "2 small numbers",
        "A layer in INT8 takes half the time of the same layer in 16-bit floats.",
        lesson=3,
        theory="quantization.int8.lanes",
        measured="quantization.layer.halves",
        judgement="not measured: the CPU, or this build, has no 16-bit floats",
    ),
    Row(
        "2 small numbers",
        "A trained network keeps its accuracy in INT8, with a few images to calibrate it and no new training.",
        lesson=3,
        judgement="holds, with a scale for each filter",
    ),
    Row(
        "3 flexible hardware",
        "Early layers compute much for the memory they need; middle layers move much and compute little.",
        lesson=1,
        judgement="fails: early layers pass on more; in one network of four they compute more",
    ),
    Row(
        "3 flexible hardware",
        "Layers differ: what suits one leaves units idle on another. One program on one core: fastest over slowest.",
        lesson=4,
        model="hardware.core.spread_model",
        measured="hardware.core.spread",
        kind="growth",
    ),
    Row(
        "3 flexible hardware",
        "Hardware that is reconfigured between layers is faster than fixed hardware: ResNet-50, without a DRAM limit.",
        lesson=4,
        theory="hardware.resnet50.oracle",
        model="hardware.resnet50.gain",
    ),
    Row(
        "3 flexible hardware",
        "The same for a network of depthwise layers: MobileNetV2, without a DRAM limit.",
        lesson=4,
        theory="hardware.mobilenet_v2.oracle",
        model="hardware.mobilenet_v2.gain",
    ),
    Row(
        "3 flexible hardware",
        "The same with DRAM in the way, layer by layer.",
        lesson=4,
        theory="hardware.mobilenet_v2.oracle_by_layer",
        model="hardware.mobilenet_v2.gain_by_layer",
    ),
    Row(
        "4 one image at a time",
        "Several images at once raise the throughput: a fully connected layer, up to 16 at once.",
        lesson=5,
        theory="streaming.weights.share",
        measured="streaming.batch.connected",
    ),
    Row(
        "4 one image at a time",
        "The same for a deep layer: 512 channels on a map of 7x7.",
        lesson=5,
        theory="streaming.weights.share",
        measured="streaming.batch.deep",
    ),
    Row(
        "4 one image at a time",
        "The same for an early layer: 64 channels on a map of 56x56.",
        lesson=5,
        theory="streaming.weights.share",
        measured="streaming.batch.early",
    ),
    Row(
        "4 one image at a time",
        "Each of several images waits longer: of eight frames of a camera, the oldest beside a frame alone.",
        lesson=5,
        model="streaming.wait.batch8_model",
        measured="streaming.wait.batch8",
        kind="growth",
    ),
    Row(
        "4 one image at a time",
        "One image at a time gives the shortest time from the camera to the answer: beside batches of two.",
        lesson=5,
        model="streaming.wait.batch2_model",
        measured="streaming.wait.batch2",
    ),
    Row(
        "4 one image at a time",
        "A frame is done sooner if both cores compute it than if each has a frame of its own.",
        lesson=5,
        theory="streaming.cores.two",
        measured="streaming.cores.split",
    ),
    Row(
        "4 one image at a time",
        "Not always: eight cameras at the same moment, a GPU. One by one, the last answer takes longer than a batch.",
        lesson=5,
        theory="streaming.t4.gain",
        judgement="holds, by published times",
    ),
    Row(
        "combined",
        "The gains of Winograd's algorithm and of INT8 multiply: the denoiser, over a matrix product in FP32.",
        lesson=6,
        theory="analysis.product",
        model="analysis.denoiser.model",
        measured="analysis.denoiser.best",
    ),
    Row(
        "combined",
        "The same for ResNet-50, of which few layers suit Winograd's algorithm.",
        lesson=6,
        theory="analysis.product",
        model="analysis.resnet50.model",
        measured="analysis.resnet50.best",
    ),
)


@dataclass(frozen=True)
class Scoreboard:
    """All rows with this machine's results, and the guesses, as a notebook and the report show them.

    Attributes
    ----------
    rows : tuple of tuple of str
        The texts of COLUMNS.
    guesses : tuple of tuple of str
        The texts of GUESSED.
    """

    rows: tuple[tuple[str, ...], ...]
    guesses: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, here: Mapping[str, float], others: Mapping[str, float], guesses: Mapping[str, float]) -> Scoreboard:
        """Make it of results, of what other programs had meanwhile, and of guesses, by their names."""
        asked = (_guessed(lesson, here, guesses) for lesson in LESSONS)
        return cls(tuple(row.cells(here, others) for row in ROWS), tuple(cells for cells in asked if cells))

    def __str__(self) -> str:
        """What differs by learner and machine stands on a line of its own that begins with [machine]."""
        lines = [_HOW, f"reference machine: {reference()}"]
        for tool, sentence, theory, model, elsewhere, here, verdict in self.rows:
            numbers = f"theory {theory}   model {model}   reference machine {elsewhere}   this machine {here}"
            lines += ["", f"{tool}: {sentence}", f"[machine] {numbers}: {verdict}"]
        lines += ["", "your guesses"]
        for lesson, about, guess, here in self.guesses:
            lines.append(f"[machine] lesson {lesson}, {about}: you guessed {guess}, measured here {here}")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def markdown(self) -> str:
        """Two tables; an invisible [machine] stands before the cells that differ by learner and machine."""
        parts = [_HOW[0].upper() + _HOW[1:] + ".", ""]
        parts += [*_table(COLUMNS, self.rows), "", f"Reference machine: {reference()}.", ""]
        return "\n".join([*parts, *_table(GUESSED, self.guesses)])

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/markdown": self.markdown, "text/plain": str(self)}


_HOW = "a row shows its numbers once you have measured it, or the lesson that judges it"


def _guessed(lesson: Lesson, here: Mapping[str, float], guesses: Mapping[str, float]) -> tuple[str, ...]:
    """Return the texts of GUESSED for a lesson; none if it asks for no guess."""
    if not lesson.guess:
        return ()
    guess, measured = guesses.get(lesson.package), here.get(lesson.guess.result)
    return (
        str(lesson.number),
        lesson.guess.about,
        _NONE if guess is None else f"{written(guess)} ×",
        _NONE if measured is None else f"{three_digits(measured)} ×",
    )


def _table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the lines of a Markdown table whose first two columns are the same everywhere."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return lines + [f"| {one} | {two} | <!--[machine]-->{' | '.join(others)} |" for one, two, *others in rows]


def scoreboard(file: Path | None = None) -> Scoreboard:
    """Return the scoreboard of this machine as it stands.

    Parameters
    ----------
    file : Path, optional
        Where the results lie; as `results.file()` if None.
    """
    return Scoreboard.of(results.load(file), results.others(file), results.guesses(file))
