"""A network as data: nodes that read and write named arrays, and the constants that some of them read."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import Stored
from workbook.graphs.storage import Storage

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
Feed = Array | Mapping[str, Array]  # the one input of a network, or each by its name
Shape = tuple[int | None, ...]


OPSET = 17  # of nodes that are made here
OURS = ("residual", "activation", "algorithm")  # attributes that passes add, to nodes of these operators alone
FUSES = ("Add", "BatchNormalization", "Conv", "QLinearConv", "com.microsoft.QLinearAdd")


class ModelError(ValueError):
    """What keeps a model from being loaded or run; the message names the file, the node or the array."""


@dataclass(frozen=True)
class Node:
    """One operator of the graph.

    Attributes
    ----------
    name : str
        Unique in messages and tables; the name of the first output if the file gives none.
    op : str
        ONNX's name of the operator, such as "Conv".
    inputs, outputs : tuple of str
        Names of arrays. What is left out is the empty string: an optional input, an output that nobody reads.
    attributes : mapping of str to object
        ONNX's, as Python values. The passes add to a Conv `residual`, the name of an array that is added to its output,
        and `activation`, as `kernels.Conv2d` takes it. `algorithm` is one for this Conv, whatever the others run.
    opset : int
        Version of ONNX's operator set that says what the operator means.
    captured : tuple of str
        Names of arrays that the graphs within its attributes read: the branches of an If, the body of a Loop.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = OPSET
    captured: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.op})"

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all arrays that the node needs, a fused residual and what its graphs capture included."""
        return tuple(name for name in (*self.inputs, self.fused.get("residual"), *self.captured) if name)

    @property
    def fused(self) -> dict[str, Any]:
        """The attributes that say what was fused into the node; other operators may have some of these names."""
        given = self.attributes if self.op in FUSES else {}
        return {name: given[name] for name in ("residual", "activation") if given.get(name)}

    @property
    def writes(self) -> tuple[str, ...]:
        """Names of all arrays that the node writes and somebody reads."""
        return tuple(filter(None, self.outputs))

    @property
    def domain(self) -> str:
        """Of the operator; empty for ONNX's own."""
        return self.op.rpartition(".")[0]


@dataclass(frozen=True)
class Port:
    """An array that enters the network.

    Attributes
    ----------
    name : str
    shape : tuple of (int or None), or None
        None stands for a size that is free, or for a shape that the file does not tell.
    dtype : numpy.dtype
    axes : tuple of str
        Names of the sizes that are free, as the file gives them, empty for others: one name is one size.
    """

    name: str
    shape: Shape | None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A network: nodes in an order in which they can run.

    Attributes
    ----------
    nodes : tuple of Node
    constants : mapping of str to array
        What the file stores: weights, biases, shapes. Nobody writes to them. Large ones of a file are read anew each
        time (storage.py).
    inputs : tuple of Port
    outputs : tuple of str
    shapes : mapping of str to shape
        Of arrays, as far as the file and the operators tell; None stands for a size that is free.
    types : mapping of str to numpy.dtype
        Of arrays that are computed, as far as ONNX's inference tells.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    types: Mapping[str, np.dtype[Any]] = field(default_factory=dict)

    def type_of(self, name: str) -> np.dtype[Any] | None:
        """Return the type of an array; None if it is not known."""
        if name in self.constants:
            return Storage.of(self.constants).outline(name).dtype
        return self.types.get(name)

    def rank(self, name: str) -> int | None:
        """Return how many axes an array has; None if it is not known."""
        if name in self.constants:
            return Storage.of(self.constants).outline(name).ndim
        return len(self.shapes[name]) if name in self.shapes else None

    def writer(self, name: str) -> Node | None:
        """Return the node that writes an array; None for constants and inputs."""
        return next((node for node in self.nodes if name in node.outputs), None)

    def reader(self, name: str) -> Node | None:
        """Return the node that reads an array, if it is the only one and the array is no output of the network."""
        counts = Counter(array for node in self.nodes for array in node.reads)
        if counts[name] != 1 or name in self.outputs:
            return None
        return next(node for node in self.nodes if name in node.reads)

    def without_unread(self) -> Graph:
        """Return the graph without nodes and constants that no output needs."""
        read, kept = set(self.outputs), list[Node]()
        for node in reversed(self.nodes):
            if read.intersection(node.writes):
                read.update(node.reads)
                kept.append(node)
        constants = Storage.of(self.constants).only(read)
        return replace(self, nodes=tuple(reversed(kept)), constants=constants)

    def replaced(self, old: Iterable[Node], new: Node, constants: Mapping[str, Array | Stored] | None = None) -> Graph:
        """Return the graph with `new` in the place of the last of the `old` nodes, and with more constants.

        In that place all that any of them reads has been written.
        """
        gone = list(old)
        last = max(gone, key=self.nodes.index)
        nodes = tuple(new if node is last else node for node in self.nodes if node is last or node not in gone)
        read = {name for node in nodes for name in node.reads} | set(self.outputs)
        kept = (Storage.of(self.constants) | Storage(constants or {})).only(read)
        return replace(self, nodes=nodes, constants=kept)


def in_order(waits: Mapping[int, set[int]]) -> list[int]:
    """Return numbers in an order in which each follows those that it waits for; of several, the least comes first.

    Numbers on a circle, and those that wait for them, are left out.
    """
    left = {number: set(others) for number, others in waits.items()}
    followers: dict[int, list[int]] = {number: [] for number in waits}
    for number, others in waits.items():
        for other in others:
            followers[other].append(number)
    free = sorted(number for number, others in left.items() if not others)
    order = list[int]()
    while free:
        order.append(done := heapq.heappop(free))
        for number in followers[done]:
            left[number].discard(done)
            if not left[number]:
                heapq.heappush(free, number)
    return order
