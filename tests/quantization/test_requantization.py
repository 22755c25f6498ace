"""Floating point and integers alone differ by one step at most; the former is what the kernels do."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from workbook.quantization.requantization import fixed_point, in_float, in_integers

SUMS = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=50).map(lambda s: np.array(s, np.int32))
MULTIPLIERS = st.floats(2.0**-31, 2.0**20, width=32)
ZEROS = st.integers(0, 255).map(np.uint8) | st.integers(-128, 127).map(np.int8)


@given(SUMS, MULTIPLIERS, ZEROS)
def test_they_differ_by_one_step_at_most(sums, multiplier, zero):
    y, other = in_float(sums, multiplier, zero), in_integers(sums, *fixed_point(multiplier), zero)
    assert y.dtype == other.dtype == zero.dtype
    assert np.abs(y.astype(int) - other).max() <= 1


@pytest.mark.parametrize(("multiplier", "share"), [(1 / 3, 1 / 3), (0.001, 0.00015), (1.0, 0)])
def test_how_often_they_differ(multiplier, share):
    """On all sums that become a byte."""
    reach = int(120 / multiplier)
    sums = np.arange(-reach, reach, dtype=np.int32)
    y, other = in_float(sums, multiplier, np.int8(3)), in_integers(sums, *fixed_point(multiplier), np.int8(3))
    assert np.mean(y != other) == pytest.approx(share, rel=0.1)


@given(MULTIPLIERS)
def test_fixed_point_is_the_multiplier(multiplier):
    M0, shift = fixed_point(multiplier)
    assert 2**30 <= M0 < 2**31
    exact = Fraction(M0, 2**31) / Fraction(2) ** shift
    assert abs(exact / Fraction(multiplier) - 1) <= Fraction(1, 2**31)


def test_a_fraction_that_rounds_up_to_one():
    assert fixed_point(1 - 2.0**-40) == (2**30, -1)


@pytest.mark.parametrize("multiplier", [0, -1, np.nan, np.inf, 2.0**-40, 2.0**40])
def test_multipliers_are_checked(multiplier):
    with pytest.raises(ValueError, match="a multiplier must be"):
        fixed_point(multiplier)


@given(st.integers(0, 2**32 - 1), MULTIPLIERS, ZEROS)
def test_in_float_is_what_the_kernels_do(seed, multiplier, zero):
    random = np.random.default_rng(seed)
    x = random.integers(0, 256, (1, 4, 3, 5), np.uint8)
    w = random.integers(-128, 128, (3, 4, 2, 2), np.int8)
    sums = kernels.conv_integer(x, w, 128)
    multiplier = np.float32(multiplier)
    y = kernels.qlinear_conv(x, 1.0, 128, w, multiplier, 0, 1.0, zero)
    np.testing.assert_array_equal(y, in_float(sums, multiplier, zero))
