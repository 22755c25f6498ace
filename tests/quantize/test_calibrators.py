"""Histograms: any order and any merge gives the same one; what is read from it is within the stated bin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.quantize.affine import Affine
from workbook.quantize.calibrators import minmax, mse, percentile
from workbook.quantize.histogram import BINS, Histogram

RANDOM = np.random.default_rng(7)
DISTRIBUTIONS = {
    "normal": RANDOM.standard_normal(20_000),
    "after relu": np.maximum(RANDOM.standard_normal(20_000), 0),
    "heavy tails": RANDOM.standard_t(2, 20_000),
    "negative": -RANDOM.exponential(5, 20_000),
    "tiny": 1e-30 * RANDOM.standard_normal(20_000),
    "one outlier": np.append(RANDOM.standard_normal(20_000), 1e6),
    "constant": np.full(100, 0.37),
    "zeros": np.zeros(100),
    "one number": np.array([-3.0]),
    "just below and at the edge": np.array([np.nextafter(4, 0), 4, -4, -np.nextafter(np.float32(4), 5)]),
}


def seen(*arrays):
    histogram = Histogram()
    for array in arrays:
        histogram.observe(np.asarray(array, np.float32))
    return histogram


def same(a, b):
    return (a.low, a.high, a.exponent) == (b.low, b.high, b.exponent) and np.array_equal(a.counts, b.counts)


def unsigned(low, high):
    return Affine.of_range(low, high)


@given(st.lists(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), max_size=5), min_size=1, max_size=6), st.randoms())
def test_neither_order_nor_merging_matters(parts, random):
    whole = seen(np.concatenate([np.asarray(part, np.float32) for part in parts]))
    random.shuffle(parts)
    assert same(seen(*parts), whole)
    merged = Histogram()
    for part in parts:
        merged.merge(seen(part))
    assert same(merged, whole)
    assert whole.size == sum(map(len, parts))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_bins_hold_their_numbers(name):
    x = DISTRIBUTIONS[name].astype(np.float32)
    histogram = seen(x)
    places, counts = np.unique(np.floor(x / np.float64(histogram.width)).astype(int) + BINS, return_counts=True)
    np.testing.assert_array_equal(np.flatnonzero(histogram.counts), places)
    np.testing.assert_array_equal(histogram.counts[places], counts)
    assert histogram.width <= max(2 / BINS * np.abs(x).max(), 2.0**-126)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("percent", [50, 99, 99.9, 99.99, 100])
def test_percentile_is_off_by_a_bin_at_most(name, percent):
    x = DISTRIBUTIONS[name].astype(np.float32)
    histogram, tail = seen(x), (1 - percent / 100) / 2
    low, high = percentile(percent)(histogram, unsigned)
    for found, share in ((low, tail), (high, 1 - tail)):
        exact = np.quantile(x, share, method="inverted_cdf")
        assert abs(found - exact) <= histogram.width
    assert x.min() <= low <= high <= x.max()


def test_the_middle_of_a_histogram_is_within_half_a_bin():
    x = DISTRIBUTIONS["heavy tails"].astype(np.float32)
    histogram = seen(x)
    for share in (0, 0.01, 0.3, 0.5, 0.99, 1):
        assert abs(histogram.quantile(share) - np.quantile(x, share, method="inverted_cdf")) <= histogram.width / 2


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_minmax_is_exact(name):
    x = DISTRIBUTIONS[name].astype(np.float32)
    assert minmax(seen(x), unsigned) == (x.min(), x.max())


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mse_finds_the_best_of_its_candidates(name):
    """Against the numbers themselves: its error is that of the best candidate, but for what bins do not tell."""
    x = DISTRIBUTIONS[name].astype(np.float32)
    histogram = seen(x)

    def root_mean_square(shrink):
        rounded = unsigned(shrink * histogram.low, shrink * histogram.high).rounded(x)
        return np.sqrt(np.mean(np.square(np.float64(rounded) - x)))

    low, high = mse(histogram, unsigned)
    chosen = high / histogram.high if histogram.high else low / histogram.low if histogram.low else 1.0
    best = min(root_mean_square(i / 128) for i in range(1, 129))
    assert root_mean_square(chosen) <= best + histogram.width / 2 * (1 + 1e-6)


def test_each_has_its_use():
    """Min-max spends its steps on one outlier; a percentile drops it; MSE finds the least error of all."""
    x = np.append(np.random.default_rng(0).standard_normal(1_000_000), 20).astype(np.float32)
    histogram, errors = seen(x), {}
    for name, calibrator in (("minmax", minmax), ("percentile", percentile(99)), ("mse", mse)):
        low, high = calibrator(histogram, unsigned)
        errors[name] = np.square(unsigned(low, high).rounded(x) - x).mean()
    assert errors["mse"] < 0.7 * errors["minmax"]
    assert errors["mse"] < 0.3 * errors["percentile"], "one number in a hundred is too much to cut off"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_not_counted(bad):
    histogram = seen([1, 2])
    with pytest.raises(ValueError, match=r"1 of 3 numbers are not finite; the first is"):
        histogram.observe(np.array([5, bad, 6], np.float32))
    assert same(histogram, seen([1, 2]))


@pytest.mark.parametrize("calibrator", [minmax, mse, percentile(99)])
def test_nothing_seen_is_refused(calibrator):
    with pytest.raises(ValueError, match="at least one image"):
        calibrator(Histogram(), unsigned)


@pytest.mark.parametrize("percent", [0, -1, 101, np.nan])
def test_percentiles_are_checked(percent):
    with pytest.raises(ValueError, match="above 0 and at most 100"):
        percentile(percent)


def test_quantiles_are_checked():
    with pytest.raises(ValueError, match="within 0 and 1, not 2"):
        seen([1]).quantile(2)
    with pytest.raises(ValueError, match="nothing was observed"):
        Histogram().quantile(0.5)
