"""Writes docs/analysis.md, what the JSON of `workbook analyze` holds: python docs/analysis.py.

`FIELDS` has a line for each place of it. A test walks through a real report and compares both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbook.advisor.analysis_result import ALIKE, ALIKE_HALF
from workbook.advisor.analysis_table import VERSION

PAGE = Path(__file__).with_name("analysis.md")

_INTERVAL = "three numbers: the estimate, the lower and the upper end of its 95 % interval"
_PROGRAM = "name of a program"

FIELDS: dict[str, tuple[str, str]] = {
    "version": ("number", f"of this format, {VERSION}; no key is given another meaning, or dropped, under one number"),
    "name": ("text", "of the network"),
    "take": (_PROGRAM, "the fastest exact one; or a faster one on bytes, if its loss and its gain are proven"),
    "exact": (_PROGRAM, "the fastest exact one"),
    "base": (_PROGRAM, "that gains are over: im2col; auto of a network without layers"),
    "rivals": ("names of programs", "that may be taken too, and whose middle half of runs meets that of `take`"),
    "how": ("text", "what to do to have it"),
    "summary": ("texts", "the five lines of the report"),
    "questions": ("texts", "the answers of the report"),
    "reference": (
        _PROGRAM,
        "whose outputs in float32 are the exact ones: onnxruntime; `base`, if that refuses the file",
    ),
    "alike_db": (
        "dB",
        f"of a float32 program's SQNR from which it is exact: {ALIKE:g}, of float16 files {ALIKE_HALF:g}",
    ),
    "max_loss": ("fraction", "the loss that is allowed: root mean square error over root mean square output"),
    "judges": ("images", "that did not calibrate, or batches of them; 0 if there were too few"),
    "shape": ("numbers", "of the input that varies, as it was timed; `notes` tell the others"),
    "dtype": ("text", "of that input's numbers"),
    "images": ("text", "what calibrated and judged"),
    "threads": ("threads", "at most; null: all cores"),
    "macs": ("multiply-adds", "of the layers in a run, by the definition"),
    "fps": ("frames a second", "of the camera to keep up with"),
    "watts": ("W", "of the machine while it computes; as given"),
    "price": ("money", "of a kilowatt hour; as given"),
    "others.cores": ("cores", "that other programs kept busy meanwhile"),
    "others.of": ("cores", "that the analysis could use"),
    "notes": ("texts", "what could not be done, and why"),
    "layers[].name": (
        "text",
        "of the node; layers are convolutions and products with stored weights, none without a 2-D one",
    ),
    "layers[].shape": ("text", "channels, size of the image and of the filter"),
    "layers[].macs": ("multiply-adds", "of a run"),
    "layers[].bytes": ("bytes", "of input, weights and output in float32, each moved once"),
    "layers[].macs_a_byte": ("multiply-adds a byte", ""),
    "layers[].eligible": ("names", "the algorithms in float32 that can run it"),
    "layers[].seconds.*": ("s", "median by each program, within the network; naive: of a piece, stretched"),
    "layers[].errors.*": ("fraction", "expected root mean square error of each algorithm, relative to the output"),
    "layers[].utilisation": ("fraction", "of the multipliers that work on the best fixed datapath of `machine`"),
    "layers[].datapath": ("text", "that one"),
    "layers[].take": (
        _PROGRAM,
        "of the layer: in `take`, or in the kernels' fastest exact program if that is a library's",
    ),
    "layers[].why": ("text", "its time beside that of others"),
    "outside[].name": ("text", "of what is none of the layers, the longest first"),
    "outside[].work": ("text", "what it does, and whether by ONNX Runtime"),
    "outside[].seconds": ("s", "median, with every layer by `base`"),
    "on_bytes": ("null", "if the network is not quantized, or has no layers; else what follows, of the program int8"),
    "on_bytes.layers": ("layers", "on bytes"),
    "on_bytes.on_bytes": ("s", "that they take"),
    "on_bytes.in_float": ("s", "that the same ones take by the fastest program in float32 of each"),
    "on_bytes.conversions": ("s", "of turning arrays into bytes and back"),
    "on_bytes.left[].name": ("text", "of what is not computed on bytes, the longest first"),
    "on_bytes.left[].work": ("text", ""),
    "on_bytes.left[].seconds": ("s", ""),
    "fusion": ("null", "if nothing is fused; else what follows, every layer by im2col"),
    "fusion.fused": ("s", "of the network"),
    "fusion.unfused": ("s", "of the same with activations and sums as nodes of their own"),
    "fusion.fused_bytes": ("bytes", "that all nodes read and write, weights not counted"),
    "fusion.unfused_bytes": ("bytes", "the same, unfused"),
    "rungs[]": ("", "the whole network by each program; `elsewhere[]` has the same keys"),
    "rungs[].name": (_PROGRAM, ""),
    "rungs[].seconds": ("s", "median of a run"),
    "rungs[].lower": ("s", "first quartile"),
    "rungs[].upper": ("s", "third quartile"),
    "rungs[].gain": ("times", "as fast as `base`"),
    "rungs[].gain_over_exact": ("times", "as fast as the program `exact`"),
    "rungs[].exact": ("true or false", "whether the outputs are the reference's but for rounding"),
    "rungs[].sqnr_db": ("dB", "of the outputs against the reference's; null: no noise, or not comparable"),
    "rungs[].evidence": ("null", "of programs in float32, and without judges; else what follows"),
    "rungs[].evidence.loss": ("fraction", f"mean over the images, {_INTERVAL} (bootstrap); null: not comparable"),
    "rungs[].evidence.worst": ("fraction", "the largest loss of an image; null: not comparable"),
    "rungs[].evidence.within": ("fraction", f"of images with a loss within `max_loss`, {_INTERVAL} (Wilson)"),
    "rungs[].evidence.same": ("fraction", "of images whose largest score stays in place, as above; null: no scores"),
    "rungs[].evidence.images": ("images", "or batches, that judged"),
    "rungs[].evidence.where": ("text", "the part of the outputs that loses most; empty if all is judged together"),
    "rungs[].keeps_max_loss": ("true or false", "whether it is exact, or the loss's upper end is within `max_loss`"),
    "rungs[].joules": ("J", "a run at `watts`"),
    "rungs[].kwh": ("kWh", "a million runs"),
    "rungs[].cost": ("money", "a million runs at `price`"),
    "rungs[].fps": ("frames a second", "of the fastest camera that three runs of four kept up with; 0: of none"),
    "rungs[].meets": ("true or false", "whether three runs of four kept up with `fps`"),
    "rungs[].stretched": ("true or false", "whether pieces of the layers were timed, and stretched to the whole"),
    "elsewhere[]": ("", "ONNX Runtime on another number of threads; outputs were not compared"),
    "failed[].name": (_PROGRAM, "that has no time"),
    "failed[].why": ("text", ""),
    "batch_seconds.*": ("s", "of a run, by the images at once; empty if the network fixes their number"),
    "machine.name": ("text", "of the accelerator; what follows is by the model of lesson 4, not measured"),
    "machine.steps[].name": ("text", "tools, each on top of the ones before it"),
    "machine.steps[].ms": ("ms", "of a frame"),
    "machine.steps[].mj": ("mJ", "of a frame, by energies for 45 nm"),
    "machine.steps[].utilisation": ("fraction", "of the multipliers that work"),
    "machine.steps[].switches": ("times", "that the datapath is reconfigured"),
    "made.date": ("date", "of the report"),
    "made.version": ("text", "of the workbook"),
    "made.machine": ("text", "on which everything but `machine` was measured"),
    "made.command": ("text", "as it was typed"),
}

_MAPS = ("seconds", "errors", "batch_seconds")  # keys whose own keys are names or numbers of images


def page() -> str:
    """Return the whole page."""
    rows = "".join(f"| `{place}` | {unit} | {meaning} |\n" for place, (unit, meaning) in FIELDS.items())
    return f"""# What the JSON of `workbook analyze` holds

Written by `python docs/analysis.py`; a test compares it with a report. This is version {VERSION} of the format.
`a[].b` is the key `b` of each entry of the list `a`, and `a.*` each value of `a`. A number that is unknown is null.
Programs are those of the report: naive, im2col, winograd, float32, auto, int8 direct, int8, mix, onnxruntime,
openvino, ncnn and onnxruntime int8; of a layer also direct, winograd_f2 and winograd_f4.

| place | unit | meaning |
|---|---|---|
{rows}"""


def places(value: Any, at: str = "") -> Iterator[str]:
    """Yield the place of each value of a report that is no table itself."""
    if isinstance(value, dict):
        for key, inner in value.items():
            is_map = at.rpartition(".")[2] in _MAPS
            yield from places(inner, f"{at}.*" if is_map else f"{at}.{key}" if at else key)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for inner in value:
            yield from places(inner, f"{at}[]")
    else:
        yield at


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
