"""Operators that compute each number on its own, or from the numbers at the same place of several arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from kernels.bound import Bound
from workbook.graphs.graph import Array, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT, PASSING, Entries, Entry, NcnnLayer, OnBytes, computed
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


def _cast(node: Node, constants: Constants, _: Settings) -> Operator:
    """Of the types that only a package of NumPy has, to float32 and back; ONNX Runtime's Python knows none of them."""
    kinds = TensorProto.FLOAT, TensorProto.BFLOAT16
    if node.attributes["to"] not in kinds:
        raise NotNativeError(f"{node}: only between float32 and bfloat16 are numbers cast here")
    dtype = helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    return Operator(node, node.inputs, lambda x: x.astype(dtype))


def _add_in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    return (NcnnLayer("BinaryOp", {0: 0}),) if len(computed(node, constants)) == 2 else None


def _entry(prepare: Prepare, *forms: Any, **options: Any) -> Entry:
    return Entry(prepare, *forms, joins=True, **options)


_NUMBERS = (*FLOAT, *BYTES)
_CAST = ("float32", "bfloat16")

ELEMENTWISE: Entries = {
    "Add": _entry(_simple(np.add, np.add), QLINEAR_ADD, _add_in_ncnn),
    "Cast": Entry(_cast, attributes=("to",), types=_CAST),
    "Clip": _entry(_clip, attributes=("min", "max")),
    "Div": _entry(_simple(np.divide, np.divide)),
    "Identity": _entry(
        lambda node, constants, settings: View(node, node.inputs, constants, lambda x: x), PASSING, types=_NUMBERS
    ),
    "LeakyRelu": _entry(_leaky_relu, attributes=("alpha",)),
    "Max": _entry(_simple(lambda *arrays: reduce(np.maximum, arrays)), types=_NUMBERS),
    "Min": _entry(_simple(lambda *arrays: reduce(np.minimum, arrays)), OnBytes("bounded", "Min"), types=_NUMBERS),
    "Mul": _entry(_simple(np.multiply, np.multiply)),
    "Relu": _entry(
        _simple(lambda x: activated(x, "relu"), partial(np.maximum, np.float32(0))),
        OnBytes("bounded", "Max"),
        lambda node, constants, shapes: (NcnnLayer("ReLU", {}),),
    ),
    "Sub": _entry(_simple(np.subtract, np.subtract)),
    "Sum": _entry(_simple(lambda *arrays: reduce(np.add, arrays))),
}
