"""ONNX's operators: for each a function that prepares a node once and returns what is computed on every run.

`OPERATORS` is the whole list; those on bytes are in quantized.py. To add one, write a function (node, constants,
settings) -> Step and enter it there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial, reduce

import numpy as np

import kernels
from kernels.geometry import Activation, Geometry, Window
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.passes import normalisation_factor
from workbook.network.pooling import Pool
from workbook.network.quantized import QUANTIZED
from workbook.network.step import Constants, Prepare, Settings, Step, activated, stored
from workbook.network.windows import window


class Convolution:
    """A Conv with its weights packed, and what the passes fused into it.

    Parameters
    ----------
    plan : function
        Takes an activation; returns the `kernels.Conv2d` that applies it.
    window : Window
    activation : as `kernels.Conv2d` takes it
    """

    def __init__(self, plan: Callable[[Activation], kernels.Conv2d], window: Window, activation: Activation) -> None:
        self._make, self._window, self._activation = plan, window, activation
        self.plan = plan(activation)

    def __call__(self, x: FloatArray, residual: FloatArray | None = None) -> Array:
        """Return activation(conv(x) + residual)."""
        if residual is None:
            return self.plan(x)
        if residual.shape == Geometry.of(x.shape, self.plan.weight_shape, self._window).y_shape:
            return self.plan(x, residual=residual)
        # The kernel adds array to array; an Add may also repeat the smaller one, such as one number a channel.
        return activated(self._without_activation(x) + residual, self._activation)

    @cached_property
    def _without_activation(self) -> kernels.Conv2d:
        return self._make(None)


def _conv(node: Node, constants: Constants, settings: Settings) -> Step:
    weight = stored(node, 1, "weight", constants)
    bias = stored(node, 2, "bias", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    taps = weight.shape[2:]
    stated = tuple(node.attributes.get("kernel_shape", taps))
    if stated != taps:
        raise ModelError(f"{node}: kernel_shape is {stated}, but its weight {node.inputs[1]!r} is {weight.shape}")
    moves = window(node, taps)
    plan = partial(
        kernels.Conv2d,
        weight,
        bias,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        algorithm=node.attributes.get("algorithm", settings.algorithm),
        threads=settings.threads,
    )
    compute = Convolution(lambda activation: plan(activation=activation), moves, node.attributes.get("activation"))
    residual = node.attributes.get("residual")
    return Step(node, (node.inputs[0], residual) if residual else node.inputs[:1], compute)


def _batch_norm(node: Node, constants: Constants, _: Settings) -> Step:
    if node.attributes.get("training_mode"):
        raise ModelError(f"{node}: it is in training mode; export the model for inference")
    names = ("scale", "B", "input_mean", "input_var")
    scale, shift, mean, variance = (stored(node, i, name, constants) for i, name in enumerate(names, start=1))
    f = normalisation_factor(scale, variance, node.attributes.get("epsilon", 1e-5))
    factor = f.astype(np.float32)[:, None, None]
    offset = (shift - mean * f).astype(np.float32)[:, None, None]
    return Step(node, node.inputs[:1], lambda x: x * factor + offset)


def _clip(node: Node, constants: Constants, _: Settings) -> Step:
    if "min" in node.attributes or "max" in node.attributes:  # up to opset 10
        low, high = node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)
        return Step(node, node.inputs, lambda x: np.clip(x, low, high))
    return Step(node, node.inputs, lambda x, low=None, high=None: np.clip(x, low, high))


def _leaky_relu(node: Node, constants: Constants, _: Settings) -> Step:
    slope = node.attributes.get("alpha", 0.01)
    return Step(node, node.inputs, lambda x: activated(x, ("leaky_relu", slope)))


def _max_pool(node: Node, constants: Constants, _: Settings) -> Step:
    return Step(node, node.inputs, Pool.of(node).maximum)


def _average_pool(node: Node, constants: Constants, _: Settings) -> Step:
    return Step(node, node.inputs, Pool.of(node).average)


def _flatten(node: Node, constants: Constants, _: Settings) -> Step:
    axis = node.attributes.get("axis", 1)

    def flatten(x: Array) -> Array:
        return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))

    return Step(node, node.inputs, flatten)


def _reshape(node: Node, constants: Constants, _: Settings) -> Step:
    shape = [int(size) for size in stored(node, 1, "shape", constants)]
    zero_copies = not node.attributes.get("allowzero")

    def reshape(x: Array) -> Array:
        return x.reshape([x.shape[i] if size == 0 and zero_copies else size for i, size in enumerate(shape)])

    return Step(node, node.inputs[:1], reshape)


def _gemm(node: Node, constants: Constants, _: Settings) -> Step:
    alpha, beta = (np.float32(node.attributes.get(name, 1)) for name in ("alpha", "beta"))
    turn_a, turn_b = node.attributes.get("transA"), node.attributes.get("transB")

    def gemm(a: FloatArray, b: FloatArray, c: FloatArray | None = None) -> Array:
        product = alpha * ((a.T if turn_a else a) @ (b.T if turn_b else b))
        return product if c is None else product + beta * c

    return Step(node, node.inputs, gemm)


def _plain(compute: Callable[..., Array]) -> Prepare:
    """Return what prepares an operator that needs no preparation."""
    return lambda node, constants, settings: Step(node, node.inputs, compute)


OPERATORS: dict[str, Prepare] = {
    "Add": _plain(np.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(lambda x: x.mean(axis=(2, 3), keepdims=True)),
    "Identity": _plain(lambda x: x),
    "LeakyRelu": _leaky_relu,
    "MatMul": _plain(np.matmul),
    "MaxPool": _max_pool,
    "Min": _plain(lambda *arrays: reduce(np.minimum, arrays)),
    "Relu": _plain(lambda x: activated(x, "relu")),
    "Reshape": _reshape,
    "Sub": _plain(np.subtract),
    **QUANTIZED,
}


def prepare(node: Node, constants: Constants, settings: Settings) -> Step:
    """Make a node ready to run.

    Raises
    ------
    ModelError
        If the operator is not in `OPERATORS`, or cannot be prepared; the message names the node.
    """
    if node.op not in OPERATORS:
        raise ModelError(f"{node}: the operator is not supported; those that are: {', '.join(OPERATORS)}")
    try:
        return OPERATORS[node.op](node, constants, settings)
    except ModelError:
        raise
    except (TypeError, ValueError) as error:
        raise ModelError(f"{node}: {error}") from error
