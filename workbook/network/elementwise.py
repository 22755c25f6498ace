"""Operators that compute each number on its own, or from the numbers at the same place of several arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from onnx import helper

from workbook.network.graph import Array, FloatArray, Node
from workbook.network.step import Constants, NotNativeError, Prepare, Settings, Step, activated


def _simple(compute: Callable[..., Any]) -> Prepare:
    """Return what prepares an operator without attributes."""
    return lambda node, constants, settings: Step(node, node.inputs, compute)


def _of_floats(compute: Callable[..., Any], **defaults: float) -> Prepare:
    """Return what prepares an operator whose attributes are numbers; `compute` takes them after the array."""

    def prepare(node: Node, _: Constants, __: Settings) -> Step:
        numbers = {name: np.float32(node.attributes.get(name, default)) for name, default in defaults.items()}
        return Step(node, node.inputs, lambda x: compute(x, **numbers))

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


def _clip(node: Node, constants: Constants, _: Settings) -> Step:
    if "min" in node.attributes or "max" in node.attributes:  # up to opset 10
        low, high = node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)
        return Step(node, node.inputs, lambda x: np.clip(x, low, high))

    def clip(x: Array, low: Array | None = None, high: Array | None = None) -> Array:
        x = x if low is None else np.maximum(x, low)
        return x if high is None else np.minimum(x, high)

    return Step(node, node.inputs, clip)


def _leaky_relu(node: Node, constants: Constants, _: Settings) -> Step:
    slope = node.attributes.get("alpha", 0.01)
    return Step(node, node.inputs, lambda x: activated(x, ("leaky_relu", slope)))


def _dropout(node: Node, constants: Constants, _: Settings) -> Step:
    """Nothing is dropped when a network is used."""
    training = constants.get(node.inputs[2], True) if len(node.inputs) > 2 and node.inputs[2] else False
    if np.any(training) or "output" in node.attributes:
        raise NotNativeError(f"{node}: it is in training mode, or its mask is read; export the model for inference")
    return Step(node, node.inputs[:1], lambda x: x)


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether NumPy itself has this type of numbers; those of 8 or 16 bits that a package adds round in other ways."""
    return dtype.isbuiltin == 1 and dtype.kind in "biuf"


def _cast(node: Node, constants: Constants, _: Settings) -> Step:
    dtype = helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    if not _is_numeric(dtype):
        raise NotNativeError(f"{node}: its type {dtype} has no array here")

    def cast(x: Array) -> Any:
        if not _is_numeric(x.dtype):
            raise TypeError(f"an array of {x.dtype} cannot be cast")
        return x.astype(dtype)

    return Step(node, node.inputs, cast)


def _relu(x: FloatArray) -> Array:
    return activated(x, "relu") if x.dtype.kind == "f" else np.maximum(x, 0)


ELEMENTWISE: dict[str, Prepare] = {
    "Abs": _simple(np.abs),
    "Add": _simple(np.add),
    "Cast": _cast,
    "Ceil": _simple(np.ceil),
    "Clip": _clip,
    "Div": _simple(_divide),
    "Dropout": _dropout,
    "Elu": _of_floats(_elu, alpha=1.0),
    "Equal": _simple(np.equal),
    "Exp": _simple(np.exp),
    "Floor": _simple(np.floor),
    "HardSigmoid": _of_floats(_hard_sigmoid, alpha=0.2, beta=0.5),
    "HardSwish": _simple(_hard_swish),
    "Identity": _simple(lambda x: x),
    "LeakyRelu": _leaky_relu,
    "Log": _simple(np.log),
    "Max": _simple(lambda *arrays: reduce(np.maximum, arrays)),
    "Mean": _simple(_mean),
    "Min": _simple(lambda *arrays: reduce(np.minimum, arrays)),
    "Mul": _simple(np.multiply),
    "Neg": _simple(np.negative),
    "PRelu": _simple(_prelu),
    "Pow": _simple(_power),
    "Reciprocal": _simple(lambda x: _divide(np.ones((), x.dtype), x)),
    "Relu": _simple(_relu),
    "Selu": _of_floats(_selu, alpha=1.6732632, gamma=1.0507010),
    "Sigmoid": _simple(sigmoid),
    "Softplus": _simple(_softplus),
    "Sqrt": _simple(np.sqrt),
    "Sub": _simple(np.subtract),
    "Sum": _simple(lambda *arrays: reduce(np.add, arrays)),
    "Tanh": _simple(np.tanh),
    "Where": _simple(np.where),
}
