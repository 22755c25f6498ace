"""What int8 convolutions come to on a CPU without VNNI: `vpmaddubsw`, emulated in NumPy.

The instruction takes pairs of unsigned bytes x and signed bytes w, and adds two products in 16 bits:

    pair = saturate16(x0 * w0 + x1 * w1)        up to 2 * 255 * 127 = 64,770, but 16 bits end at 32,767

What is above is lost without notice. The pairs are added in 32 bits, which loses nothing. The emulator gives, bit for
bit, what the kernels give with algorithm="saturating" on any machine, and counts what was lost.

Which two products share a pair depends on how a kernel lays out its bytes. In ours a word of four bytes holds
neighbouring input channels, or, where that takes fewer words, neighbouring columns of the filter (`reads_taps` in
kernels/bytes_plain.pyx). Other libraries may pair other neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import bytes_plain
from kernels.geometry import Geometry, Padding, Pair, Window

Bytes = npt.NDArray[Any]

WORD = 4  # bytes
LIMIT = 2**15 - 1


@dataclass(frozen=True)
class Saturated:
    """Sums as the saturating instruction gives them, and how many of them it spoiled.

    Attributes
    ----------
    sums : (N, K, P, Q) int32
    exact : (N, K, P, Q) int32
        What they should be; beyond 32 bits both wrap.
    pairs : int
        Sums of two products.
    cut_off : int
        Those that did not fit 16 bits.
    """

    sums: npt.NDArray[np.int32]
    exact: npt.NDArray[np.int32]
    pairs: int
    cut_off: int

    @property
    def share_of_pairs(self) -> float:
        """The part of all pairs that did not fit."""
        return self.cut_off / self.pairs if self.pairs else 0.0

    @property
    def share_of_sums(self) -> float:
        """The part of all output numbers that came out wrong."""
        return float(np.mean(self.sums != self.exact)) if self.sums.size else 0.0


def emulate(
    x: Bytes,
    w: Bytes,
    x_zero_point: int = 0,
    w_zero_point: int | npt.NDArray[Any] = 0,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Saturated:
    """Convolve bytes as `kernels.conv_integer(..., algorithm="saturating")` does.

    Parameters
    ----------
    x : (N, C, H, W) uint8 or int8
    w : (K, C / groups, R, S) uint8 or int8
    x_zero_point : int
    w_zero_point : int or (K,) array
    stride, padding, dilation, groups
        As in `kernels.conv_integer`.

    Raises
    ------
    ValueError
        For shapes that do not fit; the message names them.
    """
    shape = Geometry.of(x.shape, w.shape, Window.of(stride, padding, dilation, groups))
    # The instruction wants x unsigned and w signed: other bytes are moved by 128, and their zero points with them.
    up, down = 128 * (x.dtype == np.int8), 128 * (w.dtype == np.uint8)
    x_zero = int(x_zero_point) + up
    w_zero = np.broadcast_to(np.asarray(w_zero_point, np.int64) - down, shape.K)
    unsigned, signed = x.astype(np.int32) + up, w.astype(np.int32) - down

    sums = np.zeros((2, *shape.y_shape), np.int64)  # with and without cutting off
    x_sums = np.zeros((shape.N, groups, 1, shape.P, shape.Q), np.int64)
    cut_off = pairs = 0
    for windows, filters in _pairs(unsigned, signed, x_zero, shape):
        products = windows[:, :, :, None] * filters[:, None, :, :, None, None]  # [2, n, g, k, p, q]
        pair = (products[0] + products[1]).reshape(shape.y_shape)
        kept = np.clip(pair, -LIMIT - 1, LIMIT)
        sums += np.stack([kept, pair])
        x_sums += windows.sum(axis=0)[:, :, None]
        cut_off += int(np.count_nonzero(kept != pair))
        pairs += pair.size
    # sum of (x - x_zero) * (w - w_zero): the zero points come out of the sum, and never saturate.
    taps = w[0].size
    offset = -x_zero * signed.sum((1, 2, 3), dtype=np.int64) + taps * x_zero * w_zero
    K = shape.K // groups
    of_x = (x_sums * w_zero.reshape(groups, K, 1, 1)).reshape(shape.y_shape)
    words = (sums + offset[:, None, None] - of_x).astype(np.int32)
    return Saturated(words[0], words[1], pairs, cut_off)


def may_saturate(w: Bytes, unsigned_max: int = 255) -> bool:
    """Whether some input could make a pair overflow: the weights alone tell.

    Parameters
    ----------
    w : (K, C / groups, R, S) uint8 or int8
    unsigned_max : int
        Largest byte of the input, as an unsigned one.
    """
    signed = w.astype(np.int32) - 128 * (w.dtype == np.uint8)
    pairs = _by_pairs(signed)
    most = unsigned_max * np.maximum(pairs, 0).sum(axis=-1)
    least = unsigned_max * np.minimum(pairs, 0).sum(axis=-1)
    return bool((most > LIMIT).any() or (least < -LIMIT - 1).any())


def _by_pairs(w: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return filters (K, C, R, S) with the two bytes of each pair on the last axis; a byte left alone meets a 0."""
    _, C, _, S = w.shape
    w = w if bytes_plain.reads_taps(C, S, WORD) else np.moveaxis(w, 1, 3)
    w = np.pad(w, ((0, 0), (0, 0), (0, 0), (0, w.shape[3] % 2)))
    return w.reshape(*w.shape[:3], -1, 2)


def _pairs(
    x: npt.NDArray[np.int32], w: npt.NDArray[np.int32], x_zero: int, shape: Geometry
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Yield what two filter elements that share a pair see, [2, n, g, p, q], and their weights, [2, g, k]."""
    top, left, bottom, right = shape.window.padding
    (down, across), (step_r, step_s) = shape.window.stride, shape.window.dilation
    groups, (K, C, R, S) = shape.window.groups, shape.weight_shape
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=x_zero)
    x = x.reshape(shape.N, groups, C, *x.shape[2:])
    w = w.reshape(groups, K // groups, C, R, S)

    def seen(c: int, r: int, s: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        if c == C or s == S:
            return np.zeros((shape.N, groups, shape.P, shape.Q), np.int32), np.zeros((groups, K // groups), np.int32)
        h, v = r * step_r, s * step_s
        window = x[:, :, c, h : h + (shape.P - 1) * down + 1 : down, v : v + (shape.Q - 1) * across + 1 : across]
        return window, w[:, :, c, r, s]

    if bytes_plain.reads_taps(C, S, WORD):
        places = [((c, r, s), (c, r, s + 1)) for c in range(C) for r in range(R) for s in range(0, S, 2)]
    else:
        places = [((c, r, s), (c + 1, r, s)) for c in range(0, C, 2) for r in range(R) for s in range(S)]
    for first, second in places:
        (x0, w0), (x1, w1) = seen(*first), seen(*second)
        yield np.stack([x0, x1]), np.stack([w0, w1])
