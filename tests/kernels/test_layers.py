"""Every algorithm against the definition in float64, on layers chosen to be different."""

import numpy as np
import pytest
from layers import ALGORITHMS, LAYERS, Layer

import kernels


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "auto"])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_within_the_error_bound(layer, algorithm):
    arrays = layer.arrays()
    layer.check(layer.run(algorithm, *arrays, threads=2), *arrays)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_small_integers_are_exact(layer, algorithm):
    """Sums of integers below 2**24 have no rounding: every order of summation gives the same bits."""
    arrays = layer.arrays(integers=True)
    exact, _ = layer.reference(*arrays)
    y = layer.run(algorithm, *arrays)
    assert np.abs(exact).max() < 2**24
    assert y.tobytes() == np.float32(exact + 0.0).tobytes()  # + 0.0: no negative zero


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_conv2d_is_conv2d_planned(algorithm):
    layer = Layer(C=4, K=6, groups=2, stride=2, padding=(0, 1, 2, 1), dilation=2, activation="relu")
    x, weight, bias, _ = layer.arrays()
    y = kernels.conv2d(x, weight, bias, **layer.window, activation="relu", algorithm=algorithm, threads=1)
    assert y.tobytes() == layer.run(algorithm, x, weight, bias, None).tobytes()


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "auto"])
def test_empty_batch(algorithm):
    layer = Layer(N=0, padding=1, residual=True)
    y = layer.run(algorithm, *layer.arrays())
    assert y.shape == (0, 5, 10, 11)
    assert y.dtype == np.float32


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_padding_of_two_and_four_numbers(algorithm):
    """(2, 1) is (top and bottom, left and right); ONNX's order of four is (top, left, bottom, right)."""
    x, weight, _, _ = Layer().arrays()
    short = kernels.conv2d(x, weight, padding=(2, 1), algorithm=algorithm)
    assert short.tobytes() == kernels.conv2d(x, weight, padding=(2, 1, 2, 1), algorithm=algorithm).tobytes()
    by_hand = np.pad(x, ((0, 0), (0, 0), (1, 3), (2, 4)))
    y = kernels.conv2d(x, weight, padding=(1, 2, 3, 4), algorithm=algorithm)
    assert y.tobytes() == kernels.conv2d(by_hand, weight, algorithm=algorithm).tobytes()
