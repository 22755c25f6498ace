"""How sure a number is that was found on few examples: intervals that hold the true one 95 times in 100."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Z = 1.959964  # 95 % of a normal distribution lies within that many standard deviations
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def of_share(hits: int, trials: int) -> Interval:
    """Wilson's interval of a share, such as an accuracy: of `trials` independent examples, `hits` were right.

    It is right for shares near 1 too, where the textbook's p +- 1.96 sqrt(p (1 - p) / n) reaches beyond 1.

    Raises
    ------
    ValueError
        If there are no trials, or not 0 <= hits <= trials.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not 0 <= hits <= trials or trials < 1:
        raise ValueError(f"a share needs 0 <= hits <= trials and at least one trial, not {hits} of {trials}")
    p, n, z = hits / trials, trials, _Z
    # The p' for which p is z standard deviations away: (p - p')^2 = z^2 p' (1 - p') / n.
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half))


def of_mean(values: Sequence[float], seed: int = 0) -> Interval:
    """Bootstrap interval of a mean: what means come out if the same number of examples is drawn again from these.

    Give it one value for each example that is independent of the others: one a photo, not one a pixel. With few
    examples it is somewhat too narrow.

    Raises
    ------
    ValueError
        For fewer than two values.

    References
    ----------
    B. Efron, "Bootstrap methods: another look at the jackknife", 1979; this is the percentile interval.
    """
    if len(values) < 2:
        raise ValueError(f"an interval of a mean needs at least two values, not {len(values)}")
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(len(array), size=(_RESAMPLES, len(array)))
    low, high = np.quantile(array[drawn].mean(axis=1), [0.025, 0.975])
    return Interval(float(array.mean()), float(low), float(high))


def of_paired_difference(before: Sequence[bool], after: Sequence[bool]) -> Interval:
    """Bonett and Price's interval of the difference of two shares that the same examples gave: after less before.

    Only the examples that changed tell of a difference, so it is far narrower than two intervals side by side. One
    imagined change in each direction keeps it from having no width where no example, or few, changed:

        p = (changed for the worse + 1) / (n + 2),   q = (changed for the better + 1) / (n + 2)
        q - p +- 1.96 sqrt((p + q - (q - p)^2) / (n + 2))

    The value is the plain difference; the interval's middle lies a little nearer to 0.

    Parameters
    ----------
    before, after : sequence of bool
        Whether each example was right; in the same order.

    Raises
    ------
    ValueError
        If there is no example, or the numbers of them differ.

    References
    ----------
    D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", 2012.
    """
    first, second = np.asarray(before, bool), np.asarray(after, bool)
    if first.shape != second.shape or not first.size:
        raise ValueError(f"pairs are needed, at least one: not {first.size} examples before and {second.size} after")
    n, worse, better = first.size, int((first & ~second).sum()), int((~first & second).sum())
    p, q = (worse + 1) / (n + 2), (better + 1) / (n + 2)
    half = _Z * math.sqrt((p + q - (q - p) ** 2) / (n + 2))
    return Interval((better - worse) / n, max(-1.0, q - p - half), min(1.0, q - p + half))
