"""The emulator of vpmaddubsw is the kernel with algorithm="saturating", bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels
from workbook.quantize.saturation import emulate, may_saturate

BYTES = ("uint8", "int8")


def draw_bytes(random, dtype, shape, extreme):
    limits = np.iinfo(dtype)
    if extreme:
        return random.choice(np.array([limits.min, limits.max, limits.min + 1], dtype), shape)
    return random.integers(limits.min, limits.max + 1, shape, dtype)


@st.composite
def layers(draw):
    """Every geometry and mix of types: x, w, their zero points, and the window."""
    groups, C, K = draw(st.integers(1, 4)), draw(st.integers(1, 9)), draw(st.integers(1, 5))
    R, S, N = draw(st.integers(1, 4)), draw(st.integers(1, 9)), draw(st.integers(1, 2))
    stride, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    padding = draw(st.tuples(*[st.integers(0, 3)] * 4))
    H = draw(st.integers(max(1, (R - 1) * dilation[0] + 1 - padding[0] - padding[2]), 14))
    W = draw(st.integers(max(1, (S - 1) * dilation[1] + 1 - padding[1] - padding[3]), 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    extreme = draw(st.booleans())
    x = draw_bytes(random, draw(st.sampled_from(BYTES)), (N, groups * C, H, W), extreme)
    w = draw_bytes(random, draw(st.sampled_from(BYTES)), (groups * K, C, R, S), extreme)
    x_zero = int(draw_bytes(random, x.dtype, (), False))
    zeros = {"none": 0, "one": draw_bytes(random, w.dtype, (), False)[()], "each": None}
    w_zero = zeros[draw(st.sampled_from(list(zeros)))]
    if w_zero is None:
        w_zero = draw_bytes(random, w.dtype, len(w), False)
    return x, w, x_zero, w_zero, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@settings(max_examples=300)
@given(layers())
def test_bit_for_bit(layer):
    x, w, x_zero, w_zero, window = layer
    found = emulate(x, w, x_zero, w_zero, **window)
    np.testing.assert_array_equal(
        found.sums, kernels.conv_integer(x, w, x_zero, w_zero, algorithm="saturating", **window)
    )
    np.testing.assert_array_equal(found.exact, kernels.conv_integer(x, w, x_zero, w_zero, algorithm="direct", **window))
    assert (found.cut_off > 0) >= bool((found.sums != found.exact).any())
    assert may_saturate(w) or not found.cut_off


@pytest.mark.parametrize(
    ("C", "K", "S", "groups"), [(64, 64, 3, 1), (3, 16, 7, 1), (32, 32, 3, 32), (130, 20, 1, 1), (1, 8, 5, 1)]
)
def test_layers_of_networks(C, K, S, groups):
    random = np.random.default_rng(C)
    x = draw_bytes(random, "uint8", (2, C, 20, 33), False)
    w = draw_bytes(random, "int8", (K, C // groups, S, S), False)
    window = {"padding": S // 2, "groups": groups}
    found = emulate(x, w, 7, **window)
    np.testing.assert_array_equal(found.sums, kernels.conv_integer(x, w, 7, algorithm="saturating", **window))
    assert found.cut_off
    assert 0 < found.share_of_pairs < found.share_of_sums <= 1


def test_by_hand():
    """255*127 + 255*127 = 64,770 is cut to 32,767; the pair of the two channels behind them fits."""
    x = np.full((1, 4, 1, 1), 255, np.uint8)
    w = np.array([127, 127, 100, -100], np.int8).reshape(1, 4, 1, 1)
    found = emulate(x, w)
    assert (found.sums.item(), found.exact.item()) == (32_767, 64_770)
    assert (found.cut_off, found.pairs) == (1, 2)
    assert (found.share_of_pairs, found.share_of_sums) == (0.5, 1)


def test_seven_bits_never_saturate():
    """2 * 255 * 64 = 32,640 fits; 65 does not."""
    w = np.full((1, 2, 1, 1), 64, np.int8)
    assert not may_saturate(w)
    assert not may_saturate(-w)
    assert may_saturate(w + np.int8(1))
    assert not may_saturate(w + np.int8(1), unsigned_max=127)
    assert may_saturate(-w - np.int8(1))


def test_an_empty_batch_saturates_nothing():
    found = emulate(np.zeros((0, 2, 3, 3), np.uint8), np.zeros((1, 2, 3, 3), np.int8))
    assert found.sums.shape == (0, 1, 1, 1)
    assert found.share_of_pairs == found.share_of_sums == 0
