"""The operators beside the convolution by their definitions in NumPy: pools, and numbers in bytes."""

from __future__ import annotations

import numpy as np
from layers import pair

# Pools to test on: sizes of x, options.
POOLS = [
    ((1, 16, 9, 11), {"taps": 3, "stride": 2, "padding": 1}),
    ((2, 32, 8, 6), {"taps": 2, "stride": 2}),
    ((1, 16, 7, 7), {"taps": None}),  # global
    ((1, 5, 13, 10), {"taps": (3, 2), "stride": (1, 3), "padding": (0, 1, 2, 0)}),
    ((2, 48, 9, 8), {"taps": (2, 3), "stride": 2, "padding": (1, 0, 1, 2), "dilation": (3, 2), "count_padding": True}),
    ((2, 16, 29, 1), {"taps": (3, 1), "stride": (2, 1), "padding": (1, 0)}),
    ((1, 18, 150, 90), {"taps": 3, "padding": 1, "count_padding": True}),  # more than one block
]


def steps_of_pool(kind, dtype):
    """Return scales and zero points for a pool on bytes: of a maximum, y has those of x."""
    x_scale, x_zero, y_scale, y_zero = np.float32(0.03), dtype(9), np.float32(0.021), dtype(17)
    y = (x_scale, x_zero) if kind == "maximum" else (y_scale, y_zero)
    return dict(zip(("x_scale", "x_zero_point", "y_scale", "y_zero_point"), (x_scale, x_zero, *y), strict=True))


def windows(x, taps=None, stride=1, padding=0, dilation=1):
    """Return the windows of images (N, C, H, W) as (N, C, P, Q, R, S) in float64; NaN outside of the image."""
    (R, S), (down, across), (step_r, step_s) = map(pair, (taps or x.shape[2:], stride, dilation))
    top, left, bottom, right = (*pair(padding), *pair(padding))[:4]
    x = np.pad(np.float64(x), ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=np.nan)
    reach = (R - 1) * step_r + 1, (S - 1) * step_s + 1
    found = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return found[:, :, ::down, ::across, ::step_r, ::step_s]


def pooled(kind, x, count_padding=False, **options):
    """Return the largest, or the mean, of each window in float64; of none, minus infinity and NaN."""
    found = windows(x, **options)
    if kind == "maximum":
        return np.fmax.reduce(found, axis=(-2, -1), initial=-np.inf)
    with np.errstate(invalid="ignore"):
        return np.nansum(found, axis=(-2, -1)) / counted(found, count_padding)


def counted(found, count_padding):
    """Return by how many numbers the sum of each window is divided."""
    sizes = np.isfinite(found).sum(axis=(-2, -1))
    return np.full_like(sizes, found.shape[-1] * found.shape[-2]) if count_padding else sizes


def pooled_bytes(kind, q, x_scale, x_zero, y_scale, y_zero, count_padding=False, **options):
    """Return the largest byte, or the mean in bytes of y: the exact sum, scaled in float32; of none, lowest and 0."""
    if kind == "maximum":
        return np.maximum(pooled(kind, q, **options), np.iinfo(q.dtype).min).astype(q.dtype)
    found = windows(q.astype(np.int32) - int(x_zero), **options)
    ratio = np.float32(x_scale) / np.float32(y_scale) / np.maximum(counted(found, count_padding), 1).astype(np.float32)
    return to_bytes(ratio * np.nansum(found, axis=(-2, -1)).astype(np.float32), y_zero)


def to_bytes(steps, zero, low=-np.inf, high=np.inf):
    """Return numbers in steps of y as its bytes: cut off, halves to the even one."""
    limits = np.iinfo(zero.dtype)
    low, high = max(low, limits.min - int(zero)), min(high, limits.max - int(zero))
    assert steps.dtype == np.float32
    return (np.rint(np.clip(steps, np.float32(low), np.float32(high))) + int(zero)).astype(zero.dtype)


def steps_of(q, zero):
    """Return how many steps bytes lie above their zero point, in float32."""
    return (q.astype(np.int32) - int(zero)).astype(np.float32)


def added(a, b, a_scale, a_zero, b_scale, b_zero, y_scale, y_zero, activation=None):
    """Return the sum of two arrays in bytes of y."""
    total = (a_scale * steps_of(a, a_zero) + b_scale * steps_of(b, b_zero)) / y_scale
    low = -np.inf if activation is None else 0
    return to_bytes(total, y_zero, low, np.float32(6) / y_scale if activation == "relu6" else np.inf)
