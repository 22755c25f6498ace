"""What an analysis finds: a row for each layer, a rung for each tool, and an accelerator's steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workbook.accelerator.layer_cost import LayerCost
from workbook.advisor import peer_programs
from workbook.advisor.accelerator_steps import Step
from workbook.advisor.energy import Bill
from workbook.advisor.layer_work import Work
from workbook.advisor.network_race import Raced
from workbook.advisor.peer_programs import RUNTIME, RUNTIME_INT8
from workbook.advisor.programs import AUTO, BASE, BEST_FLOAT, BYTES, WINOGRAD
from workbook.measuring.intervals import Interval
from workbook.measuring.others import Others

NAIVE, MIX = "naive", "mix"
ALIKE = 40.0  # dB: an exact program that differs by more computes something else
MAX_LOSS = 0.05  # root mean square, of the output's: 26 dB
RATES = (5, 10, 15, 24, 25, 30, 50, 60, 90, 120, 240)
"""Frames a second that cameras have."""

TOOLS: dict[str, str] = {
    NAIVE: "the definition",
    BASE: "a matrix product",
    "winograd": "1 fast algorithms",
    BEST_FLOAT: "best float32 by layer",
    AUTO: "as it is loaded",
    BYTES: "2 small numbers",
    MIX: "3 layer by layer",
    RUNTIME: "ONNX Runtime, the file",
    "openvino": "OpenVINO, the file",
    "ncnn": "ncnn, the network",
    RUNTIME_INT8: "its quantizer, QDQ",
}
EXACT = (BASE, "winograd", BEST_FLOAT, AUTO, *peer_programs.EXACT)
"""The rungs that compute what the file says, but for rounding."""


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes
    ----------
    work : Work
    seconds : mapping of str to float
        Measured within the whole network, by program; "naive" is measured on a piece.
    chosen : str
        The program that it has in the fastest rung.
    reason : str
    on_fixed : LayerCost
        On the best fixed datapath of the chosen machine.
    """

    work: Work
    seconds: Mapping[str, float]
    chosen: str
    reason: str
    on_fixed: LayerCost

    @property
    def floats(self) -> float:
        """Seconds of the faster program that multiplies as the definition says, in float32."""
        return min(self.seconds.get(name, math.inf) for name in (BASE, "direct"))

    @property
    def winograd(self) -> float:
        """Seconds by the faster tile of Winograd's algorithm; NaN if it cannot run."""
        able = [self.seconds[name] for name in WINOGRAD if name in self.seconds]
        return min(able, default=math.nan)

    @property
    def int8(self) -> float:
        """Seconds on bytes; NaN if it cannot run."""
        return self.seconds.get(BYTES, math.nan)


@dataclass(frozen=True)
class Rung:
    """The whole network with the tools up to one.

    Attributes
    ----------
    name : str
        A key of TOOLS.
    seconds, upper : float
        Median, and what three runs of four kept.
    sqnr : float
        Of the output, in dB, against the same network by im2col in float32.
    programs : mapping of str to str
        Of each layer; empty for another library's, which chooses itself.
    is_stretched : bool
        Whether it was timed on pieces of the layers only.
    loss : Interval or None
        Root mean square error over the root mean square output, on images that did not calibrate; None without such.
    """

    name: str
    seconds: float
    upper: float
    sqnr: float
    programs: Mapping[str, str]
    is_stretched: bool = False
    loss: Interval | None = None

    @property
    def fps(self) -> int:
        """The fastest camera that three runs of four kept up with; 0 if none."""
        return max((rate for rate in RATES if rate * self.upper <= 1), default=0)


@dataclass(frozen=True)
class Failed:
    """A program that could not be run, or whose time is not to be had, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Outside:
    """A node, or several that ONNX Runtime runs together, that is none of the layers: its name, work and seconds."""

    name: str
    work: str
    seconds: float


@dataclass(frozen=True)
class Analysis:
    """All that was found.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the input.
    images : str
        What it was calibrated and compared on.
    threads : int or None
    rows : tuple of Row
    rungs : tuple of Rung
        Some of TOOLS, in that order; those on bytes are missing if the network cannot be quantized.
    batched : dict of int to Raced
        The fastest rung by the number of images at once; empty if the model fixes it.
    machine : str
    steps : tuple of Step
        The same network on that machine, by lesson 4's model.
    fps : float
        Of the camera that has to be kept up with.
    bill : Bill
    others : Others
        What other programs took meanwhile.
    notes : tuple of str
        What could not be done, and why.
    outside : tuple of Outside
        What is none of the layers, by im2col, the longest first.
    failed : tuple of Failed
    max_loss : float
        The largest loss that is allowed.
    judges : int
        Images that did not calibrate; without any, no program on bytes is recommended.
    elsewhere : tuple of Rung
        ONNX Runtime on another number of threads; compared with nothing.
    """

    name: str
    shape: tuple[int, ...]
    images: str
    threads: int | None
    rows: tuple[Row, ...]
    rungs: tuple[Rung, ...]
    batched: Mapping[int, Raced]
    machine: str
    steps: tuple[Step, ...]
    fps: float
    bill: Bill
    others: Others
    notes: tuple[str, ...]
    outside: tuple[Outside, ...] = ()
    failed: tuple[Failed, ...] = ()
    max_loss: float = MAX_LOSS
    judges: int = 0
    elsewhere: tuple[Rung, ...] = ()

    def rung(self, name: str) -> Rung | None:
        """Return a rung, or None if it is missing."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    @property
    def base(self) -> Rung:
        """Every layer as a matrix product in float32."""
        return next(rung for rung in self.rungs if rung.name == BASE)

    @property
    def fastest(self) -> Rung:
        """The fastest of the workbook's own programs, whatever its loss."""
        return min((rung for rung in self.rungs if rung.programs), key=lambda rung: rung.seconds)

    @property
    def exact(self) -> Rung:
        """The fastest program that computes what the file says."""
        able = [rung for rung in self.rungs if rung.name == BASE or (rung.name in EXACT and rung.sqnr >= ALIKE)]
        return min(able, key=lambda rung: rung.seconds)

    @property
    def best(self) -> Rung:
        """The fastest program that is exact, or whose loss is proven to be small enough."""
        able = [self.exact, *(rung for rung in self.rungs if rung.name not in (*EXACT, NAIVE) and self.keeps(rung))]
        return min(able, key=lambda rung: rung.seconds)

    def keeps(self, rung: Rung) -> bool:
        """Whether the loss on images that did not calibrate is within the limit, up to the end of its interval."""
        return rung.loss is not None and rung.loss.high <= self.max_loss

    def gain(self, rung: Rung) -> float:
        """How many times as fast as the matrix product."""
        return self.base.seconds / rung.seconds

    @property
    def macs(self) -> int:
        """Multiply-adds of a frame, by the definition."""
        return sum(row.work.layer.macs for row in self.rows)

    def meets(self, rung: Rung) -> bool:
        """Whether three runs of four of a rung were done before the camera's next frame."""
        return rung.upper * self.fps <= 1
