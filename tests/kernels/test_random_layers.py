"""Layers drawn at random, the same on every run: all algorithms, exactly, on small integers."""

from hypothesis import given
from hypothesis import strategies as st
from random_layers import counts, layers

import kernels


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
