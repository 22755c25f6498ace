"""The roofline: its arithmetic by hand, and a measured one that has the right order."""

from __future__ import annotations

import pytest

from workbook.measuring import roofline, this_machine
from workbook.measuring.roofline import Roofline, intensity, layer_bytes
from workbook.measuring.topologies import ConvLayer

LAYER = ConvLayer("layer", 64, 28, 28, 128, 3, 3, padding=1)


def test_bytes_and_intensity_by_hand() -> None:
    activations = 64 * 28 * 28 + 128 * 28 * 28
    weights = 128 * 64 * 9
    assert layer_bytes(LAYER) == 4 * (activations + weights)
    assert layer_bytes(LAYER, weights=False) == 4 * activations
    assert layer_bytes(LAYER, batch=5) == 4 * (5 * activations + weights)
    assert intensity(LAYER) == 128 * 28 * 28 * 64 * 9 / (4 * (activations + weights))
    assert intensity(LAYER) < intensity(LAYER, batch=5) < intensity(LAYER, weights=False)
    assert intensity(LAYER, batch=5, weights=False) == intensity(LAYER, weights=False)


def test_bounds_meet_at_the_ridge() -> None:
    roof = Roofline(60, {"L2": 100, this_machine.MEMORY: 20})
    assert roof.ridge() == 3
    assert roof.ridge("L2") == 0.6
    assert roof.bound(1) == 20
    assert roof.bound(1, "L2") == roof.bound(3) == roof.bound(1000) == 60


def test_measured_here() -> None:
    roof = roofline.measured()
    assert list(roof.gbs) == list(this_machine.working_sets())
    assert min(roof.gbs.values()) > 0
    assert roof.peak_gmacs == this_machine.peak_gmacs() > 0
    if "L1" in roof.gbs:
        assert roof.gbs["L1"] > 1.2 * roof.gbs[this_machine.MEMORY]
    assert this_machine.machine().memory_gbs == roof.gbs[this_machine.MEMORY]


def test_working_sets_lie_where_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    cases: dict[tuple[int, ...], tuple[int, ...]] = {
        (): (64 << 20,),
        (32 << 10,): (16 << 10, 64 << 20),
        (32 << 10, 2 << 20, 32 << 20): (16 << 10, 256 << 10, 8 << 20, 128 << 20),
        (64 << 10, 1 << 20, 512 << 20): (32 << 10, 256 << 10, 22 << 20, 1 << 30),
    }
    for sizes, expected in cases.items():
        caches = {f"L{level}": size for level, size in enumerate(sizes, start=1)}
        monkeypatch.setattr(this_machine, "caches", lambda caches=caches: caches)
        sets = this_machine.working_sets.__wrapped__()
        assert list(sets) == [*caches, this_machine.MEMORY]
        assert list(sets.values()) == pytest.approx(expected, rel=0.03)
