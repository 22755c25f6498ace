"""Layers drawn at random, the same on every run: all algorithms, exactly, on small integers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from layers import ALGORITHMS, Layer

import kernels


def counts(most):
    return st.integers(1, most)


@st.composite
def layers(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5]))
    R, S = draw(counts(7)), draw(counts(7))
    dilation = draw(counts(4)), draw(counts(4))
    padding = tuple(draw(st.integers(0, 5)) for _ in range(4))
    reach_h, reach_w = (R - 1) * dilation[0] + 1, (S - 1) * dilation[1] + 1
    return Layer(
        N=draw(counts(3)),
        C=groups * draw(counts(20)),
        K=groups * draw(counts(40)),
        H=max(1, reach_h - padding[0] - padding[2]) + draw(st.integers(0, 20)),
        W=max(1, reach_w - padding[1] - padding[3]) + draw(st.integers(0, 40)),
        R=R,
        S=S,
        stride=(draw(counts(6)), draw(counts(6))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation=draw(st.sampled_from([None, "relu", "relu6", ("leaky_relu", 0.25), ("leaky_relu", -2.0)])),
        bias=draw(st.booleans()),
        residual=draw(st.booleans()),
    )


@given(layers(), counts(5))
def test_algorithms_agree_with_the_definition(layer, threads):
    arrays = layer.arrays(integers=True)
    exact, _ = layer.reference(*arrays)
    for algorithm in (*ALGORITHMS, "auto"):
        y = layer.run(algorithm, *arrays, threads=threads)
        np.testing.assert_array_equal(y, exact, err_msg=algorithm)


@given(layers())
def test_algorithms_lists_those_that_run(layer):
    names = kernels.algorithms(layer.x_shape, layer.weight_shape, **layer.window)
    assert "naive" in names
    arrays = layer.arrays()
    for name in names:
        layer.check(layer.run(name, *arrays), *arrays)
