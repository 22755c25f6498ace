"""Lesson 2: its race, its panels, and the sources that it shows."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

import kernels
from workbook.drawing import look
from workbook.lessonkit.reference import reference
from workbook.lessons import winograd as lesson
from workbook.lessons.winograd import figures, model, precision, tile_race, tile_trials
from workbook.lessons.winograd.construction import cook_toom
from workbook.lessons.winograd.work import Work, layer_of


@pytest.fixture(scope="module")
def timed():
    return tile_race.race(guess=3, seconds=0.01)


class TestRace:
    def test_the_table_marks_every_measured_number(self, timed):
        table, beside = (part.splitlines() for part in str(timed).split("\n\n"))
        assert len(table) == 1 + len(tile_race.LAYERS) * len(tile_trials.PROGRAMS)
        assert all(line.count("[measured]") == 1 for line in table[1:])
        assert all(line.startswith(("fewer: ", "reference: ", "predicted: ", "[machine]")) for line in beside)
        assert "you guessed 3 x" in str(timed)
        assert "you did not guess" in str(tile_race.Race(timed.times))

    def test_gains_are_over_the_faster_plain_program(self, timed):
        for (_, side), times in timed.times.items():
            plain = min(times["direct"].median, times["im2col"].median)
            assert timed.gains[f"f4.at{side}"] == plain / times["winograd_f4"].median
            assert max(timed.gains[f"direct.at{side}"], timed.gains[f"im2col.at{side}"]) == 1

    def test_the_programs_compute_the_same_layer(self):
        outputs = [run() for run in tile_trials.runs(32, 7).values()]
        for y in outputs[1:]:
            np.testing.assert_allclose(y, outputs[0], atol=1e-3)

    def test_its_chart_is_a_picture_with_exact_words(self, timed):
        picture = lesson.chart(timed)
        assert picture.image.startswith(b"\x89PNG")
        assert "64@56 2.25/4.00/4.41" in picture.text
        assert "[measured]" not in picture.text

    def test_what_is_installed_stands_behind_the_mark(self, monkeypatch):
        from workbook import peers
        from workbook.lessons.winograd import library_race

        def lines():
            return [
                line.partition("[machine]")[0] for line in str(library_race.beside_peers(seconds=0.01)).splitlines()
            ]

        with_peers = lines()
        monkeypatch.setattr(peers, "installed", dict)
        assert lines() == with_peers


class TestPanels:
    def test_the_first_says_when_other_programs_had_the_core(self):
        calm = model.tiled(56, 64, "F(4,3)")
        for others, says in ((0.4, ["other programs had 40% of the core"]), (0.01, [])):
            (_, page) = figures.tiled_figure(replace(calm, measured={56: 2.5}, others=others)).axes
            texts = [text.get_text() for text in page.texts]
            assert "measured here: 2.50× as fast" in texts
            assert [text for text in texts if "other programs" in text] == says

    def test_the_first_says_what_the_model_computes(self):
        panel = lesson.explore()
        panel.set(side=7, channels=512, tile="F(6,3)")
        work = Work(layer_of(512, 7), 6)
        assert f"4 tiles × 8×8 × 512×512 = {work.multiplications:,} multiplications, 1.72× fewer" in panel.readout
        assert f"{work.memory_bytes / 1e6:.2f} MB from memory" in panel.readout
        assert panel.readout.endswith(f"{work.gain(reference().roofline):.2f}×")
        assert "[measured]" not in panel.readout
        assert "measured here" in panel.view
        panel.set(side=8)
        assert "not measured here at this side" in panel.view

    def test_the_second_says_the_error(self):
        panel = lesson.explore("points")
        panel.set(a=0.625, b=1.5)
        assert panel.readout.startswith("F(4,3) at 0, ±5/8, ±3/2 and infinity: error in fp32 ")
        shown = f"{lesson.error('bf16', 4):.1e}".replace("-", "−")
        assert f"bf16 {shown} " in panel.readout

    def test_an_infinite_error_stands_at_the_edge(self):
        pointed = model.pointed(1 / 8, 2 / 8)
        assert pointed.errors["F(4,3), yours"]["fp16"] == np.inf
        with look():
            _, _, errors = figures.pointed_figure(pointed).axes
        _, right = errors.get_xlim()
        drawn = [line.get_xdata()[-1] for line in errors.lines]
        assert len(drawn) == len(precision.TYPES)
        assert max(drawn) == right

    def test_the_same_point_twice_is_explained(self):
        panel = lesson.explore("points")
        panel.set(a=2)
        assert panel.error is None
        assert panel.readout.startswith("a and b are both 2, so ±a and ±b are the same points")
        assert panel.view.startswith("<svg")

    def test_an_error_that_no_number_of_the_type_can_say(self):
        panel = lesson.explore("points")
        panel.set(a=1 / 8, b=2 / 8)
        assert "fp16 too large for the type" in panel.readout
        assert "inf" not in panel.readout.replace("infinity", "")

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
