"""The trained networks: their cards tell the truth, and they are what the lessons need them to be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from workbook import models, network
from workbook.models import digits, pages, photos
from workbook.network import Graph, Network

CIF = (1, 1, 288, 352)
INPUTS = {
    "digits_cnn": digits.digits("test").images[:7],
    "digits_depthwise": digits.digits("test").images[:7],
    "denoiser": photos.noisy(photos.photo("camera"))[:, :, :61, :97],
    "digits_detector": np.stack([page.image for page in pages.pages("test")[:7]]),
}
LEAST = {"digits_cnn": 0.97, "digits_depthwise": 0.97, "denoiser": 5.0, "digits_detector": 0.8}  # share, dB, mAP
WITHIN = {"denoiser": 2e-3, "digits_detector": 5e-3}  # of the details; of digits, one


@pytest.mark.parametrize("name", models.NAMES)
def test_card_is_what_the_weights_do(name: str) -> None:
    """Measured again. Another instruction set rounds otherwise: one digit may fall on the other side."""
    card, again = models.card(name), models.evaluate(name, models.load(name))
    assert again["measure"] == card.measure
    assert again["details"] == pytest.approx(dict(card.details), abs=WITHIN.get(name, 1))
    for end in ("value", "low", "high"):
        assert getattr(again["result"], end) == pytest.approx(getattr(card.result, end), abs=2e-3)


@pytest.mark.parametrize("name", models.NAMES)
def test_good_enough(name: str) -> None:
    result = models.card(name).result
    assert LEAST[name] <= result.low <= result.value <= result.high


@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize("batch", [1, 7])
def test_equal_to_onnx_runtime(name: str, batch: int) -> None:
    session = onnxruntime.InferenceSession(models.proto(name).SerializeToString(), providers=["CPUExecutionProvider"])
    x = INPUTS[name][:batch]
    (expected,) = session.run(None, {"x": x})
    y = models.load(name)(x)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", models.NAMES)
def test_card_describes_the_file(name: str) -> None:
    """Parameters are what the training changed: no statistics, no bounds of a clip, no cells' places."""
    graph = network.read(models.proto(name))
    fixed = ("running", "val", "factor", "term")
    learnt = [array.size for key, array in graph.constants.items() if not any(word in key for word in fixed)]
    card = models.card(name)
    assert card.name == name
    assert card.parameters == sum(learnt)
    assert card.framework.startswith("torch ")
    assert card.cpu_seconds < 1200
    assert f"{card.parameters:,} parameters" in str(card)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def test_normalisation_is_exported_and_folded() -> None:
    for name, layers in (("digits_cnn", 5), ("digits_depthwise", 9)):
        graph = network.read(models.proto(name))
        assert ops(graph).count("BatchNormalization") == ops(graph).count("Conv") == layers
        assert ops(models.load(name).graph)[-3:] == ["GlobalAveragePool", "Flatten", "Gemm"]
        assert set(ops(models.load(name).graph)) <= {"Conv", "MaxPool", "GlobalAveragePool", "Flatten", "Gemm"}


def test_denoiser_is_eight_convolutions_of_3x3_the_last_with_the_image_as_residual() -> None:
    net = models.load("denoiser")
    assert ops(net.graph) == ["Conv"] * 8
    assert [row.weights for row in net.layers.rows] == [(32, 1, 3, 3), *[(32, 32, 3, 3)] * 6, (1, 32, 3, 3)]
    assert [row.work for row in net.layers.rows] == ["Conv + relu"] * 7 + ["Conv + Add"]
    profile = net.profile(np.zeros(CIF, np.float32), seconds=0.01)
    assert profile.macs == 288 * 352 * 9 * (32 + 6 * 32 * 32 + 32)


def test_detector_writes_boxes_in_pixels_beside_scores() -> None:
    net = models.load("digits_detector")
    assert ops(net.graph) == ["Conv"] * 7 + ["Mul", "Add", "Add"]  # the sigmoid is fused
    y = net(INPUTS["digits_detector"][:1])[0]
    assert y[:2].max() > 0.9 * pages.SIDE
    assert 0 <= y[4:].min() < y[4:].max() <= 1


def rounded(graph: Graph, per_channel: bool) -> Graph:
    """Each convolution's weights as the nearest of 255 steps: of the whole array's range, or of each channel's."""
    constants = dict(graph.constants)
    for node in graph.nodes:
        if node.op == "Conv":
            weight = constants[node.inputs[1]]
            largest = np.abs(weight).max(axis=(1, 2, 3) if per_channel else None, keepdims=True)
            constants[node.inputs[1]] = (np.rint(weight / largest * 127) / 127 * largest).astype(np.float32)
    return replace(graph, constants=constants)


def test_depthwise_channels_differ_so_much_that_one_range_for_all_costs_five_points() -> None:
    graph = models.load("digits_depthwise").graph
    right = {kind: digits.right(Network(rounded(graph, kind))).sum() for kind in (False, True)}
    trained = models.card("digits_depthwise").details["right"]
    assert right[False] <= trained - 50
    assert right[True] >= trained - 10


def test_all_files_together_are_small() -> None:
    folder = Path(models.__file__).parent
    files = [*folder.glob("*.onnx"), *folder.glob("*.json")]
    assert {file.stem for file in files} == set(models.NAMES)
    assert sum(file.stat().st_size for file in files) < 800_000


@pytest.mark.parametrize("ask", [models.load, models.card, models.proto])
def test_unknown_model(ask: Any) -> None:
    with pytest.raises(
        ValueError,
        match="there is no model 'resnet'; there are digits_cnn, digits_depthwise, denoiser, digits_detector",
    ):
        ask("resnet")


def test_learners_need_no_pytorch() -> None:
    code = """
import sys
sys.modules["torch"] = None
from workbook import models
for name in models.NAMES:
    models.load(name), models.card(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
