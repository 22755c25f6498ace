"""Percentiles, the early-stopping estimate, and the summary of records."""

import math
from fractions import Fraction

import numpy as np
import pytest

from workbook.camera.frames import RECORD, Outcome
from workbook.lessons.streaming import Energy, Summary, early_stopping, least_samples, percentile, shown_ages


def records(*rows):
    """Rows of (scheduled, finished, outcome)."""
    table = np.zeros(len(rows), RECORD)
    table["index"] = range(len(rows))
    for name, column in zip(("scheduled", "finished", "outcome"), zip(*rows, strict=True), strict=True):
        table[name] = column
    return table


class TestPercentile:
    def test_it_is_one_of_the_values(self):
        values = [5.0, 1.0, 4.0, 2.0, 3.0]
        assert [percentile(values, p) for p in (0, 0.19, 0.2, 0.5, 0.99)] == [1.0, 1.0, 2.0, 3.0, 5.0]

    def test_of_nothing(self):
        assert math.isnan(percentile([], 0.5))

    @pytest.mark.parametrize("p", [1, -0.1, 99, math.nan])
    def test_what_is_no_quantile(self, p):
        with pytest.raises(ValueError, match="0 <= p < 1"):
            percentile([1.0], p)


class TestEarlyStopping:
    def test_least_numbers_are_those_of_the_rules(self):
        assert (least_samples(0.9), least_samples(0.99)) == (64, 662)

    @pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
    @pytest.mark.parametrize("n", [64, 662, 1000, 1500])
    def test_against_exact_fractions(self, n, p):
        q = 1 - Fraction(str(p))
        total, t = Fraction(0), -1
        for k in range(n + 1):
            total += math.comb(n, k) * q**k * (1 - q) ** (n - k)
            if total >= Fraction(1, 100):
                break
            t = k
        values = np.arange(n, dtype=float)
        estimate = early_stopping(values, p)
        assert math.isnan(estimate) if t < 1 else estimate == n - t

    def test_it_is_above_the_percentile_and_comes_closer(self):
        random = np.random.default_rng(0)
        gaps = []
        for n in (1_000, 100_000):
            values = random.exponential(size=n)
            gaps.append(early_stopping(values, 0.99) / percentile(values, 0.99))
        assert gaps[0] > gaps[1] > 1

    def test_it_keeps_its_confidence(self):
        random, true = np.random.default_rng(1), -math.log(0.1)
        below = sum(early_stopping(random.exponential(size=200), 0.9) < true for _ in range(2_000))
        assert 0 < below < 0.01 * 2_000 + 3 * math.sqrt(20)


class TestSummary:
    def test_counts(self):
        summary = Summary.of(
            records(
                (0.0, 0.5, Outcome.DONE),
                (1.0, 3.0, Outcome.LATE),
                (2.0, math.nan, Outcome.DROPPED),
                (3.0, math.nan, Outcome.FAILED),
                (4.0, 5.0, Outcome.DONE),
            )
        )
        assert (summary.frames, summary.done, summary.late, summary.dropped, summary.failed) == (5, 2, 1, 1, 1)
        assert summary.misses == 3
        assert (summary.p50, summary.worst) == (1.0, 2.0)
        assert summary.throughput == 3 / 5
        assert math.isnan(summary.p99_at_most)
        assert "5 frames: 2 done, 1 late, 1 dropped, 1 failed" in str(summary)

    def test_nothing_completed(self):
        summary = Summary.of(records((0.0, math.nan, Outcome.DROPPED)))
        assert summary.throughput == 0
        assert math.isnan(summary.p50)
        assert math.isnan(summary.duration)

    def test_no_frames(self):
        assert Summary.of(np.zeros(0, RECORD)).frames == 0


class TestShownAges:
    def test_until_the_next_result(self):
        rows = records((0.0, 1.0, Outcome.DONE), (1.0, math.nan, Outcome.DROPPED), (2.0, 4.0, Outcome.DONE))
        assert shown_ages(rows).tolist() == [4.0]

    def test_of_a_batch_the_newest_is_shown(self):
        rows = records(*((float(i), 5.0 if i < 4 else 9.0, Outcome.DONE) for i in range(8)))
        assert shown_ages(rows).tolist() == [9.0 - 3.0]

    def test_a_result_that_is_overtaken_is_not_shown(self):
        rows = records((0.0, 5.0, Outcome.DONE), (1.0, 2.0, Outcome.DONE), (2.0, 6.0, Outcome.DONE))
        assert shown_ages(rows).tolist() == [6.0 - 1.0]


class TestEnergy:
    def test_late_frames_cost_and_dropped_ones_do_not(self):
        summary = Summary.of(
            records((0.0, 1.0, Outcome.DONE), (1.0, 4.0, Outcome.LATE), (2.0, math.nan, Outcome.DROPPED))
        )
        assert Energy(idle_watts=2.0, joules_per_mac=5e-12).joules(summary, macs_per_frame=1e9) == pytest.approx(
            2.0 * 4.0 + 2 * 5e-3
        )

    def test_nothing_computed_has_no_duration(self):
        summary = Summary.of(records((0.0, math.nan, Outcome.DROPPED)))
        assert math.isnan(Energy(1.0, 0.0).joules(summary, 1e9))
