"""What a node becomes before a network runs: an operator, to be called, or to be bound once to arrays that stay.

Every operator can be called. `plan` says what is known of it as soon as the shapes of what it reads are: the shape of
what it writes, and how it is bound to arrays whose place is planned ahead (run_plan.py). A function of NumPy tells
nothing, and is called in each run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kernels
from kernels.bound import Bound
from kernels.explain import Explanation
from kernels.geometry import Activation
from workbook.graphs.graph import Array, ModelError, Node

Constants = Mapping[str, Array]


@dataclass(frozen=True)
class Settings:
    """How the convolutions are to run.

    Attributes
    ----------
    algorithm : str
        Of `kernels.Conv2d`.
    threads : int, optional
        Of all of them.
    integer_algorithm : str
        Of `kernels.QLinearConv`.
    """

    algorithm: str = "auto"
    threads: int | None = None
    integer_algorithm: str = "auto"


@dataclass(frozen=True)
class Outline:
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Of all its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def of(cls, array: Array) -> Outline:
        """Describe an array."""
        return cls(array.shape, array.dtype)


def plain(x_lanes: bool, y_lanes: bool) -> bool:
    """Take no array in lanes."""
    return not (x_lanes or y_lanes)


def alike(x_lanes: bool, y_lanes: bool) -> bool:
    """Take any form, if all arrays have it."""
    return x_lanes == y_lanes


@dataclass(frozen=True)
class Plan:
    """What is known of an operator when the shapes of what it reads are.

    An image lies plain or in lanes (see `kernels.to_lanes`). Convolutions and pools read and write any of the two, and
    so turn one into the other; what works number by number wants all its arrays alike.

    Attributes
    ----------
    y : Outline, optional
        Of the array that it writes; None if only a call tells.
    bind : function, optional
        Takes the arrays that it reads, without those that the file stores, and the one that it writes. Returns what
        computes it, again and again, and allocates nothing. None if the operator has to be called.
    takes : function
        Takes whether the first array that it reads, and the one that it writes, are in lanes; returns whether they may.
    alike : tuple of int
        Of the arrays that it reads, those that must lie as the one that it writes.
    memory : str
        "own", or "x": what it writes are the numbers that it reads; or "parts": what it reads may be a part of what it
        writes, one behind the other.
    packs : int
        Numbers of weights that are packed when it is bound for the first time.
    """

    y: Outline | None = None
    bind: Callable[[Sequence[Array], Array], Bound] | None = None
    takes: Callable[[bool, bool], bool] = plain
    alike: tuple[int, ...] = ()
    memory: Literal["own", "x", "parts"] = "own"
    packs: int = 0


UNKNOWN = Plan()


class Operator:
    """A node, ready to run: here with a function of NumPy. What the kernels compute is a class of its own, with a plan.

    Parameters
    ----------
    node : Node
    reads : sequence of str
        Names of the arrays that it takes; None stands in for an empty name.
    function : function, optional
        Returns the node's one output. It does not write to what it reads. A class of its own has the method `compute`
        for that: what an operator holds must not hold the operator, or packed weights outlive their network.

    Attributes
    ----------
    nodes : tuple of Node
        That one, or those of a table (byte_table.py), as those of a part that ONNX Runtime computes (runtime_part.py).
    writes : tuple of str
    """

    def __init__(self, node: Node, reads: Sequence[str], function: Callable[..., Array] | None = None) -> None:
        self.node, self.reads, self._function = node, tuple(reads), function
        self.nodes: tuple[Node, ...] = (node,)
        self.writes = node.writes

    def __call__(self, *read: Array | None) -> Array:
        """Compute the output; an error names the node."""
        try:
            with np.errstate(all="ignore"):  # infinities and NaN are results like others
                return np.asarray(self.compute(*read))  # NumPy returns a number for an array without axes
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise ModelError(f"{self.node}: {error}") from error

    def compute(self, *args: Any, **options: Any) -> Array:
        """Return the output; an error is the one that was raised."""
        assert self._function
        return self._function(*args, **options)

    def run(self, *read: Array | None) -> list[Array]:
        """Return the arrays of `writes`."""
        return [self(*read)]

    def plan(self, *read: Outline | None) -> Plan:
        """Return what is known for arrays like these; None stands for one that the file stores, or that is left out.

        Raises
        ------
        ValueError
            If the operator cannot compute such arrays.
        """
        return UNKNOWN

    def explain(self, x_shape: tuple[int, ...]) -> Explanation | None:
        """Return what the kernels know of a convolution in float32; None for other operators."""
        return None

    packs = False
    """Whether it packs weights, which it can share with a network beside its own."""

    @property
    def packed_bytes(self) -> int:
        """Bytes of the weights that are packed so far."""
        return 0


Prepare = Callable[[Node, Constants, Settings], Operator]


class NotNativeError(ModelError):
    """A node in a form that has no function here; ONNX Runtime may run it."""


def stored(node: Node, index: int, what: str, constants: Constants) -> Array:
    """Return an input that must be stored in the file."""
    return constants[stored_name(node, index, what, constants)]


def stored_name(node: Node, index: int, what: str, constants: Constants) -> str:
    """Return the name of an input that must be stored in the file."""
    name = node.inputs[index] if index < len(node.inputs) else ""
    if not name:
        raise ModelError(f"{node} has no {what}")
    if name not in constants:
        raise NotNativeError(f"{node}: its {what} {name!r} is computed in the network; it must be stored in the file")
    return name


def activated(y: Array, activation: Activation) -> Array:
    """Return an activation of each number, as `kernels.Conv2d` names it."""
    return y if activation is None else kernels.Activate(activation, threads=1)(y)
