"""The layers of a network made ready for row streaming: what their filters see, and what cannot be streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kernels.algorithm_choice import automatic
from kernels.arrays import Arenas
from kernels.geometry import Geometry, Window
from workbook.graphs.graph import Array, Graph, ModelError, Node
from workbook.graphs.operators import prepare
from workbook.graphs.operators.convolutions import compact
from workbook.graphs.operators.operator import Operator, Outline, Settings
from workbook.graphs.storage import Storage
from workbook.graphs.windows import window
from workbook.network.network import Network
from workbook.rows.row_schedule import RowLayer

ROW_BY_ROW = (
    "Add",
    "BatchNormalization",
    "Clip",
    "DequantizeLinear",
    "Identity",
    "LeakyRelu",
    "Min",
    "QuantizeLinear",
    "Relu",
    "Sub",
    "com.microsoft.QLinearAdd",
)
_WEIGHTS = {"Conv": 1, "QLinearConv": 3}  # the input that holds them
_X_ZERO_POINT = 2  # the input of QLinearConv
_GRAINS = {"winograd_f2": 2, "winograd_f4": 4, "winograd_f6": 6}
_TRIED_ROWS = 16  # of a frame that shows the shapes


@dataclass(frozen=True)
class Streamed:
    """A node, ready to compute some rows.

    Attributes
    ----------
    rows : RowLayer
    operator : Operator
        The node without padding above and below.
    padding : int
        What stands there.
    constants : mapping of str to array
    """

    rows: RowLayer
    operator: Operator
    padding: int
    graph: Graph

    def compute(self, windows: Sequence[Array], arenas: Arenas) -> Array:
        """Return the output for the rows of the arrays that the node reads; scratch comes from the arenas of all."""
        arrays = iter(windows)
        constants = self.graph.constants
        read = [
            None if not name else constants[name] if name in constants else next(arrays) for name in self.operator.reads
        ]
        try:
            plan = self.operator.plan(*(None if array is None else Outline.of(array) for array in read))
            if not plan.y or not plan.bind:
                return self.operator.compute(*read)
            y = np.empty(plan.y.shape, plan.y.dtype)
            arenas.run(plan.bind(windows, y))
            return y
        except (TypeError, ValueError) as error:
            raise ModelError(f"{self.operator.node}: {error}") from error


def streamed(
    network: Network, size: tuple[int, int], algorithm: str = "auto", threads: int | None = None
) -> tuple[tuple[Streamed, ...], list[Array]]:
    """Prepare the nodes of a network for rows.

    Parameters
    ----------
    network : Network
    size : (int, int)
        Height and width of the frames.
    algorithm, threads
        As `kernels.Conv2d` takes them.

    Returns
    -------
    layers : tuple of Streamed
    arrays : list of array
        A few rows of the frame and of each layer's output: they show shapes and dtypes.

    Raises
    ------
    ModelError
        If a node cannot be computed row by row.
    """
    graph = network.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.outputs[0] not in graph.nodes[-1].outputs:
        raise ModelError("row streaming takes a network with one input and one output, which its last node writes")
    for node in graph.nodes:
        _check(node, graph)
    shape = graph.inputs[0].shape
    if shape is None or len(shape) != 4 or shape[1] is None:
        raise ModelError(f"the input {graph.inputs[0].name!r} must be of shape (N, C, H, W) with known C, not {shape}")
    frame = np.zeros((1, shape[1], min(_TRIED_ROWS, size[0]), size[1]), np.float32)
    whole = network.algorithms(np.zeros((1, shape[1], *size), np.float32)) if algorithm == "auto" else {}
    arrays, numbers, layers = [frame], {graph.inputs[0].name: 0}, []
    for node, y in network.trace(frame):
        reads = tuple(numbers[name] for name in node.reads if name not in graph.constants)
        of_whole = whole.get(node.name, algorithm) if node.op == "Conv" else algorithm  # whose bits are asked for
        settings = Settings(of_whole, threads)
        layers.append(_streamed(node, graph, arrays[reads[0]], size[0], reads, settings))
        numbers[node.outputs[0]] = len(arrays)
        arrays.append(y)
    return tuple(layers), arrays


def _streamed(node: Node, graph: Graph, x: Array, height: int, reads: tuple[int, ...], settings: Settings) -> Streamed:
    if node.op not in _WEIGHTS:
        return Streamed(RowLayer(reads), prepare(node, graph.constants, settings), 0, graph)
    weight = Storage.of(graph.constants).outline(node.inputs[_WEIGHTS[node.op]])
    moves = window(node, weight.shape[2:])
    top, left, _, right = moves.padding
    below = (weight.shape[2] - 1) * moves.dilation[0] - top
    padding, grain = 0, 1
    if node.op == "Conv":
        name = settings.algorithm
        if name == "auto":
            rows = Geometry.of((1, x.shape[1], height, x.shape[3]), weight.shape, moves)
            name = automatic(rows, compact=compact(weight))
        grain = _GRAINS.get(name, 1)
        settings = replace(settings, algorithm=name)
    else:
        padding = int(graph.constants[node.inputs[_X_ZERO_POINT]])
    attributes: dict[str, Any] = {**node.attributes, "pads": (0, left, 0, right), "auto_pad": "NOTSET"}
    operator = prepare(replace(node, attributes=attributes), graph.constants, settings)
    return Streamed(RowLayer(reads, top, below, grain), operator, padding, graph)


def _check(node: Node, graph: Graph) -> None:
    """Raise a ModelError for a node that cannot be computed row by row."""
    if all(name in graph.constants for name in node.reads):
        raise ModelError(f"{node}: it reads no rows of the frame, only constants")
    constants = Storage.of(graph.constants)
    if node.op in ROW_BY_ROW:
        tall = [name for name in node.reads if name in graph.constants and _rows(constants.outline(name).shape) > 1]
        if tall:
            raise ModelError(f"{node}: its constant {tall[0]!r} has rows of its own, so it cannot be done row by row")
        return
    if node.op not in _WEIGHTS:
        able = ", ".join((*_WEIGHTS, *ROW_BY_ROW))
        raise ModelError(
            f"{node}: it needs more than a few rows, or changes their number; what can be streamed: {able}"
        )
    name = node.inputs[_WEIGHTS[node.op]]
    if name not in graph.constants:
        raise ModelError(f"{node}: its weight {name!r} is computed in the network; it must be stored in the file")
    taps = constants.outline(name).shape[2:]
    moves: Window = window(node, taps)
    top, _, bottom, _ = moves.padding
    reach = (taps[0] - 1) * moves.dilation[0]
    if moves.stride[0] != 1 or top + bottom != reach or max(top, bottom) > reach:
        raise ModelError(
            f"{node}: stride {moves.stride[0]} and {top} + {bottom} rows of padding change the height; "
            f"row streaming needs stride 1 and {reach} rows of padding"
        )


def _rows(shape: tuple[int, ...]) -> int:
    """Rows of a constant that meets images."""
    return shape[-2] if len(shape) > 1 else 1
