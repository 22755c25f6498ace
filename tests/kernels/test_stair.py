"""The rungs of the stair: one layer, the same bits, and no write outside of the output."""

import numpy as np
import pytest

import kernels
from kernels import stair

LEAST_K, LEAST_Q = stair.least_sizes()


def layer(K, P, Q, C, seed=3):
    random = np.random.default_rng(seed)
    return random.standard_normal((C, P + 2, Q + 2), np.float32), random.standard_normal((K, C, 3, 3), np.float32)


@pytest.mark.parametrize("rung", stair.RUNGS)
@pytest.mark.parametrize(("more_k", "P", "more_q", "C"), [(0, 1, 0, 1), (1, 3, 1, 2), (5, 2, 11, 5), (10, 4, 37, 3)])
def test_every_rung_has_the_bits_of_the_definition(rung, more_k, P, more_q, C):
    x, weight = layer(LEAST_K + more_k, P, LEAST_Q + more_q, C)
    y = np.full((LEAST_K + more_k, P, LEAST_Q + more_q), np.nan, np.float32)
    stair.run(rung, x, weight, y)
    np.testing.assert_array_equal(y, kernels.conv2d(x[None], weight, algorithm="naive")[0])


@pytest.mark.parametrize(
    ("rung", "sizes", "y_shape", "says"),
    [
        ("strassen", (8, 2, 40, 2), (8, 2, 40), "no rung 'strassen'; there are one_chain"),
        ("tile", (8, 2, 40, 2), (8, 3, 40), "do not fit each other"),
        ("tile", (LEAST_K - 1, 2, 40, 2), (LEAST_K - 1, 2, 40), "is smaller than a tile"),
        ("tile", (8, 2, LEAST_Q - 1, 2), (8, 2, LEAST_Q - 1), "is smaller than a tile"),
    ],
)
def test_bad_input_is_named(rung, sizes, y_shape, says):
    x, weight = layer(*sizes)
    with pytest.raises(ValueError, match=says):
        stair.run(rung, x, weight, np.empty(y_shape, np.float32))


def test_other_filters_are_refused():
    x, _ = layer(8, 2, 40, 2)
    with pytest.raises(ValueError, match="filters must be 3 x 3"):
        stair.run("tile", x, np.ones((8, 2, 1, 3), np.float32), np.empty((8, 2, 40), np.float32))
