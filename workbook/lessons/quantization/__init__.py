"""Lesson 3, INT8 quantization, as its notebook uses it, and the tools themselves.

net = network.load("model.onnx")
int8 = quantize(net, images)
"""

from __future__ import annotations

from typing import Any

from workbook.drawing import Picture
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.exercise import Sheet
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.panel import Panel, named
from workbook.lessons.quantization import charts, exercises, panels
from workbook.lessons.quantization.collapse import accuracy_with, layer_report, rescue
from workbook.lessons.quantization.how_many import Enough, dimmed, enough
from workbook.lessons.quantization.model import CALIBRATORS, cut, tail
from workbook.lessons.quantization.trained import change, images, network
from workbook.lessons.quantization.type_race import Race, record
from workbook.lessons.quantization.type_race import race as run_race
from workbook.lessons.quantization.type_trials import CASES
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
    "calibrate",
    "change",
    "chart",
    "check",
    "compare",
    "cut",
    "denoised",
    "dimmed",
    "enough",
    "explore",
    "guess",
    "hint",
    "images",
    "layer_report",
    "machine",
    "network",
    "observe",
    "quantize",
    "report",
    "rescue",
    "reset",
    "saturated",
    "solution",
    "source",
    "tail",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("quantization")


def explore(panel: str = "grid") -> Panel[Any]:
    """Return a panel: "grid", weights of 2 to 8 bits, or "activations", the range that is covered.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.grid, panels.activations)


def compare(guess: object = ...) -> Race:
    """Time six layers and two networks in float32 and on bytes; the scoreboard keeps the gains."""
    keep("quantization", guess)
    timed = run_race(guess)
    record(timed)
    return timed


def chart(shown: Race | Enough) -> Picture:
    """Return a result of `compare` or `enough` as a picture."""
    if isinstance(shown, Race):
        predicted = ", ".join(f"{case.layer.name} {case.program} {case.predicted:.2f}" for case in CASES)
        text = f"quantization.race: times as fast as float32, and predicted for the reference machine: {predicted}"
        return Picture.of(lambda: charts.race_figure(shown), text)
    worst = ", ".join(f"{count}: {min(found):.0f} dB" for count, found in shown.sqnrs.items())
    text = f"quantization.enough: worst SQNR of the scores by images of the calibration: {worst}"
    return Picture.of(lambda: charts.enough_figure(shown), text)


def denoised() -> Picture:
    """Return a photo with noise, and what the denoiser makes of it in float32, float16 and int8."""
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
