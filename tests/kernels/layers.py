"""Layers to test on, and what they must give: the definition in float64, with a bound on the error of float32.

The bound. One output number is a sum of D = C/groups*R*S products, plus bias and residual, through an activation. Every
float32 operation returns its exact result times (1 + d), |d| <= u = 2**-24. Whatever the order of the sum and whether
or not multiply and add are fused, a product passes at most 1 + (D - 1) such roundings, then one for the bias, one for
the residual and two for leaky_relu (slope to float32, slope times sum): n = D + 4. Higham (Accuracy and Stability, 3.1)
collects the factors:

    |y - exact| <= n*u / (1 - n*u) * M,    M = L * (sum of |x||w| + |bias| + |residual|)

L is the activation's steepest slope, max(1, |slope|). A result below the smallest normal number, 2**-126, is off by up
to 2**-150 instead of by a factor: n * L * 2**-150 more. The float64 reference's own error is 2**29 times smaller.

Winograd's F(m x m, 3 x 3) computes Y = A^T [sum over c of (G g G^T) * (B^T d B)] A on tiles of m + 2 by m + 2. The
same argument holds step by step: M takes the absolute values of all matrices, filters and inputs in that formula, and n
counts the longest path: a step along m + 2 numbers rounds at most m + 2 times, there are two for the input and two for
the output; at most ten for the filter (one if it was transformed in float64), C/groups for the sum; four as above.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

import kernels
from kernels import winograd

ALGORITHMS = ("naive", "direct", "im2col")  # run every layer
WINOGRAD = ("winograd_f2", "winograd_f4", "winograd_f6")  # run 3x3 layers with stride and dilation 1
ROUNDING = WINOGRAD[1:]  # are not exact on integers
ACTIVATIONS = (None, "relu", "relu6", ("leaky_relu", 0.1), ("leaky_relu", -0.5), ("leaky_relu", 3.0))


@dataclass(frozen=True)
class Layer:
    """A convolution's sizes and options. Its arrays are random, and the same for the same seed.

    With a `spread`, their numbers are multiplied by powers of two from 2**-spread to 2**spread.
    """

    C: int = 3
    H: int = 10
    W: int = 11
    K: int = 5
    R: int = 3
    S: int = 3
    N: int = 1
    stride: int | tuple = 1
    padding: int | tuple = 0
    dilation: int | tuple = 1
    groups: int = 1
    activation: str | tuple | None = None
    bias: bool = True
    residual: bool = False
    seed: int = 20240229
    spread: int = 0

    def __str__(self):
        """Name the test: the sizes, and the options that are not the default's."""
        options = {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups", "activation")}
        shown = [f"{name}={value}" for name, value in options.items() if value != getattr(Layer, name)]
        sizes = f"{self.N}x{self.C}x{self.H}x{self.W}-{self.K}x{self.R}x{self.S}"
        return "-".join([sizes, *shown]).replace(" ", "")

    @property
    def window(self):
        return {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups")}

    @property
    def x_shape(self):
        return self.N, self.C, self.H, self.W

    @property
    def weight_shape(self):
        return self.K, self.C // self.groups, self.R, self.S

    def arrays(self, integers=False):
        """Return x, weight, bias, residual (None if the layer has none): normal, or integers from -4 to 4."""
        random = np.random.default_rng(self.seed)

        def numbers(*shape):
            drawn = random.integers(-4, 5, shape) if integers else random.standard_normal(shape)
            if self.spread and not integers:
                drawn *= 2.0 ** random.integers(-self.spread, self.spread + 1, shape)
            return drawn.astype(np.float32)

        x, weight = numbers(*self.x_shape), numbers(*self.weight_shape)
        bias = numbers(self.K) if self.bias else None
        residual = numbers(*convolve(x, weight, **self.window).shape) if self.residual else None
        return x, weight, bias, residual

    @property
    def algorithms(self):
        plain = (self.R, self.S, self.stride, self.dilation) == (3, 3, 1, 1)
        return ALGORITHMS + WINOGRAD * plain

    def run(self, algorithm, x, weight, bias, residual, **options):
        options = {"threads": 1, "activation": self.activation, **self.window, **options}
        return kernels.Conv2d(weight, bias, algorithm=algorithm, **options)(x, residual=residual)

    def reference(self, x, weight, bias, residual):
        """Return the exact result."""
        y = convolve(x, weight, **self.window)
        for term in (None if bias is None else bias[:, None, None], residual):
            y = y if term is None else y + np.float64(term)
        return activate(y, self.activation)

    def bound(self, algorithm, x, weight, bias, residual):
        """Return the bound on the error of each number of an algorithm's result; of "auto", the largest of all."""
        if algorithm == "auto":
            return np.max([self.bound(name, x, weight, bias, residual) for name in self.algorithms], axis=0)
        x, weight, depth = np.abs(x), np.abs(weight), self.C // self.groups
        if algorithm in WINOGRAD:
            m = int(algorithm[-1])
            magnitude, n = winograd_magnitude(x, weight, self.padding, self.groups, m), depth + 4 * (m + 2) + 14
        else:
            magnitude, n = convolve(x, weight, **self.window), depth * self.R * self.S + 4
        for term in (None if bias is None else bias[:, None, None], residual):
            magnitude = magnitude if term is None else magnitude + np.abs(np.float64(term))
        steepest = max(1.0, abs(self.activation[1])) if isinstance(self.activation, tuple) else 1.0
        return steepest * (n * 2.0**-24 / (1 - n * 2.0**-24) * magnitude + n * 2.0**-150)

    def check(self, algorithm, y, *arrays):
        """Assert that y is what an algorithm may give on (x, weight, bias, residual)."""
        within(y, self.reference(*arrays), self.bound(algorithm, *arrays))

    def check_integers(self, algorithm, **options):
        """Assert that the result on small integers is exact: sums below 2**24 have no rounding, in any order.

        F(2, 3) has halves and quarters of them. F(4, 3) and F(6, 3) round, but by less than 1/8: the results, which a
        leaky_relu may have made quarters, are the nearest ones.
        """
        arrays = self.arrays(integers=True)
        exact, y = self.reference(*arrays), self.run(algorithm, *arrays, **options)
        assert y.dtype == np.float32
        assert np.abs(exact).max(initial=0) < 2**24
        np.testing.assert_array_equal(
            np.rint(y * 4) / 4 if algorithm in ROUNDING else y, exact, err_msg=f"{self} {algorithm}"
        )


def within(y, exact, bound):
    """Assert that no number of a result in float32 is further from the exact one than its bound."""
    assert y.dtype == np.float32
    assert y.shape == exact.shape
    if not y.size:
        return
    error = np.abs(y - exact)
    worst = np.unravel_index(np.argmax(error - bound), error.shape)
    assert (error <= bound).all(), (
        f"{(error > bound).sum()} of {y.size} numbers are wrong; "
        f"y{list(map(int, worst))} = {y[worst]}, exact {exact[worst]}, error {error[worst]} > {bound[worst]}"
    )


def on_every(layers):
    """Run a test on each layer with each algorithm that runs it."""
    runs = [(layer, algorithm) for layer in layers for algorithm in layer.algorithms]
    names = [f"{layer}-{algorithm}" for layer, algorithm in runs]
    return pytest.mark.parametrize(("layer", "algorithm"), runs, ids=names)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def convolve(x, weight, stride=1, padding=0, dilation=1, groups=1):
    """Convolve in float64, one filter element at a time: it meets every stride-th pixel, shifted by its place."""
    (down, across), (dilation_h, dilation_w) = pair(stride), pair(dilation)
    top, left, bottom, right = (*pair(padding), *pair(padding))[:4]
    x = np.pad(np.float64(x), ((0, 0), (0, 0), (top, bottom), (left, right)))
    (N, _, H, W), (K, depth, R, S) = x.shape, weight.shape
    P, Q = (H - (R - 1) * dilation_h - 1) // down + 1, (W - (S - 1) * dilation_w - 1) // across + 1
    x = x.reshape(N, groups, depth, H, W)
    weight = np.float64(weight).reshape(groups, K // groups, depth, R, S)
    y = np.zeros((N, groups, K // groups, P * Q))
    with np.errstate(invalid="ignore"):  # inf - inf and 0 * inf are NaN, as they should be
        for r, s in itertools.product(range(R), range(S)):
            rows = slice(r * dilation_h, r * dilation_h + (P - 1) * down + 1, down)
            columns = slice(s * dilation_w, s * dilation_w + (Q - 1) * across + 1, across)
            y += weight[..., r, s] @ x[..., rows, columns].reshape(N, groups, depth, P * Q)
    return y.reshape(N, K, P, Q)


def winograd_magnitude(x, weight, padding, groups, m):
    """Return |A^T| [sum of (|G| g |G^T|) * (|B^T| d |B|)] |A| for x and weight that are not negative."""
    n, points = m + 2, np.array(winograd.points(m))
    others = [np.delete(points, i) for i in range(n - 1)]
    powers = np.abs(points) ** np.arange(m)[:, None]
    A = np.hstack([powers, np.eye(m)[:, -1:]])  # this is |A^T|: powers of the points, and infinity
    G = np.vstack([np.abs(points[i]) ** np.arange(3) / np.abs(np.prod(points[i] - others[i])) for i in range(n - 1)])
    G = np.vstack([G, [0, 0, 1]])
    B = np.zeros((n, n))  # |B^T|: the polynomials that are zero at all points but one
    for i in range(n - 1):
        B[i, : n - 1] = np.abs(np.poly(others[i])[::-1])
    B[-1] = np.abs(np.poly(points)[::-1])
    exact = convolve(x, weight, padding=padding, groups=groups)
    (N, K, P, Q), (_, C, H, W) = exact.shape, x.shape
    top, left = pair(padding)[:2]
    down, across = -(-P // m), -(-Q // m)
    beyond = (top, m * down + 2 - H - top), (left, m * across + 2 - W - left)
    x = np.pad(np.float64(x), ((0, 0), (0, 0), *beyond))
    tiles = np.lib.stride_tricks.sliding_window_view(x, (n, n), axis=(2, 3))[:, :, ::m, ::m]
    tiles = tiles.reshape(N, groups, C // groups, down, across, n, n)
    V = B @ tiles @ B.T
    U = G @ np.float64(weight).reshape(groups, K // groups, C // groups, 3, 3) @ G.T
    V = np.moveaxis(V.reshape(N, groups, C // groups, down * across, n, n), (4, 5), (0, 1))
    M = np.moveaxis(U, (3, 4), (0, 1))[:, :, None] @ V
    y = A @ np.moveaxis(M, (0, 1), (4, 5)) @ A.T
    y = y.reshape(N, K, down, across, m, m).swapaxes(3, 4).reshape(N, K, down * m, across * m)
    return y[:, :, :P, :Q]


def activate(y, activation):
    if activation is None:
        return y
    if activation in ("relu", "relu6"):
        return np.clip(y, 0, 6 if activation == "relu6" else np.inf)
    with np.errstate(invalid="ignore"):
        return np.where(y < 0, activation[1] * y, y)


LAYERS = [
    # filter sizes
    Layer(R=1, S=1, N=3, C=17, K=33),
    Layer(R=1, S=7, padding=(0, 3)),
    Layer(R=7, S=1, padding=(3, 0)),
    Layer(N=2, padding=1),
    Layer(R=2, S=4),
    Layer(R=5, S=5, padding=2, C=8, K=16),
    Layer(R=11, S=11, H=23, W=31, stride=4, padding=2),
    Layer(R=33, S=33, H=35, W=36, C=2, K=3),  # more than 1024 filter elements
    Layer(R=33, S=33, H=3, W=2, C=1, padding=16, stride=2),
    Layer(R=10, S=11),  # as large as the image
    Layer(R=12, S=15, padding=(1, 2)),  # as large as the padded image
    # one column
    Layer(W=1, R=5, S=1, H=61, C=9, K=20, padding=(2, 0)),
    Layer(W=1, R=5, S=1, H=41, C=1, padding=(0, 0, 3, 0), stride=(3, 2), N=2),
    Layer(W=1, R=3, S=1, H=40, C=4, K=6, groups=2, dilation=(4, 1), padding=(4, 0), activation="relu"),
    Layer(W=1, R=4, S=1, H=9, C=16, K=16, groups=16),
    Layer(W=1, H=12, C=2, padding=1),
    # steps
    Layer(stride=2),
    Layer(stride=(2, 1), padding=1),
    Layer(stride=(1, 3), R=5),
    Layer(stride=3, R=2, S=2),  # some pixels are never read
    Layer(stride=9, padding=1),
    Layer(stride=1000),
    Layer(stride=(7, 50), W=101),
    Layer(dilation=2, padding=2),
    Layer(dilation=(3, 1)),
    Layer(dilation=(2, 5), stride=(3, 2), padding=(1, 4, 2, 3)),
    Layer(dilation=4, stride=4, padding=4, H=19),
    Layer(dilation=40, padding=40),  # only the middle of the filter ever meets the image
    Layer(dilation=1000, R=1, S=1),
    # padding
    Layer(padding=(0, 0, 0, 5)),
    Layer(padding=(5, 0, 0, 0)),
    Layer(padding=(1, 2, 3, 4)),
    Layer(padding=(4, 3), R=2, S=2),  # wider than the filter: whole outputs are nothing but bias
    Layer(padding=30, stride=7),
    Layer(H=1, W=1, padding=1),
    # groups
    Layer(C=6, K=4, groups=2, padding=1),
    Layer(C=6, K=6, groups=3, R=1, S=1),
    Layer(C=9, K=9, groups=9, padding=1, N=2),
    Layer(C=8, K=24, groups=8, stride=2, R=5, S=5, padding=2),  # three output channels for each input channel
    Layer(C=40, K=80, groups=2),
    Layer(C=66, K=66, groups=66, H=8, W=34),
    # sizes of whole networks' layers, cut down
    Layer(C=1, K=1, H=1, W=1, R=1, S=1),
    Layer(C=3, K=32, H=33, W=47, R=7, S=7, stride=2, padding=3),
    Layer(C=64, K=48, H=14, W=14, padding=1),
    Layer(C=300, K=20, H=7, W=7, padding=1),  # a deep layer, small image
    Layer(C=2, K=3, H=200, W=300),  # more than one block of pixels
    Layer(C=1, K=2, H=2, W=9000, R=1, S=3),  # one row is more than a block
    Layer(C=40, K=2, H=4, W=3000, R=3, S=3, padding=1),
    Layer(N=5, C=2, K=70, H=6, W=6),
    # layers of Winograd's two schedules: much image and few filters, and the reverse
    Layer(C=16, K=40, H=60, W=50, padding=1),
    Layer(C=20, K=150, H=13, W=15, padding=1, N=4),
    Layer(C=40, K=68, H=12, W=29, padding=(0, 2, 1, 0), groups=2, N=2),
]

# Layers whose images may be in lanes: channels of x or y are a multiple of 16, the lanes of the widest instruction set.
IN_LANES = [
    Layer(C=32, K=48, H=6, W=7, R=1, S=1, N=2),  # x is read where it lies
    Layer(C=16, K=16, H=9, W=40, R=3, S=2),  # this one too
    Layer(C=16, K=32, H=8, W=9, R=1, S=1, stride=2),
    Layer(C=48, K=16, H=13, W=12, padding=1, N=2),
    Layer(C=32, K=64, H=11, W=14, padding=(0, 2, 1, 0), groups=2),
    Layer(C=16, K=48, H=12, W=19, R=5, S=3, stride=(2, 3), padding=(1, 4, 2, 3), dilation=(2, 1)),
    Layer(C=16, K=16, H=5, W=6, padding=4, stride=7),  # whole outputs are nothing but bias
    Layer(C=32, K=32, H=10, W=90, padding=1, groups=32, N=2),  # depthwise
    Layer(C=16, K=16, H=9, W=7, R=5, S=5, stride=2, padding=2, groups=16),
    Layer(C=256, K=80, H=40, W=40, padding=1),  # more than one block of pixels
    Layer(C=3, K=32, H=17, W=18, padding=1),  # only y has lanes
    Layer(C=32, K=5, H=8, W=8, padding=1, activation=("leaky_relu", 0.1)),  # only x has lanes
    Layer(C=64, K=16, H=60, W=100, R=1, S=1, bias=False),  # pieces of one row
    Layer(C=3, K=32, H=17, W=18, R=7, S=7, padding=3, stride=2),  # only y has lanes
    Layer(C=25, K=32, H=9, W=8, padding=1),
    Layer(C=48, K=37, H=1, W=1, R=1, S=1),  # one pixel
    Layer(C=32, K=48, H=41, W=1, R=5, S=1, padding=(2, 0), stride=(2, 1)),  # one column
]
