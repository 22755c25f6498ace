"""Operators that measure each number against others of its array, or take one number from many."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.geometry import Activation
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.passes import normalisation_factor
from workbook.network.step import Constants, Prepare, Settings, Step, activated, stored

_OWN_AXIS = 13  # the opset since which Softmax looks at one axis; before, at all from that one on


@dataclass(frozen=True)
class Normalisation:
    """A batch normalisation: activation(x * factor + offset), a factor and an offset for each channel.

    Attributes
    ----------
    factor, offset : (C,) float32
    activation : as `kernels.Conv2d` takes it
    """

    factor: FloatArray
    offset: FloatArray
    activation: Activation = None

    def __call__(self, x: FloatArray) -> Array:
        """Return an array of x's shape."""
        along = (-1, *(1,) * (x.ndim - 2))
        return activated(x * self.factor.reshape(along) + self.offset.reshape(along), self.activation)


def _batch_norm(node: Node, constants: Constants, _: Settings) -> Step:
    if node.attributes.get("training_mode"):
        raise ModelError(f"{node}: it is in training mode; export the model for inference")
    names = ("scale", "B", "input_mean", "input_var")
    scale, shift, mean, variance = (stored(node, i, name, constants) for i, name in enumerate(names, start=1))
    f = normalisation_factor(scale, variance, node.attributes.get("epsilon", 1e-5))
    offset: FloatArray = (shift - mean * f).astype(np.float32)
    compute = Normalisation(f.astype(np.float32), offset, node.attributes.get("activation"))
    return Step(node, node.inputs[:1], compute)


def _over_axis(compute: Callable[[Array], Any]) -> Prepare:
    """Return what prepares a Softmax; `compute` works along the last axis."""

    def prepare(node: Node, _: Constants, __: Settings) -> Step:
        old = node.opset < _OWN_AXIS
        axis = node.attributes.get("axis", 1 if old else -1)

        def of_rest(x: Array) -> Any:
            return compute(x.reshape(math.prod(x.shape[:axis]), -1)).reshape(x.shape)

        def of_axis(x: Array) -> Any:
            return np.moveaxis(compute(np.moveaxis(x, axis, -1)), -1, axis)

        return Step(node, node.inputs, of_rest if old else of_axis)

    return prepare


def _softmax(x: Array) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _log_softmax(x: Array) -> Any:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def _response_norm(node: Node, constants: Constants, _: Settings) -> Step:
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

    return Step(node, node.inputs, normalise)


def _reduced(compute: Callable[..., Array]) -> Prepare:
    """Return what prepares a Reduce: its axes are an attribute, or since opset 13 or 18 an input."""

    def prepare(node: Node, _: Constants, __: Settings) -> Step:
        stated, keep = node.attributes.get("axes"), bool(node.attributes.get("keepdims", 1))
        nothing_is_all = not node.attributes.get("noop_with_empty_axes")

        def reduce(x: Array, axes: Any = None) -> Array:
            axes = stated if axes is None else axes
            if axes is None or not len(axes):
                return compute(x, axis=None, keepdims=keep) if nothing_is_all else x
            return compute(x, axis=tuple(int(axis) for axis in axes), keepdims=keep)

        return Step(node, node.inputs, reduce)

    return prepare


def _global(compute: Callable[..., Array]) -> Prepare:
    """Return what prepares a pool over the whole image."""
    return lambda node, constants, settings: Step(
        node, node.inputs, lambda x: compute(x, axis=tuple(range(2, x.ndim)), keepdims=True)
    )


def _instance_norm(node: Node, constants: Constants, _: Settings) -> Step:
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))

    def normalise(x: FloatArray, scale: FloatArray, shift: FloatArray) -> Any:
        pixels, along = tuple(range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))
        centred = x - x.mean(axis=pixels, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(axis=pixels, keepdims=True) + epsilon)
        return centred / deviation * scale.reshape(along) + shift.reshape(along)

    return Step(node, node.inputs, normalise)


NORMALISING: dict[str, Prepare] = {
    "BatchNormalization": _batch_norm,
    "GlobalAveragePool": _global(np.mean),
    "GlobalMaxPool": _global(np.max),
    "InstanceNormalization": _instance_norm,
    "LRN": _response_norm,
    "LogSoftmax": _over_axis(_log_softmax),
    "ReduceMax": _reduced(np.max),
    "ReduceMean": _reduced(np.mean),
    "ReduceSum": _reduced(np.sum),
    "Softmax": _over_axis(_softmax),
}
