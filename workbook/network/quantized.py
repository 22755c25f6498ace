"""Operators on bytes: ONNX's own, and those that ONNX Runtime adds under the name com.microsoft.

Each array of bytes comes with a scale and a zero point (linear.py). A sum or a mean of bytes is computed on the numbers
that they stand for, which a table of 256 gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from workbook.network.graph import Array, FloatArray, ModelError, Node
from workbook.network.linear import dequantize_linear, quantize_linear
from workbook.network.pooling import Pool, framed
from workbook.network.step import Constants, NotNativeError, Prepare, Settings, Step, activated, stored
from workbook.network.windows import depends_on_image, window


def _quantize(node: Node, constants: Constants, _: Settings) -> Step:
    scale, zero = stored(node, 1, "scale", constants), _zero_point(node, constants)
    _check_form(node)
    axis = node.attributes.get("axis", 1)
    return Step(node, node.inputs[:1], lambda x: quantize_linear(x, scale, np.uint8(0) if zero is None else zero, axis))


def _dequantize(node: Node, constants: Constants, _: Settings) -> Step:
    scale, zero = stored(node, 1, "scale", constants), _zero_point(node, constants)
    _check_form(node)
    if zero is not None and scale.size == 1 and zero.dtype.itemsize == 1:
        return Step(node, node.inputs[:1], _meaning(scale, zero))
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
    x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in range(1, 8)
    )
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
        return Step(node, node.inputs[:1], plan)
    zero = x_zero.item()
    return Step(node, node.inputs[:1], lambda x: plan(framed(x, window(node, taps, x.shape[2:]).padding, zero)))


def _gemm(node: Node, constants: Constants, settings: Settings) -> Step:
    """QGemm of weights (K, C), transB = 1: a convolution of 1x1, in which the images are the pixels of one row."""
    if node.attributes.get("transA") or not node.attributes.get("transB") or node.attributes.get("alpha", 1) != 1:
        raise ModelError(f"{node}: only transA=0, transB=1 and alpha=1 are supported")
    a_scale, a_zero, b, b_scale, b_zero = (stored(node, i, f"input {i}", constants) for i in range(1, 6))
    bias = stored(node, 6, "bias", constants) if node.inputs[6] else None
    y_scale, y_zero = (stored(node, i, f"input {i}", constants) for i in (7, 8))
    plan = kernels.QLinearConv(
        b[:, :, None, None],
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
    return Step(node, node.inputs[:1], lambda a: plan(np.ascontiguousarray(a.T)[None, :, None])[0, :, 0].T)


def _add(node: Node, constants: Constants, _: Settings) -> Step:
    """QLinearAdd: a, its scale and zero point, b and its, those of y; arrays of two scales meet in float32."""
    a_scale, a_zero, b_scale, b_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5, 6, 7)
    )
    a_number, b_number = _meaning(a_scale, a_zero), _meaning(b_scale, b_zero)
    activation = node.attributes.get("activation")

    def add(a: Array, b: Array) -> Any:
        return quantize_linear(activated(a_number(a) + b_number(b), activation), y_scale, y_zero)

    return Step(node, (node.inputs[0], node.inputs[3]), add)


def _global_average_pool(node: Node, constants: Constants, _: Settings) -> Step:
    x_scale, x_zero, y_scale, y_zero = (stored(node, i, f"input {i}", constants) for i in range(1, 5))

    def pool(x: Array) -> Any:
        mean = x.mean(axis=(2, 3), keepdims=True, dtype=np.float32) - np.float32(x_zero)
        return quantize_linear(mean * np.float32(x_scale), y_scale, y_zero)

    return Step(node, node.inputs[:1], pool)


def _average_pool(node: Node, constants: Constants, _: Settings) -> Step:
    x_scale, x_zero, y_scale, y_zero = (stored(node, i, f"input {i}", constants) for i in range(1, 5))
    number, pool = _meaning(x_scale, x_zero), Pool.of(node)
    return Step(node, node.inputs[:1], lambda x: quantize_linear(pool.average(number(x)), y_scale, y_zero))


def _concat(node: Node, constants: Constants, _: Settings) -> Step:
    """QLinearConcat: scale and zero point of y, then each array with its own; a table takes its bytes to those of y."""
    scale, zero = (stored(node, i, f"input {i}", constants) for i in (0, 1))
    axis, tables = node.attributes["axis"], list[Array]()
    for i in range(2, len(node.inputs), 3):
        numbers = _table(*(stored(node, j, f"input {j}", constants) for j in (i + 1, i + 2)))
        tables.append(quantize_linear(numbers, scale, zero))

    def concat(*arrays: Array) -> Array:
        return np.concatenate([table[q.view(np.uint8)] for table, q in zip(tables, arrays, strict=True)], axis)

    return Step(node, node.inputs[2::3], concat)


def _meaning(scale: Array, zero: Array) -> Callable[[Array], FloatArray]:
    """Return the function from bytes to the numbers that they stand for."""
    table = _table(scale, zero)
    return lambda q: table[q.view(np.uint8)]


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
