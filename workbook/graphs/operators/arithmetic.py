"""Operators that compute each number on its own, or from the numbers at the same place of several arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from onnx import TensorProto, helper

import kernels
from kernels.bound import Bound
from workbook.graphs.activations import activation_of
from workbook.graphs.graph import Array, Node, Shape
from workbook.graphs.operators.each_number import EachNumber
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
    alike,
    stored_name,
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

    def write(x: Array, low: Array | None = None, high: Array | None = None, *, out: Array) -> None:
        np.maximum(x, -np.inf if low is None else low, out=out)
        if high is not None:
            np.minimum(out, high, out=out)

    return Elementwise(node, constants, clip, write)


class Product(Elementwise):
    """A Mul; images are multiplied by one number a channel on the kernels."""

    def __init__(self, node: Node, constants: Constants, settings: Settings) -> None:
        super().__init__(node, constants, np.multiply, np.multiply)
        self._kernel = kernels.ScaleChannels(threads=settings.threads)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel, or the function of NumPy."""
        sizes = [outline.bytes if outline else 0 for outline in read]
        image, factor = sorted((0, 1), key=lambda i: -sizes[i])
        x, s = read[image], read[factor]
        channels = (*x.shape[:2], 1, 1) if x and len(x.shape) == 4 else ()
        if x is None or s is None or x == s or s.shape != channels or x.dtype != np.float32:
            return super().plan(*read)

        def bind(arrays: Sequence[Array], y: Array) -> Bound:
            return self._kernel.bind(arrays[image], arrays[factor].reshape(*y.shape[:2], 1, 1, *y.shape[4:]), y)

        return Plan(x, bind, alike, (image,))


class ParametricRelu(Operator):
    """A leaky ReLU of images, with a stored slope for each channel."""

    def __init__(self, node: Node, constants: Constants, settings: Settings) -> None:
        self._storage, self._slope = Storage.of(constants), stored_name(node, 1, "slope", constants)
        shape = self._storage.outline(self._slope).shape
        if len(shape) not in (3, 4) or math.prod(shape) != shape[-3]:
            raise NotNativeError(f"{node}: it has another slope than one for each channel")
        super().__init__(node, node.inputs[:1])
        self._kernel = kernels.ScaleChannels(below_zero=True, threads=settings.threads)

    def compute(self, x: Array) -> Array:
        """Return an array as x."""
        return self._kernel(x, self._slopes(x))

    def _slopes(self, x: Array) -> Array:
        """Return those of each image, in the order of its channels."""
        N, C, _, _, *lanes = x.shape
        slopes = np.broadcast_to(self._storage[self._slope].reshape(-1), (N, C * math.prod(lanes)))
        return np.ascontiguousarray(slopes).reshape(N, C, 1, 1, *lanes)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel."""
        (x,) = read
        if x is None:
            return UNKNOWN
        return Plan(x, lambda given, y: self._kernel.bind(given[0], self._slopes(given[0]), y), alike, (0,))


def _activation(node: Node, constants: Constants, settings: Settings) -> Operator:
    activation = activation_of(node, constants)
    if activation is None:
        raise NotNativeError(f"{node}: in this form, it has no kernel")
    return EachNumber(
        node, node.inputs[:1], kernels.Activate(activation, threads=settings.threads), np.dtype(np.float32)
    )


def _in_ncnn(kind: str, parameters: Callable[[Node], dict[int, object]] = lambda node: {}) -> Any:
    """Return what writes an activation for ncnn."""
    return lambda node, constants, shapes: (NcnnLayer(kind, parameters(node)),)


def _cast(node: Node, constants: Constants, _: Settings) -> Operator:
    """Of the types that only a package of NumPy has, to float32 and back; ONNX Runtime's Python knows none of them."""
    kinds = TensorProto.FLOAT, TensorProto.BFLOAT16
    if node.attributes["to"] not in kinds:
        raise NotNativeError(f"{node}: only between float32 and bfloat16 are numbers cast here")
    dtype = helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    return Operator(node, node.inputs, lambda x: x.astype(dtype))


def _of_two_in_ncnn(operation: int) -> Any:
    """Return what writes an operator on two computed arrays."""

    def write(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
        return (NcnnLayer("BinaryOp", {0: operation}),) if len(computed(node, constants)) == 2 else None

    return write


def _entry(prepare: Prepare, *forms: Any, **options: Any) -> Entry:
    return Entry(prepare, *forms, joins=True, **options)


_NUMBERS = (*FLOAT, *BYTES)
_CAST = ("float32", "bfloat16")

ARITHMETIC: Entries = {
    "Add": _entry(_simple(np.add, np.add), QLINEAR_ADD, _of_two_in_ncnn(0)),
    "Cast": Entry(_cast, attributes=("to",), types=_CAST, joins=True),
    "Clip": _entry(_clip, attributes=("min", "max")),
    "Div": _entry(_simple(np.divide, np.divide)),
    "HardSigmoid": _entry(
        _activation,
        None,
        _in_ncnn("HardSigmoid", lambda node: {0: node.attributes.get("alpha", 0.2), 1: 0.5}),
        attributes=("alpha", "beta"),
    ),
    "HardSwish": _entry(_activation, None, _in_ncnn("HardSwish", lambda node: {0: 1 / 6, 1: 0.5})),
    "Identity": _entry(
        lambda node, constants, settings: View(node, node.inputs, constants, lambda x: x), PASSING, types=_NUMBERS
    ),
    "LeakyRelu": _entry(_activation, attributes=("alpha",)),
    "Max": _entry(_simple(lambda *arrays: reduce(np.maximum, arrays)), types=_NUMBERS),
    "Min": _entry(_simple(lambda *arrays: reduce(np.minimum, arrays)), OnBytes("bounded", "Min"), types=_NUMBERS),
    "Mul": _entry(Product, None, _of_two_in_ncnn(2)),
    "PRelu": _entry(ParametricRelu, axes=(4,)),
    "Relu": _entry(_activation, OnBytes("bounded", "Max"), _in_ncnn("ReLU")),
    "Sigmoid": _entry(_activation, None, _in_ncnn("Sigmoid")),
    "Sub": _entry(_simple(np.subtract, np.subtract)),
    "Sum": _entry(_simple(lambda *arrays: reduce(np.add, arrays))),
    "Swish": _entry(_activation, None, _in_ncnn("Swish"), attributes=("alpha",)),
}
