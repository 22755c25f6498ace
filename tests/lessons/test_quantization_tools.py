"""Lesson 3 and the tools: what they lose, what rescues a network, and what others have published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bytes_layer import RUNTIME_IS_EXACT

from workbook.lessons import quantization as lesson
from workbook.lessons.quantization import (
    collapse,
    exercises,
    other_tools,
    published_gains,
)
from workbook.lessons.quantization.trained import DIGITS, RESCALED, images, network, recipe
from workbook.models import digits
from workbook.plain_text import COLUMNS
from workbook.quantize.layer_errors import report
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


class TestPublished:
    def test_the_table_holds_gains_and_the_losses_that_came_with_them(self):
        lines = str(lesson.published()).splitlines()
        assert len(lines) == len(published_gains.PAIRS) + 3
        for line, row in zip(lines[1:], published_gains.PAIRS, strict=False):
            assert f"{row.gain:.2f} x" in line
            assert (row.lost is not None) == (row.program == "TensorRT")
            assert row.lost is None or line.endswith(f"-{row.lost:.1f}")
        assert max(map(len, lines)) <= COLUMNS

    def test_none_is_twice_as_fast_and_that_is_counted(self):
        assert "twice as fast or faster: 0 of 14; slower: 4" in str(lesson.published())
        assert "faster: 1 of 2; slower: 1" in str(
            published_gains.Published(
                (
                    published_gains.Pair("a", "b", "c", 2, 1, ""),
                    published_gains.Pair("a", "b", "c", 1, 2, ""),
                )
            )
        )


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

    def test_layers_return_until_nothing_is_lost(self):
        found = lesson.returned()
        steps = {step.name: step for step in found.steps}
        assert list(steps)[:3] == ["none", "conv5_depthwise", "conv4_pointwise"]
        assert steps["none"].accuracy < 0.9 < steps["conv5_depthwise"].accuracy < 0.97
        assert steps["conv4_pointwise"].accuracy > 0.975
        assert [step.alone for step in found.steps[1:]] == sorted(step.alone for step in found.steps[1:])
        assert found.steps[-1].accuracy == found.in_float
        assert str(found).count("[measured]") == len(steps) == 11
        assert max(map(len, str(found).splitlines())) <= COLUMNS
        picture = lesson.chart(found)
        assert picture.image.startswith(b"\x89PNG")
        assert "conv5_depthwise 94.8%" in picture.text

    def test_of_the_rescaled_network_eight_layers_must_go_back(self):
        net, shared = network(RESCALED), recipe(RESCALED, Scheme(per_channel=False))
        ranked = sorted(report(net, shared, images(RESCALED, 16), seconds=0.001).rows, key=lambda row: row.alone)

        def accuracy_without(count):
            scheme = Scheme(per_channel=False, exclude=tuple(row.name for row in ranked[:count]))
            return digits.right(quantize(net, recipe(RESCALED, scheme))).mean()

        assert accuracy_without(7) < 0.9 < 0.97 < accuracy_without(8)

    def test_a_search_finds_two_layers(self):
        names = [node.name for node in network(collapse.WOUNDED).graph.nodes if node.op in ("Conv", "Gemm")]
        assert exercises.search(names, lesson.accuracy_with, 0.973) == ["conv5_depthwise", "conv4_pointwise"]

    def test_layers_are_named(self):
        with pytest.raises(ValueError, match="conv5_depthwise"):
            lesson.accuracy_with(("conv9",))


class TestTools:
    def test_folding_and_a_shared_scale_make_the_loss(self):
        found = lesson.by_onnxruntime()
        assert found.ours["folded"] < 0.9 < 0.97 < min(found.ours["as exported"], found.ours["folded, per_channel"])
        assert set(found.theirs) == {*other_tools.CASES, other_tools.OURS}
        assert max(map(len, str(found).splitlines())) <= COLUMNS

    def test_what_depends_on_the_cpu_is_marked_and_said(self):
        """ONNX Runtime's columns, which saturate without VNNI, and a line on it."""
        found = lesson.by_onnxruntime()
        *rows, last = str(found).splitlines()[1:]
        for name, row in zip(found.ours, rows, strict=True):
            assert f"{found.theirs[name]:.1%}" in row.split("[machine]")[1]
        spoiled = replace(found, same=dict.fromkeys(found.same, 0.1))
        assert str(spoiled).splitlines()[-1] == "[machine] ONNX Runtime's sums of bytes saturate on this CPU"
        assert ("are exact" in last) == RUNTIME_IS_EXACT

    @pytest.mark.skipif(not RUNTIME_IS_EXACT, reason="without VNNI ONNX Runtime's sums saturate")
    def test_both_programs_give_the_same_bits(self):
        found = lesson.by_onnxruntime()
        assert set(found.same.values()) == {1.0}
        assert found.ours == found.theirs


class TestSaturated:
    def test_seven_bits_give_back_what_saturation_took(self):
        found = lesson.saturated()
        exact, spoiled, narrow = found.db.values()
        assert spoiled < narrow - 0.3 < exact
        assert 0.01 < found.pairs < 0.1
        assert "29." in str(found)
