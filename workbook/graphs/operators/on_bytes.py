"""Operators on bytes: the conversions, and ONNX Runtime's sum. Layers with a form in float32 stand beside that one.

Each array of bytes comes with a scale and a zero point (quantize_linear.py). What the kernels have a form for runs
there; a form that they lack is computed on the numbers that the bytes stand for, which a table of 256 gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import kernels
from workbook.graphs.graph import Array, FloatArray, Node
from workbook.graphs.operators.each_number import EachNumber
from workbook.graphs.operators.entry import BYTES, Entries, Entry, OnBytes
from workbook.graphs.operators.operator import (
    Constants,
    NotNativeError,
    Operator,
    Settings,
    activated,
    stored,
)
from workbook.graphs.quantize_linear import dequantize_linear, quantize_linear


def _quantize(node: Node, constants: Constants, settings: Settings) -> Operator:
    scale, zero = _steps(node, constants)
    kernel = kernels.QuantizeLinear(scale, zero, threads=settings.threads)
    return EachNumber(node, node.inputs[:1], kernel, zero.dtype)


def _dequantize(node: Node, constants: Constants, settings: Settings) -> Operator:
    scale, zero = _steps(node, constants)
    kernel = kernels.DequantizeLinear(scale, zero, threads=settings.threads)
    return EachNumber(node, node.inputs[:1], kernel, np.dtype(np.float32))


def _steps(node: Node, constants: Constants) -> tuple[Array, Array]:
    """Return the one scale and zero point of an array, which the kernels take."""
    scale = stored(node, 1, "scale", constants)
    zero = stored(node, 2, "zero point", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    zero = np.array(0, np.uint8) if zero is None and node.op == "QuantizeLinear" else zero
    if zero is None or zero.dtype.name not in BYTES or scale.dtype != np.float32 or scale.size != 1 or scale <= 0:
        raise NotNativeError(f"{node}: one scale above 0, and a zero point of 8 bits, have a kernel")
    return scale.reshape(()), zero.reshape(())


QLINEAR_ADD = OnBytes("layer", "com.microsoft.QLinearAdd", ("x", "y"), activated=True, ends=False)


def _add(node: Node, constants: Constants, settings: Settings) -> Operator:
    """QLinearAdd: a, its scale and zero point, b and its, those of y; the two meet in float32."""
    parts = [stored(node, i, f"input {i}", constants).reshape(()) for i in (1, 2, 4, 5, 6, 7)]
    a_scale, a_zero, b_scale, b_zero, y_scale, y_zero = parts
    a_numbers, b_numbers = number_of_each_byte(a_scale, a_zero), number_of_each_byte(b_scale, b_zero)
    activation = node.attributes.get("activation")

    def add(a: Array, b: Array) -> Any:
        total = a_numbers[a.view(np.uint8)] + b_numbers[b.view(np.uint8)]
        return quantize_linear(activated(total, activation), y_scale, y_zero)

    reads = node.inputs[0], node.inputs[3]
    if isinstance(activation, tuple):
        return Operator(node, reads, add)
    kernel = kernels.QLinearAdd(*parts, activation=activation, threads=settings.threads)
    return EachNumber(node, reads, kernel, y_zero.dtype, add)


def number_of_each_byte(scale: Array, zero: Array) -> FloatArray:
    """Return the number that each of the 256 bytes stands for."""
    return dequantize_linear(np.arange(256, dtype=np.uint8).view(zero.dtype), scale, zero)


ON_BYTES: Entries = {
    "QuantizeLinear": Entry(_quantize, attributes=("axis", "saturate")),
    "DequantizeLinear": Entry(_dequantize, attributes=("axis",), types=BYTES),
    "com.microsoft.QLinearAdd": Entry(_add, types=BYTES),
}
