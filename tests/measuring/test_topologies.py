"""The tables of layers have the sizes that others publish for the whole networks."""

from __future__ import annotations

import pytest

from workbook.measuring.topologies import NETWORKS, ConvLayer, distinct, resnet50, yolov3_tiny

# What the tables leave out: (multiply-adds, parameters) of the fully connected layers, with their biases.
VGG_HEAD = (
    25088 * 4096 + 4096 * 4096 + 4096 * 1000,
    25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000,
)
HEADS = {
    "ResNet-50": (2048 * 1000, 2048 * 1000 + 1000),
    "VGG-16": VGG_HEAD,
    "MobileNetV2": (1280 * 1000, 1280 * 1000 + 1000),
    "YOLOv3-tiny": (0, 0),
}

# Published for the whole network. ResNet-50, VGG-16, MobileNetV2: torchvision's model pages, "GFLOPS" (multiply-adds
# counted once) and "num_params". YOLOv3-tiny: J. Redmon's table of models, 5.56 Bn FLOPs (multiply-adds counted twice),
# and the size of yolov3-tiny.weights, 35,434,956 bytes of which 20 are its header.
PUBLISHED = {
    "ResNet-50": (4.09, 25_557_032),
    "VGG-16": (15.47, 138_357_544),
    "MobileNetV2": (0.30, 3_504_872),
    "YOLOv3-tiny": (5.56 / 2, (35_434_956 - 20) // 4),
}


def beside_weights(name: str, layers: list[ConvLayer]) -> int:
    """Count the parameters of the convolutions that are not weights: biases, or those of batch normalisation."""
    channels = sum(layer.K for layer in layers)
    if name == "VGG-16":
        return channels
    if name == "YOLOv3-tiny":  # its file has four numbers a normalised channel; the two outputs have a bias alone
        return 4 * (channels - 2 * 255) + 2 * 255
    return 2 * channels


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_and_parameters_are_the_published_ones(name: str) -> None:
    layers = NETWORKS[name]()
    gmacs, parameters = PUBLISHED[name]
    head_macs, head_parameters = HEADS[name]
    assert (sum(layer.macs for layer in layers) + head_macs) / 1e9 == pytest.approx(gmacs, abs=0.0051)
    weights = sum(layer.weight_numbers for layer in layers)
    assert weights + beside_weights(name, layers) + head_parameters == parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_reads_what_an_earlier_one_wrote(name: str) -> None:
    """Channels by channels, sizes at most as large: pooling lies between some of them, YOLO joins two outputs."""
    layers = NETWORKS[name]()
    assert layers[0].C == 3
    assert len({layer.name for layer in layers}) == len(layers)
    for i, layer in enumerate(layers[1:], start=1):
        before = layers[:i]
        writers = [b for b in before if layer.C == b.K and b.P in (layer.H, 2 * layer.H)]
        assert writers or (layer.name == "21" and layer.C == before[-1].K + before[4].K), layer


def test_resnet50_version_1_is_the_papers() -> None:
    """Table 1 of the paper says 3.8e9 for the whole network."""
    assert (sum(layer.macs for layer in resnet50("1")) + HEADS["ResNet-50"][0]) / 1e9 == pytest.approx(3.8, abs=0.06)
    with pytest.raises(ValueError, match=r"'1' or '1.5', not '2'"):
        resnet50("2")


def test_yolov3_tiny_layer_by_layer() -> None:
    """Darknet prints these, in 1e9 operations of which a multiply-add is two, when it loads the network."""
    printed = [0.150, 0.399, 0.399, 0.399, 0.399, 0.399, 1.595, 0.089, 0.399, 0.044, 0.011, 1.196, 0.088]
    assert [round(2 * layer.macs / 1e9, 3) for layer in yolov3_tiny()] == printed


def test_sizes_of_one_layer() -> None:
    layer = ConvLayer("depthwise", 96, 112, 112, 96, 3, 3, stride=2, padding=1, groups=96)
    assert (layer.P, layer.Q) == (56, 56)
    assert layer.macs == 96 * 56 * 56 * 9
    assert layer.weight_numbers == 96 * 9
    assert layer.input_numbers == 96 * 112 * 112
    assert layer.output_numbers == 96 * 56 * 56
    assert layer.shape == "96->96 @112 3x3 /2 g96"


def test_distinct_keeps_the_first_of_equal_sizes() -> None:
    layers = resnet50()
    different = distinct(layers)
    assert len(different) == len({layer.shape for layer in layers}) < len(layers)
    assert different[0] is layers[0]
