"""Sizes around those of the tiles, where a kernel works on less than a whole tile. All exact, on small integers."""

import numpy as np
import pytest
from layers import ALGORITHMS, ROUNDING, WINOGRAD, Layer, convolve

import kernels

WIDEST = 32  # rows or columns of the largest tile of any instruction set
SIZES = range(1, 2 * WIDEST + 2)


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_every_number_of_channels_and_columns(algorithm):
    """The first K channels and Q columns of the largest layer are the smaller layer's whole result."""
    layer = Layer(C=2, K=SIZES[-1], H=4, W=SIZES[-1] + 2)
    x, weight, _, _ = layer.arrays(integers=True)
    exact = convolve(x, weight)
    for K in SIZES:
        plan = kernels.Conv2d(weight[:K], algorithm=algorithm, threads=1)
        for Q in SIZES:
            y = plan(x[..., : Q + 2])
            y = np.rint(y) if algorithm in ROUNDING else y
            np.testing.assert_array_equal(y, exact[:, :K, :, :Q], err_msg=f"K={K} Q={Q}")


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
@pytest.mark.parametrize("padding", [0, 2])
def test_every_image_size(algorithm, padding):
    for H in range(3, 20):
        for W in range(3, 20):
            Layer(C=1, K=3, H=H, W=W, padding=padding).check_integers(algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_every_depth(algorithm):
    for C in range(1, 70):
        Layer(C=2 * C, K=4, H=4, W=5, groups=2).check_integers(algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_filter_size(algorithm):
    for R in range(1, 10):
        for S in range(1, 13):
            Layer(C=2, K=2, H=9, W=12, R=R, S=S, stride=(2, 3)).check_integers(algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("down", [False, True])
def test_every_stride_and_dilation(algorithm, down):
    for stride in range(1, 10):
        for dilation in range(1, 10):
            across = {"stride": (1, stride), "dilation": (2, dilation), "padding": (3, 1)}
            turned = {name: both[::-1] for name, both in across.items()}
            layer = Layer(C=2, H=40, W=18, **turned) if down else Layer(C=2, H=18, W=40, **across)
            layer.check_integers(algorithm)
