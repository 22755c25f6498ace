"""The matrices of Cook and Toom: exact, and the kernels' own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import kernels
from kernels import probe
from workbook.lessons.winograd import construction
from workbook.lessons.winograd.construction import KERNELS, cook_toom

LAVIN_POINTS = (0, 1, -1, 2, -2)


def correlate(image, weight):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(image), np.shape(weight))
    axes = tuple(range(np.ndim(image), 2 * np.ndim(image)))
    return (windows * np.asarray(weight)).sum(axis=axes)


class TestCookToom:
    @pytest.mark.parametrize(
        ("m", "points", "r"),
        [
            (2, None, 3),
            (4, None, 3),
            (6, None, 3),
            (4, LAVIN_POINTS, 3),
            (1, (5, "1/3"), 3),
            (3, (0, Fraction(2, 7), 0.5, -9), 3),
            (2, (0, 1, -1, 2, -2), 5),
            (7, range(-4, 4), 3),
            (1, (), 1),
        ],
    )
    def test_it_filters_exactly_at_any_points(self, m, points, r):
        """Whole numbers in, the same whole numbers out: nothing is rounded."""
        matrices = cook_toom(m, points, r)
        random = np.random.default_rng(m)
        line, taps = random.integers(-99, 100, matrices.n).tolist(), random.integers(-99, 100, r).tolist()
        assert matrices.filter_line(line, taps).tolist() == correlate(line, taps).tolist()
        tile, filter = random.integers(-99, 100, (matrices.n,) * 2), random.integers(-99, 100, (r, r))
        assert (
            matrices.filter_tile(tile.astype(object), filter.astype(object)).tolist()
            == correlate(tile, filter).tolist()
        )
        assert (matrices.AT.shape, matrices.G.shape, matrices.BT.shape) == (
            (m, m + r - 1),
            (m + r - 1, r),
            (m + r - 1,) * 2,
        )

    def test_f2_is_the_one_by_hand(self):
        matrices = cook_toom(2)
        d, g = [Fraction(x) for x in (3, 7, 1, 12)], [Fraction(x) for x in (2, 9, 4)]
        assert (matrices.BT @ d).tolist() == [d[2] - d[0], d[1] + d[2], d[2] - d[1], d[3] - d[1]]
        assert (matrices.G @ g).tolist() == [-g[0], sum(g) / 2, (g[0] - g[1] + g[2]) / 2, g[2]]
        assert matrices.AT.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]

    @pytest.mark.parametrize("m", KERNELS)
    def test_points_and_packed_filters_are_the_kernels(self, m):
        matrices = cook_toom(m)
        assert tuple(map(float, matrices.points)) == kernels.winograd.points(m)
        weight = np.random.default_rng(m).standard_normal((3, 2, 3, 3), np.float32)
        G = matrices.G.astype(np.float64)
        U = np.einsum("ir,kcrs,js->ijck", G, weight.astype(np.float64), G).reshape(matrices.n**2, 2, 3)
        packed = kernels.winograd.pack(weight, 1, m)
        columns, lanes = probe.tile_shape()[1], probe.lanes()
        packed = packed.reshape(-1, matrices.n**2, lanes, columns)
        assert len(packed) == 1, "one block of output channels"
        np.testing.assert_allclose(packed[0, :, :2, :3], U, rtol=2**-23)
        assert not packed[0, :, 2:].any()

    @pytest.mark.parametrize("m", KERNELS)
    def test_transforms_give_what_the_kernel_computes(self, m):
        """One channel and one tile: what is left between the two is the kernel's own rounding."""
        random = np.random.default_rng(m)
        x, weight = random.integers(0, 4, (m + 2, m + 2)), random.integers(-3, 4, (3, 3))
        y = kernels.conv2d(
            x[None, None].astype(np.float32), weight[None, None].astype(np.float32), algorithm=f"winograd_f{m}"
        )
        exact = cook_toom(m).filter_tile(x.astype(object), weight.astype(object)).astype(np.float64)
        np.testing.assert_allclose(y[0, 0], exact, rtol=0, atol=1e-4)
        if m == 2:
            assert np.array_equal(y[0, 0], exact)

    @pytest.mark.parametrize(("m", "saving"), [(1, 1), (2, 2.25), (3, 3.24), (4, 4), (6, 5.0625)])
    def test_saving(self, m, saving):
        assert cook_toom(m, range(m + 1)).saving == saving

    @pytest.mark.parametrize(("m", "input_operations", "output_operations"), [(2, 32, 24), (4, 12 * 16, 10 * 14)])
    def test_operations_are_those_of_the_matrices(self, m, input_operations, output_operations):
        """For F(2,3) Lavin and Gray count the same; for F(4,3) the rows of their matrices, counted by hand."""
        matrices = cook_toom(m, None if m == 2 else LAVIN_POINTS)
        assert (matrices.input_operations, matrices.output_operations) == (input_operations, output_operations)

    def test_a_row_of_zeros_and_one_is_free(self):
        assert (
            construction.operations(np.array([[0, 1, 0], [0, -1, 1], [2, 0, 0], [2, 3, 0]], dtype=object))
            == 0 + 1 + 1 + 2
        )

    @pytest.mark.parametrize(
        ("m", "points", "says"),
        [
            (0, None, "whole number from 1 to 12, not 0"),
            (13, None, "not 13"),
            (2.0, None, r"not 2\.0"),
            (True, None, "not True"),
            ("4", None, "not '4'"),
            (3, None, r"the kernels have F\(2,3\), F\(4,3\), F\(6,3\); for F\(3,3\) name 4 points"),
            (2, (0, 1), r"F\(2,3\) takes 3 points besides infinity, you gave 2"),
            (2, (0, 1, -1, 2), "you gave 4"),
            (2, (0, 1, 1.0), "the point 1 stands there twice"),
            (2, (0, "1/2", 0.5), "the point 1/2 stands there twice"),
            (2, (0, 1, float("inf")), "inf is no point"),
            (2, (0, 1, float("nan")), "nan is no point"),
            (2, (0, 1, "x"), "'x' is no point"),
            (2, (0, 1, "1/0"), "'1/0' is no point"),
            (2, (0, 1, None), "None is no point"),
            (2, (0, 1, True), "True is no point"),
            (2, (0, 1, 1j), "1j is no point"),
        ],
    )
    def test_bad_tiles_and_points_are_named(self, m, points, says):
        with pytest.raises(ValueError, match=says):
            cook_toom(m, points)

    @pytest.mark.parametrize("r", [0, 13, 1.5])
    def test_bad_filters_are_named(self, r):
        with pytest.raises(ValueError, match=f"taps of a filter, must be a whole number from 1 to 12, not {r}"):
            cook_toom(2, (0, 1, -1), r)

    def test_it_prints_every_element(self):
        text = str(cook_toom(4))
        assert text.startswith("F(4,3) at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity: 6 multiplications for 12\n")
        assert text.count("[") == 4 + 6 + 6
        assert "-2048/2975" in text
