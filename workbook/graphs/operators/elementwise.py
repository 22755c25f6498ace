"""Operators that compute each number on its own, or from the numbers at the same place of several arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from onnx import helper

from kernels.bound import Bound
from workbook.graphs.graph import Array, FloatArray, Node, Shape
from workbook.graphs.operators.entry import PASSING, Entries, Entry, NcnnLayer, OnBytes, computed
from workbook.graphs.operators.on_bytes import QLINEAR_ADD
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Prepare,
    Settings,
    activated,
    alike,
)
from workbook.graphs.operators.view import View
from workbook.graphs.storage import Storage

_BLOCK = 2**14  # numbers; a few arrays of 64 KiB fit an L2 cache


class Elementwise(Operator):
    """A function of NumPy that makes float32 of float32, number by number; what it makes on the way stays in the cache.

    Parameters
    ----------
    node : Node
    constants : mapping of str to array
    compute : function
    write : function, optional
        The same, for arrays of float32 alone, which writes to `out`.
    """

    def __init__(
        self,
        node: Node,
        constants: Constants,
        compute: Callable[..., Any],
        write: Callable[..., object] | None = None,
    ) -> None:
        super().__init__(node, node.inputs, compute)
        self._storage, self._write = Storage.of(constants), write

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the function to arrays of one shape, and to single numbers that the file stores."""
        arrays = [array for array in read if array is not None]
        names = [name for name, array in zip(self.reads, read, strict=True) if array is None and name]
        if not arrays or any(array != arrays[0] for array in arrays) or arrays[0].dtype != np.float32:
            return UNKNOWN
        outlines = [self._storage.outline(name) for name in names]
        if any(number.size != 1 or number.ndim > len(arrays[0].shape) for number in outlines):
            return UNKNOWN
        return Plan(arrays[0], self._bind, alike, tuple(range(len(arrays))))

    def _bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return the function with its arrays, block by block."""
        stored = {name: self._storage[name].reshape(()) for name in self.reads if name in self._storage}
        flat = iter([array.reshape(-1) for array in read])
        numbers = [stored.get(name) if name in stored or not name else next(flat) for name in self.reads]
        out = y.reshape(-1)
        write = self._write or self._compute_and_copy
        calls = []
        for at in range(0, y.size, _BLOCK):
            part = slice(at, at + _BLOCK)
            given = [number if number is None or number.ndim == 0 else number[part] for number in numbers]
            calls.append(partial(write, *given, out=out[part]))

        def compute(*_: object) -> None:
            with np.errstate(all="ignore"):
                for call in calls:
                    call()

        return Bound("NumPy", 0, 1, compute)

    def _compute_and_copy(self, *read: Array | None, out: Array) -> None:
        out[...] = self.compute(*read)


def _simple(compute: Callable[..., Any], write: Callable[..., object] | None = None) -> Prepare:
    """Return what prepares an operator without attributes."""
    return lambda node, constants, settings: Elementwise(node, constants, compute, write)


def _of_floats(compute: Callable[..., Any], **defaults: float) -> Prepare:
    """Return what prepares an operator whose attributes are numbers; `compute` takes them after the array."""

    def prepare(node: Node, constants: Constants, _: Settings) -> Operator:
        numbers = {name: np.float32(node.attributes.get(name, default)) for name, default in defaults.items()}
        return Elementwise(node, constants, lambda x: compute(x, **numbers))

    return prepare


def sigmoid(x: Array) -> Any:
    """Return 1 / (1 + exp(-x)); where exp overflows, that is 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _elu(x: Array, alpha: np.float32) -> Array:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _selu(x: Array, alpha: np.float32, gamma: np.float32) -> Array:
    return gamma * _elu(x, alpha)


def _hard_sigmoid(x: Array, alpha: np.float32, beta: np.float32) -> Any:
    return np.clip(alpha * x + beta, 0, 1)


def _hard_swish(x: Array) -> Any:
    return x * np.clip(x / np.float32(6) + np.float32(0.5), 0, 1)


def _prelu(x: Array, slope: Array) -> Array:
    return np.where(x < 0, slope * x, x)


def _mean(*arrays: Array) -> Any:
    return reduce(np.add, arrays) / np.float32(len(arrays))


def _divide(a: Array, b: Array) -> Any:
    """Divide; integers as C does, towards 0."""
    if a.dtype.kind == "f":
        return np.divide(a, b)
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)


def _power(a: Array, b: Array) -> Array:
    return np.power(a, b).astype(a.dtype)


def _clip(node: Node, constants: Constants, _: Settings) -> Operator:
    if "min" in node.attributes or "max" in node.attributes:  # up to opset 10
        low, high = node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)
        return Elementwise(node, constants, lambda x: np.clip(x, low, high))

    def clip(x: Array, low: Array | None = None, high: Array | None = None) -> Array:
        x = x if low is None else np.maximum(x, low)
        return x if high is None else np.minimum(x, high)

    return Elementwise(node, constants, clip)


def _leaky_relu(node: Node, constants: Constants, _: Settings) -> Operator:
    slope = node.attributes.get("alpha", 0.01)
    return Elementwise(node, constants, lambda x: activated(x, ("leaky_relu", slope)))


def _dropout(node: Node, constants: Constants, _: Settings) -> Operator:
    """Nothing is dropped when a network is used."""
    training = constants.get(node.inputs[2], True) if len(node.inputs) > 2 and node.inputs[2] else False
    if np.any(training) or "output" in node.attributes:
        raise NotNativeError(f"{node}: it is in training mode, or its mask is read; export the model for inference")
    return View(node, node.inputs[:1], constants, lambda x: x)


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether NumPy itself has this type of numbers; those of 8 or 16 bits that a package adds round in other ways."""
    return dtype.isbuiltin == 1 and dtype.kind in "biuf"


def _cast(node: Node, constants: Constants, _: Settings) -> Operator:
    dtype = helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    if not _is_numeric(dtype):
        raise NotNativeError(f"{node}: its type {dtype} has no array here")

    def cast(x: Array) -> Any:
        if not _is_numeric(x.dtype):
            raise TypeError(f"an array of {x.dtype} cannot be cast")
        return x.astype(dtype)

    return Operator(node, node.inputs, cast)


def _relu(x: FloatArray) -> Array:
    return activated(x, "relu") if x.dtype.kind == "f" else np.maximum(x, 0)


def _add_in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    return (NcnnLayer("BinaryOp", {0: 0}),) if len(computed(node, constants)) == 2 else None


ELEMENTWISE: Entries = {
    "Abs": Entry(_simple(np.abs)),
    "Add": Entry(_simple(np.add, np.add), QLINEAR_ADD, _add_in_ncnn),
    "Cast": Entry(_cast),
    "Ceil": Entry(_simple(np.ceil)),
    "Clip": Entry(_clip),
    "Div": Entry(_simple(_divide, np.divide)),
    "Dropout": Entry(_dropout),
    "Elu": Entry(_of_floats(_elu, alpha=1.0)),
    "Equal": Entry(lambda node, constants, settings: Operator(node, node.inputs, np.equal)),
    "Exp": Entry(_simple(np.exp)),
    "Floor": Entry(_simple(np.floor)),
    "HardSigmoid": Entry(_of_floats(_hard_sigmoid, alpha=0.2, beta=0.5)),
    "HardSwish": Entry(_simple(_hard_swish)),
    "Identity": Entry(lambda node, constants, settings: View(node, node.inputs, constants, lambda x: x), PASSING),
    "LeakyRelu": Entry(_leaky_relu),
    "Log": Entry(_simple(np.log)),
    "Max": Entry(_simple(lambda *arrays: reduce(np.maximum, arrays))),
    "Mean": Entry(_simple(_mean)),
    "Min": Entry(_simple(lambda *arrays: reduce(np.minimum, arrays)), OnBytes("bounded", "Min")),
    "Mul": Entry(_simple(np.multiply, np.multiply)),
    "Neg": Entry(_simple(np.negative)),
    "PRelu": Entry(_simple(_prelu)),
    "Pow": Entry(_simple(_power)),
    "Reciprocal": Entry(_simple(lambda x: _divide(np.ones((), x.dtype), x))),
    "Relu": Entry(
        _simple(_relu, partial(np.maximum, np.float32(0))),
        OnBytes("bounded", "Max"),
        lambda node, constants, shapes: (NcnnLayer("ReLU", {}),),
    ),
    "Selu": Entry(_of_floats(_selu, alpha=1.6732632, gamma=1.0507010)),
    "Sigmoid": Entry(_simple(sigmoid)),
    "Softplus": Entry(_simple(_softplus)),
    "Sqrt": Entry(_simple(np.sqrt)),
    "Sub": Entry(_simple(np.subtract, np.subtract)),
    "Sum": Entry(_simple(lambda *arrays: reduce(np.add, arrays))),
    "Tanh": Entry(_simple(np.tanh)),
    "Where": Entry(_simple(np.where)),
}
