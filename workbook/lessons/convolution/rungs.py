"""One layer written five times, each time closer to the machine: the ladder.

x is (C, H, W), weight (K, C, R, S), y (K, P, Q); stride 1, no padding. Only the first rung computes less than the
layer: its first output row, because a rate needs no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import kernels
from workbook.lessons.convolution.model import FloatArray
from workbook.measuring.topologies import ConvLayer

Nested = list[list[list[float]]]

CHANNELS, SIDE, TAPS = 64, 28, 3  # a layer of 64 -> 64 channels, 3 x 3, as small networks have them
LAYER = ConvLayer("ladder", CHANNELS, SIDE + TAPS - 1, SIDE + TAPS - 1, CHANNELS, TAPS, TAPS)


def in_python(x: Nested, weight: list[Nested], rows: int) -> Nested:
    """Compute the first `rows` output rows, one multiply-add at a time."""
    C, R, S = len(weight[0]), len(weight[0][0]), len(weight[0][0][0])
    Q = len(x[0][0]) - S + 1
    y = []
    for taps in weight:
        plane = [[0.0] * Q for _ in range(rows)]
        for p in range(rows):
            for q in range(Q):
                for c in range(C):
                    for r in range(R):
                        for s in range(S):
                            plane[p][q] += x[c][p + r][q + s] * taps[c][r][s]
        y.append(plane)
    return y


def in_numpy(x: FloatArray, weight: FloatArray) -> FloatArray:
    """Compute the layer one window at a time: NumPy multiplies it by all K filters at once."""
    K, _, R, S = weight.shape
    P, Q = x.shape[1] - R + 1, x.shape[2] - S + 1
    y = np.empty((K, P, Q), np.float32)
    for p in range(P):
        for q in range(Q):
            window = x[:, p : p + R, q : q + S]
            y[:, p, q] = (window * weight).sum(axis=(1, 2, 3))
    return y


@dataclass(frozen=True)
class Rung:
    """One program for the layer.

    Attributes
    ----------
    id, name : str
    rows : int
        Output rows that one run computes.
    run : function
        Computes; returns (K, rows, Q).
    """

    id: str
    name: str
    rows: int
    run: Callable[[], FloatArray]

    @property
    def macs(self) -> int:
        """Multiply-adds that one run does."""
        return LAYER.macs * self.rows // LAYER.P


def layer(seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return x (C, H, W) and weight (K, C, R, S) of the ladder's layer, filled with random numbers."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((LAYER.C, LAYER.H, LAYER.W), np.float32)
    return x, random.standard_normal((CHANNELS, CHANNELS, TAPS, TAPS), np.float32)


def rungs() -> tuple[Rung, ...]:
    """Return the five programs, each with its data ready, on one thread."""
    x, weight = layer()
    x_lists, weight_lists = x.tolist(), weight.tolist()

    def kernel(algorithm: str, name: str) -> Rung:
        plan = kernels.Conv2d(weight, algorithm=algorithm, threads=1)
        return Rung(algorithm, name, SIDE, lambda: plan(x[None])[0])

    return (
        Rung(
            "python",
            "Python (1 row)",
            1,
            lambda: np.array(in_python(x_lists, weight_lists, rows=1), np.float32),
        ),
        Rung("numpy", "NumPy", SIDE, lambda: in_numpy(x, weight)),
        kernel("naive", "naive Cython"),
        kernel("direct", "direct"),
        kernel("im2col", "im2col + GEMM"),
    )
