"""Operators on bytes: ONNX's own, and those that ONNX Runtime adds under the name com.microsoft.

Each array of bytes comes with a scale and a zero point (linear.py). What the kernels have a form for runs there; a form
that they lack is computed on the numbers that the bytes stand for, which a table of 256 gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kernels
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.linear import dequantize_linear, quantize_linear
from workbook.network.pooling import Pool, framed
from workbook.network.step import Constants, NotNativeError, Prepare, Settings, Step, activated, stored, stored_name
from workbook.network.storage import Storage
from workbook.network.windows import depends_on_image, window


class ByteConvolution:
    """A QLinearConv with its weights packed.

    Parameters
    ----------
    plan : kernels.QLinearConv
    """

    def __init__(self, plan: kernels.QLinearConv) -> None:
        self.plan = plan

    def __call__(self, x: Array) -> Array:
        """Return the image in bytes."""
        return self.plan(x)

    def blank(self, x: Array) -> Array:
        """Return zeros of the result's shape, which take no time, and no memory until someone writes to them."""
        return np.zeros(self.plan.y_shape(x.shape), self.plan.y_dtype)


class ByteProduct:
    """A QGemm of weights (K, C), transB = 1: a convolution of 1x1, in which the images are the pixels of one row."""

    def __init__(self, plan: kernels.QLinearConv) -> None:
        self.plan = plan

    def __call__(self, a: Array) -> Array:
        """Return (N, K) bytes."""
        return self.plan(np.ascontiguousarray(a.T)[None, :, None])[0, :, 0].T

    def blank(self, a: Array) -> Array:
        """Return zeros of the result's shape."""
        return np.zeros((len(a), self.plan.weight_shape[0]), self.plan.y_dtype)


@dataclass(frozen=True)
class ByteSum:
    """A QLinearAdd.

    Attributes
    ----------
    plan : kernels.QLinearAdd
        For arrays of one shape.
    otherwise : function
        For one that repeats the other.
    """

    plan: kernels.QLinearAdd
    otherwise: Callable[[Array, Array], Array]

    def __call__(self, a: Array, b: Array) -> Array:
        """Return the sum in bytes."""
        return self.plan(a, b) if a.shape == b.shape else self.otherwise(a, b)


@dataclass(frozen=True)
class ByteConcat:
    """A Concat of bytes; each part's pass through a table to those of y, or stay what they are.

    Attributes
    ----------
    axis : int
    tables : tuple of (kernels.LookUp or None)
    """

    axis: int
    tables: tuple[kernels.LookUp | None, ...]

    def __call__(self, *parts: Array) -> Array:
        """Return the joined bytes."""
        translated = [table(q) if table else q for table, q in zip(self.tables, parts, strict=True)]
        return np.concatenate(translated, self.axis)


def _quantize(node: Node, constants: Constants, settings: Settings) -> Step:
    scale, given = stored(node, 1, "scale", constants), _zero_point(node, constants)
    _check_form(node)
    zero: Array = np.array(0, np.uint8) if given is None else given
    if scale.size == 1 and zero.dtype.itemsize == 1:
        plan = kernels.QuantizeLinear(scale.reshape(()), zero.reshape(()), threads=settings.threads)
        return Step(node, node.inputs[:1], plan)
    axis = node.attributes.get("axis", 1)
    return Step(node, node.inputs[:1], lambda x: quantize_linear(x, scale, zero, axis))


def _dequantize(node: Node, constants: Constants, settings: Settings) -> Step:
    scale, zero = stored(node, 1, "scale", constants), _zero_point(node, constants)
    _check_form(node)
    if zero is not None and scale.size == 1 and zero.dtype.itemsize == 1:
        plan = kernels.DequantizeLinear(scale.reshape(()), zero.reshape(()), threads=settings.threads)
        return Step(node, node.inputs[:1], plan)
    axis = node.attributes.get("axis", 1)
    return Step(node, node.inputs[:1], lambda q: dequantize_linear(q, scale, 0 if zero is None else zero, axis))


def _zero_point(node: Node, constants: Constants) -> Array | None:
    """Return the zero point; None if it is left out and stands for 0."""
    return stored(node, 2, "zero point", constants) if len(node.inputs) > 2 and node.inputs[2] else None


def _check_form(node: Node) -> None:
    """Blocks of scales and types of 4, 8 or 16 bits that are no integers have no function here."""
    for name in ("block_size", "output_dtype", "precision"):
        if node.attributes.get(name):
            raise NotNativeError(f"{node}: the attribute {name!r} has no function here")


def _conv(node: Node, constants: Constants, settings: Settings) -> Step:
    """QLinearConv: x, its scale and zero point, w and its, those of y, bias."""
    x_scale, x_zero, w_scale, w_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5, 6, 7)
    )
    w = Storage.of(constants).stored(stored_name(node, 3, "weight", constants))
    bias = stored(node, 8, "bias", constants) if len(node.inputs) > 8 and node.inputs[8] else None
    taps = w.shape[2:]
    moves = window(node, taps)
    plan = kernels.QLinearConv(
        w,
        w_scale,
        w_zero,
        bias,
        x_scale=x_scale,
        x_zero_point=x_zero,
        y_scale=y_scale,
        y_zero_point=y_zero,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        activation=node.attributes.get("activation"),
        algorithm=settings.integer_algorithm,
        threads=settings.threads,
    )
    if not depends_on_image(node):
        return Step(node, node.inputs[:1], ByteConvolution(plan))
    zero = x_zero.item()
    return Step(node, node.inputs[:1], lambda x: plan(framed(x, window(node, taps, x.shape[2:]).padding, zero)))


def _gemm(node: Node, constants: Constants, settings: Settings) -> Step:
    if node.attributes.get("transA") or not node.attributes.get("transB") or node.attributes.get("alpha", 1) != 1:
        raise ModelError(f"{node}: only transA=0, transB=1 and alpha=1 are supported")
    a_scale, a_zero, b_scale, b_zero = (stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5))
    b = Storage.of(constants).stored(stored_name(node, 3, "weight", constants))
    bias = stored(node, 6, "bias", constants) if node.inputs[6] else None
    y_scale, y_zero = (stored(node, i, f"input {i}", constants) for i in (7, 8))
    plan = kernels.QLinearConv(
        kernels.Stored((*b.shape, 1, 1), b.dtype, lambda: b.read()[:, :, None, None]),
        b_scale,
        b_zero,
        bias,
        x_scale=a_scale,
        x_zero_point=a_zero,
        y_scale=y_scale,
        y_zero_point=y_zero,
        algorithm=settings.integer_algorithm,
        threads=settings.threads,
    )
    return Step(node, node.inputs[:1], ByteProduct(plan))


def _add(node: Node, constants: Constants, settings: Settings) -> Step:
    """QLinearAdd: a, its scale and zero point, b and its, those of y; the two meet in float32."""
    parts = [stored(node, i, f"input {i}", constants).reshape(()) for i in (1, 2, 4, 5, 6, 7)]
    a_scale, a_zero, b_scale, b_zero, y_scale, y_zero = parts
    a_numbers, b_numbers = _table(a_scale, a_zero), _table(b_scale, b_zero)
    activation = node.attributes.get("activation")

    def add(a: Array, b: Array) -> Any:
        total = a_numbers[a.view(np.uint8)] + b_numbers[b.view(np.uint8)]
        return quantize_linear(activated(total, activation), y_scale, y_zero)

    reads = node.inputs[0], node.inputs[3]
    if isinstance(activation, tuple):
        return Step(node, reads, add)
    return Step(node, reads, ByteSum(kernels.QLinearAdd(*parts, activation=activation, threads=settings.threads), add))


def _global_average_pool(node: Node, constants: Constants, settings: Settings) -> Step:
    parts = [stored(node, i, f"input {i}", constants).reshape(()) for i in range(1, 5)]
    return Step(node, node.inputs[:1], kernels.QLinearPool("mean", None, *parts, threads=settings.threads))


def _average_pool(node: Node, constants: Constants, settings: Settings) -> Step:
    x_scale, x_zero, y_scale, y_zero = parts = [
        stored(node, i, f"input {i}", constants).reshape(()) for i in range(1, 5)
    ]
    pool = Pool.of(node)
    if pool.node is None and not pool.round_up:
        return Step(node, node.inputs[:1], byte_pool(pool, pool.window.padding, "mean", parts, settings.threads))
    numbers = _table(x_scale, x_zero)
    return Step(
        node,
        node.inputs[:1],
        lambda x: quantize_linear(pool.average(numbers[x.view(np.uint8)]), y_scale, y_zero),
    )


def byte_pool(
    pool: Pool,
    padding: tuple[int, int, int, int],
    kind: Literal["maximum", "mean"],
    parts: Sequence[Array],
    threads: int | None,
) -> kernels.QLinearPool:
    """Return a pool on bytes; `parts` are scale and zero point of x and of y."""
    x_scale, x_zero, y_scale, y_zero = parts
    window = pool.window
    return kernels.QLinearPool(
        kind,
        pool.taps,
        x_scale,
        x_zero,
        y_scale,
        y_zero,
        stride=window.stride,
        padding=padding,
        dilation=window.dilation,
        count_padding=pool.count_padding,
        threads=threads,
    )


def _concat(node: Node, constants: Constants, _: Settings) -> Step:
    """QLinearConcat: scale and zero point of y, then each array with its own; a table takes its bytes to those of y."""
    scale, zero = (stored(node, i, f"input {i}", constants) for i in (0, 1))
    tables = list[kernels.LookUp | None]()
    same = np.arange(256, dtype=np.uint8)
    for i in range(2, len(node.inputs), 3):
        numbers = _table(*(stored(node, j, f"input {j}", constants) for j in (i + 1, i + 2)))
        table = quantize_linear(numbers, scale, zero)
        tables.append(None if np.array_equal(table.view(np.uint8), same) else kernels.LookUp(table))
    return Step(node, node.inputs[2::3], ByteConcat(node.attributes["axis"], tuple(tables)))


def _table(scale: Array, zero: Array) -> FloatArray:
    """Return the number that each of the 256 bytes stands for."""
    return dequantize_linear(np.arange(256, dtype=np.uint8).view(zero.dtype), scale, zero)


QUANTIZED: dict[str, Prepare] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "QLinearConv": _conv,
    "com.microsoft.QGemm": _gemm,
    "com.microsoft.QLinearAdd": _add,
    "com.microsoft.QLinearAveragePool": _average_pool,
    "com.microsoft.QLinearConcat": _concat,
    "com.microsoft.QLinearGlobalAveragePool": _global_average_pool,
}
