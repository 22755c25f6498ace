"""Operators that measure each number against others of its array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

import kernels
from kernels.geometry import Activation
from workbook.graphs.graph import Array, FloatArray, Node, Shape
from workbook.graphs.operators.entry import Entries, Entry, NcnnLayer
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    activated,
    plain,
    stored,
)
from workbook.graphs.passes import normalisation_factor

_OWN_AXIS = 13  # the opset since which Softmax looks at one axis; before, at all from that one on


class Normalisation(Operator):
    """A batch normalisation: activation(x * factor + offset), a factor and an offset for each channel.

    Parameters
    ----------
    node : Node
    factor, offset : (C,) float32
    threads : int, optional
    """

    def __init__(self, node: Node, factor: FloatArray, offset: FloatArray, threads: int | None) -> None:
        super().__init__(node, node.inputs[:1])
        self._factor, self._offset, self._threads = factor, offset, threads
        self._activation: Activation = node.attributes.get("activation")

    def compute(self, x: FloatArray) -> Array:
        """Return an array of x's shape."""
        along = (-1, *(1,) * (x.ndim - 2))
        return activated(x * self._factor.reshape(along) + self._offset.reshape(along), self._activation)

    @cached_property
    def _layer(self) -> kernels.Conv2d | None:
        """A convolution whose filters are one number each, which the kernels need finite."""
        if not (np.isfinite(self._factor).all() and np.isfinite(self._offset).all()):
            return None
        filters, C = self._factor.reshape(-1, 1, 1, 1), len(self._factor)
        return kernels.Conv2d(filters, self._offset, groups=C, activation=self._activation, threads=self._threads)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer to images."""
        (x,) = read
        layer = self._layer
        if x is None or layer is None or len(x.shape) != 4 or x.dtype != np.float32:
            return UNKNOWN
        return Plan(x, lambda arrays, out: layer.bind(arrays[0], out), layer.takes)


def _batch_norm(node: Node, constants: Constants, settings: Settings) -> Operator:
    if node.attributes.get("training_mode") or not node.attributes.get("spatial", 1):
        raise NotNativeError(f"{node}: it is in training mode, or of one number for each place of a channel")
    names = ("scale", "B", "input_mean", "input_var")
    scale, shift, mean, variance = (stored(node, i, name, constants) for i, name in enumerate(names, start=1))
    f = normalisation_factor(scale, variance, node.attributes.get("epsilon", 1e-5))
    offset: FloatArray = (shift - mean * f).astype(np.float32)
    return Normalisation(node, f.astype(np.float32), offset, settings.threads)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...]:
    scale, shift, mean, variance = (constants[name] for name in node.inputs[1:])
    parameters = {0: len(scale), 1: node.attributes.get("epsilon", 1e-5)}
    return (NcnnLayer("BatchNorm", parameters, (scale, mean, variance, shift)),)


class Softmax(Operator):
    """A Softmax along one axis, or, of old, along all from one on."""

    def __init__(self, node: Node, _: Constants, settings: Settings) -> None:
        super().__init__(node, node.inputs)
        self._old = node.opset < _OWN_AXIS
        self._axis: int = node.attributes.get("axis", 1 if self._old else -1)
        self._kernel = kernels.Softmax(threads=settings.threads)

    def _rows(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the shape of an array whose rows are what it goes along; None if they do not lie side by side."""
        before, along = shape[: self._axis], shape[self._axis :]
        side_by_side = self._old or math.prod(along[1:]) == 1
        return (math.prod(before), math.prod(along)) if shape and side_by_side else None

    def compute(self, x: FloatArray) -> Array:
        """Return an array of x's shape."""
        rows = self._rows(x.shape)
        if rows:
            return self._kernel(x.reshape(rows)).reshape(x.shape)
        return np.moveaxis(self._kernel(np.moveaxis(x, self._axis, -1)), -1, self._axis)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the kernel to rows that lie side by side."""
        (x,) = read
        rows = self._rows(x.shape) if x else None
        if x is None or rows is None:
            return UNKNOWN
        return Plan(x, lambda arrays, out: self._kernel.bind(arrays[0].reshape(rows), out.reshape(rows)), plain)


def _response_norm(node: Node, constants: Constants, _: Settings) -> Operator:
    """LRN: y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels) ^ beta."""
    size = node.attributes["size"]
    alpha, beta, bias = (
        np.float32(node.attributes.get(key, default)) for key, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1))
    )
    before = (size - 1) // 2

    def normalise(x: FloatArray) -> Array:
        C = x.shape[1]
        squares = np.zeros((x.shape[0], C + size - 1, *x.shape[2:]), np.float32)
        np.square(x, out=squares[:, before : before + C])
        total = squares[:, :C].copy()
        for i in range(1, size):
            total += squares[:, i : i + C]
        base = bias + alpha / np.float32(size) * total
        root = np.sqrt(base)
        return x / (root * np.sqrt(root) if beta == 0.75 else base**beta)  # two roots are ten times as fast as a power

    return Operator(node, node.inputs, normalise)


def _response_norm_in_ncnn(node: Node, _: Constants, __: Mapping[str, Shape]) -> tuple[NcnnLayer, ...]:
    alpha, beta, bias = (
        node.attributes.get(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1))
    )
    return (NcnnLayer("LRN", {0: 0, 1: node.attributes["size"], 2: alpha, 3: beta, 4: bias}),)


def _softmax_in_ncnn(node: Node, _: Constants, __: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    return (NcnnLayer("Softmax", {0: 0, 1: 1}),) if node.attributes.get("axis", 1) == 1 else None


_OLD = ("momentum", "spatial", "training_mode")

NORMALISING: Entries = {
    "BatchNormalization": Entry(_batch_norm, in_ncnn=_in_ncnn, attributes=("epsilon", *_OLD), joins=True),
    "LRN": Entry(_response_norm, in_ncnn=_response_norm_in_ncnn, attributes=("alpha", "beta", "bias", "size")),
    "Softmax": Entry(Softmax, in_ncnn=_softmax_in_ncnn, attributes=("axis",), joins=True),
}
