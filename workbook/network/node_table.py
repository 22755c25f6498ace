"""A network as tables: its nodes with their weights, and how long each takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernels import Stored
from workbook.graphs.graph import Array, Node
from workbook.graphs.storage import Storage
from workbook.measuring.timing import Timing, measured

_CONVOLUTIONS = ("Conv", "QLinearConv", "ConvInteger")
_PRODUCTS = ("Gemm", "MatMul", "com.microsoft.QGemm")
_SHAPES = (np.int64, np.bool_, object)  # the types of stored arrays that are no weights
_NAMED = 3  # operators of a part that its row names


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
        Whether the kernels compute it; if not, it is a part of the network that ONNX Runtime computes.
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
        return " + ".join([self.op, *self.fused]) + ("" if self.native else ", by ONNX Runtime")


def macs(node: Node, constants: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the multiply-adds of a node with stored weights: each output number takes the weights of its channel."""
    shape = shapes.get(node.outputs[0])
    if node.op not in (*_CONVOLUTIONS, *_PRODUCTS) or shape is None:
        return 0
    weights = _matrix(_numbers(node, Storage.of(constants)))
    if not weights:
        return 0
    channels = weights[0] if node.op in _CONVOLUTIONS else shape[-1]
    return math.prod(shape) * math.prod(weights) // channels


def row_of(nodes: Sequence[Node], constants: Mapping[str, Array], *, native: bool = True) -> Layer:
    """Return the row of a node, or of several that ONNX Runtime computes together, or a table of bytes."""
    storage, (first, *others) = Storage.of(constants), nodes
    numbers = {name: array for node in nodes for name, array in _numbers(node, storage).items()}
    activation = first.fused.get("activation") if not others else None
    fused = ["Add"] if not others and "residual" in first.fused else []
    fused += [activation if isinstance(activation, str) else activation[0]] if activation else []
    ops = [node.op for node in nodes]
    named = ops if len(ops) <= _NAMED else [*ops[: _NAMED - 1], f"{len(ops) - _NAMED + 1} more"]
    named[-1] += ", by a table" if native and others else ""
    parameters = sum(array.size for array in numbers.values())
    return Layer(first.name, " + ".join(named), tuple(fused), _matrix(numbers), parameters, native)


def _numbers(node: Node, constants: Storage) -> dict[str, Array | Stored]:
    """Return the stored arrays of a node that are no shapes, by name."""
    arrays = {name: constants.outline(name) for name in node.reads if name in constants}
    return {name: array for name, array in arrays.items() if array.ndim and array.dtype not in _SHAPES}


def _matrix(numbers: Mapping[str, Array | Stored]) -> tuple[int, ...]:
    """Return the shape of the first of several axes: the weights."""
    return next((array.shape for array in numbers.values() if array.ndim > 1), ())


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
        """Those that ONNX Runtime computes."""
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
        Of each row's last output.
    row_macs : tuple of int
        Multiply-adds of each row.
    times : tuple of Timing
        Seconds of each node.
    whole : Timing
        Seconds of all nodes together.
    """

    layers: Layers
    shapes: tuple[tuple[int, ...], ...]
    row_macs: tuple[int, ...]
    times: tuple[Timing, ...]
    whole: Timing

    @property
    def macs(self) -> int:
        """Multiply-adds of a run."""
        return sum(self.row_macs)

    def __str__(self) -> str:
        lines = [_line("layer", "work", "output", "MMAC", "time")]
        for row, shape, macs, timing in zip(self.layers.rows, self.shapes, self.row_macs, self.times, strict=True):
            output = "x".join(map(str, shape))
            lines.append(_line(row.name, row.work, output, f"{macs / 1e6:,.2f}", _ms(timing)))
        return "\n".join([*lines, _line("all", "", "", f"{self.macs / 1e6:,.2f}", _ms(self.whole))])

    __repr__ = __str__


def _ms(timing: Timing) -> str:
    return measured(1e3 * timing.median, "ms", 10)


def _line(name: str, work: str, size: str, count: str, time: str = "") -> str:
    return f"{name:<18}{work:<18}{size:>16}{count:>12}  {time}".rstrip()
