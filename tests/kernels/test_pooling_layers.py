"""Pools against their definition in NumPy, in both forms of image."""

import itertools

import numpy as np
import pytest
from definitions import POOLS, pooled

import kernels
from kernels import Pool2d, from_lanes, to_lanes

CASES = [(kind, *pool) for kind in ("maximum", "mean") for pool in POOLS]
on_every_pool = pytest.mark.parametrize(
    ("kind", "shape", "options"), CASES, ids=[f"{kind}-{'x'.join(map(str, shape))}" for kind, shape, _ in CASES]
)


def image(shape):
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def forms(shape):
    """Return the forms of x and y that have enough channels."""
    return itertools.product((False, True), repeat=2) if shape[1] % 16 == 0 else [(False, False)]


@on_every_pool
def test_is_the_definition_in_every_form(kind, shape, options):
    x = image(shape)
    exact = pooled(kind, x, **options)
    for x_lanes, y_lanes in forms(shape):
        y = Pool2d(kind, **options, threads=2)(to_lanes(x) if x_lanes else x, lanes=y_lanes)
        y = from_lanes(y) if y_lanes else y
        np.testing.assert_allclose(y, exact, rtol=0, atol=0 if kind == "maximum" else 1e-6)


def test_a_nan_stays_a_nan_and_infinity_counts():
    x = image((1, 16, 4, 4))
    x[0, 3, 1, 1], x[0, 5, 2, 2], x[0, 6] = np.nan, np.inf, -np.inf
    for form in (x, to_lanes(x)):
        y = Pool2d("maximum", 2, stride=2)(form)
        assert np.isnan(y[0, 3, 0, 0])
        assert np.isnan(y).sum() == 1
        assert y[0, 5, 1, 1] == np.inf
        assert (y[0, 6] == -np.inf).all()


def test_an_empty_batch():
    assert Pool2d("mean")(np.ones((0, 3, 4, 5), np.float32)).shape == (0, 3, 1, 1)


def test_bad_input():
    with pytest.raises(ValueError, match="kind must be 'maximum' or 'mean', not 'median'"):
        Pool2d("median", 2)
    with pytest.raises(ValueError, match="exceeds the padded input's height 3"):
        Pool2d("mean", (4, 2))(image((1, 2, 3, 3)))
    with pytest.raises(ValueError, match=r"four dimensions \(N, C, H, W\), not shape \(2, 3\)"):
        Pool2d("mean", 2)(image((2, 3)))
    with pytest.raises(ValueError, match=r"out must have the output's shape \(1, 2, 2, 2\)"):
        Pool2d("mean", 2)(image((1, 2, 3, 3)), image((1, 2, 3, 3)))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Pool2d("mean", 0)
    with pytest.raises(TypeError, match="x has dtype float64"):
        kernels.Pool2d("maximum", 2)(np.ones((1, 2, 3, 3)))
