"""A detector put into INT8: what is found if its head is too, and if the head stays in float32.

The file ends as detectors do: one array holds boxes in pixels beside scores from 0 to 1. One scale for both has steps
as wide as the page needs them, and every score becomes 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from workbook import models
from workbook import network as networks
from workbook.graphs.graph import FloatArray
from workbook.lessons.quantization.other_tools import Reader, without_advice
from workbook.lessons.quantization.trained import images, network
from workbook.models import pages
from workbook.models.pages import Found
from workbook.plain_text import Text
from workbook.quantize.to_bytes import quantize

NAME = "digits_detector"
HEAD = ("sigmoid", "scale", "across", "down")  # the nodes behind the last convolution
FLOAT, WHOLE, WITHOUT_HEAD, OURS = "float32", "ONNX Runtime, all of it", "the same, head excluded", "ours"
_SURE = 0.5  # a score from which a box is counted; mAP looks at all of them


@dataclass(frozen=True)
class Row:
    """One form of the detector, on the pages of the test.

    Attributes
    ----------
    precision : float
        The mean of the digits' average precisions, at half of the union: mAP.
    answers : tuple of Found
        Of each page.
    highest : float
        Of all scores.
    """

    precision: float
    answers: tuple[Found, ...]
    highest: float

    @property
    def found(self) -> int:
        """Boxes on all pages that are rather a digit than none."""
        return sum(int((answer.scores >= _SURE).sum()) for answer in self.answers)


@dataclass(frozen=True)
class Detected(Text):
    """The forms of the detector by FLOAT, WHOLE, WITHOUT_HEAD and OURS."""

    rows: dict[str, Row]

    def __str__(self) -> str:
        digits = sum(len(page.labels) for page in pages.pages("test"))
        lines = [f"{'in INT8':<26}{'mAP':>7}{'boxes':>8}{'highest score':>16}"]
        lines += [
            f"{name:<26}{row.precision:>7.3f}{row.found:>8}{row.highest:>16.2f}" for name, row in self.rows.items()
        ]
        return "\n".join([*lines, f"{len(pages.pages('test'))} pages, {digits} digits, none of them seen before"])

    __repr__ = __str__


@cache
def detected() -> Detected:
    """Quantize the detector by ONNX Runtime, with and without its head, and by this package; the kernels run all.

    That takes some seconds, once.
    """
    net = network(NAME)
    rows = {FLOAT: _row(net)}
    with TemporaryDirectory() as folder, without_advice():
        before, folded = Path(folder) / "exported.onnx", Path(folder) / "folded.onnx"
        onnx.save(models.proto(NAME), before)
        quant_pre_process(before, folded, skip_symbolic_shape=True)
        for name, left in ((WHOLE, ()), (WITHOUT_HEAD, HEAD)):
            file = Path(folder) / f"{len(rows)}.onnx"
            reader = Reader("x", images(NAME))
            quantize_static(folded, file, reader, per_channel=True, nodes_to_exclude=list(left))
            rows[name] = _row(networks.load(file))
    rows[OURS] = _row(quantize(net, images(NAME)))
    return Detected(rows)


def _row(run: Callable[[FloatArray], FloatArray]) -> Row:
    written = [run(page.image[None]) for page in pages.pages("test")]
    answers = tuple(map(pages.found, written))
    highest = max(float(y[:, 4:].max()) for y in written)
    return Row(float(np.mean(pages.precisions(answers, pages.pages("test")))), answers, highest)
