"""The tests' own reference: it is the definition, and its bound is tight enough to notice a mistake."""

import itertools

import numpy as np
import pytest
from layers import ALGORITHMS, LAYERS, Layer, activate, convolve, on_every, winograd_magnitude


def test_equals_the_definition_written_as_seven_loops():
    layer = Layer(N=2, C=4, K=6, H=5, W=7, S=2, groups=2, stride=(2, 1), padding=(1, 0, 2, 3), dilation=(1, 2))
    x, weight, _, _ = layer.arrays()
    y = convolve(x, weight, **layer.window)
    for n, k, p, q in np.ndindex(y.shape):
        total = 0.0
        for c, r, s in itertools.product(range(2), range(3), range(2)):
            h, w = p * 2 + r - 1, q + s * 2
            if 0 <= h < 5 and 0 <= w < 7:
                total += float(x[n, k // 3 * 2 + c, h, w]) * float(weight[k, c, r, s])
        assert y[n, k, p, q] == pytest.approx(total, rel=1e-14)


def test_activations_are_those_of_onnx():
    y = np.array([-np.inf, -2.0, 0.0, 5.0, 7.0, np.inf, np.nan])
    np.testing.assert_array_equal(activate(y, None), y)
    np.testing.assert_array_equal(activate(y, "relu"), [0, 0, 0, 5, 7, np.inf, np.nan])
    np.testing.assert_array_equal(activate(y, "relu6"), [0, 0, 0, 5, 6, 6, np.nan])
    np.testing.assert_array_equal(activate(y, ("leaky_relu", 0.5)), [-np.inf, -1, 0, 5, 7, np.inf, np.nan])


def lose(layer, algorithm, what):
    """Return error / bound of each output that a wrong weight reaches; above 1 the mistake is noticed."""
    arrays = x, weight, bias, residual = layer.arrays()
    wrong = weight.copy()
    wrong[what] = 0
    error = np.abs(layer.reference(x, wrong, bias, residual) - layer.reference(*arrays))
    assert (error > 0).any()
    return (error / layer.bound(algorithm, *arrays))[error > 0]


@on_every([layer for layer in LAYERS if layer.C // layer.groups <= 40])
def test_bound_notices_a_lost_channel(layer, algorithm):
    """Drop an input channel: nine in ten of the outputs that it reaches must leave the bound.

    The worst case grows faster with the depth than a channel's part does: test_layers.py checks the usual error too.
    """
    assert (lose(layer, algorithm, np.s_[:, -1]) > 1).mean() > 0.9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bound_notices_a_lost_product(algorithm):
    assert (lose(Layer(C=16), algorithm, np.s_[:, 7, 2, 0]) > 1).mean() > 0.99


@pytest.mark.parametrize("m", [2, 4, 6])
def test_winograd_s_magnitude_is_that_of_its_matrices(m):
    """With a filter of one element and an image of one pixel it is not less than the product, nor far from it."""
    x, weight = np.zeros((1, 1, 3 * m + 2, 3 * m + 2)), np.zeros((1, 1, 3, 3))
    x[0, 0, m + 1, m + 1] = weight[0, 0, 1, 1] = 1
    magnitude = winograd_magnitude(x, weight, 0, 1, m)
    assert 1 <= magnitude[0, 0, m, m] < 1000
    assert magnitude[0, 0, :m].max() == 0  # tiles above do not see the pixel
