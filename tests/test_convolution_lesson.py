"""Lesson 1: its numbers against NumPy, its ladder, its panels at every corner."""

import inspect

import numpy as np
import pytest

import kernels
from workbook import catalog
from workbook import convolution as lesson
from workbook.convolution import model, panels, rungs

LESSON = catalog.lesson("convolution")


def correlate(image, weight):
    R, S = weight.shape
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (R, S))
    return (windows * weight).sum(axis=(2, 3))


def test_the_photo_is_whole_numbers_that_nobody_can_change():
    photo = lesson.photo()
    assert photo.dtype == np.float32
    assert photo.min() >= 0
    assert photo.max() <= 255
    assert np.array_equal(photo, photo.round())
    with pytest.raises(ValueError, match="read-only"):
        photo[0, 0] = 0


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


def test_the_table_marks_every_measured_number():
    text = str(lesson.ladder(guess=10, seconds=0.01))
    table, beside = (part.splitlines() for part in text.split("\n\n"))
    assert len(table) == 6
    for line in table[1:]:
        assert line.count("[measured]") == 3 + (not line.startswith("Python"))
    assert all(line.startswith(("reference machine", "[machine]")) for line in beside)
    assert "you guessed 10 x" in text
    assert "you did not guess" in str(lesson.ladder(seconds=0.01))


@pytest.mark.parametrize("number", [0, 3, 65, -1, "4", 2.0, True, None])
def test_grouped_refuses_what_does_not_divide_the_channels(number):
    with pytest.raises(ValueError, match=f"{number!r} does not"):
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
    assert bundle["text/markdown"].startswith("```cython\n")
    assert bundle["text/plain"] == kernels.source("naive").rstrip()
    with pytest.raises(ValueError, match="im2col"):
        lesson.source("fastest")


def test_the_catalog_names_the_panels():
    assert [getattr(panels, name)().name for name in LESSON.panels] == list(LESSON.panel_names)


@pytest.mark.parametrize("name", LESSON.panels)
def test_panels_work_at_every_corner(name):
    panel = getattr(panels, name)()
    seen = {panel.view}
    for values in panel.corners():
        panel.set(**values)
        assert panel.error is None, (values, panel.error)
        assert panel.view.startswith("<svg")
        seen.add(panel.view)
    assert len(seen) >= len({tuple(values.items()) for values in panel.corners()}), "some control changes nothing"


def test_the_explorer_says_the_number_of_the_kernel():
    panel = lesson.explore()
    panel.set(row=0, column=93, filter="sharpen")
    expected = correlate(lesson.photo(), lesson.FILTERS["sharpen"])[0, 93]
    assert panel.readout == f"row 0, column 93, sharpen: sum of 9 products {expected:g}, kernel {expected:g}, equal"
