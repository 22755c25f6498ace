"""Scale and zero point: 0 is exact, the range is covered, and degenerate ranges have an answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.quantize.affine import Affine

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@given(NUMBERS, NUMBERS, st.sampled_from(["uint8", "int8"]), st.booleans(), st.sampled_from([7, 8]))
def test_range_is_covered_within_one_step(a, b, dtype, symmetric, bits):
    low, high = sorted((a, b))
    affine = Affine.of_range(low, high, dtype, symmetric=symmetric, bits=bits)
    x = np.linspace(min(low, 0), max(high, 0), 101).astype(np.float32)
    q = affine.quantize(x)
    assert q.dtype == dtype
    assert len(np.unique(q)) <= 2**bits
    # Rounding is off by half a step; the rounded zero point moves an end of the range by half a step more.
    assert (np.abs(affine.dequantize(q) - x) <= affine.scale * 1.0001).all()
    assert affine.rounded(np.zeros(1, np.float32)) == 0


def test_by_hand():
    """-1 .. 3 in 255 steps: 4/255 each, and 0 lies 63.75 steps above -1."""
    affine = Affine.of_range(-1, 3)
    assert affine.scale == np.float32(4 / 255)
    assert affine.zero_point == 64
    assert Affine.of_range(-1, 3, "int8").zero_point == -64
    symmetric = Affine.of_range(-1, 3, "int8", symmetric=True)
    assert (symmetric.scale, symmetric.zero_point) == (np.float32(3 / 127), 0)
    assert Affine.of_range(-1, 3, symmetric=True).zero_point == 128
    assert Affine.of_range(-1, 3, "int8", symmetric=True, bits=7).scale == np.float32(3 / 63)


def test_each_channel_has_its_own():
    w = np.array([[1, -2], [0, 0], [1e-3, 5e-4]], np.float32)
    affine = Affine.of_range(w.min(axis=1), w.max(axis=1), "int8", symmetric=True)
    assert affine.quantize(w).tolist() == [[64, -127], [0, 0], [127, 64]]
    assert affine.scale[1] == 1, "a channel of zeros has a scale all the same"


def test_a_range_without_zero_is_widened():
    for low, high, expected in ((2, 3, 0), (-3, -2, 255)):
        affine = Affine.of_range(low, high)
        assert affine.zero_point == expected
        assert affine.scale == np.float32(3 / 255)


def test_tiny_ranges_keep_a_scale_above_zero():
    assert Affine.of_range(0, 1e-45).scale > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0), "low <= high"),
        ((np.nan, 0), "finite"),
        ((0, np.inf), "finite"),
        ((0, 1, "int4"), "dtype must be uint8 or int8, not 'int4'"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Affine.of_range(*arguments)


def test_bits_are_checked():
    with pytest.raises(ValueError, match="2 to 8, not 9"):
        Affine.of_range(0, 1, bits=9)
