"""Lesson 1: its numbers against NumPy, its ladder, its panels at every corner."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

import kernels
from workbook.lessonkit import catalog
from workbook.lessonkit.reference import reference
from workbook.lessons import convolution as lesson
from workbook.lessons.convolution import model, network_survey, panels, rungs
from workbook.lessons.convolution.column_matrix import kept_bytes, layer_of, matrix_bytes
from workbook.lessons.convolution.ladder_race import at_most, intensity
from workbook.lessons.convolution.ladder_traffic import ladder_bytes
from workbook.lessons.convolution.model import BANK, channels
from workbook.measuring.roofline import FLOAT_BYTES
from workbook.measuring.topologies import NETWORKS, ConvLayer

LESSON = catalog.lesson("convolution")


def correlate(image, weight):
    R, S = weight.shape
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (R, S))
    return (windows * weight).sum(axis=(2, 3))


@pytest.mark.parametrize(("photo", "dimensions"), [(model.photo(), 2), (model.colour_photo(), 3)])
def test_the_photos_are_whole_numbers_that_nobody_can_change(photo, dimensions):
    assert photo.dtype == np.float32
    assert photo.ndim == dimensions
    assert photo.min() >= 0
    assert photo.max() <= 255
    assert np.array_equal(photo, photo.round())
    with pytest.raises(ValueError, match="read-only"):
        photo[0] = 0


@pytest.mark.parametrize("name", lesson.FILTERS)
def test_every_window_equals_numpy_and_the_kernel(name):
    expected = correlate(lesson.photo(), lesson.FILTERS[name])
    P, Q = model.output_shape()
    assert expected.shape == (P, Q)
    for row in range(0, P, 7):
        for column in range(0, Q, 7):
            window = lesson.window(row, column, name)
            assert window.total == window.kernel == expected[row, column]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1, 1), (2, 3, 3, 3, 2, 2), (5, 2, 1, 3, 4, 6)])
def test_macs_counts_the_innermost_statement(sizes):
    count = sum(1 for _ in np.ndindex(*sizes))
    assert lesson.macs(*sizes) == count


def test_the_rungs_compute_the_same_layer():
    x, weight = rungs.layer()
    expected = np.einsum(
        "cpqrs,kcrs->kpq",
        np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (rungs.TAPS,) * 2, axis=(1, 2)),
        weight,
        optimize=True,
    )
    # n * eps * sum of |products|, the classical bound for a sum of n products in any order
    bound = rungs.CHANNELS * rungs.TAPS**2 * np.finfo(np.float32).eps * np.abs(x).max() * np.abs(weight).sum((1, 2, 3))
    for rung in rungs.rungs():
        y = rung.run()
        rows = y.shape[1]
        assert rung.macs == lesson.macs(rungs.CHANNELS, rungs.CHANNELS, 3, 3, rows, rungs.SIDE)
        assert (np.abs(y - expected[:, :rows]) <= bound[:, None, None]).all(), rung.name


def test_only_the_python_rung_is_cut_short_and_its_name_says_so():
    rows = {rung.name: rung.run().shape[1] for rung in rungs.rungs()}
    assert rows.pop("Python (1 row)") == 1
    assert set(rows.values()) == {rungs.SIDE}


@pytest.fixture(scope="module")
def race():
    return lesson.ladder(guess=10, seconds=0.01)


def test_the_table_marks_every_measured_number(race):
    table, beside = (part.splitlines() for part in str(race).split("\n\n"))
    assert len(table) == 6
    assert all(line.count("[measured]") == 1 for line in table[1:])
    assert all(line.startswith(("reference: ", "[machine]", "at most: ")) for line in beside)
    assert "you guessed 10 x" in str(race)
    assert "you did not guess" in str(replace(race, guess=...))


def test_the_prediction_is_the_slower_of_units_and_bytes(race):
    roof = reference().roofline
    nearest = next(iter(roof.gbs))
    for rung in race.rungs:
        seconds = max(rungs.LAYER.macs / roof.peak_gmacs, ladder_bytes(rung.id, rungs.LAYER) / roof.gbs[nearest])
        assert at_most(rung, roof) == pytest.approx(rungs.LAYER.macs / seconds)
        assert f"{at_most(rung, roof):.2f} " in str(race)
        assert reference().value(f"convolution.ladder.{rung.id}") < at_most(rung, roof)


def test_bytes_of_the_ladder_counted_one_by_one():
    """A layer so small that every statement can be counted: 2 filters on 1 channel of 3 x 4, 2 x 2."""
    layer = ConvLayer("small", 1, 3, 4, 2, 2, 2)
    assert layer.macs == 2 * 2 * 3 * 4
    assert ladder_bytes("python", layer) == 48 * 4 * (8 + 8)
    assert ladder_bytes("numpy", layer) == 4 * (48 * (1 + 1 + 1 + 1) + 12)
    assert ladder_bytes("naive", layer) == 4 * (48 * 2 + 12)
    # One tile holds both channels: each pixel of a window is read once, each weight once for an output row.
    assert ladder_bytes("direct", layer) == 4 * (6 * 4 + 2 * 8 + 2 * 12 + 5 * 12)
    # One tile holds all six pixels: the columns are written from x, read once, and so is each weight.
    assert ladder_bytes("im2col", layer) == 4 * (6 * 4 + 8 + 2 * 6 * 4 + 3 * 12)
    with pytest.raises(KeyError):
        ladder_bytes("fastest", layer)


def test_each_rung_moves_fewer_bytes_until_units_bound_it(race):
    by_id = {rung.id: intensity(rung) for rung in race.rungs}
    assert by_id["python"] < by_id["numpy"] < by_id["naive"] < by_id["im2col"] < by_id["direct"]
    ridge = reference().roofline.ridge(next(iter(reference().roofline.gbs)))
    assert by_id["naive"] < ridge < by_id["im2col"]


@pytest.mark.parametrize("number", [0, 3, 65, -1])
def test_grouped_refuses_what_does_not_divide_the_channels(number):
    with pytest.raises(ValueError, match=f"{number!r} does not"):
        lesson.grouped(number)


@pytest.mark.parametrize("number", ["4", 2.0, True, None])
def test_grouped_refuses_what_is_no_whole_number(number):
    with pytest.raises(ValueError, match=f"groups must be a whole number, not {number!r}"):
        lesson.grouped(number)


def test_grouped_counts_fewer_multiply_adds_for_more_groups():
    result = lesson.grouped(1, 4)
    assert result.macs[1] == 4 * result.macs[4]
    assert result.predicted(1) == result.times[1].median


def test_sources_are_the_text_that_runs():
    assert lesson.source("python").text == inspect.getsource(rungs.in_python)
    assert lesson.source("numpy").text == inspect.getsource(rungs.in_numpy)
    assert lesson.source("im2col").text == kernels.source("im2col")
    bundle = lesson.source("naive")._repr_mimebundle_()
    assert bundle["text/html"].startswith("<p><code>kernels/naive.pyx</code></p><pre ")
    assert bundle["text/plain"] == f"kernels/naive.pyx:\n\n{kernels.source('naive').rstrip()}"
    with pytest.raises(ValueError, match="im2col"):
        lesson.source("fastest")


def test_the_catalog_names_the_panels():
    assert [getattr(panels, name)().name for name in LESSON.panels] == list(LESSON.panel_names)


@pytest.mark.parametrize("name", [None, "window", "filters"])
def test_explore_chooses_a_panel(name):
    panel = lesson.explore() if name is None else lesson.explore(name)
    assert panel.name == f"convolution.{name or 'window'}"


@pytest.mark.parametrize("name", ["", "kernel", None, 2])
def test_explore_says_which_panels_there_are(name):
    with pytest.raises(ValueError, match="window, filters"):
        lesson.explore(name)


def test_the_explorer_says_the_number_of_the_kernel():
    panel = lesson.explore()
    panel.set(row=0, column=93, filter="sharpen")
    expected = correlate(lesson.photo(), lesson.FILTERS["sharpen"])[0, 93]
    assert panel.readout == f"row 0, column 93, sharpen: sum of 9 products {expected:g}, kernel {expected:g}, equal"


@pytest.mark.parametrize("filters", range(1, len(BANK) + 1))
def test_the_last_filter_s_partial_sums_add_to_the_kernel_s_pixel(filters):
    photo, weight = model.colour_photo(), np.stack(list(BANK.values()))[:filters]
    expected = [sum(correlate(photo[c], weight[k, c]) for c in range(3)) for k in range(filters)]
    P, Q = model.output_shape()
    assert lesson.macs(filters, 3, 3, 3, P, Q) == channels(filters, 0, 0).macs
    for row in range(0, P, 31):
        for column in range(0, Q, 31):
            shown = channels(filters, row, column)
            assert np.array_equal(shown.outputs, expected)
            assert sum(shown.partial_sums) == shown.total == shown.kernel == expected[-1][row, column]
            for c, partial in enumerate(shown.partial_sums):
                assert partial == correlate(photo[c], weight[-1, c])[row, column]


def test_the_second_explorer_says_the_sums_and_the_count():
    panel = lesson.explore("filters")
    panel.set(filters=6, row=93, column=0)
    sums = model.colour_photo()[:, 93:96, 0:3].sum(axis=(1, 2))
    assert "red {:g} + green {:g} + blue {:g} = ".format(*sums) in panel.readout
    assert f"= {sums.sum():g}, kernel {sums.sum():g}, equal; " in panel.readout
    assert panel.readout.endswith(f"6×94×94×3×3×3 = {6 * 94 * 94 * 27:,} MACs")


@pytest.mark.parametrize("name", NETWORKS)
def test_thirds_are_all_layers_in_order(name):
    profile = network_survey.Profile(name, tuple(NETWORKS[name]()))
    thirds = profile.thirds
    assert sum((third.layers for third in thirds), ()) == profile.layers
    sizes = [len(third.layers) for third in thirds]
    assert max(sizes) - min(sizes) <= 1


def layers_of(*sizes):
    """Layers of 1x1 filters with (C, side, K)."""
    return tuple(ConvLayer("", C, side, side, K) for C, side, K in sizes)


def test_the_sentence_holds_for_a_network_made_for_it():
    early, middle, late = layers_of((64, 8, 64), (4, 16, 32), (1, 1, 1))
    profile = network_survey.Profile("made for it", (early, middle, late))
    assert early.macs > middle.macs
    assert network_survey.passed_on(middle) == 4 * 16 * 16 * 32 > network_survey.passed_on(early) == 4 * 8 * 8 * 64
    assert profile.early_computes_more
    assert profile.middle_carries_more
    assert profile.early_computes_more_a_byte
    assert not profile.early_computes_more_a_weight_byte
    assert profile.pairs == (1, 1)


def test_the_verdicts_of_the_real_networks():
    """What the notebook's text says of them; each is computed again here, by other means."""
    for profile in lesson.survey().profiles:
        n = len(profile.layers)
        first, second = -(-n // 3), -(-2 * n // 3)
        early, middle = profile.layers[:first], profile.layers[first:second]
        means = [np.mean([layer.macs for layer in part]) for part in (early, middle)]
        assert profile.early_computes_more == (means[0] > means[1]) == (profile.name == "MobileNetV2")
        sent = [np.mean([layer.K * layer.P * layer.Q for layer in part]) for part in (early, middle)]
        assert profile.middle_carries_more == (sent[1] > sent[0])
        assert not profile.middle_carries_more
        assert not profile.early_computes_more_a_byte
        assert profile.early_computes_more_a_weight_byte
        assert profile.pairs[1] == len(early) * len(middle)
        assert (profile.pairs[0] > 0) == (profile.name in ("ResNet-50", "MobileNetV2"))


def test_the_survey_prints_every_verdict():
    text = str(lesson.survey())
    assert text.count("holds") + text.count("fails") == 4 * len(NETWORKS)
    assert len({len(line) for line in text.splitlines() if line}) == 1


@pytest.mark.parametrize(("taps", "groups"), [(1, 1), (3, 1), (3, 64), (7, 4)])
def test_the_matrix_of_columns_is_what_numpy_makes(taps, groups):
    layer = layer_of(taps, groups)
    small = np.zeros((2, layer.H, layer.W), np.float32)
    padded = np.pad(small, ((0, 0), (layer.padding,) * 2, (layer.padding,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (taps, taps), axis=(1, 2))
    assert matrix_bytes(layer) == FLOAT_BYTES * windows.size * layer.C // 2
    assert kept_bytes(layer) < matrix_bytes(layer) / 10


@pytest.mark.parametrize("case", [(0, 1), (2, 1), (3, 3), (3, 0), (True, 1), (3.0, 1), (225, 1), ("3", 1)])
def test_columns_refuses_what_is_no_layer(case):
    with pytest.raises(ValueError, match="must"):
        lesson.columns(case)


def test_columns_marks_what_it_measured():
    _, *table = str(lesson.columns((1, 64), (1, 16))).splitlines()
    assert all(line.count("[measured]") == 2 for line in table[:2])
    assert all(line.startswith("[machine]") for line in table[2:])


def test_charts_are_pictures_with_exact_words(race):
    for shown, exact in ((race, "python 64.000"), (lesson.survey(), "YOLOv3-tiny")):
        picture = lesson.chart(shown)
        assert picture.image.startswith(b"\x89PNG")
        assert exact in picture.text
        assert "[measured]" not in picture.text
