"""ONNX's operators: for each a function that prepares a node once and returns what is computed on every run.

`OPERATORS` is the whole list; it is made of what this file and its neighbours have. To add one, write a function (node,
constants, settings) -> Step and enter it. An operator that is not in the list, or not in the form that a model has, is
computed by onnx.reference (reference.py).
"""

from __future__ import annotations

import math

import numpy as np

import kernels
from kernels.arrays import check_finite
from kernels.geometry import Activation
from workbook.network.arranging import ARRANGING
from workbook.network.elementwise import ELEMENTWISE
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.normalising import NORMALISING
from workbook.network.pooling import Pool, framed
from workbook.network.quantized import QUANTIZED
from workbook.network.reference import by_reference
from workbook.network.resizing import RESIZING
from workbook.network.step import Constants, NotNativeError, Prepare, Settings, Step, activated, stored, stored_name
from workbook.network.storage import Storage
from workbook.network.transposed import TRANSPOSED
from workbook.network.windows import depends_on_image, window

LARGE = 2 << 20  # numbers of a filter, 8 MiB: by F(4x4, 3x3) they become 32 MiB, more than caches hold


def compact(weight: Array | kernels.Stored) -> bool:
    """Whether Winograd keeps this filter as it is, and transforms it in each call."""
    return math.prod(weight.shape) > LARGE


class Convolution:
    """A Conv with its weights packed, and what the passes fused into it.

    Parameters
    ----------
    plan : kernels.Conv2d
    activation : as `kernels.Conv2d` takes it
        What `plan` applies.
    """

    def __init__(self, plan: kernels.Conv2d, activation: Activation) -> None:
        self.plan, self._activation = plan, activation

    def __call__(self, x: FloatArray, residual: FloatArray | None = None) -> Array:
        """Return activation(conv(x) + residual)."""
        if residual is None:
            return self.plan(x)
        if residual.shape == self.plan.y_shape(x.shape):
            return self.plan(x, residual=residual)
        # The kernel adds array to array; an Add may also repeat the smaller one, such as one number a channel.
        return activated(self.plan.without_activation()(x) + residual, self._activation)

    def blank(self, x: FloatArray, residual: FloatArray | None = None) -> Array:
        """Return zeros of the result's shape, which take no time, and no memory until someone writes to them."""
        shape = self.plan.y_shape(x.shape)
        return np.zeros(shape if residual is None else np.broadcast_shapes(shape, residual.shape), x.dtype)


def _conv(node: Node, constants: Constants, settings: Settings) -> Step:
    name = stored_name(node, 1, "weight", constants)
    weight = Storage.of(constants).outline(name)
    if isinstance(weight, np.ndarray):
        check_finite(weight, "weight")  # those in a file are checked when they are read, to be packed
    bias = stored(node, 2, "bias", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    taps = weight.shape[2:]
    stated = tuple(node.attributes.get("kernel_shape", taps))
    if stated != taps:
        raise ModelError(f"{node}: kernel_shape is {stated}, but its weight {name!r} is {weight.shape}")
    if weight.ndim in (3, 5) or weight.dtype in (np.float16, np.float64):
        raise NotNativeError(
            f"{node}: its weight is of {weight.dtype} and {weight.ndim} dimensions; float32 and 4 run here"
        )
    moves = window(node, taps)
    layer = kernels.Conv2d(
        Storage.of(constants).stored(name),
        bias,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        activation=node.attributes.get("activation"),
        algorithm=node.attributes.get("algorithm", settings.algorithm),
        threads=settings.threads,
        compact=compact(weight),
    )
    compute = Convolution(layer, node.attributes.get("activation"))
    residual = node.attributes.get("residual")
    reads = (node.inputs[0], residual) if residual else node.inputs[:1]
    if not depends_on_image(node):
        return Step(node, reads, compute)
    return Step(
        node, reads, lambda x, *residual: compute(framed(x, window(node, taps, x.shape[2:]).padding), *residual)
    )


def _max_pool(node: Node, constants: Constants, _: Settings) -> Step:
    return Step(node, node.inputs, Pool.of(node).maximum)


def _average_pool(node: Node, constants: Constants, _: Settings) -> Step:
    return Step(node, node.inputs, Pool.of(node).average)


def _gemm(node: Node, constants: Constants, _: Settings) -> Step:
    alpha, beta = (np.float32(node.attributes.get(name, 1)) for name in ("alpha", "beta"))
    turn_a, turn_b = node.attributes.get("transA"), node.attributes.get("transB")

    def gemm(a: FloatArray, b: FloatArray, c: FloatArray | None = None) -> Array:
        product = alpha * ((a.T if turn_a else a) @ (b.T if turn_b else b))
        return product if c is None else product + beta * c

    return Step(node, node.inputs, gemm)


OPERATORS: dict[str, Prepare] = {
    **ARRANGING,
    **ELEMENTWISE,
    **NORMALISING,
    **QUANTIZED,
    **RESIZING,
    **TRANSPOSED,
    "AveragePool": _average_pool,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": lambda node, constants, settings: Step(node, node.inputs, np.matmul),
    "MaxPool": _max_pool,
}


def prepare(node: Node, constants: Constants, settings: Settings) -> Step:
    """Make a node ready to run.

    Raises
    ------
    ModelError
        If neither `OPERATORS` nor onnx.reference has the operator, or if it cannot be prepared; the message names the
        node.
    """
    try:
        if node.op not in OPERATORS:
            raise NotNativeError(f"{node}: the operator is supported neither here nor by onnx.reference")
        if "output" in node.attributes and node.op not in ("Split", "Dropout"):
            raise NotNativeError(f"{node}: of its outputs only the first is computed here")
        return OPERATORS[node.op](node, constants, settings)
    except NotNativeError as why:
        return by_reference(node, why)
    except ModelError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise ModelError(f"{node}: {error}") from error
