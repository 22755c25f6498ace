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


def test_where_nothing_is_seen_rounding_is_no_loss() -> None:
    """Two programs' sigmoids of -20 may differ tenfold and both be right."""
    exact, found = [[np.full((1, 4), 1.5e-8)]] * 2, [[np.full((1, 4), 2e-9)]] * 2
    assert max(evidence.losses(found, exact)) < 1e-4
    assert evidence.losses([[np.full((1, 4), 0.5)]], exact[:1])[0] > 100


def test_a_few_images_are_judged_on_the_scale_of_all() -> None:
    few, all_images = [[np.full((1, 4), 1e-6)]], [[np.full((1, 4), 1.0)]]
    assert evidence.losses([[np.full((1, 4), 2e-6)]], few, evidence.kinds(all_images)) == [pytest.approx(1e-6)]


def boxes_and_scores(random: np.random.Generator, pixels: float = 320, seen: float = 1.0) -> np.ndarray:
    """Return what a detector says of 50 places: a box in pixels, and scores of six classes."""
    boxes, scores = random.uniform(0, pixels, (1, 4, 50)), random.uniform(0, seen, (1, 6, 50)) ** 8
    return np.concatenate([boxes, scores], axis=1)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)], ids=["channels first", "channels last"])
def test_scores_are_not_lost_among_boxes_in_pixels(random: np.random.Generator, order: tuple[int, ...]) -> None:
    """A detector whose scores are all zero finds nothing, however near its boxes are."""
    exact = [[boxes_and_scores(random).transpose(order)] for _ in range(4)]
    blind = [[np.where(y > 1, y + 0.1, 0)] for (y,) in exact]
    near = [[y * 1.01] for (y,) in exact]
    proof = evidence.Evidence.of(blind, exact, 0.05)
    assert proof
    assert proof.loss.value == pytest.approx(1, abs=0.02)
    assert proof.where == "output 0[:, 4:10]" if order == (0, 1, 2) else "output 0[:, :, 4:10]"
    assert max(evidence.losses(near, exact)) < 0.02


def test_where_nothing_is_seen_scores_have_no_size_of_their_own(random: np.random.Generator) -> None:
    exact = [[boxes_and_scores(random, seen=0.2)] for _ in range(4)]
    rounded = [[np.where(y > 1, y, 0)] for (y,) in exact]
    assert max(evidence.losses(rounded, exact)) < 1e-3


def test_what_is_of_one_size_is_judged_as_a_whole(random: np.random.Generator) -> None:
    exact = [[boxes_and_scores(random, pixels=4)] for _ in range(4)]
    assert [str(kind) for kind in evidence.kinds(exact)] == ["output 0"]
    proof = evidence.Evidence.of([[y + 0.1] for (y,) in exact], exact, 0.05)
    assert proof
    assert not proof.where


def test_outputs_of_other_shapes_for_each_image_are_of_one_kind() -> None:
    found = [[np.ones((1, places, 6))] for places in (3, 5)]
    assert evidence.losses(found, found) == [0, 0]


def test_the_worst_output_counts() -> None:
    exact = [[np.ones(3), np.ones(2)]]
    assert evidence.losses([[np.ones(3), np.full(2, 1.5)]], exact) == [0.5]


@pytest.mark.parametrize("wrong", [np.ones(2), np.array([1, 1, math.nan]), np.array([1, 1, math.inf])])
def test_other_shapes_and_no_numbers_are_lost(wrong: np.ndarray) -> None:
    assert evidence.losses([[wrong]], [[np.ones(3)]]) == [math.inf]


def test_another_number_of_outputs_is_lost() -> None:
    assert evidence.losses([[np.ones(3)]], [[np.ones(3), np.ones(2)]]) == [math.inf]


def test_evidence_has_intervals_of_the_loss_and_of_shares() -> None:
    exact = [[np.array([[1.0, 0.0]])] for _ in range(4)]
    found = [[np.array([[1.0 - lost, lost]])] for lost in (0.1, 0.2, 0.3, 0.6)]
    proof = evidence.Evidence.of(found, exact, 0.35)
    assert proof
    assert proof.loss.low < proof.loss.value < proof.loss.high < proof.worst
    assert proof.loss.value == pytest.approx(np.mean(evidence.losses(found, exact)))
    assert (proof.within.value, proof.images) == (0.5, 4)  # 0.3 of two numbers each is 0.42 of the output's 1
    assert proof.same
    assert proof.same.value == 0.75
    assert proof.same.high < 1
    assert evidence.Evidence.of(found[:1], exact[:1], 0.35) is None


def test_pictures_have_no_largest_score() -> None:
    pictures = [[np.ones((1, 1, 4, 4))]] * 3
    proof = evidence.Evidence.of(pictures, pictures, 0.1)
    assert proof
    assert proof.same is None


def test_decibels() -> None:
    assert evidence.decibels([0.1, 0.1]) == pytest.approx(20)
    assert evidence.decibels([0.0]) == math.inf
