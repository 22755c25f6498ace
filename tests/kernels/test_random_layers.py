"""Layers drawn at random, the same on every run: all algorithms, exactly, on small integers."""

from hypothesis import given
from hypothesis import strategies as st
from layers import Layer

import kernels


def counts(most):
    return st.integers(1, most)


@st.composite
def layers(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5]))
    plain = draw(st.booleans())  # Winograd's layers
    R, S = (3, 3) if plain else (draw(counts(7)), draw(counts(7)))
    dilation = 1 if plain else draw(counts(4))
    padding = tuple(draw(st.integers(0, 5)) for _ in range(4))
    reach_h, reach_w = (R - 1) * dilation + 1, (S - 1) * dilation + 1
    return Layer(
        N=draw(counts(3)),
        C=groups * draw(counts(20)),
        K=groups * draw(counts(40)),
        H=max(1, reach_h - padding[0] - padding[2]) + draw(st.integers(0, 20)),
        W=max(1, reach_w - padding[1] - padding[3]) + draw(st.integers(0, 40)),
        R=R,
        S=S,
        stride=1 if plain else (draw(counts(6)), draw(counts(6))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation=draw(st.sampled_from([None, "relu", "relu6", ("leaky_relu", 0.25), ("leaky_relu", -2.0)])),
        bias=draw(st.booleans()),
        residual=draw(st.booleans()),
    )


@given(layers(), counts(5), st.booleans())
def test_algorithms_agree_with_the_definition(layer, threads, compact):
    for algorithm in layer.algorithms:
        layer.check_integers(algorithm, threads=threads, compact=compact)


@given(layers())
def test_algorithms_lists_those_that_run(layer):
    names = kernels.algorithms(layer.x_shape, layer.weight_shape, **layer.window)
    arrays = layer.arrays()
    for algorithm in (*names, "auto"):
        layer.check(algorithm, layer.run(algorithm, *arrays), *arrays)
    assert names == layer.algorithms
