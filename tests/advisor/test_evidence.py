"""How far outputs lie from the exact ones: over the strength of all images, whatever one of them shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbook.advisor import evidence


def test_an_image_of_nothing_has_the_scale_of_the_others() -> None:
    exact = [[np.full((1, 4), 2.0)], [np.full((1, 4), 1e-9)]]
    found = [[np.full((1, 4), 2.2)], [np.full((1, 4), 1e-7)]]
    first, second = evidence.losses(found, exact)
    assert first == pytest.approx(0.2 / math.sqrt(2))
    assert second < 1e-6


def test_the_worst_output_counts() -> None:
    exact = [[np.ones(3), np.ones(2)]]
    assert evidence.losses([[np.ones(3), np.full(2, 1.5)]], exact) == [0.5]


@pytest.mark.parametrize("wrong", [np.ones(2), np.array([1, 1, math.nan]), np.array([1, 1, math.inf])])
def test_other_shapes_and_no_numbers_are_lost(wrong: np.ndarray) -> None:
    assert evidence.losses([[wrong]], [[np.ones(3)]]) == [math.inf]


def test_interval_and_decibels() -> None:
    assert evidence.interval([0.1]) is None
    found = evidence.interval([0.1, 0.2, 0.3])
    assert found
    assert found.low < found.value < found.high
    assert evidence.decibels([0.1, 0.1]) == pytest.approx(20)
    assert evidence.decibels([0.0]) == math.inf
