"""Measures of a run, each a pure function of its records.

Latency counts from a frame's scheduled time, whatever held it up. Percentiles follow MLPerf's LoadGen: of n sorted
values the p-quantile is number int(n * p), counted from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbook.camera.frames import Outcome, Records

CONFIDENCE = 0.99  # of the early-stopping estimate, as in LoadGen

Numbers = npt.NDArray[np.float64]


def completed(records: Records) -> Records:
    """Return the rows of frames that have a result, in time or late."""
    rows: Records = records[(records["outcome"] == Outcome.DONE) | (records["outcome"] == Outcome.LATE)]
    return rows


def latencies(records: Records) -> Numbers:
    """Return how old each completed frame was at its result, in seconds: finished - scheduled."""
    rows = completed(records)
    ages: Numbers = rows["finished"] - rows["scheduled"]
    return ages


def shown_ages(records: Records) -> Numbers:
    """Return how old the newest result had become each time that a newer one took its place, in seconds.

    Dropping frames keeps every latency low; what it costs is seen here. (The peak age of information of S. Kaul,
    R. Yates and M. Gruteser, "Real-time status: how often should one update?", INFOCOM 2012.)
    """
    rows = completed(records)
    rows = rows[np.argsort(rows["finished"], kind="stable")]
    newer = rows[rows["index"] == np.maximum.accumulate(rows["index"])] if len(rows) else rows
    moments, first = np.unique(newer["finished"], return_index=True)
    last = np.append(first[1:], len(newer)) - 1  # of the frames that one batch completes, the newest is shown
    ages: Numbers = moments[1:] - newer["scheduled"][last[:-1]]
    return ages


def percentile(values: npt.ArrayLike, p: float) -> float:
    """Return sorted(values)[int(n * p)], as LoadGen counts.

    Parameters
    ----------
    values : (n,) array
    p : float
        From 0 to below 1.

    Returns
    -------
    float
        NaN if there are no values.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p={p}: a percentile needs 0 <= p < 1, such as 0.99")
    ordered = np.sort(np.asarray(values))
    return float(ordered[int(ordered.size * p)]) if ordered.size else math.nan


def early_stopping(values: npt.ArrayLike, p: float, confidence: float = CONFIDENCE) -> float:
    """Return LoadGen's estimate of a percentile: with this confidence the true one is not above it.

    If the true p-quantile were larger than the t-th largest of n values, each value would exceed the estimate with a
    probability of at least q = 1 - p, and fewer than t of them would do so only by chance. t is the largest number with

        P(Binomial(n, q) <= t) < 1 - confidence

    and the estimate is the t-th largest value. (MLPerf Inference rules, appendix "Early stopping criterion".)

    Returns
    -------
    float
        NaN with fewer values than `least_samples(p)`.

    Raises
    ------
    ValueError
        For a p or a confidence that is not between 0 and 1, or values that are no list of numbers.
    """
    if np.ndim(values) != 1:
        raise ValueError(f"values must be a list of numbers, not {values!r}")
    _check_parts(p, confidence)
    ordered = np.sort(np.asarray(values))
    t = _discards(ordered.size, p, confidence)
    return float(ordered[ordered.size - t]) if t >= 1 else math.nan


def least_samples(p: float, confidence: float = CONFIDENCE) -> int:
    """Return how many values an early-stopping estimate needs: 64 at p = 0.9, 662 at p = 0.99.

    Raises
    ------
    ValueError
        For a p or a confidence that is not between 0 and 1.
    """
    _check_parts(p, confidence)
    n = 2
    while _discards(n, p, confidence) < 1:
        n += 1
    return n


def _check_parts(p: float, confidence: float) -> None:
    if not (0 < p < 1 and 0 < confidence < 1):
        raise ValueError(f"p and confidence must be between 0 and 1, such as 0.99, not {p} and {confidence}")


def _discards(n: int, p: float, confidence: float) -> int:
    """Return the largest t with P(Binomial(n, 1 - p) <= t) < 1 - confidence; -1 if there is none."""
    # P(k) = P(k - 1) * (n - k + 1) / k * q / p, in logarithms; beyond the mean the sum is over a half.
    k = np.arange(1, min(n, math.ceil(n * (1 - p)) + 1) + 1)
    ratios = np.log((n - k + 1) / k) + math.log((1 - p) / p)
    probabilities = np.exp(n * math.log(p) + np.concatenate([[0.0], np.cumsum(ratios)]))
    return int(np.searchsorted(np.cumsum(probabilities), 1 - confidence)) - 1


@dataclass(frozen=True)
class Summary:
    """A run in numbers.

    Attributes
    ----------
    frames : int
        That arrived: done + late + dropped + failed.
    done, late, dropped, failed : int
    p50, p90, p99, worst : float
        Seconds from a completed frame's scheduled time to its result; NaN if there is none.
    p99_at_most : float
        The early-stopping estimate of p99; NaN if the run is too short for one.
    oldest_shown : float
        Seconds: the oldest that the newest result ever was; NaN with fewer than two results.
    throughput : float
        Completed frames a second, from the first scheduled time to the last result.
    duration : float
        Seconds of that time.
    """

    frames: int
    done: int
    late: int
    dropped: int
    failed: int
    p50: float
    p90: float
    p99: float
    worst: float
    p99_at_most: float
    oldest_shown: float
    throughput: float
    duration: float

    @property
    def misses(self) -> int:
        """Frames without a result in time: late, dropped or failed."""
        return self.late + self.dropped + self.failed

    @classmethod
    def of(cls, records: Records) -> Summary:
        """Summarise the records of a run."""
        counts = np.bincount(records["outcome"], minlength=len(Outcome)).tolist()
        ages, shown = latencies(records), shown_ages(records)
        rows = completed(records)
        duration = float(rows["finished"].max() - records["scheduled"].min()) if len(rows) else math.nan
        throughput = len(rows) / duration if duration else math.inf  # all in one moment, in simulated time
        return cls(
            frames=len(records),
            done=counts[Outcome.DONE],
            late=counts[Outcome.LATE],
            dropped=counts[Outcome.DROPPED],
            failed=counts[Outcome.FAILED],
            p50=percentile(ages, 0.5),
            p90=percentile(ages, 0.9),
            p99=percentile(ages, 0.99),
            worst=float(ages.max()) if ages.size else math.nan,
            p99_at_most=early_stopping(ages, 0.99),
            oldest_shown=float(shown.max()) if shown.size else math.nan,
            throughput=throughput if len(rows) else 0.0,
            duration=duration,
        )

    def __str__(self) -> str:
        return (
            f"{self.frames} frames: {self.done} done, {self.late} late, {self.dropped} dropped, {self.failed} failed; "
            f"latency p50 {self.p50 * 1e3:.3f} ms, p90 {self.p90 * 1e3:.3f} ms, p99 {self.p99 * 1e3:.3f} ms; "
            f"{self.throughput:.3f} frames/s"
        )

    __repr__ = __str__


@dataclass(frozen=True)
class Energy:
    """What computing costs, by two figures of a device.

        joules = idle_watts * seconds + joules_per_mac * MACs

    Attributes
    ----------
    idle_watts : float
        Drawn all the time, in joules a second.
    joules_per_mac : float
    """

    idle_watts: float
    joules_per_mac: float

    def joules(self, summary: Summary, macs_per_frame: float) -> float:
        """Return the joules of a run. Frames that were dropped unseen cost no multiply-adds; a late one costs all."""
        computed = summary.done + summary.late
        return self.idle_watts * summary.duration + self.joules_per_mac * macs_per_frame * computed
