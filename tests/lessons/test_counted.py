"""Numbers that count their multiplications, and refuse what no transform does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from workbook.lessons.winograd import exercises
from workbook.lessons.winograd.construction import cook_toom
from workbook.lessons.winograd.counted import Count, Counted, WrongFormulaError


class TestCounted:
    def test_products_of_inputs_and_taps_count(self):
        count = Count()
        d, g = Counted(Fraction(3), "input", count), Counted(Fraction(5), "filter", count)
        product = 2 * (d * g) + g * d - d / 2 * g
        assert (product.value, product.kind, count.multiplications) == (Fraction(75, 2), "product", 3)
        assert sum([d, d]).value == 6
        assert (np.float64(0.5) * d).value == Fraction(3, 2)

    @pytest.mark.parametrize(
        ("formula", "says"),
        [
            (lambda d, g: d + g, "adds an input and a filter"),
            (lambda d, g: d * g - d, "adds a product and an input"),
            (lambda d, g: d * d, "multiplies an input by an input"),
            (lambda d, g: d * g * g, "multiplies a product by a filter"),
        ],
    )
    def test_what_no_transform_does_is_said(self, formula, says):
        count = Count()
        with pytest.raises(WrongFormulaError, match=says):
            formula(Counted(Fraction(3), "input", count), Counted(Fraction(5), "filter", count))

    @pytest.mark.parametrize("formula", [lambda d: d + 1, lambda d: d - 1, lambda d: d * "x", lambda d: d / 0])
    def test_other_numbers_are_refused(self, formula):
        with pytest.raises(TypeError):
            formula(Counted(Fraction(3), "input", Count()))

    def test_matrices_count_too(self):
        """A learner may write the formula with the lesson's matrices, in one line."""
        assert exercises.COMPLETE.check(cook_toom(3, (0, 1, -1), r=2).filter_line).kind == "correct"
