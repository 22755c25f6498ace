"""Lesson 3: its networks, its ranges and its rescues, each against what computes it in another way."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import kernels
from kernels import probe
from workbook import models
from workbook.lessons import quantization as lesson
from workbook.lessons.quantization import (
    charts,
    collapse,
    exercises,
    float16_network,
    grid_accuracies,
    model,
    type_race,
    type_trials,
)
from workbook.lessons.quantization.trained import DIGITS, RESCALED, network, right_in_float
from workbook.models import digits
from workbook.quantize.affine import Affine
from workbook.quantize.byte_speed import filled


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


class TestHalf:
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
        assert np.array_equal(float16_network.in_half(short, x), y.astype(np.float16).astype(np.float32))

    def test_it_is_near_float32_and_not_the_same(self):
        net, x = network("digits_cnn"), digits.digits("test").images[:20]
        exact, found = net(x), float16_network.in_half(net, x)
        assert not np.array_equal(exact, found)
        np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())


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

    def test_dark_images_ruin_it_and_it_is_undone(self):
        assert lesson.dimmed(1) > 0.98
        assert lesson.dimmed(0.25) < 0.6


class TestCollapse:
    def test_scales_of_filters_and_equalisation_rescue(self):
        found = lesson.rescue()
        for name in DIGITS[1:]:
            before, change = (
                found.in_float[name],
                {scheme: found.changes[scheme][name].value for scheme in collapse.SCHEMES},
            )
            assert change["a scale for the layer"] < -0.08
            assert before + change["the same, equalised"] > 0.97
            assert before + change["a scale for each filter"] > 0.97
        assert found.in_float[DIGITS[1]] == found.in_float[RESCALED]
        assert str(found).count("\n") == len(collapse.SCHEMES) + 2

    def test_the_layer_to_exclude_is_the_best_of_all(self):
        """Exercise 3.3 names it; here every layer is tried, and the report is asked."""
        layers = [node.name for node in network(collapse.WOUNDED).graph.nodes if node.op in ("Conv", "Gemm")]
        best = max(layers, key=lambda name: lesson.accuracy_with((name,)))
        rows = lesson.layer_report().rows
        assert best == exercises.CULPRIT == min(rows, key=lambda row: row.alone).name
        assert min(rows, key=lambda row: row.so_far).name == exercises.INHERITS

    def test_layers_are_named(self):
        with pytest.raises(ValueError, match="conv5_depthwise"):
            lesson.accuracy_with(("conv9",))


class TestSaturated:
    def test_seven_bits_give_back_what_saturation_took(self):
        found = lesson.saturated()
        exact, spoiled, narrow = found.db.values()
        assert spoiled < narrow - 0.3 < exact
        assert 0.01 < found.pairs < 0.1
        assert "29." in str(found)


@pytest.fixture(scope="module")
def timed():
    return type_race.race(guess=3, seconds=0.01)


class TestRace:
    def test_the_table_marks_every_measured_number(self, timed):
        table, beside = (part.splitlines() for part in str(timed).split("\n\n"))
        assert len(table) == 2 + len(type_trials.CASES) + len(type_trials.NETWORKS)
        assert all(line.count("[measured]") == 1 for line in table[1:])
        assert all(line.startswith(("gain: ", "reference: ", "[machine]")) for line in beside)
        assert "you guessed 3 x" in str(timed)
        assert "you did not guess" in str(type_race.Race(timed.layers, timed.networks, 1, 4))

    def test_gains_are_float32_over_int8(self, timed):
        for id, times in timed.layers.items():
            assert timed.gains[f"layer.{id}"] == times["float32"].median / times["int8"].median
        assert timed.gains[type_trials.PEAK] == timed.byte_peak / timed.float_peak

    @pytest.mark.skipif(probe.operands()[0] == 2, reason="words of this instruction set hold two bytes")
    @pytest.mark.parametrize("case", type_trials.CASES, ids=lambda case: case.id)
    def test_words_are_filled_as_the_kernel_says(self, case):
        from kernels.geometry import Geometry, Window

        at = case.layer
        moves = Window.of(at.stride, at.padding, 1, at.groups)
        shape = Geometry.of((1, at.C, at.H, at.W), (at.K, at.C // at.groups, at.R, at.S), moves)
        assert case.filled == filled(shape)

    def test_its_chart_is_a_picture_with_exact_words(self, timed):
        picture = lesson.chart(timed)
        assert picture.image.startswith(b"\x89PNG")
        assert "3x3 64@56 winograd_f4 0.9" in picture.text
        assert "[measured]" not in picture.text


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
        with pytest.raises(ValueError, match="grid, activations"):
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
    assert "returned 3" in exercises.QUANTIZE.check(lambda *_: 3).message
    wrong = exercises.QUANTIZE.check(lambda x, low, high: (x[0], 1.0, 0))
    assert wrong.kind == "error"
    assert "shape of x" in wrong.message
