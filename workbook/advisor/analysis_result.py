"""What an analysis finds: a row for each layer, a rung for each tool, and an accelerator's steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workbook.accelerator.layer_cost import LayerCost
from workbook.advisor import peer_programs
from workbook.advisor.accelerator_steps import Step
from workbook.advisor.energy import Bill
from workbook.advisor.entries import Failed
from workbook.advisor.evidence import Evidence
from workbook.advisor.layer_times import NAIVE, Outside, Spent
from workbook.advisor.layer_work import Work
from workbook.advisor.network_race import Raced
from workbook.advisor.peer_programs import RUNTIME, RUNTIME_INT8
from workbook.advisor.programs import AUTO, BASE, BEST_FLOAT, BYTES, BYTES_DIRECT, WINOGRAD
from workbook.measuring.others import Others

MIX = "mix"
ALIKE, ALIKE_HALF = 60.0, 40.0
"""dB of an exact program against the reference, at least: for rounding in float32, and where the file holds float16."""

MAX_LOSS = 0.05  # root mean square, of the output's: 26 dB
RATES = (5, 10, 15, 24, 25, 30, 50, 60, 90, 120, 240)
"""Frames a second that cameras have."""

TOOLS: dict[str, str] = {
    NAIVE: "the definition",
    BASE: "a matrix product",
    "winograd": "1 fast algorithms",
    BEST_FLOAT: "best float32 by layer",
    AUTO: "as it is loaded",
    BYTES_DIRECT: "2 small numbers",
    BYTES: "2 small numbers, Winograd too",
    MIX: "3 layer by layer",
    RUNTIME: "ONNX Runtime, the file",
    "openvino": "OpenVINO, the file",
    "ncnn": "ncnn, the network",
    RUNTIME_INT8: "its quantizer, QDQ",
}
EXACT = (BASE, "winograd", BEST_FLOAT, AUTO, *peer_programs.EXACT)
"""The rungs that compute what the file says, but for rounding."""

OWN = (NAIVE, BASE, "winograd", BEST_FLOAT, AUTO, BYTES_DIRECT, BYTES, MIX)
"""The rungs of the kernels."""


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes
    ----------
    work : Work
    seconds : mapping of str to float
        Measured within the whole network, by program; "naive" is measured on a piece.
    chosen : str
        Its program in the recommended rung; if that is another library's, in the kernels' fastest exact one.
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
    seconds, lower, upper : float
        Median, and the quartiles: half of the runs took from `lower` to `upper`.
    sqnr : float
        Of the output, in dB, against the reference; NaN if it was not compared.
    programs : mapping of str to str
        Of each layer; empty for another library's, which chooses itself, and of a network without layers.
    is_stretched : bool
        Whether it was timed on pieces of the layers only.
    evidence : Evidence or None
        On images that did not calibrate; None of a program that rounds in float32 alone, and without such images.
    """

    name: str
    seconds: float
    lower: float
    upper: float
    sqnr: float
    programs: Mapping[str, str]
    is_stretched: bool = False
    evidence: Evidence | None = None

    @property
    def fps(self) -> int:
        """The fastest camera that three runs of four kept up with; 0 if none."""
        return max((rate for rate in RATES if rate * self.upper <= 1), default=0)

    @property
    def computes_bytes(self) -> bool:
        """Whether it computes on bytes, at least in part."""
        return self.name in (BYTES, RUNTIME_INT8) or BYTES in self.programs.values()

    @property
    def is_ours(self) -> bool:
        """Whether the kernels run it, and no other library."""
        return self.name in OWN


@dataclass(frozen=True)
class Fusion:
    """What fusing activations and sums into the layers saves, every layer by im2col.

    Attributes
    ----------
    fused, unfused : float
        Seconds of the network.
    fused_bytes, unfused_bytes : int
        Read and written by all nodes, weights not counted.
    """

    fused: float
    unfused: float
    fused_bytes: int
    unfused_bytes: int


@dataclass(frozen=True)
class Analysis:
    """All that was found.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the input.
    dtype : str
        Of the input's numbers.
    images : str
        What it was calibrated and compared on.
    threads : int or None
    rows : tuple of Row
        Empty if no layer is a convolution of two dimensions: then whole networks are compared, and no tool is.
    rungs : tuple of Rung
        Some of TOOLS, in that order; those on bytes are missing if the network cannot be quantized.
    batched : dict of int to Raced
        The fastest rung by the number of images at once; empty if the model fixes it.
    machine : str
    steps : tuple of Step
        The same network on that machine, by lesson 4's model; empty without layers.
    fps : float
        Of the camera that has to be kept up with.
    bill : Bill
    others : Others
        What other programs took meanwhile.
    notes : tuple of str
        What could not be done, and why.
    outside : tuple of Outside
        What is none of the layers, by im2col, the longest first.
    spent : Spent or None
        Where the time of the network on bytes goes; None if it cannot be quantized.
    fusion : Fusion or None
    reference : str
        Whose outputs in float32 are the exact ones: ONNX Runtime's, or im2col's if that refuses the model.
    alike : float
        dB: an exact program that differs by more from the reference computes something else.
    failed : tuple of Failed
    max_loss : float
        The largest loss that is allowed.
    judges : int
        Images that did not calibrate, or batches of them; without any, no program on bytes is recommended.
    elsewhere : tuple of Rung
        ONNX Runtime on another number of threads; compared with nothing.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
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
    spent: Spent | None = None
    fusion: Fusion | None = None
    reference: str = BASE
    alike: float = ALIKE
    failed: tuple[Failed, ...] = ()
    max_loss: float = MAX_LOSS
    judges: int = 0
    elsewhere: tuple[Rung, ...] = ()

    def rung(self, name: str) -> Rung | None:
        """Return a rung, or None if it is missing."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    @property
    def base(self) -> Rung:
        """Every layer as a matrix product in float32; of a network without layers, as it is loaded."""
        return self.rung(BASE) or next(rung for rung in self.rungs if rung.name == AUTO)

    @property
    def fastest(self) -> Rung:
        """The fastest of the workbook's own programs, whatever its loss."""
        return min((rung for rung in self.rungs if rung.is_ours), key=lambda rung: rung.seconds)

    @property
    def ours(self) -> Rung:
        """The fastest of the workbook's own exact programs; the base if none of them is exact."""
        able = [rung for rung in self.rungs if rung.is_ours and self.is_exact(rung)]
        return min(able, key=lambda rung: rung.seconds, default=self.base)

    @property
    def exact(self) -> Rung:
        """The fastest program that computes what the file says; the reference is one."""
        return min((rung for rung in self.rungs if self.is_exact(rung)), key=lambda rung: rung.seconds)

    @property
    def best(self) -> Rung:
        """The fastest exact program; or one on bytes, if its loss is proven to be small and its gain is no noise."""
        exact = self.exact
        able = [rung for rung in self.rungs if self.keeps(rung) and rung.upper < exact.lower]
        return min(able, key=lambda rung: rung.seconds, default=exact)

    @property
    def rivals(self) -> tuple[Rung, ...]:
        """The other programs that may be taken, whose middle half of runs meets that of the best."""
        best = self.best
        able = [rung for rung in self.rungs if rung is not best and (self.is_exact(rung) or self.keeps(rung))]
        return tuple(rung for rung in able if rung.lower <= best.upper)

    @property
    def takes_bytes(self) -> bool:
        """Whether the best program computes on bytes; if not, it runs the file itself."""
        return self.best.computes_bytes

    @property
    def wrong(self) -> tuple[Rung, ...]:
        """The programs that ought to be exact and are not."""
        return tuple(rung for rung in self.rungs if rung.name in EXACT and not self.is_exact(rung))

    def is_exact(self, rung: Rung) -> bool:
        """Whether a program in float32 gives the reference's outputs but for rounding."""
        return rung.name == self.reference or (rung.name in EXACT and rung.sqnr >= self.alike)

    def keeps(self, rung: Rung) -> bool:
        """Whether the loss on images that did not calibrate is within the limit, up to the end of its interval."""
        return not rung.is_stretched and rung.evidence is not None and rung.evidence.loss.high <= self.max_loss

    def gain(self, rung: Rung) -> float:
        """How many times as fast as the base."""
        return self.base.seconds / rung.seconds

    @property
    def macs(self) -> int:
        """Multiply-adds of the layers, a frame, by the definition."""
        return sum(row.work.layer.macs for row in self.rows)

    def meets(self, rung: Rung) -> bool:
        """Whether three runs of four of a rung were done before the camera's next frame."""
        return rung.upper * self.fps <= 1
