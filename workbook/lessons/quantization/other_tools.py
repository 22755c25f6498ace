"""ONNX Runtime's own quantizer, on the depthwise network as it was exported, and files exchanged in both directions.

The kernels run every file exactly on any CPU. ONNX Runtime does where the CPU has a dot product of bytes; on x86
without one its sums of two products saturate, and what it reads is this machine's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from workbook import models
from workbook import network as networks
from workbook.graphs.graph import Array
from workbook.lessons.quantization.trained import images, network, recipe
from workbook.models import digits
from workbook.plain_text import Text
from workbook.quantize.to_bytes import quantize

NAME = "digits_depthwise"
DEFAULTS, FOLDED, CHANNELS, OPERATORS = "as exported", "folded", "folded, per_channel", "the same, QOperator"
CASES: dict[str, tuple[bool, dict[str, Any]]] = {
    DEFAULTS: (False, {}),
    FOLDED: (True, {}),
    CHANNELS: (True, {"per_channel": True}),
    OPERATORS: (True, {"per_channel": True, "quant_format": QuantFormat.QOperator}),
}
OURS = "ours, written as QDQ"
_ERRORS_ONLY = 3  # it warns of files that are not pre-processed, which is what is tried


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands images of a calibration over one by one, as the quantizer asks for them, by the name of the input."""

    def __init__(self, name: str, given: Array) -> None:
        self._left = iter({name: x[None]} for x in given)

    def get_next(self) -> dict[str, Array] | None:
        """Return the next image, None after the last."""
        return next(self._left, None)


@dataclass(frozen=True)
class Exchanged(Text):
    """What each file reads right, by either program, and where the scores are the same.

    Attributes
    ----------
    theirs, ours : dict of str to float
        By CASES and OURS: the accuracy by ONNX Runtime and by the kernels.
    same : dict of str to float
        The share of the scores that are equal in all bits.
    """

    theirs: dict[str, float]
    ours: dict[str, float]
    same: dict[str, float]

    def __str__(self) -> str:
        lines = [f"{'file':<20}{'these kernels':>14}{'ONNX Runtime':>24}{'same scores':>13}"]
        lines += [
            f"{name:<20}{share:>14.1%}  [machine] {self.theirs[name]:>12.1%}{self.same[name]:>13.1%}"
            for name, share in self.ours.items()
        ]
        exact = min(self.same.values()) == 1
        sums = "are exact" if exact else "saturate"
        return "\n".join([*lines, f"[machine] ONNX Runtime's sums of bytes {sums} on this CPU"])

    __repr__ = __str__


@cache
def by_onnxruntime() -> Exchanged:
    """Quantize the depthwise network by ONNX Runtime in four ways, and by this package; some seconds the first time."""
    theirs, ours, same = {}, {}, {}
    with TemporaryDirectory() as folder, without_advice():
        for name, file in _files(Path(folder)).items():
            test = digits.digits("test")
            scores = [by_theirs(file, test.images), networks.load(file)(test.images)]
            theirs[name], ours[name] = (float((y.argmax(axis=1) == test.labels).mean()) for y in scores)
            same[name] = float((scores[0] == scores[1]).mean())
    return Exchanged(theirs, ours, same)


@contextmanager
def without_advice() -> Iterator[None]:
    """Keep its warnings from the page: they ask for what the next case does."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _files(folder: Path) -> dict[str, Path]:
    """Write the network by each case, and by this package."""
    before, folded = folder / "exported.onnx", folder / "folded.onnx"
    onnx.save(models.proto(NAME), before)
    quant_pre_process(before, folded, skip_symbolic_shape=True)
    found = {}
    for i, (name, (fold, options)) in enumerate(CASES.items()):
        read, found[name] = folded if fold else before, folder / f"{i}.onnx"
        port = onnx.load(read).graph.input[0].name
        quantize_static(read, found[name], Reader(port, images(NAME)), **options)
    found[OURS] = folder / "ours.onnx"
    quantize(network(NAME), recipe(NAME)).save(found[OURS])
    return found


def by_theirs(file: Path, x: Array) -> Array:
    """Return what ONNX Runtime makes of an input by a file of one input and one output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    scores: Array = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(x)})[0]
    return scores
