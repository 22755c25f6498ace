"""Activations with bias and residual in every combination, and numbers that are not finite."""

import itertools

import numpy as np
import pytest
from layers import ACTIVATIONS, ALGORITHMS, WINOGRAD, Layer, activate

import kernels


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_with_bias_and_residual(activation, algorithm):
    for bias, residual in itertools.product((False, True), repeat=2):
        layer = Layer(N=2, C=4, K=6, groups=2, padding=1, activation=activation, bias=bias, residual=residual)
        arrays = layer.arrays()
        layer.check(algorithm, layer.run(algorithm, *arrays), *arrays)
        negative = layer.reference(*arrays) < 0
        assert negative.any() == (activation not in ("relu", "relu6", ("leaky_relu", -0.5)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_of_every_kind_of_number(activation, algorithm):
    """The identity layer: y = activation(x), exactly, at every place of a vector."""
    tiny, huge = 1e-42, 3e38
    kinds = [0, 1, 2.5, 6, 6.000001, tiny, huge, np.inf]
    x = np.array([*kinds, *(-k for k in kinds), np.nan], np.float32)
    x = np.array([np.roll(x, shift) for shift in range(len(x))])[None, None]
    y = kernels.conv2d(x, np.ones((1, 1, 1, 1), np.float32), activation=activation, algorithm=algorithm)
    if isinstance(activation, tuple):
        activation = "leaky_relu", np.float32(activation[1])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y, activate(x, activation))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", [None, "relu", ("leaky_relu", 0.1)], ids=str)
def test_not_finite_input_reaches_the_same_outputs(special, activation, algorithm):
    """And no others: neither pixels beside it, nor other groups, nor padding. (Winograd's reaches its whole tile.)"""
    layer = Layer(N=2, C=4, K=6, groups=2, H=20, W=40, padding=1, stride=(1, 2), activation=activation)
    x, weight, bias, residual = layer.arrays()
    for place in [(0, 0, 0, 0), (1, 3, 19, 39), (0, 2, 7, 18)]:
        x[place] = special
    exact, bound = layer.reference(x, weight, bias, residual), layer.bound(algorithm, x, weight, bias, residual)
    y = layer.run(algorithm, x, weight, bias, residual)
    reads_special = ~np.isfinite(bound)
    assert reads_special.sum() == 3 * (2 + 2 + 3)  # the channels of a group, times the rows that see each place
    np.testing.assert_array_equal(y[reads_special], exact[reads_special])
    others = ~reads_special
    assert (np.abs(y[others] - exact[others]) <= bound[others]).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_not_finite_residual_reaches_its_own_output(algorithm):
    layer = Layer(residual=True, activation="relu")
    x, weight, bias, residual = layer.arrays()
    residual[0, 1, 2, 3:6] = np.nan, np.inf, -np.inf
    y = layer.run(algorithm, x, weight, bias, residual)
    np.testing.assert_array_equal(y[0, 1, 2, 3:6], [np.nan, np.inf, 0])
    assert np.isfinite(y).sum() == y.size - 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_small_numbers_do_not_become_zero(algorithm):
    """Subnormals survive on every thread: nothing of ours turns flush-to-zero on."""
    x = np.full((1, 1, 64, 64), 1e-42, np.float32)
    y = kernels.conv2d(x, np.ones((8, 1, 1, 1), np.float32), algorithm=algorithm, threads=4)
    np.testing.assert_array_equal(y, np.broadcast_to(x, y.shape))
