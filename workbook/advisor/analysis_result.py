"""What an analysis finds: a row for each layer, a rung for each tool, and an accelerator's steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workbook.accelerator.layer_cost import LayerCost
from workbook.advisor.accelerator_steps import Step
from workbook.advisor.energy import Bill
from workbook.advisor.layer_work import Work
from workbook.advisor.network_race import Raced
from workbook.advisor.programs import BASE, BYTES, WINOGRAD

NAIVE, MIX = "naive", "mix"
RATES = (5, 10, 15, 24, 25, 30, 50, 60, 90, 120, 240)
"""Frames a second that cameras have."""

TOOLS: dict[str, str] = {
    NAIVE: "the definition",
    BASE: "a matrix product",
    "winograd": "1 fast algorithms",
    BYTES: "2 small numbers",
    MIX: "3 layer by layer",
}


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
    joules : float
        Of arithmetic and DRAM, by lesson 4's table.
    programs : mapping of str to str
        Of each layer.
    is_stretched : bool
        Whether it was timed on pieces of the layers only.
    """

    name: str
    seconds: float
    upper: float
    sqnr: float
    joules: float
    programs: Mapping[str, str]
    is_stretched: bool = False

    @property
    def fps(self) -> int:
        """The fastest camera that three runs of four kept up with; 0 if none."""
        return max((rate for rate in RATES if rate * self.upper <= 1), default=0)


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
    notes : tuple of str
        What could not be done, and why.
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
    notes: tuple[str, ...]

    def rung(self, name: str) -> Rung | None:
        """Return a rung, or None if it is missing."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    @property
    def base(self) -> Rung:
        """Every layer as a matrix product in float32."""
        return next(rung for rung in self.rungs if rung.name == BASE)

    @property
    def best(self) -> Rung:
        """The fastest rung."""
        return min(self.rungs, key=lambda rung: rung.seconds)

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
