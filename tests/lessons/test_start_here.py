"""Lesson 0: its layers under a roofline, its panel's numbers, its tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbook.lessons import start_here as lesson
from workbook.lessons.start_here import figures, model, under_roof
from workbook.measuring import this_machine
from workbook.measuring.others import Others
from workbook.measuring.roofline import Roofline
from workbook.measuring.topologies import NETWORKS, ConvLayer, mobilenet_v2, resnet50

ROOF = Roofline(60, {"L2": 120, this_machine.MEMORY: 30})


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        ({"R": 3, "S": 3}, "3x3"),
        ({}, "1x1"),
        ({"R": 3, "S": 3, "groups": 8}, "depthwise"),
        ({"R": 3, "S": 3, "groups": 2}, "3x3"),
        ({"R": 7, "S": 7}, "other"),
        ({"R": 1, "S": 3}, "other"),
    ],
)
def test_kinds(sizes: dict[str, int], kind: str) -> None:
    assert model.kind(ConvLayer("layer", 8, 9, 9, 8, **sizes)) == kind


def test_totals_are_those_of_the_layers() -> None:
    network = model.NetworkOnRoof("ResNet-50", 2, model.WEIGHTS[0], tuple(resnet50()), ROOF)
    assert network.macs == 2 * sum(layer.macs for layer in resnet50())
    activations = sum(layer.input_numbers + layer.output_numbers for layer in resnet50())
    assert network.bytes == 4 * (2 * activations + sum(layer.weight_numbers for layer in resnet50()))
    intensities = [network.intensity(layer) for layer in network.by_intensity]
    assert intensities == sorted(intensities)


def test_what_the_text_beside_the_panel_asks() -> None:
    """Depthwise layers stand lowest; a batch moves only what has weights to share; cached weights make it moot."""
    one, many = (model.NetworkOnRoof("MobileNetV2", n, model.WEIGHTS[0], tuple(mobilenet_v2()), ROOF) for n in (1, 64))
    lowest = one.by_intensity[:17]
    assert {model.kind(layer) for layer in lowest} == {"depthwise"}
    assert all(one.intensity(layer) < ROOF.ridge() for layer in lowest)
    late = one.layers[-1]
    assert many.intensity(late) > 3 * one.intensity(late)
    early = one.layers[1]
    assert many.intensity(early) < 1.01 * one.intensity(early)
    cached = [model.NetworkOnRoof("", n, model.WEIGHTS[1], one.layers, ROOF).intensity(late) for n in (1, 64)]
    assert cached[0] == cached[1]


def test_no_layer_is_outside_of_the_figure() -> None:
    from workbook.lessons.start_here.figures import _LEAST, _MOST

    for layers in NETWORKS.values():
        for weights in model.WEIGHTS:
            for batch in (1, 64):
                network = model.NetworkOnRoof("", batch, weights, tuple(layers()), ROOF)
                ends = [network.intensity(network.by_intensity[i]) for i in (0, -1)]
                assert _LEAST < ends[0] <= ends[1] < _MOST


def test_readout_has_the_networks_exact_numbers() -> None:
    panel = lesson.explore()
    panel.set(network="VGG-16", batch=1, weights="from memory")
    assert panel.readout.startswith("VGG-16, 1 image, weights from memory: 15.347 GMAC, 149.4 MB, 102.75 MAC/byte;")
    assert "13 layers, from 6.44 (conv1_1) to 210.63" in panel.readout


def test_tables_mark_what_is_measured() -> None:
    for table in (str(lesson.speeds()), str(lesson.reach())):
        _, *lines = table.splitlines()
        fixed = "reached on the reference machine", "sizes: "
        assert all("[measured]" in line or line.startswith(("[machine] ", *fixed)) for line in lines if line)
        assert max(len(line) for line in lines if "[measured]" in line) <= 80, "a notebook breaks longer lines"
    assert "GB/s from L" in str(lesson.speeds()) or "does not name its caches" in str(lesson.speeds())


def test_limits_say_when_other_programs_were_busy() -> None:
    calm, busy = (replace(lesson.speeds(), others=Others(cores, 2)) for cores in (0.0, 1.5))
    says = "; other programs kept 1.50 of 2 cores busy; close them and measure again"
    assert says in str(busy)
    assert str(busy).replace(says, "") == str(calm)


def test_a_cache_as_slow_as_memory_has_no_roof_of_its_own() -> None:
    for cache, roofs in ((100.0, 2), (16.0, 1)):
        roof = Roofline(60.0, {"L3": cache, "memory": 15.0})
        layers = tuple(mobilenet_v2())
        figure = figures.roof_figure(model.NetworkOnRoof("MobileNetV2", 1, model.WEIGHTS[0], layers, roof))
        names = [text.get_text() for text in figure.axes[0].texts]
        assert len([name for name in names if name.endswith("GB/s")]) == roofs


def test_layers_of_the_table_are_layers_of_the_networks() -> None:
    sizes = {layer.shape for layers in NETWORKS.values() for layer in layers()}
    assert all(layer.shape in sizes for layer in under_roof.LAYERS)


def test_the_reference_machine_measured_the_same_layers() -> None:
    assert list(lesson.measurements()) == [f"reach.{layer.name}" for layer in under_roof.LAYERS]
