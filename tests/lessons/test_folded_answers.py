"""The folded answers below the questions of a panel: what they say is what the models compute."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from workbook.accelerator.validation import validation
from workbook.lessonkit.reference import reference
from workbook.lessons import analysis, hardware, streaming
from workbook.lessons.hardware import model as chip
from workbook.lessons.streaming.panels import load
from workbook.lessons.winograd.model import best_pair
from workbook.lessons.winograd.work import Work, layer_of
from workbook.measuring.roofline import intensity
from workbook.measuring.topologies import NETWORKS


def number(pattern: str, readout: str) -> float:
    found = re.search(pattern, readout)
    assert found, readout
    return float(found[1].replace(",", ""))


def test_no_layer_of_two_networks_is_left_of_the_reference_machines_ridge() -> None:
    ridge = reference().roofline.ridge()
    for network in ("ResNet-50", "VGG-16"):
        assert min(intensity(layer) for layer in NETWORKS[network]()) > ridge


@pytest.mark.parametrize("m", [4, 6])
def test_no_tile_sticks_out_of_its_multiples(m: int) -> None:
    savings = {side: Work(layer_of(64, side), m).saving for side in range(4, 65)}
    best = [side for side, saving in savings.items() if saving == max(savings.values())]
    assert best == [side for side in savings if side % m == 0]


def test_where_the_time_of_a_tile_goes() -> None:
    roof = reference().roofline
    few, many = (Work(layer_of(channels, 56), 4) for channels in (32, 256))
    assert few.transform_seconds(roof) / few.multiply_seconds(roof) > 0.9
    assert many.transform_seconds(roof) / many.multiply_seconds(roof) < 0.2
    deep = {m: Work(layer_of(512, 7), m) for m in (2, 4, 6)}
    assert deep[4].waiting_seconds(roof) > deep[4].multiply_seconds(roof)
    assert max(deep, key=lambda m: deep[m].gain(roof)) == 2


def test_the_best_points_are_the_kernels() -> None:
    assert best_pair() == (Fraction(5, 8), Fraction(3, 2))


def test_layers_on_which_another_datapath_saves_nothing() -> None:
    saved = {}
    for kind in chip.LAYERS:
        laid = chip.laid(6, 6, kind, 0)
        saved[kind] = laid.textbook.compute_seconds > laid.textbook.dram_seconds
        assert (laid.best.mode == "winograd") == kind.startswith("3x3"), kind
    assert [kind for kind, saves in saved.items() if saves] == ["7x7 first", "depthwise wide", "depthwise small"]


def test_what_ports_and_dram_leave_of_a_switch() -> None:
    panel = hardware.explore("switch")
    left = {}
    for network in ("mobilenet_v2", "resnet50"):
        gains = {}
        for memory in (chip.ENDLESS, chip.RESIDENT, chip.BY_LAYER):
            panel.set(network=network, memory=memory)
            gains[memory] = number(r"([\d.]+)× as fast as the best fixed", panel.readout)
        assert gains[chip.BY_LAYER] == 1.0
        left[network] = (gains[chip.RESIDENT] - 1) / (gains[chip.ENDLESS] - 1)
    assert left["mobilenet_v2"] > 0.7
    assert left["resnet50"] < 0.3


def test_where_flexible_hardware_pays_for_resnet50() -> None:
    gains = {memory: chip.paying(4e-6, 256, "resnet50", memory).gains for memory in chip.MEMORIES[:4]}
    assert {chip.PAY_PORTS[row] for row in np.argwhere(gains[chip.ENDLESS] > 1.02)[:, 0]} == {128, 256}
    errors = [abs(row.error) for row in validation()]
    assert gains[chip.ENDLESS].max() < 1.1 < 1 + max(errors)
    assert gains[chip.RESIDENT].max() - 1 < 0.3 * (gains[chip.ENDLESS].max() - 1)
    assert gains[chip.BY_LAYER].max() < 1.005


def test_when_batch_1_is_not_the_best() -> None:
    panel = streaming.explore()
    period, frame = (int(str(panel.defaults[name])) for name in ("period_ms", "frame_ms"))
    for fixed, best in ((period - frame, 1), (period - frame + 1, 2)):
        panel.set(fixed_ms=fixed)
        assert panel.readout.endswith(f"Best fixed batch: {best}")
    panel.set(fixed_ms=40, batch=2)
    waits = number(r"median (\d+) ms", panel.readout)
    panel.set(batch=3, policy="take what waits")
    assert number(r"median (\d+) ms", panel.readout) < waits


def test_loads_that_keep_p99_below_twice_the_computing() -> None:
    panel = load()
    panel.set(computed_ms=20)
    for stream, keeps, breaks in (
        ("a camera", 99, None),
        ("a camera with jitter", 99, None),
        ("a camera, computing varies", 96, 98),
        ("at random", 12, 14),
    ):
        for busy, kept in ((keeps, True), (breaks, False)):
            if busy:
                panel.set(stream=stream, load=busy)
                assert (number(r"p99 ([\d.]+) ms", panel.readout) < 40) == kept, panel.readout


def test_which_tool_gains_most_and_how_many_images() -> None:
    panel = analysis.explore()
    steps = "bf16", "int8", "Winograd", "best fixed", "reconfigured"

    def gains(network: str) -> dict[str, float]:
        panel.set(network=network, machine="x1", images=1)
        times = [number(rf"{step} ([\d,.]+) ms", panel.readout) for step in steps]
        return {step: before / after for step, before, after in zip(steps[1:], times, times[1:], strict=False)}

    assert sorted(gains("yolov3_416").items(), key=lambda item: -item[1])[0][0] == "int8"
    assert max(gains("mobilenet_v2").items(), key=lambda item: item[1])[0] == "best fixed"
    rates = {}
    for images in (1, 2, 4, 8, 16):
        panel.set(network="resnet50", machine="x1", images=images)
        rates[images] = number(r"([\d,]+) images/s", panel.readout)
    assert max(rates, key=lambda images: rates[images]) == 4
