"""The learner's own layer: every program that can run it, the roofline, and what is refused."""

from __future__ import annotations

import pytest

import kernels
from kernels import bytes_winograd
from workbook import peers
from workbook.lessonkit.own_layer import measure
from workbook.lessons import convolution, winograd

SMALL = {"channels": 6, "side": 9, "seconds": 0.01}


@pytest.mark.parametrize("lesson", [convolution, winograd])
def test_every_kernel_that_can_run_it_and_every_library(lesson):
    found = lesson.measure(**SMALL, filters=4)
    names = [name for name, _ in found.programs()]
    able = kernels.algorithms((1, 6, 9, 9), (4, 6, 3, 3), padding=1)
    assert sorted(names[: len(found.row.ours)]) == sorted(set(able) - {"naive"})
    assert len(names) == len(found.row.ours) + len(found.row.peers)
    assert set(found.row.peers) | set(found.row.failures) == set(peers.installed())
    text = str(found)
    assert "6->4 @9 3x3: 0.0 MMAC" in text
    assert all(f"\n{name}" in text for name in names)
    assert "[machine] other programs had the core" in text
    assert lesson.chart(found).image.startswith(b"\x89PNG")


def test_bytes_and_a_depthwise_layer_with_a_stride():
    found = measure(**SMALL, dtype="int8")
    assert found.report.dtype == "int8"
    assert "direct" in found.row.ours
    found = measure(**SMALL, stride=2, groups=6)
    assert found.row.layer.shape == "6->6 @9 3x3 /2 g6"


def test_filters_that_are_too_large_for_winograd_on_bytes_leave_it_out(monkeypatch):
    monkeypatch.setitem(bytes_winograd.BITS, 4, 8)
    names = [name for name, _ in measure(**SMALL, dtype="int8").programs()]
    assert {"direct", "winograd_f2"} <= set(names)
    assert "winograd_f4" not in names


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channels": 0}, "channels"),
        ({"side": 2.5}, "side"),
        ({"filters": "3"}, "filters"),
        ({"padding": -1}, "padding"),
        ({"groups": 4}, "groups must divide channels and filters; 4 does not divide 6 and 6"),
        ({"size": 11, "padding": 0}, "a filter of 11 is larger than an image of 9 with 0 pixels of padding"),
        ({"channels": 1, "side": 100_000, "stride": 1000}, r"1->1 @100000 3x3 /1000 has 10.0 billion numbers"),
        ({"dtype": "float8"}, "dtype is one of float32, int8, not 'float8'"),
        ({"channels": 2048, "side": 100}, "2048->2048 @100 3x3 has 377 billion multiply-adds and would take minutes"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(change, says):
    with pytest.raises(ValueError, match=says):
        convolution.measure(**{**SMALL, **change})
