"""A network as data: nodes that read and write named arrays, and the constants that some of them read."""

from __future__ import annotations

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
Shape = tuple[int | None, ...]


OPSET = 17  # of nodes that are made here


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
        Names of arrays. An optional input that is left out is the empty string.
    attributes : mapping of str to object
        ONNX's, as Python values. The passes add to a Conv `residual`, the name of an array that is added to its output,
        and `activation`, as `kernels.Conv2d` takes it. `algorithm` is one for this Conv, whatever the others run.
    opset : int
        Version of ONNX's operator set that says what the operator means.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = OPSET

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.op})"

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all arrays that the node needs, a fused residual included."""
        residual = self.attributes.get("residual")
        return tuple(name for name in (*self.inputs, residual) if name)


@dataclass(frozen=True)
class Port:
    """An array that enters the network.

    Attributes
    ----------
    name : str
    shape : tuple of (int or None), or None
        None stands for a size that is free, or for a shape that the file does not tell.
    dtype : numpy.dtype
    """

    name: str
    shape: Shape | None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))


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
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(default_factory=dict)

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
            if read.intersection(node.outputs):
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
