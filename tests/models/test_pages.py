"""Pages of digits: what is on them is where they say, and answers are counted as a reader would count them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbook.models import pages
from workbook.models.pages import CLASSES, Found, Page


@pytest.fixture(scope="module")
def test_pages() -> tuple[Page, ...]:
    return pages.pages("test")


def test_boxes_lie_around_bright_digits(test_pages: tuple[Page, ...]) -> None:
    assert len(test_pages) == pages.COUNTS["test"]
    for on in test_pages:
        assert on.image.shape == (1, pages.SIDE, pages.SIDE)
        assert 0 <= on.image.min() <= on.image.max() <= 1
        assert len(on.labels) == len(on.boxes) > 40
        low, high = on.boxes[:, :2] - on.boxes[:, 2:] / 2, on.boxes[:, :2] + on.boxes[:, 2:] / 2
        assert low.min() >= 0
        assert high.max() <= pages.SIDE
        assert on.boxes[:, 2:].max() <= pages.LARGEST
        for (left, top), (right, bottom) in zip(low.astype(int), high.astype(int), strict=True):
            inside = on.image[0, top:bottom, left:right]
            assert inside.max() > 0.7
    shares = [pages.overlaps(on.boxes, on.boxes) - np.eye(len(on.boxes)) for on in test_pages]
    assert max(share.max() for share in shares) < 1e-6  # no digit on another


def test_parts_share_no_digit_and_no_photo() -> None:
    first, again = (
        pages.page("train", np.random.default_rng(3), 160),
        pages.page("train", np.random.default_rng(3), 160),
    )
    assert np.array_equal(first.image, again.image)
    other = pages.page("test", np.random.default_rng(3), 160)
    assert not np.array_equal(first.image, other.image)
    with pytest.raises(KeyError):
        pages.pages("train")


def written(page: Page, scores: np.ndarray) -> np.ndarray:
    """What a perfect detector writes of a page, with these scores."""
    cells = pages.SIDE // pages.STRIDE
    y = np.zeros((1, 4 + CLASSES, cells, cells), np.float32)
    column, row = (page.boxes[:, :2].T // pages.STRIDE).astype(int)
    y[0, :4, row, column] = page.boxes
    y[0, 4 + page.labels, row, column] = scores
    return y


def test_a_perfect_answer_has_a_precision_of_one(test_pages: tuple[Page, ...]) -> None:
    answers = [pages.found(written(on, np.full(len(on.labels), 0.9))) for on in test_pages]
    assert pages.precisions(answers, test_pages) == pytest.approx([1.0] * CLASSES)


def test_scores_below_the_least_find_nothing(test_pages: tuple[Page, ...]) -> None:
    on = test_pages[0]
    assert len(pages.found(written(on, np.full(len(on.labels), pages.SCORE / 2))).labels) == 0
    nothing = [pages.found(written(page, np.zeros(len(page.labels)))) for page in test_pages]
    assert pages.precisions(nothing, test_pages) == [0.0] * CLASSES


def test_precision_by_hand() -> None:
    """Two sevens, three answers: right at 0.9, wrong at 0.8, right at 0.7. Then 1 of 1, 2 of 3: (1 + 2/3) / 2."""
    boxes = np.float32([[20, 20, 10, 10], [60, 20, 10, 10], [100, 100, 10, 10]])
    page = Page(np.zeros((1, 160, 160), np.float32), boxes[:2], np.array([7, 7]))
    answer = Found(boxes[[0, 2, 1]], np.array([7, 7, 7]), np.float32([0.9, 0.8, 0.7]))
    assert pages._precision(7, [answer], [page]) == pytest.approx((1 + 2 / 3) / 2)
    twice = replace(answer, boxes=boxes[[0, 0, 1]])
    assert pages._precision(7, [twice], [page]) == pytest.approx((1 + 2 / 3) / 2)  # a box is found once
    off = replace(answer, boxes=boxes[[0, 2, 1]] + np.float32([4, 0, 0, 0]))
    assert pages._precision(7, [off], [page]) == 0  # they share 60 of 140


def test_of_boxes_on_each_other_the_likeliest_stays() -> None:
    y = np.zeros((1, 4 + CLASSES, 2, 2), np.float32)
    y[0, :4] = np.float32([20, 20, 10, 10])[:, None, None]
    y[0, 4 + 3] = [[0.5, 0.9], [0.05, 0.7]]
    y[0, 4 + 5, 0, 0] = 0.6
    answer = pages.found(y)
    assert answer.labels.tolist() == [3, 5]
    assert answer.scores == pytest.approx([0.9, 0.6])


def test_overlap_by_hand() -> None:
    a, b = np.float32([[10, 10, 4, 4]]), np.float32([[10, 10, 4, 4], [12, 10, 4, 4], [30, 10, 4, 4], [10, 10, 0, 0]])
    assert pages.overlaps(a, b)[0] == pytest.approx([1, 8 / 24, 0, 0])
