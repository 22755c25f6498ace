"""What a node becomes before a network runs: a function with its weights packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kernels.geometry import Activation
from workbook.network.graph import Array, ModelError, Node

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
class Step:
    """A node, ready to run.

    Attributes
    ----------
    node : Node
    reads : tuple of str
        Names of the arrays that `compute` takes; None stands in for an empty name.
    compute : function
        Returns the node's one output. It does not write to what it reads.
    native : bool
        Whether it runs here; if not, onnx.reference computes it (reference.py).
    """

    node: Node
    reads: tuple[str, ...]
    compute: Callable[..., Array]
    native: bool = True

    def __call__(self, *read: Array | None) -> Array:
        """Compute the output; an error names the node."""
        try:
            with np.errstate(all="ignore"):  # infinities and NaN are results like others
                return np.asarray(self.compute(*read))  # NumPy returns a number for an array without axes
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise ModelError(f"{self.node}: {error}") from error


Prepare = Callable[[Node, Constants, Settings], Step]


class NotNativeError(ModelError):
    """A node in a form that has no function here; onnx.reference may run it."""


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
    if activation is None:
        return y
    if isinstance(activation, tuple):
        return np.where(y < 0, np.float32(activation[1]) * y, y)
    return np.clip(y, 0, 6 if activation == "relu6" else None)
