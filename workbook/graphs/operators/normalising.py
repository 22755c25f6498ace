"""Operators that measure each number against others of its array, or take one number from many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

import kernels
from kernels.geometry import Activation
from workbook.graphs.graph import Array, FloatArray, ModelError, Node, Shape
from workbook.graphs.operators.entry import Entries, Entry, NcnnLayer
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    Operator,
    Outline,
    Plan,
    Prepare,
    Settings,
    activated,
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
        super().__init__(node, node.inputs[:1], self._normalise)
        self._factor, self._offset, self._threads = factor, offset, threads
        self._activation: Activation = node.attributes.get("activation")

    def _normalise(self, x: FloatArray) -> Array:
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
    if node.attributes.get("training_mode"):
        raise ModelError(f"{node}: it is in training mode; export the model for inference")
    names = ("scale", "B", "input_mean", "input_var")
    scale, shift, mean, variance = (stored(node, i, name, constants) for i, name in enumerate(names, start=1))
    f = normalisation_factor(scale, variance, node.attributes.get("epsilon", 1e-5))
    offset: FloatArray = (shift - mean * f).astype(np.float32)
    return Normalisation(node, f.astype(np.float32), offset, settings.threads)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...]:
    scale, shift, mean, variance = (constants[name] for name in node.inputs[1:])
    parameters = {0: len(scale), 1: node.attributes.get("epsilon", 1e-5)}
    return (NcnnLayer("BatchNorm", parameters, (scale, mean, variance, shift)),)


def _over_axis(compute: Callable[[Array], Any]) -> Prepare:
    """Return what prepares a Softmax; `compute` works along the last axis."""

    def prepare(node: Node, _: Constants, __: Settings) -> Operator:
        old = node.opset < _OWN_AXIS
        axis = node.attributes.get("axis", 1 if old else -1)

        def of_rest(x: Array) -> Any:
            return compute(x.reshape(math.prod(x.shape[:axis]), -1)).reshape(x.shape)

        def of_axis(x: Array) -> Any:
            return np.moveaxis(compute(np.moveaxis(x, axis, -1)), -1, axis)

        return Operator(node, node.inputs, of_rest if old else of_axis)

    return prepare


def _softmax(x: Array) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _log_softmax(x: Array) -> Any:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


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


def _reduced(compute: Callable[..., Array]) -> Prepare:
    """Return what prepares a Reduce: its axes are an attribute, or since opset 13 or 18 an input."""

    def prepare(node: Node, _: Constants, __: Settings) -> Operator:
        stated, keep = node.attributes.get("axes"), bool(node.attributes.get("keepdims", 1))
        nothing_is_all = not node.attributes.get("noop_with_empty_axes")

        def reduce(x: Array, axes: Any = None) -> Array:
            axes = stated if axes is None else axes
            if axes is None or not len(axes):
                return compute(x, axis=None, keepdims=keep) if nothing_is_all else x
            return compute(x, axis=tuple(int(axis) for axis in axes), keepdims=keep)

        return Operator(node, node.inputs, reduce)

    return prepare


def _response_norm_in_ncnn(node: Node, _: Constants, __: Mapping[str, Shape]) -> tuple[NcnnLayer, ...]:
    alpha, beta, bias = (
        node.attributes.get(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1))
    )
    return (NcnnLayer("LRN", {0: 0, 1: node.attributes["size"], 2: alpha, 3: beta, 4: bias}),)


def _softmax_in_ncnn(node: Node, _: Constants, __: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    return (NcnnLayer("Softmax", {0: 0, 1: 1}),) if node.attributes.get("axis", 1) == 1 else None


def _instance_norm(node: Node, constants: Constants, _: Settings) -> Operator:
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))

    def normalise(x: FloatArray, scale: FloatArray, shift: FloatArray) -> Any:
        pixels, along = tuple(range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))
        centred = x - x.mean(axis=pixels, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(axis=pixels, keepdims=True) + epsilon)
        return centred / deviation * scale.reshape(along) + shift.reshape(along)

    return Operator(node, node.inputs, normalise)


NORMALISING: Entries = {
    "BatchNormalization": Entry(_batch_norm, in_ncnn=_in_ncnn),
    "InstanceNormalization": Entry(_instance_norm),
    "LRN": Entry(_response_norm, in_ncnn=_response_norm_in_ncnn),
    "LogSoftmax": Entry(_over_axis(_log_softmax)),
    "ReduceMax": Entry(_reduced(np.max)),
    "ReduceMean": Entry(_reduced(np.mean)),
    "ReduceSum": Entry(_reduced(np.sum)),
    "Softmax": Entry(_over_axis(_softmax), in_ncnn=_softmax_in_ncnn),
}
