"""The scoreboard: what is said of fast inference, beside theory, model, a reference machine and this one.

A row is one sentence about one of the four tools. Its theory and its model are claims; what was measured on the
reference machine and on this one has one name. A lesson that is not written yet says so, and shows no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbook.lessonkit import results
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.claim import registry, three_digits
from workbook.lessonkit.reference import reference

HOLDS = 0.9  # a measured gain that reaches this part of what is promised

COLUMNS = ("tool", "what is said", "theory", "model", "reference machine", "this machine", "verdict")


@dataclass(frozen=True)
class Row:
    """One sentence.

    Attributes
    ----------
    tool : str
    sentence : str
        What is said, in our words.
    lesson : int
        The number of the lesson that measures it.
    theory, model : str, optional
        Ids of claims: a number that can be derived; what a model of the machine predicts.
    measured : str, optional
        Name of a result; its unit is that of theory, and of the model. Without one there is nothing to time.
    kind : "gain" or "growth"
        A gain promises at least the number, a growth promises the number.
    """

    tool: str
    sentence: str
    lesson: int
    theory: str | None = None
    model: str | None = None
    measured: str | None = None
    kind: Literal["gain", "growth"] = "gain"

    @property
    def is_written(self) -> bool:
        """Whether its lesson exists."""
        return any(lesson.number == self.lesson for lesson in LESSONS)

    @property
    def promised(self) -> float | None:
        """The number of theory, or else of the model."""
        id = self.theory or self.model
        return registry()[id].value if id else None

    def cells(self, here: Mapping[str, float]) -> tuple[str, ...]:
        """Return the texts of COLUMNS.

        Parameters
        ----------
        here : mapping of name to number
            This machine's results.
        """
        elsewhere = reference().values
        return (
            self.tool,
            self.sentence,
            self._claim(self.theory),
            self._claim(self.model),
            self._number(elsewhere),
            self._number(here),
            self.verdict(here),
        )

    def verdict(self, here: Mapping[str, float]) -> str:
        """Say in a few words whether the sentence holds on this machine."""
        if not self.is_written:
            return f"lesson {self.lesson}, not written yet, measures this"
        if self.measured is None:
            return f"lesson {self.lesson} judges this"
        if self.measured not in here:
            return f"lesson {self.lesson} measures this"
        value, promised = here[self.measured], self.promised
        if promised is None:
            return "measured"
        share = value / promised
        if self.kind == "growth":
            return "holds" if HOLDS <= share <= 1 / HOLDS else "less than that" if share < 1 else "more than that"
        return "holds" if share >= HOLDS else "in part" if value > 1 / HOLDS else "no gain here"

    def _claim(self, id: str | None) -> str:
        return registry()[id].number if id else "–"

    def _number(self, values: Mapping[str, float]) -> str:
        return f"{three_digits(values[self.measured])} ×" if self.measured and self.measured in values else "–"


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
        theory="winograd.f2.saving",
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
        "The same, if FP32 runs Winograd's algorithm, which INT8 does not.",
        lesson=3,
        theory="quantization.int8.lanes_of_32",
        model="quantization.predicted.winograd",
        measured="quantization.layer.winograd",
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
        "A layer in INT8 takes half the time of the same layer in FP16.",
        lesson=3,
        theory="quantization.int8.lanes",
    ),
    Row(
        "2 small numbers",
        "A trained network keeps its accuracy in INT8, with a few images to calibrate it and no new training.",
        lesson=3,
    ),
    Row(
        "3 flexible hardware",
        "Early layers compute much for the memory they need; middle layers move much and compute little.",
        lesson=1,
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
    """All rows with this machine's results, as a notebook and the report show them."""

    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        """What differs by machine stands on a line of its own that begins with [machine]."""
        lines = [f"reference machine: {reference()}"]
        for tool, sentence, theory, model, elsewhere, here, verdict in self.rows:
            lines += [
                "",
                f"{tool}: {sentence}",
                f"theory {theory}   model {model}   reference machine {elsewhere}",
                f"[machine] this machine {here}: {verdict}",
            ]
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def markdown(self) -> str:
        """A table; an invisible [machine] stands before the cells that differ by machine."""
        lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
        for *fixed, here, verdict in self.rows:
            lines.append(f"| {' | '.join(fixed)} | <!--[machine]-->{here} | {verdict} |")
        return "\n".join([*lines, "", f"Reference machine: {reference()}."])

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/markdown": self.markdown, "text/plain": str(self)}


def scoreboard(file: Path | None = None) -> Scoreboard:
    """Return the scoreboard of this machine as it stands.

    Parameters
    ----------
    file : Path, optional
        Where the results lie; as `results.file()` if None.
    """
    here = results.load(file)
    return Scoreboard(tuple(row.cells(here) for row in ROWS))
