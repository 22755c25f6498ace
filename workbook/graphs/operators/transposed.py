"""ConvTranspose: each input pixel lays its filter, scaled by its number, on the output.

    y[n, k, p * stride + r * dilation - top, ...] += x[n, c, p, ...] * w[c, k, r, ...]

For each element (r, s) of the filter that is a convolution of 1x1, so one of them, with K * R * S output channels,
computes all products, and R * S additions of strided views lay them in place.
"""

from __future__ import annotations

import numpy as np

import kernels
from workbook.graphs.graph import FloatArray, Node
from workbook.graphs.operators.entry import Entries, Entry
from workbook.graphs.operators.operator import Constants, NotNativeError, Operator, Settings, stored
from workbook.graphs.shapes import check_size


def _transposed(node: Node, constants: Constants, settings: Settings) -> Operator:
    weight = stored(node, 1, "weight", constants)
    bias = stored(node, 2, "bias", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    if weight.ndim != 4 or weight.dtype != np.float32:
        raise NotNativeError(
            f"{node}: its weight is of {weight.dtype} and {weight.ndim} dimensions; float32 and 4 run here"
        )
    given, groups = node.attributes, node.attributes.get("group", 1)
    C, each, R, S = weight.shape
    if C % groups:
        raise ValueError(f"group={groups} does not divide the {C} input channels of the weight")
    down, across = given.get("strides", (1, 1))
    step_r, step_s = given.get("dilations", (1, 1))
    parts = weight.reshape(groups, C // groups, each * R * S).transpose(0, 2, 1)
    plan = kernels.Conv2d(
        np.ascontiguousarray(parts).reshape(groups * each * R * S, C // groups, 1, 1),
        groups=groups,
        algorithm="auto",
        threads=settings.threads,
    )

    def convolve(x: FloatArray) -> FloatArray:
        N, _, H, W = x.shape
        whole = [
            (size - 1) * stride + (taps - 1) * step + 1
            for size, stride, taps, step in ((H, down, R, step_r), (W, across, S, step_s))
        ]
        (top, left), (P, Q) = _borders(node, (H, W), (down, across), whole)
        check_size((N, groups * each, max(P, whole[0]), max(Q, whole[1])))
        products = plan(x).reshape(N, groups * each, R, S, H, W)
        y = np.zeros((N, groups * each, max(whole[0], top + P), max(whole[1], left + Q)), np.float32)
        for r in range(R):
            for s in range(S):
                rows = slice(r * step_r, r * step_r + (H - 1) * down + 1, down)
                y[:, :, rows, s * step_s : s * step_s + (W - 1) * across + 1 : across] += products[:, :, r, s]
        cut = y[:, :, top : top + P, left : left + Q]
        return cut if bias is None else cut + bias[:, None, None]

    return Operator(node, node.inputs[:1], convolve)


def _borders(
    node: Node, image: tuple[int, int], strides: tuple[int, int], whole: list[int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what is cut off at the top and left of the whole sum, and the output's size."""
    extra = node.attributes.get("output_padding", (0, 0))
    auto_pad, wanted = node.attributes.get("auto_pad", "NOTSET"), node.attributes.get("output_shape")
    if auto_pad in ("SAME_UPPER", "SAME_LOWER") or wanted is not None:
        sizes = wanted[-2:] if wanted is not None else [n * stride for n, stride in zip(image, strides, strict=True)]
        totals = [full + more - size for full, more, size in zip(whole, extra, sizes, strict=True)]
        smaller = [max(total, 0) // 2 for total in totals]
        larger = [max(total, 0) - less for total, less in zip(totals, smaller, strict=True)]
        top, left = smaller if auto_pad == "SAME_UPPER" else larger
        return (top, left), (sizes[0], sizes[1])
    pads = node.attributes.get("pads", (0, 0, 0, 0)) if auto_pad == "NOTSET" else (0, 0, 0, 0)
    top, left, bottom, right = pads
    return (top, left), (whole[0] + extra[0] - top - bottom, whole[1] + extra[1] - left - right)


TRANSPOSED: Entries = {"ConvTranspose": Entry(_transposed)}
