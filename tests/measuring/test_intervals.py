"""The intervals are SciPy's, and hold the true value as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from workbook.measuring import intervals


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (985, 1000), (1000, 1000), (0, 1000), (3, 7)])
def test_wilson_is_scipys(hits: int, trials: int) -> None:
    ours = intervals.of_share(hits, trials)
    theirs = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert (ours.value, ours.low, ours.high) == pytest.approx((hits / trials, theirs.low, theirs.high), abs=1e-6)


def test_wilson_holds_the_true_share_about_95_times_in_100() -> None:
    hits = np.random.default_rng(0).binomial(1000, 0.985, 2000)
    found = [intervals.of_share(int(k), 1000) for k in hits]
    assert np.mean([interval.low <= 0.985 <= interval.high for interval in found]) == pytest.approx(0.95, abs=0.02)


def test_bootstrap_is_scipys() -> None:
    values = np.random.default_rng(1).gamma(2, size=40)
    ours = intervals.of_mean(values.tolist())
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=2).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    assert intervals.of_mean(values.tolist()) == ours


def test_bootstrap_holds_the_true_mean_about_95_times_in_100() -> None:
    random = np.random.default_rng(2)
    found = [intervals.of_mean(random.standard_normal(50).tolist()) for _ in range(400)]
    assert np.mean([interval.low <= 0 <= interval.high for interval in found]) == pytest.approx(0.94, abs=0.03)


def test_equal_values_leave_no_doubt() -> None:
    assert intervals.of_mean([2.5, 2.5]) == intervals.Interval(2.5, 2.5, 2.5)


def test_text() -> None:
    assert str(intervals.Interval(0.985, 0.97532, 0.991)) == "0.985 (0.9753 to 0.991)"


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_shares(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"not {hits} of {trials}"):
        intervals.of_share(hits, trials)


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two values, not 1"):
        intervals.of_mean([1.0])


def test_paired_difference_by_hand() -> None:
    """Of 100, three got worse and one better: p = 4/102, q = 2/102."""
    before = [True] * 90 + [False] * 10
    after = [True] * 87 + [False] * 3 + [True] + [False] * 9
    found = intervals.of_paired_difference(before, after)
    assert found.value == pytest.approx(-0.02)
    half = 1.96 * math.sqrt((6 / 102 - (2 / 102) ** 2) / 102)
    assert found.low == pytest.approx(-2 / 102 - half, abs=1e-5)
    assert found.high == pytest.approx(-2 / 102 + half, abs=1e-5)


def test_paired_difference_where_nothing_changed_has_a_width() -> None:
    found = intervals.of_paired_difference([True, False] * 500, [True, False] * 500)
    assert found.value == 0
    assert -0.005 < found.low < -0.002 < 0.002 < found.high < 0.005


@pytest.mark.parametrize(("worse", "better", "n"), [(0.01, 0.005, 1000), (0.1, 0.0, 200), (0.002, 0.002, 1000)])
def test_paired_difference_holds_the_true_one_95_times_in_100(worse: float, better: float, n: int) -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        draw = random.random(n)
        before = (draw < worse) | (draw >= worse + better)
        after = draw >= worse
        found = intervals.of_paired_difference(before, after)
        held += found.low <= better - worse <= found.high
    assert held / 2000 > 0.94


def test_paired_difference_needs_pairs() -> None:
    with pytest.raises(ValueError, match="not 1 examples before and 2 after"):
        intervals.of_paired_difference([True], [True, False])
    with pytest.raises(ValueError, match="at least one"):
        intervals.of_paired_difference([], [])
