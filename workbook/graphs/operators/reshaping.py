"""Operators that move numbers and compute none: each is a view of the array."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workbook.graphs.graph import Array, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT, PASSING, Entries, Entry, NcnnLayer
from workbook.graphs.operators.operator import Constants, Operator, Prepare, Settings
from workbook.graphs.operators.view import View


def _flatten(node: Node, constants: Constants, _: Settings) -> Operator:
    axis = node.attributes.get("axis", 1)

    def flatten(x: Array) -> Array:
        return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))

    return View(node, node.inputs, constants, flatten)


def _reshape(node: Node, constants: Constants, _: Settings) -> Operator:
    zero_copies = not node.attributes.get("allowzero")

    def reshape(x: Array, shape: Array) -> Array:
        return x.reshape([x.shape[i] if size == 0 and zero_copies else int(size) for i, size in enumerate(shape)])

    return View(node, node.inputs, constants, reshape)


def _transpose(node: Node, constants: Constants, _: Settings) -> Operator:
    order = node.attributes.get("perm")
    return Operator(node, node.inputs, lambda x: x.transpose(order))


def _with_axes(compute: Callable[[Array, Any], Array]) -> Prepare:
    """Return what prepares an operator whose axes are an attribute up to opset 12, and an input since."""

    def prepare(node: Node, constants: Constants, _: Settings) -> Operator:
        if "axes" in node.attributes:
            axes = tuple(node.attributes["axes"])
            return View(node, node.inputs, constants, lambda x: compute(x, axes))
        return View(node, node.inputs, constants, lambda x, axes=None: compute(x, axes))

    return prepare


def _squeeze(x: Array, axes: Sequence[int] | None) -> Array:
    return np.squeeze(x, None if axes is None else tuple(int(axis) for axis in axes))


def _unsqueeze(x: Array, axes: Sequence[int]) -> Array:
    return np.expand_dims(x, tuple(int(axis) for axis in axes))


def _flat_in_ncnn(node: Node, _: Constants, shapes: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    """A row for each image is ncnn's array of one axis."""
    return (NcnnLayer("Flatten", {}),) if len(shapes.get(node.outputs[0], ())) == 2 else None


def _entry(prepare: Prepare, in_ncnn: Any = None, *attributes: str) -> Entry:
    return Entry(prepare, PASSING, in_ncnn, attributes=attributes, types=(*FLOAT, *BYTES), joins=True)


RESHAPING: Entries = {
    "Flatten": _entry(_flatten, _flat_in_ncnn, "axis"),
    "Reshape": _entry(_reshape, _flat_in_ncnn, "allowzero"),
    "Squeeze": _entry(_with_axes(_squeeze), None, "axes"),
    "Transpose": _entry(_transpose, None, "perm"),
    "Unsqueeze": _entry(_with_axes(_unsqueeze), None, "axes"),
}
