"""Lesson 3, INT8 quantization, as its notebook uses it, and the tools themselves.

net = network.load("model.onnx")
int8 = quantize(net, images)
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import kernels
from workbook.drawing import Picture
from workbook.exercise import Sheet
from workbook.listing import Listing
from workbook.measure import machine
from workbook.panel import Panel, named
from workbook.quantization import charts, exercises, panels
from workbook.quantization.affine import Affine
from workbook.quantization.calibration import Recipe, calibrate, observe
from workbook.quantization.collapse import accuracy_with, layer_report, rescue
from workbook.quantization.how_many import Enough, dimmed, enough
from workbook.quantization.quantize import quantize
from workbook.quantization.race import Race, record
from workbook.quantization.race import race as run_race
from workbook.quantization.ranges import CALIBRATORS, cut, tail
from workbook.quantization.report import report
from workbook.quantization.scheme import Scheme
from workbook.quantization.trained import change, images, network
from workbook.quantization.trials import CASES
from workbook.quantization.without_vnni import saturated

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
    """Return the source of "affine", of a compiled file such as "quantized", or of "dot" and "dot_saturating".

    Raises
    ------
    ValueError
        For another name; the message lists the files there are.
    """
    if name == "affine":
        return Listing(inspect.getsource(Affine), "python")
    found = re.search(rf"^INLINE vi {re.escape(name)}\(.*?^}}", kernels.source("words.h"), re.DOTALL | re.MULTILINE)
    return Listing(found[0], "c") if found else Listing(kernels.source(name), "c" if name.endswith(".h") else "cython")


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return run_race(seconds=3).gains
