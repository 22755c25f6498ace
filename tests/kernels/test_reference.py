"""The tests' own reference: it is the definition, and its bound is tight enough to notice a mistake."""

import itertools

import numpy as np
import pytest
from layers import LAYERS, Layer, activate, convolve


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


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_bound_notices_a_lost_channel(layer):
    """Drop an input channel: nine in ten of the outputs that it reaches must leave the bound."""
    x, weight, bias, residual = layer.arrays()
    exact, bound = layer.reference(x, weight, bias, residual)
    wrong = weight.copy()
    wrong[:, -1] = 0
    error = np.abs(layer.reference(x, wrong, bias, residual)[0] - exact)
    reached = error > 0
    assert reached.any()
    assert (error > bound)[reached].mean() > 0.9


def test_bound_notices_a_lost_product():
    layer = Layer(C=16)
    x, weight, bias, residual = layer.arrays()
    exact, bound = layer.reference(x, weight, bias, residual)
    wrong = weight.copy()
    wrong[:, 7, 2, 0] = 0
    error = np.abs(layer.reference(x, wrong, bias, residual)[0] - exact)
    assert (error > bound).mean() > 0.99
