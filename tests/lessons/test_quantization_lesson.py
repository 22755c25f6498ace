"""Lesson 3: its networks, its ranges and its rescues, each against what computes it in another way."""

from __future__ import annotations

import inspect
import math
from contextlib import nullcontext

import numpy as np
import pytest

import kernels
from kernels import bytes_winograd, registry
from workbook import models
from workbook.lessons import quantization as lesson
from workbook.lessons.quantization import (
    charts,
    exercises,
    grid_accuracies,
    model,
    sixteen_bits,
    trained,
    winograd_ranges,
)
from workbook.lessons.quantization.trained import RESCALED, network, right_in_float
from workbook.models import digits
from workbook.quantize.affine import Affine


class TestTrained:
    def test_accuracies_in_float32_are_the_cards(self):
        for name in models.NAMES[:2]:
            assert right_in_float(name).sum() == models.card(name).details["right"]

    def test_rescaling_changes_no_bit_in_float32(self):
        images = digits.digits("test").images[:50]
        assert np.array_equal(network(RESCALED)(images), network("digits_depthwise")(images))

    def test_rescaling_changes_weights(self):
        ours, theirs = (model.weight_of(name, "conv5_depthwise") for name in (RESCALED, "digits_depthwise"))
        ratios = np.unique(ours / theirs)
        assert len(ratios) > 1
        assert np.array_equal(np.log2(ratios), np.rint(np.log2(ratios)))

    def test_other_names_are_refused(self):
        with pytest.raises(ValueError, match="digits_cnn, digits_depthwise, denoiser"):
            lesson.network("resnet50")


class TestSixteenBits:
    def test_a_layer_is_rounded_before_and_after(self):
        net = network("digits_cnn")
        conv = net.graph.nodes[0]
        weight, bias = (net.graph.constants[name].astype(np.float16) for name in conv.inputs[1:])
        x = digits.digits("test").images[:2]
        y = kernels.conv2d(
            x.astype(np.float16).astype(np.float32),
            weight.astype(np.float32),
            bias.astype(np.float32),
            padding=1,
            activation="relu",
        )
        short = type(net)(_only(net.graph, conv), threads=1)
        assert np.array_equal(sixteen_bits.rounded(short, x), y.astype(np.float16).astype(np.float32))

    @pytest.mark.parametrize("dtype", sixteen_bits.TYPES)
    def test_it_is_near_float32_and_not_the_same(self, dtype):
        net, x = network("digits_cnn"), digits.digits("test").images[:20]
        exact, found = net(x), sixteen_bits.rounded(net, x, dtype)
        assert not np.array_equal(exact, found)
        np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())

    @pytest.mark.skipif(not registry.SHORT, reason="no arithmetic of 16-bit floats here")
    @pytest.mark.parametrize("dtype", registry.SHORT)
    def test_the_kernels_give_what_rounding_says(self, dtype):
        net, x = network("denoiser"), trained.camera()[1][:, :, :64, :64].copy()
        exact, expected = net(x), sixteen_bits.rounded(net, x, dtype)
        run = sixteen_bits.ShortNetwork(net, dtype)
        found = run(x)
        more = {"float16": 20, "bfloat16": 1}[dtype]  # sums of float16 are rounded on the way too
        assert np.square(found - expected).mean() < more * np.square(exact - expected).mean()
        assert np.array_equal(run(x), found)
        assert run(x[:, :, :32]).shape == (1, 1, 32, 64)

    def test_only_convolutions_run(self):
        with pytest.raises(ValueError, match="in bfloat16 only convolutions run, not Flatten, Gemm"):
            sixteen_bits.ShortNetwork(network("digits_cnn"), "bfloat16")


def _only(graph, node):
    return type(graph)(**{**vars(graph), "nodes": (node,), "outputs": node.outputs})


class TestGrid:
    @pytest.mark.parametrize("scales", model.SCALES)
    @pytest.mark.parametrize("bits", [2, 4, 8])
    def test_weights_lie_on_the_grid_half_a_step_away(self, bits, scales):
        grid = model.gridded("digits_depthwise", scales, bits)
        steps = grid.steps[:, None, None, None]
        assert (np.abs(grid.rounded - grid.weight) <= steps / 2 * 1.001).all()
        places = grid.rounded / steps
        np.testing.assert_allclose(places, np.rint(places), atol=1e-3)
        assert np.abs(places).max() <= 2 ** (bits - 1) - 1 + 1e-3

    def test_a_bit_is_six_decibels(self):
        noise = [model.gridded("digits_cnn", "one for the layer", bits).sqnr for bits in (5, 6, 7, 8)]
        assert np.diff(noise) == pytest.approx(20 * math.log10(2), abs=0.7)

    def test_scales_of_filters_save_the_depthwise_network(self):
        found = model.gridded("digits_depthwise", "one for the layer", 8).accuracies
        assert found["one for the layer"][6] < 0.2
        assert found["one for each filter"][6] > 0.97

    @pytest.mark.parametrize("name", model.NETWORKS)
    def test_what_was_computed_ahead_is_what_is_computed_here(self, name):
        """Another instruction set may round a digit or two to the other side."""
        here, ahead = grid_accuracies.computed(name), model.known(name)
        assert {scales: list(found) for scales, found in here.items()} == {s: list(f) for s, f in ahead.items()}
        for scales, found in ahead.items():
            assert here[scales] == pytest.approx(found, abs=0.003), (
                "python -m workbook.lessons.quantization.grid_accuracies"
            )

    def test_its_narrowest_filter_is(self):
        grid = model.gridded("digits_depthwise", "one for each filter", 8)
        assert grid.steps[grid.narrowest] == grid.steps.min()


class TestRanges:
    @pytest.mark.parametrize("name", model.CALIBRATORS)
    def test_a_cut_is_what_it_does_to_the_numbers(self, name):
        x, cut = model.tail(), model.cut(model.tail(), name)
        rounded = Affine.of_range(cut.low, cut.high).rounded(x)
        assert cut.error == pytest.approx(np.sqrt(np.mean((rounded - x) ** 2)), rel=0.05)
        assert cut.share == pytest.approx(np.mean((x < cut.low) | (x > cut.high)), abs=2e-4)
        assert cut.step == pytest.approx((cut.high - cut.low) / 255)

    def test_min_max_cuts_off_nothing(self):
        cut = model.cut(model.tail(), "minmax")
        assert (cut.share, cut.cutting) == (0, 0)
        assert (cut.low, cut.high) == (model.tail().min(), model.tail().max())

    @pytest.mark.parametrize("array", model.ARRAYS)
    def test_mse_is_the_lowest_point_of_the_curve(self, array):
        shown = model.ranged(array, 50)
        lowest = min(shown.cuts.values(), key=lambda cut: cut.error).error
        assert shown.cuts[round(shown.chosen["mse"])].error <= 1.05 * lowest

    @pytest.mark.parametrize("array", model.ARRAYS)
    def test_a_wider_range_cuts_off_less(self, array):
        cuts = model.ranged(array, 1).cuts
        shares = [cut.share for cut in cuts.values()]
        assert shares == sorted(shares, reverse=True)
        assert shares[-1] == 0

    @pytest.mark.parametrize("name", ["max", "", None])
    def test_calibrators_are_named(self, name):
        with pytest.raises(ValueError, match="minmax, percentile"):
            lesson.cut(lesson.tail(), name)


class TestEnough:
    def test_more_images_lose_less(self):
        found = lesson.enough()
        worst = [min(values) for values in found.sqnrs.values()]
        assert worst[-1] > worst[0] + 12, "two bits"
        assert all(min(values) > 0.98 for values in found.accuracies.values())
        assert str(found).count("%") == 2 * len(found.sqnrs)

    def test_more_than_enough_is_no_rule_for_better(self):
        few, many = (lesson.enough().sqnrs[count] for count in (64, 256))
        assert sum(b < a for a, b in zip(few, many, strict=True)) == 2, "the prose says two of the three draws"

    def test_dark_images_ruin_it_and_it_is_undone(self):
        assert lesson.dimmed(1) > 0.98
        assert lesson.dimmed(0.25) < 0.6


class TestWinograd:
    @pytest.mark.parametrize("points", winograd_ranges.POINTS)
    def test_whole_matrices_give_the_factor_times_the_filter(self, points):
        made, m = winograd_ranges.matrices(points), winograd_ranges.POINTS[points][0]
        d, g = np.random.default_rng(1).integers(-255, 256, m + 2), np.array([127, -128, 55])
        y = np.array([d[i : i + 3] @ g for i in range(m)])
        assert np.array_equal(made.AT @ ((made.G @ g) * (made.BT @ d)), made.factor * y)

    @pytest.mark.parametrize("points", winograd_ranges.POINTS)
    def test_bits_are_those_that_worst_inputs_need(self, points):
        made, found = winograd_ranges.matrices(points), winograd_ranges.ranges(points, 64, 127)
        for matrix, largest, bits in ((made.BT, 255, found.inputs), (made.G, 127, found.filters)):
            row = matrix[np.abs(matrix).sum(axis=1).argmax()]
            worst = largest * np.sign(np.outer(row, row))
            assert row @ worst @ row == pytest.approx(2 ** sum(bits))

    def test_the_kernel_has_the_two_that_fit(self):
        """And its bounds: 26 and 30 bits, and the sums of |w| at which it refuses."""
        fits = [winograd_ranges.ranges(points, 16, 1).fits for points in winograd_ranges.POINTS]
        assert fits == [True, True, False, False]
        known = [winograd_ranges.matrices(points).known for points in winograd_ranges.POINTS][:2]
        assert known == list(bytes_winograd.BITS.values())
        for channels in (230, 231):
            w = np.full((1, channels, 3, 3), 127, np.int8)
            found = winograd_ranges.ranges("F(4,3): 0, ±1, ±2", channels, 127)
            x = np.zeros((1, channels, 8, 8), np.uint8)
            with nullcontext() if found.is_exact else pytest.raises(ValueError, match="must be below"):
                kernels.conv_integer(x, w, algorithm="winograd_f4")
            assert found.is_exact == (channels == 230)

    def test_twelve_bits_suffice_for_the_small_tile_and_sixteen_for_the_large_one(self):
        small, large = lesson.rounded_winograd((8, 11, 12, 16)).db.values()
        assert small[8] > large[8] + 12
        assert small[12] == small[16] == large[16] == np.inf
        assert large[12] < 60
        text = str(lesson.rounded_winograd())
        assert text.count("exact") == 3
        assert text.count("dB") == 5

    @pytest.mark.parametrize("bits", [(), (1,), (8, 17)])
    def test_other_bits_are_refused(self, bits):
        with pytest.raises(ValueError, match="from 2 to 16"):
            lesson.rounded_winograd(bits)

    def test_the_panel_says_where_it_ends(self):
        panel = lesson.explore("winograd")
        panel.set(channels=1024, weight=127)
        assert panel.readout.endswith("not known: the interval is too wide")
        panel.set(points="F(2,3): 0, ±1")
        assert panel.readout.endswith("of 2^30: exact")


class TestCalibrators:
    def test_accuracy_does_not_show_what_the_scores_do(self):
        found = lesson.calibrated()
        assert set(found.accuracies) == set(model.CALIBRATORS)
        assert len(set(found.accuracies.values())) == 1
        assert found.sqnrs["percentile 99"] < found.sqnrs["percentile 99.9"] - 10 < found.sqnrs["mse"] - 18
        assert found.db["percentile 99"] < found.db["mse"] - 0.3
        assert str(found).count(" dB") == 2 * len(model.CALIBRATORS)


def test_the_photo_says_its_psnr():
    text = lesson.denoised().text
    assert text.startswith("quantization.denoised: PSNR of noisy 20.19 dB, float32 29.5")
    found = charts.denoised()
    assert found["int8"][1] > found["float32"][1] - 0.1
    assert not np.array_equal(found["float16"][0], found["float32"][0])


class TestPanels:
    def test_the_first_says_grid_and_accuracy(self):
        panel = lesson.explore()
        panel.set(bits=7)
        found = model.accuracy_at("digits_depthwise", 7, "one for the layer")
        assert f"accuracy {found:.1%}, in float32" in panel.readout
        panel.set(scales="one for each filter")
        assert " to " in panel.readout

    def test_the_second_says_step_and_calibrators(self):
        panel = lesson.explore("activations")
        panel.set(array=model.TAIL, percent=40)
        cut = model.ranged(model.TAIL, 40).cut
        assert f"step {cut.step:.4f}, {cut.share:.3%} cut off" in panel.readout
        assert "mse 79 %" in panel.readout

    @pytest.mark.parametrize("name", ["", "window", None, 2])
    def test_explore_says_which_panels_there_are(self, name):
        with pytest.raises(ValueError, match="grid, activations, winograd"):
            lesson.explore(name)


def test_sources_are_the_text_that_runs():
    assert lesson.source("affine").text == inspect.getsource(Affine)
    assert lesson.source("bytes_plain").text == kernels.source("bytes_plain")
    comments = {"dot": "/* sum + x . w  in every word, of EXACT_PER_WORD numbers */\n", "dot_saturating": ""}
    for name, comment in comments.items():
        text = lesson.source(name).text
        assert text.startswith(f"{comment}INLINE vi {name}(vi sum")
        assert text in kernels.source("bytes.h")
        assert text.count("INLINE") == 1
    with pytest.raises(ValueError, match="bytes_plain"):
        lesson.source("fastest")


def test_garbage_of_the_first_exercise_is_named():
    assert "returned 3" in exercises.OFFSETS.check(lambda *_: 3).message
    wrong = exercises.OFFSETS.check(lambda q_w, x_zero, bias, units: bias[:3])
    assert wrong.kind == "error"
    assert "an array of 4 numbers" in wrong.message
