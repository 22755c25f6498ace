"""Lesson 2: its matrices against the kernels', its counts one by one, its errors against published ones."""

from __future__ import annotations

import inspect
from fractions import Fraction

import numpy as np
import pytest

import kernels
from kernels import probe
from workbook import winograd as lesson
from workbook.drawing import look
from workbook.measure import MEMORY
from workbook.reference import reference
from workbook.roofline import Roofline, layer_bytes
from workbook.winograd import charts, exercises, explorers, figures, model, precision, race, trials
from workbook.winograd.counted import Count, Counted, WrongFormulaError
from workbook.winograd.model import KERNELS, cook_toom
from workbook.winograd.work import Work, layer_of

LAVIN_POINTS = (0, 1, -1, 2, -2)
BAD_POINTS = (0, 1, -1, 2, -2, 3, -3)
ROOF = Roofline(50, {"L1": 200, "L2": 100, MEMORY: 25})


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
        assert model.operations(np.array([[0, 1, 0], [0, -1, 1], [2, 0, 0], [2, 3, 0]], dtype=object)) == 0 + 1 + 1 + 2

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


class TestWork:
    @pytest.mark.parametrize(
        ("channels", "side", "m", "tiles", "saving"),
        [
            (64, 56, 2, 784, 2.25),
            (64, 56, 4, 196, 4),
            (64, 56, 6, 100, 4.41),
            (512, 7, 4, 4, 3.0625),
            (5, 1, 6, 1, 9 / 64),
        ],
    )
    def test_tiles_that_stick_out_count_whole(self, channels, side, m, tiles, saving):
        work = Work(layer_of(channels, side), m)
        assert work.tiles == tiles
        assert work.multiplications == tiles * (m + 2) ** 2 * channels**2
        assert work.saving == saving

    def test_counts_of_a_small_layer_one_by_one(self):
        """Two channels of 3 x 3 by F(2,3): four tiles of 16 multiplications for each of four pairs of channels."""
        work = Work(layer_of(2, 3), 2)
        assert work.multiplications == 4 * 16 * 4
        assert work.transforms == 4 * (2 * 32 + 2 * 24)
        assert work.operations == work.multiplications + work.transforms
        assert work.weight_bytes == 4 * 16 * 4
        assert work.passed_bytes == 4 * (4 * 16 * 2) * 5 * 2
        assert work.bytes == work.weight_bytes + work.passed_bytes

    def test_m_1_is_the_definition(self):
        layer = layer_of(64, 14)
        work = Work(layer, 1)
        assert work.multiplications == work.operations == layer.macs
        assert work.saving == 1
        assert work.bytes == layer_bytes(layer)
        assert work.gain(ROOF) == 1

    def test_time_is_the_slower_of_units_and_weights_and_then_the_passes(self):
        busy, waiting = Work(layer_of(64, 56), 4), Work(layer_of(512, 7), 4)
        assert busy.multiply_seconds(ROOF) == pytest.approx(busy.multiplications / 50e9)
        assert waiting.multiply_seconds(ROOF) == pytest.approx(waiting.weight_bytes / 25e9)
        for work in (busy, waiting):
            assert work.pass_seconds(ROOF) == pytest.approx(work.passed_bytes / 100e9)
            assert work.seconds(ROOF) == work.multiply_seconds(ROOF) + work.pass_seconds(ROOF)

    @pytest.mark.parametrize("levels", [{MEMORY: 25}, {"L1": 200, MEMORY: 25}])
    def test_without_a_second_cache_memory_takes_its_place(self, levels):
        work = Work(layer_of(8, 8), 2)
        assert work.pass_seconds(Roofline(50, levels)) == pytest.approx(work.passed_bytes / 25e9)

    @pytest.mark.parametrize(("channels", "side", "m"), [(0, 7, 2), (64, 0, 2), (64, 7, 0), ("64", 7, 2), (64, 7.0, 2)])
    def test_bad_sizes_are_named(self, channels, side, m):
        with pytest.raises(ValueError, match="must be a whole number from 1"):
            lesson.layer(channels, side, m)

    def test_the_model_is_near_the_reference_machine(self):
        for layer in race.LAYERS:
            for m, name in trials.WINOGRAD.items():
                measured = reference().value(f"winograd.{race.result_id(name, layer[1])}")
                predicted = Work(layer_of(*layer), m).gain(reference().roofline)
                assert 0.7 <= predicted / measured <= 1.4, (layer, name)


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
        algorithm = trials.WINOGRAD.get(m, "direct")
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
        assert explorers.best_pair() == (Fraction(5, 8), Fraction(3, 2))
        a, b = explorers.best_pair()
        assert explorers.points_of(a, b) == cook_toom(4).points


@pytest.fixture(scope="module")
def timed():
    return race.race(guess=3, seconds=0.01)


class TestRace:
    def test_the_table_marks_every_measured_number(self, timed):
        table, beside = (part.splitlines() for part in str(timed).split("\n\n"))
        assert len(table) == 1 + len(race.LAYERS) * len(trials.PROGRAMS)
        assert all(line.count("[measured]") == 1 for line in table[1:])
        assert all(line.startswith(("fewer: ", "reference: ", "predicted: ", "[machine]")) for line in beside)
        assert "you guessed 3 x" in str(timed)
        assert "you did not guess" in str(race.Race(timed.times))

    def test_gains_are_over_the_faster_plain_program(self, timed):
        for (_, side), times in timed.times.items():
            plain = min(times["direct"].median, times["im2col"].median)
            assert timed.gains[f"f4.at{side}"] == plain / times["winograd_f4"].median
            assert max(timed.gains[f"direct.at{side}"], timed.gains[f"im2col.at{side}"]) == 1

    def test_the_programs_compute_the_same_layer(self):
        outputs = [run() for run in trials.runs(32, 7).values()]
        for y in outputs[1:]:
            np.testing.assert_allclose(y, outputs[0], atol=1e-3)

    def test_its_chart_is_a_picture_with_exact_words(self, timed):
        picture = lesson.chart(timed)
        assert picture.image.startswith(b"\x89PNG")
        assert "64@56 2.25/4.00/4.41" in picture.text
        assert "[measured]" not in picture.text

    def test_no_label_leaves_its_chart(self, timed):
        with look():
            figure = charts.race_figure(timed)
            figure.canvas.draw()
            page = figure.bbox
            texts = [text for axes in figure.axes for text in (*axes.texts, *axes.get_xticklabels())]
            for box in (text.get_window_extent() for text in texts):
                assert page.x0 <= box.x0 <= box.x1 <= page.x1
                assert page.y0 <= box.y0 <= box.y1 <= page.y1

    def test_what_is_installed_stands_behind_the_mark(self, monkeypatch):
        from workbook import peers
        from workbook.winograd import beside

        def lines():
            return [line.partition("[machine]")[0] for line in str(beside.beside_peers(seconds=0.01)).splitlines()]

        with_peers = lines()
        monkeypatch.setattr(peers, "installed", dict)
        assert lines() == with_peers
        assert "none is installed" in str(beside.beside_peers(seconds=0.01))


class TestPanels:
    def test_the_first_says_what_the_model_computes(self):
        panel = lesson.explore()
        panel.set(side=7, channels="512", tile="F(6,3)")
        work = Work(layer_of(512, 7), 6)
        assert f"4 tiles × 8×8 × 512×512 = {work.multiplications:,} multiplications, 1.72× fewer" in panel.readout
        assert f"{work.bytes / 1e6:.2f} MB moved" in panel.readout
        assert panel.readout.endswith(f"{work.gain(reference().roofline):.2f}×")
        assert "[measured]" not in panel.readout
        assert "measured here" in panel.view
        panel.set(side=8)
        assert "not measured here at this side" in panel.view

    def test_the_second_says_the_error(self):
        panel = lesson.explore("points")
        panel.set(a=5, b=12)
        assert panel.readout.startswith("F(4,3) at 0, ±5/8, ±3/2 and infinity: error in fp32 ")
        assert f"bf16 {lesson.error('bf16', 4):.1e} " in panel.readout

    def test_an_infinite_error_stands_at_the_edge(self):
        pointed = explorers.pointed(1, 2)
        assert pointed.errors["F(4,3), yours"]["fp16"] == np.inf
        with look():
            _, errors = figures.pointed_figure(pointed).axes
        _, right = errors.get_xlim()
        drawn = [line.get_xdata()[-1] for line in errors.lines]
        assert len(drawn) == len(precision.TYPES)
        assert max(drawn) == right

    def test_the_same_point_twice_is_said_and_can_be_undone(self):
        panel = lesson.explore("points")
        panel.set(a=16)
        assert "the point 2 stands there twice" in panel.view
        assert isinstance(panel.error, ValueError)
        panel.set(a=15)
        assert panel.error is None
        assert panel.view.startswith("<svg")

    @pytest.mark.parametrize("name", ["", "window", None, 2])
    def test_explore_says_which_panels_there_are(self, name):
        with pytest.raises(ValueError, match="layer, points"):
            lesson.explore(name)


def test_sources_are_the_text_that_runs():
    assert lesson.source("cook_toom").text == inspect.getsource(cook_toom)
    assert lesson.source("winograd").text == kernels.source("winograd")
    transforms = kernels.source("transforms.pxd")
    for name in ("input_2", "output_4"):
        text = lesson.source(name).text
        assert text.startswith(f"cdef inline void {name}(")
        assert text in transforms
        assert text.count("cdef inline") == 1
        assert text.rstrip().endswith("_next")
    with pytest.raises(ValueError, match="winograd"):
        lesson.source("fastest")


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
            (lambda d, g: d * d, "multiplies an input with an input"),
            (lambda d, g: d * g * g, "multiplies a product with a filter"),
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
