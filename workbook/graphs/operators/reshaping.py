"""Operators that move numbers and compute none: each is a view of the array, or one copy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import numpy_helper

from workbook.graphs.graph import Array, Node, Shape
from workbook.graphs.operators.entry import PASSING, Entries, Entry, NcnnLayer
from workbook.graphs.operators.operator import Constants, NotNativeError, Operator, Prepare, Settings
from workbook.graphs.operators.view import View
from workbook.graphs.shapes import check_size


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


def _gather(node: Node, constants: Constants, _: Settings) -> Operator:
    axis = node.attributes.get("axis", 0)
    return Operator(node, node.inputs, lambda x, places: np.take(x, places, axis))


def _shape(node: Node, constants: Constants, _: Settings) -> Operator:
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return Operator(node, node.inputs, lambda x: np.array(x.shape[start:end], np.int64))


def _expand(x: Array, shape: Array) -> Array:
    sizes = np.broadcast_shapes(x.shape, tuple(int(size) for size in shape))
    check_size(sizes)
    return np.broadcast_to(x, sizes)


def _constant_of_shape(node: Node, constants: Constants, _: Settings) -> Operator:
    value = node.attributes.get("value")
    number = np.zeros((), np.float32) if value is None else numpy_helper.to_array(value).reshape(-1)[0]
    return Operator(node, node.inputs, lambda shape: _expand(np.asarray(number), shape))


def _tile(x: Array, repeats: Array) -> Array:
    check_size(tuple(int(size * times) for size, times in zip(x.shape, repeats, strict=True)))
    return np.tile(x, repeats)


def _slice(node: Node, constants: Constants, _: Settings) -> Operator:
    def cut(x: Array, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Array:
        parts = [slice(None)] * x.ndim
        axes = range(len(starts)) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            beyond = step < 0 and end < -x.shape[axis]  # backwards, to the first number and with it
            parts[axis] = slice(int(start), None if beyond else int(end), int(step))
        return x[tuple(parts)]

    if "starts" in node.attributes:  # up to opset 9
        starts, ends, axes = (node.attributes.get(name) for name in ("starts", "ends", "axes"))
        return Operator(node, node.inputs, lambda x: cut(x, starts, ends, axes))
    return Operator(node, node.inputs, cut)


def _split(node: Node, constants: Constants, _: Settings) -> Operator:
    place, count = node.attributes["output"]
    axis, stated = node.attributes.get("axis", 0), node.attributes.get("split")

    def part(x: Array, sizes: Array | None = None) -> Array:
        sizes = stated if sizes is None else sizes
        each = -(-x.shape[axis] // count)  # the last part may be smaller
        ends = np.cumsum(sizes) if sizes is not None else [min(each * (i + 1), x.shape[axis]) for i in range(count)]
        if len(ends) != count or ends[-1] != x.shape[axis]:
            raise ValueError(f"{count} parts of {sizes} are not the {x.shape[axis]} places of axis {axis}")
        cut = [slice(None)] * x.ndim
        cut[axis] = slice(int(ends[place - 1]) if place else 0, int(ends[place]))
        return x[tuple(cut)]

    return Operator(node, node.inputs, part)


def _pad(node: Node, constants: Constants, _: Settings) -> Operator:
    mode = node.attributes.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise NotNativeError(f"{node}: the mode {mode!r} is unknown")

    def pad(x: Array, pads: Any, value: Any = None, axes: Any = None) -> Array:
        axes = range(x.ndim) if axes is None else [int(axis) for axis in axes]
        before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
        sides = [(0, 0)] * x.ndim
        for axis, first, last in zip(axes, before, after, strict=True):
            sides[axis] = (int(first), int(last))
        check_size(tuple(size + max(a, 0) + max(b, 0) for size, (a, b) in zip(x.shape, sides, strict=True)))
        kept = tuple(slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape, sides, strict=True))
        widths = [(max(a, 0), max(b, 0)) for a, b in sides]
        if mode == "constant":
            return np.pad(x[kept], widths, constant_values=0 if value is None else np.asarray(value).reshape(-1)[0])
        return np.pad(x[kept], widths, mode)

    if "pads" in node.attributes:  # up to opset 10
        pads, value = node.attributes["pads"], node.attributes.get("value")
        return Operator(node, node.inputs, lambda x: pad(x, pads, value))
    return Operator(node, node.inputs, pad)


def _depth_to_space(node: Node, constants: Constants, _: Settings) -> Operator:
    """Every b * b channels become one of b times the height and width."""
    b, first = node.attributes["blocksize"], node.attributes.get("mode", "DCR") == "DCR"

    def spread(x: Array) -> Array:
        N, C, H, W = x.shape
        shape, order = ((N, b, b, -1, H, W), (0, 3, 4, 1, 5, 2)) if first else ((N, -1, b, b, H, W), (0, 1, 4, 2, 5, 3))
        return x.reshape(shape).transpose(order).reshape(N, C // b**2, H * b, W * b)

    return Operator(node, node.inputs, spread)


def _space_to_depth(node: Node, constants: Constants, _: Settings) -> Operator:
    b = node.attributes["blocksize"]
    if node.attributes.get("mode", "DCR") != "DCR":
        raise NotNativeError(f"{node}: the mode {node.attributes['mode']!r} has no function here")

    def gather(x: Array) -> Array:
        N, C, H, W = x.shape
        parts = x.reshape(N, C, H // b, b, W // b, b).transpose(0, 3, 5, 1, 2, 4)
        return parts.reshape(N, C * b**2, H // b, W // b)

    return Operator(node, node.inputs, gather)


def _flat_in_ncnn(node: Node, _: Constants, shapes: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    """A row for each image is ncnn's array of one axis."""
    return (NcnnLayer("Flatten", {}),) if len(shapes.get(node.outputs[0], ())) == 2 else None


RESHAPING: Entries = {
    "ConstantOfShape": Entry(_constant_of_shape),
    "DepthToSpace": Entry(_depth_to_space),
    "Expand": Entry(lambda node, constants, settings: Operator(node, node.inputs, _expand)),
    "Flatten": Entry(_flatten, PASSING, _flat_in_ncnn),
    "Gather": Entry(_gather),
    "Pad": Entry(_pad),
    "Reshape": Entry(_reshape, PASSING, _flat_in_ncnn),
    "Shape": Entry(_shape),
    "Slice": Entry(_slice),
    "SpaceToDepth": Entry(_space_to_depth),
    "Split": Entry(_split),
    "Squeeze": Entry(_with_axes(_squeeze), PASSING),
    "Tile": Entry(lambda node, constants, settings: Operator(node, node.inputs, _tile)),
    "Transpose": Entry(_transpose, PASSING),
    "Unsqueeze": Entry(_with_axes(_unsqueeze), PASSING),
}
