"""A network as tables: its nodes with their weights, and how long each takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbook.graphs.graph import Array, Node
from workbook.graphs.storage import Storage
from workbook.measuring.timing import Timing, measured

_CONVOLUTIONS = ("Conv", "QLinearConv")
_WEIGHTS = (np.float32, np.int8, np.uint8, np.int32)  # stored numbers of other types are shapes


@dataclass(frozen=True)
class Layer:
    """A row of the table.

    Attributes
    ----------
    name, op : str
        Of the node.
    fused : tuple of str
        What else it does, such as ("Add", "relu").
    weights : tuple of int
        Shape of the stored weights; empty if there are none.
    parameters : int
        Numbers that are stored for this node; bounds and shapes do not count.
    native : bool
        Whether it runs here; if not, onnx.reference computes it, slowly.
    """

    name: str
    op: str
    fused: tuple[str, ...]
    weights: tuple[int, ...]
    parameters: int
    native: bool = True

    @property
    def work(self) -> str:
        """All that it does, such as "Conv + Add + relu"."""
        return " + ".join([self.op, *self.fused]) + ("" if self.native else ", by onnx.reference")

    def macs(self, y_shape: tuple[int, ...]) -> int:
        """Multiply-adds for an output of this shape: each output number takes the weights of its channel."""
        if self.op not in (*_CONVOLUTIONS, "Gemm", "MatMul", "com.microsoft.QGemm") or not self.weights:
            return 0
        channels = self.weights[0] if self.op in _CONVOLUTIONS else y_shape[-1]
        return math.prod(y_shape) * math.prod(self.weights) // channels


def describe(node: Node, constants: Mapping[str, Array], *, native: bool = True) -> Layer:
    """Return a node's row."""
    constants = Storage.of(constants)
    stored = [constants.outline(name) for name in node.reads if name in constants]
    numbers = [array for array in stored if array.ndim and array.dtype in _WEIGHTS]
    activation = node.attributes.get("activation")
    fused = ["Add"] if node.attributes.get("residual") else []
    fused += [activation if isinstance(activation, str) else activation[0]] if activation else []
    weights = next((array.shape for array in numbers if array.ndim > 1), ())
    return Layer(node.name, node.op, tuple(fused), weights, sum(array.size for array in numbers), native)


@dataclass(frozen=True)
class Layers:
    """The nodes of a network, in the order in which they run."""

    rows: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Numbers that are stored for all nodes."""
        return sum(row.parameters for row in self.rows)

    @property
    def fallbacks(self) -> tuple[Layer, ...]:
        """Those that onnx.reference computes."""
        return tuple(row for row in self.rows if not row.native)

    def __str__(self) -> str:
        lines = [_line("layer", "work", "weights", "parameters")]
        for row in self.rows:
            weights = "x".join(map(str, row.weights)) or "-"
            lines.append(_line(row.name, row.work, weights, f"{row.parameters:,}"))
        return "\n".join([*lines, _line("all", "", "", f"{self.parameters:,}")])

    __repr__ = __str__


@dataclass(frozen=True)
class Profile:
    """How long each node of a network takes.

    Attributes
    ----------
    layers : Layers
    shapes : tuple of tuple of int
        Of each node's output.
    times : tuple of Timing
        Seconds of each node.
    whole : Timing
        Seconds of all nodes together.
    """

    layers: Layers
    shapes: tuple[tuple[int, ...], ...]
    times: tuple[Timing, ...]
    whole: Timing

    @property
    def macs(self) -> int:
        """Multiply-adds of a run."""
        return sum(row.macs(shape) for row, shape in zip(self.layers.rows, self.shapes, strict=True))

    def __str__(self) -> str:
        lines = [_line("layer", "work", "output", "MMAC", "time")]
        for row, shape, timing in zip(self.layers.rows, self.shapes, self.times, strict=True):
            output = "x".join(map(str, shape))
            lines.append(_line(row.name, row.work, output, f"{row.macs(shape) / 1e6:,.2f}", _ms(timing)))
        return "\n".join([*lines, _line("all", "", "", f"{self.macs / 1e6:,.2f}", _ms(self.whole))])

    __repr__ = __str__


def _ms(timing: Timing) -> str:
    return measured(1e3 * timing.median, "ms", 10)


def _line(name: str, work: str, size: str, count: str, time: str = "") -> str:
    return f"{name:<18}{work:<18}{size:>16}{count:>12}  {time}".rstrip()
