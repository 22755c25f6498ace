"""Resize and Upsample: nearest or linear, one axis after the other.

Output pixel i of an axis lies at position x of the input, in pixels; coordinate_transformation_mode says where:

    half_pixel     x = (i + 1/2) / scale - 1/2          asymmetric     x = i / scale
    align_corners  x = i * (in - 1) / (out - 1)         pytorch_half_pixel     half_pixel; 0 if there is one pixel
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.graphs.graph import Array, FloatArray, Node
from workbook.graphs.operators.entry import Entries, Entry
from workbook.graphs.operators.operator import Constants, NotNativeError, Operator, Settings
from workbook.graphs.shapes import check_size

_ROUND: dict[str, Callable[[FloatArray], FloatArray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _positions(size: int, out: int, scale: float, transformation: str) -> FloatArray:
    """Return where the `out` pixels of an axis lie between its `size` pixels."""
    i, one = np.arange(out, dtype=np.float32), np.float32(scale)
    if transformation == "align_corners":
        return i * np.float32((size - 1) / (size * scale - 1)) if out > 1 else 0 * i
    if transformation == "asymmetric":
        return i / one
    if transformation == "pytorch_half_pixel" and out == 1:
        return 0 * i
    return (i + np.float32(0.5)) / one - np.float32(0.5)


def _resize(node: Node, constants: Constants, _: Settings) -> Operator:
    mode = node.attributes.get("mode", "nearest")
    old = node.op == "Upsample" or node.opset < 11  # no choice yet: asymmetric, and the pixel below
    transformation = node.attributes.get("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = _ROUND[node.attributes.get("nearest_mode", "floor" if old else "round_prefer_floor")]
    known = transformation in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    policy = node.attributes.get("keep_aspect_ratio_policy", "stretch")
    if mode not in ("nearest", "linear") or not known or policy != "stretch" or node.attributes.get("antialias"):
        raise NotNativeError(f"{node}: mode {mode!r} with these attributes has no function here")
    axes, stated = node.attributes.get("axes"), node.attributes.get("scales")

    def along(x: Array, axis: int, out: int, scale: float) -> Any:
        size = x.shape[axis]
        x_of = _positions(size, out, scale, transformation)
        if mode == "nearest":
            return np.take(x, np.clip(rounding(x_of), 0, size - 1).astype(np.intp), axis)
        x_of = np.clip(x_of, 0, size - 1)
        low = np.floor(x_of).astype(np.intp)
        part = (x_of - low).astype(np.float32).reshape(-1, *(1,) * (x.ndim - axis - 1))
        return np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, size - 1), axis) * part

    def resize(x: Array, scales: Any, sizes: Any = None) -> Array:
        places = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes]
        if sizes is None:
            outs = [int(np.floor(x.shape[axis] * scale)) for axis, scale in zip(places, scales, strict=True)]
        else:
            outs = [int(size) for size in sizes]
            scales = [out / x.shape[axis] for axis, out in zip(places, outs, strict=True)]
        check_size(tuple(outs))
        for axis, out, scale in zip(places, outs, scales, strict=True):
            if (out, scale) != (x.shape[axis], 1):
                x = along(x, axis, out, float(scale))
        return x

    if stated is not None:  # Upsample up to opset 8
        return Operator(node, node.inputs, lambda x: resize(x, stated))
    if node.op == "Upsample" or node.opset < 11:
        return Operator(node, node.inputs, resize)

    def of_inputs(x: Array, region: Any = None, scales: Any = None, sizes: Any = None) -> Array:
        return resize(x, None if scales is None or not scales.size else scales, sizes)

    return Operator(node, node.inputs, of_inputs)


RESIZING: Entries = {"Resize": Entry(_resize), "Upsample": Entry(_resize)}
