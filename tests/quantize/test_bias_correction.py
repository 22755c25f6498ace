"""Bias correction keeps the mean of each output channel."""

import numpy as np
import pytest
from nets import images, mobile, random

import kernels
from workbook.network import Network
from workbook.quantize.affine import Affine
from workbook.quantize.bias_correction import corrected
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


@pytest.mark.parametrize(("groups", "C", "K"), [(1, 6, 4), (6, 6, 6), (2, 6, 8), (3, 6, 3)])
def test_means_are_kept_where_there_is_no_padding(groups, C, K):
    """An image of one value a channel has no border: there the correction is exact."""
    weight, bias, means = random(K, C // groups, 3, 3), random(K), random(C, seed=1).astype(np.float64)
    rounded = Affine.of_range(weight.min(), weight.max(), "int8", symmetric=True, bits=3).rounded(weight)
    x = np.broadcast_to(means[:, None, None], (1, C, 5, 5)).astype(np.float32)
    exact = kernels.conv2d(x, weight, bias, groups=groups)
    found = kernels.conv2d(x, rounded, corrected(bias, weight, rounded, means, groups), groups=groups)
    np.testing.assert_allclose(found, exact, atol=1e-4)
    assert np.abs(kernels.conv2d(x, rounded, bias, groups=groups) - exact).max() > 0.1


def test_it_brings_the_means_of_a_network_nearer():
    net, x = mobile(spread=1.0), images(64)
    exact = net(x).mean(axis=0)
    without, with_it = (
        quantize(net, x, Scheme(per_channel=False, bias_correction=correct))(x).mean(axis=0)
        for correct in (False, True)
    )
    assert np.abs(with_it - exact).mean() < 0.7 * np.abs(without - exact).mean()


def test_a_network_that_loses_nothing_is_not_corrected():
    """Weights that are bytes already: the rounded ones are the same, and so is the bias."""
    net, x = mobile(), images()
    constants = dict(net.graph.constants)
    for name in ("w1", "w2", "w3", "w4"):
        whole = np.clip(np.rint(50 * constants[name]), -127, 127).astype(np.float32)
        whole[0].flat[0] = 127
        constants[name] = whole
    net = Network(type(net.graph)(net.graph.nodes, constants, net.graph.inputs, net.graph.outputs))
    plain, correct = (quantize(net, x, Scheme(per_channel=False, bias_correction=c)) for c in (False, True))
    np.testing.assert_array_equal(plain(x), correct(x))
