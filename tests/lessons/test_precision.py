"""Errors by tile, points and type: against published ones, the kernels' own, and the limits of a type."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from test_cook_toom import LAVIN_POINTS

import kernels
from workbook.lessons import winograd as lesson
from workbook.lessons.winograd import model, precision, tile_trials
from workbook.lessons.winograd.construction import KERNELS, cook_toom

BAD_POINTS = (0, 1, -1, 2, -2, 3, -3)

# C = 128, inputs after a ReLU, He weights: measured apart from this workbook, with other seeds and another program.
EXPECTED = {
    "F(2,3)": (2, None, {"fp32": 3.2e-7, "bf16": 3.6e-3, "fp16": 4.5e-4}),
    "F(4,3) of Lavin and Gray": (4, LAVIN_POINTS, {"fp32": 1.8e-6, "bf16": 2.1e-2, "fp16": 2.7e-3}),
    "F(4,3)": (4, None, {"fp32": 8.2e-7, "bf16": 9.2e-3, "fp16": 1.2e-3}),
    "F(6,3)": (6, None, {"fp32": 3.5e-6, "bf16": 3.9e-2, "fp16": 4.9e-3}),
    "F(6,3) at bad points": (6, BAD_POINTS, {"fp32": 1.6e-4, "bf16": 1.8, "fp16": 1.1}),
}


class TestPrecision:
    @pytest.mark.parametrize("type", precision.TYPES)
    @pytest.mark.parametrize("name", EXPECTED)
    def test_errors_are_the_expected_ones_within_a_factor_of_two(self, name, type):
        m, points, expected = EXPECTED[name]
        assert expected[type] / 2 <= lesson.error(type, m, points) <= 2 * expected[type]

    @pytest.mark.parametrize(("type", "unit"), [("fp16", 2**-11), ("bf16", 2**-8)])
    def test_the_definition_s_error_is_that_of_rounding_two_factors(self, type, unit):
        """A factor's relative rounding error is at most `unit`, and its root mean square about 0.4 of that."""
        assert 0.4 * unit < lesson.error(type) < 0.7 * unit

    @pytest.mark.parametrize("m", [1, *KERNELS])
    def test_fp32_errs_as_the_kernels_do(self, m):
        case = precision.case()
        algorithm = tile_trials.WINOGRAD.get(m, "direct")
        y = kernels.conv2d(case.x[None], case.weight, algorithm=algorithm)[0]
        measured = np.sqrt(np.mean((y - case.exact) ** 2) / np.mean(case.exact**2))
        assert lesson.error("fp32", m) == pytest.approx(measured, rel=0.3)

    @pytest.mark.parametrize("matrices", [cook_toom(4), cook_toom(5, (0, 1, -1, 2, -2, "1/2"))], ids=["4", "5"])
    def test_tiles_that_stick_out_are_cut(self, matrices):
        case = precision.case()
        np.testing.assert_allclose(precision.by_tiles(case, "fp32", matrices), case.exact, atol=1e-4)

    def test_what_leaves_the_range_of_a_type_is_an_infinite_error(self):
        assert lesson.error("fp16", 4, (0, 1, -1, 300, -300)) == np.inf

    def test_every_value_of_a_type_stays(self):
        halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
        halves = halves[np.isfinite(halves)]
        assert np.array_equal(precision.rounded(halves, "fp16"), halves)
        assert precision.rounded(np.array([1 + 2**-8, 1 + 3 * 2**-8]), "bf16").tolist() == [1, 1 + 2**-6]

    @pytest.mark.parametrize("type", ["float32", "", None, 3])
    def test_types_are_named(self, type):
        with pytest.raises(ValueError, match="there are fp32, fp16, bf16"):
            lesson.error(type)

    def test_the_kernel_s_points_are_the_best_of_the_map(self):
        assert model.best_pair() == (Fraction(5, 8), Fraction(3, 2))
        a, b = model.best_pair()
        assert model.points_of(a, b) == cook_toom(4).points
