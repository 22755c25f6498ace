"""Lesson 3, INT8 quantization, as its notebook uses it, and the tools themselves.

net = network.load("model.onnx")
int8 = quantize(net, images)
"""

from __future__ import annotations

from typing import Any

from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.panel import Panel, named
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.quantization import charts, exercises, panels
from workbook.lessons.quantization.calibrators_compared import calibrated
from workbook.lessons.quantization.collapse import accuracy_with, layer_report, rescue
from workbook.lessons.quantization.detector import detected
from workbook.lessons.quantization.how_many import Enough, dimmed, enough
from workbook.lessons.quantization.judgements import Judged
from workbook.lessons.quantization.judgements import judged as judge
from workbook.lessons.quantization.model import CALIBRATORS, cut, tail
from workbook.lessons.quantization.other_tools import by_onnxruntime
from workbook.lessons.quantization.published_gains import published
from workbook.lessons.quantization.sensitivity import Sensitivity
from workbook.lessons.quantization.sensitivity import sensitivity as return_layers
from workbook.lessons.quantization.trained import change, images, network
from workbook.lessons.quantization.type_race import Race, record
from workbook.lessons.quantization.type_race import race as run_race
from workbook.lessons.quantization.type_trials import CASES
from workbook.lessons.quantization.winograd_ranges import rounded_winograd
from workbook.lessons.quantization.without_vnni import saturated
from workbook.measuring.this_machine import machine
from workbook.quantize.affine import Affine
from workbook.quantize.calibration import Recipe, calibrate, observe
from workbook.quantize.layer_errors import report
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

__all__ = [
    "CALIBRATORS",
    "Affine",
    "Recipe",
    "Scheme",
    "accuracy_with",
    "by_onnxruntime",
    "calibrate",
    "calibrated",
    "change",
    "chart",
    "check",
    "compare",
    "cut",
    "denoised",
    "detected",
    "dimmed",
    "enough",
    "explore",
    "guess",
    "hint",
    "images",
    "judged",
    "layer_report",
    "machine",
    "network",
    "observe",
    "picture",
    "published",
    "quantize",
    "report",
    "rescue",
    "reset",
    "returned",
    "rounded_winograd",
    "saturated",
    "solution",
    "source",
    "tail",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("quantization")


def explore(panel: str = "grid") -> Panel[Any]:
    """Return a panel: "grid", weights of 2 to 8 bits, "activations", the range, or "winograd", on bytes.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.grid, panels.activations, panels.winograd)


def compare(guess: object = ...) -> Race:
    """Time seven layers and two networks in float32, on bytes, and in what floats of 16 bits the CPU has."""
    guess = keep("quantization", guess)
    timed = run_race(guess)
    record(timed)
    return timed


def judged(race: Race) -> Judged:
    """Judge the three statements with which the lesson opens; `race` is what `compare` returned."""
    return judge(race)


def returned() -> Sensitivity:
    """Rank the layers of the depthwise network by what bytes cost them, and return them to float32 one by one."""
    return return_layers()


def chart(shown: Race | Enough | Sensitivity) -> Picture:
    """Return a result of `compare`, `enough` or `returned` as a picture."""
    if isinstance(shown, Sensitivity):
        steps = ", ".join(f"{step.name} {step.accuracy:.1%}" for step in shown.steps)
        text = f"quantization.returned: accuracy over time as layers return to float32: {steps}"
        return Picture.of(lambda: charts.sensitivity_figure(shown), text)
    if isinstance(shown, Race):
        predicted = ", ".join(f"{case.name} {case.predicted:.2f}" for case in CASES)
        text = f"quantization.race: times faster than float32, and predicted for the reference machine: {predicted}"
        return Picture.of(lambda: charts.race_figure(shown), text)
    worst = ", ".join(f"{count}: {min(found):.0f} dB" for count, found in shown.sqnrs.items())
    text = f"quantization.enough: worst SQNR of the scores by images of the calibration: {worst}"
    return Picture.of(lambda: charts.enough_figure(shown), text)


def picture() -> Picture:
    """Return a picture of a layer on bytes."""
    text = "quantization.picture: sums of bytes, + offset, * multiplier, shift, round, + zero point, clip"
    return Picture.of(charts.layer_figure, text)


def denoised() -> Picture:
    """Return a photo with noise, and what the denoiser makes of it in each type of numbers."""
    found = charts.denoised()
    text = "quantization.denoised: PSNR of " + ", ".join(f"{name} {db:.2f} dB" for name, (_, db) in found.items())
    return Picture.of(lambda: charts.denoised_figure(found), text)


def source(name: str) -> Listing:
    """Return the source of "affine", of a compiled file such as "bytes_plain", or of "dot" and "dot_saturating".

    Raises
    ------
    ValueError
        For another name; the message lists the files there are.
    """
    if name == "affine":
        return Listing.of(Affine)
    return Listing.of_kernel(name)


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return run_race(seconds=3).gains


guard(__name__)
