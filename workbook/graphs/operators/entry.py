"""What an operator is to all who ask: how it runs, how it computes on bytes, how other formats write it.

Each family of operators (convolutions.py, pools.py, ...) has a dictionary of these by ONNX's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from kernels import Stored
from workbook.graphs.graph import Array, FloatArray, Node, Shape
from workbook.graphs.operators.operator import Constants, Prepare

Parts = tuple[str, str, str]  # names of an array in bytes, of its scale, of its zero point

FLOAT32_TAG = np.zeros(1, np.float32)  # in ncnn before weights that it may keep in another type: four zeros say float32


@dataclass(frozen=True)
class ByteInputs:
    """The inputs of an operator on bytes, by what they are.

    Attributes
    ----------
    x : tuple of Parts
        The arrays that it reads.
    y : (str, str)
        Scale and zero point of what it writes.
    w : Parts, optional
        Its weights.
    bias : str
        In 32 bits; empty if there is none.
    """

    x: tuple[Parts, ...]
    y: tuple[str, str]
    w: Parts | None = None
    bias: str = ""


def _as_they_are(node: Node) -> Mapping[str, Any]:
    return node.attributes


@dataclass(frozen=True)
class OnBytes:
    """How an operator computes on bytes.

    Attributes
    ----------
    kind : str
        "weighted": with stored weights; "layer": on one array or several, each with a scale of its own; "passing": it
        moves bytes or takes the largest, in one scale; "bounded": a Min or Max with a stored bound.
    op : str
        The operator that does it, unless it passes bytes on: then it is the same.
    order : tuple of str
        Of that one's inputs: "x" (all arrays that it reads), "w", "y" and "bias", as in `ByteInputs`.
    activated : bool
        Whether it applies an activation.
    ends : bool
        Whether it also computes what leaves the network.
    turned : function
        Takes a node and its weights' outline. Returns whether the output channels are their last axis, not the first;
        None if they have no form on bytes.
    attributes : function
        Takes the node, whose weights are no longer turned; returns the attributes of the one on bytes.
    """

    kind: Literal["weighted", "layer", "passing", "bounded"]
    op: str = ""
    order: tuple[str, ...] = ()
    activated: bool = False
    ends: bool = True
    turned: Callable[[Node, Array | Stored], bool | None] = lambda node, weight: None
    attributes: Callable[[Node], Mapping[str, Any]] = _as_they_are

    def inputs(self, given: ByteInputs) -> tuple[str, ...]:
        """Return the names in the operator's order."""
        x = tuple(name for parts in given.x for name in parts)
        names: dict[str, tuple[str, ...]] = {"x": x, "w": given.w or (), "y": given.y, "bias": (given.bias,)}
        return tuple(name for part in self.order for name in names[part])

    def read(self, node: Node) -> ByteInputs:
        """Tell the inputs of such a node apart: the reverse of `inputs`; a bias at the end may be missing."""
        widths = {"w": 3, "y": 2, "bias": 1}
        others = sum(width for part, width in widths.items() if part in self.order)
        widths["x"] = 3 * -(-(len(node.inputs) - others) // 3)
        found, left = dict[str, tuple[str, ...]](), node.inputs
        for part in self.order:
            found[part], left = left[: widths[part]], left[widths[part] :]
        x, (scale, zero) = found["x"], found["y"]
        arrays = tuple((x[i], x[i + 1], x[i + 2]) for i in range(0, len(x), 3))
        w = found.get("w")
        return ByteInputs(arrays, (scale, zero), (w[0], w[1], w[2]) if w else None, "".join(found.get("bias", ())))


PASSING = OnBytes("passing")
FLOAT = ("float32",)
BYTES = ("uint8", "int8")
WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")  # attributes


@dataclass(frozen=True)
class NcnnLayer:
    """A layer as ncnn writes it.

    Attributes
    ----------
    kind : str
    parameters : dict of int to object
        By ncnn's numbers.
    weights : tuple of float32 array
    """

    kind: str
    parameters: Mapping[int, object]
    weights: tuple[FloatArray, ...] = ()


@dataclass(frozen=True)
class Entry:
    """An operator.

    Attributes
    ----------
    prepare : function
        Takes a node, the stored arrays and the settings; returns the operator. Raises NotNativeError for a form that
        has no function here.
    attributes : tuple of str
        Those that `prepare` understands; a node with another one is not native.
    types : tuple of str
        Of the first input.
    axes : tuple of int
        How many the first input may have; any number if empty.
    joins : bool
        Whether ONNX Runtime computes it where it computes one of its inputs: operators that are a small part of the
        work, and would cut one part in two.
    joins_below : int
        The same of a node with fewer stored numbers than that.
    on_bytes : OnBytes, optional
        None if it runs in float32 only, or is itself one on bytes.
    in_ncnn : function, optional
        Takes a node, the stored arrays and the known shapes. Returns ncnn's layers, one behind the other; None if it
        has no form there, or none that is known here.
    keeps_scales : bool
        Whether a channel that is scaled by a positive factor comes out scaled by it, and no other channel notices.
    """

    prepare: Prepare
    on_bytes: OnBytes | None = None
    in_ncnn: Callable[[Node, Constants, Mapping[str, Shape]], tuple[NcnnLayer, ...] | None] | None = None
    keeps_scales: bool = False
    _: KW_ONLY
    attributes: tuple[str, ...] = ()
    types: tuple[str, ...] = FLOAT
    axes: tuple[int, ...] = ()
    joins: bool = False
    joins_below: int = 0


Entries = dict[str, Entry]


def computed(node: Node, constants: Constants) -> tuple[str, ...]:
    """Return the names of what a node reads and the file does not store."""
    return tuple(name for name in node.inputs if name and name not in constants)
