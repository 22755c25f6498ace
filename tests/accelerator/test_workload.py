"""The networks have their published sizes, and an ONNX file gives the same layers as the table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from workbook.accelerator.workload import WORKLOADS, Layer, Workload, resnet50, vgg16
from workbook.accelerator.workload_from_onnx import from_onnx
from workbook.errors import CommandError
from workbook.measuring.topologies import alexnet, yolov3

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def test_yolov3_has_darknets_operations_and_parameters() -> None:
    """65.86 Bn FLOPs at 416 (darknet prints them); yolov3.weights has 248,007,048 bytes, 20 of them its header."""
    layers = yolov3()
    assert 2 * sum(layer.macs for layer in layers) / 1e9 == pytest.approx(65.86, abs=0.005)
    normalised = sum(layer.K for layer in layers if layer.K != 255)
    assert sum(layer.weight_numbers for layer in layers) + 4 * normalised + 3 * 255 == (248_007_048 - 20) // 4
    assert [layer.name for layer in layers][-3:] == ["103", "104", "105"]
    assert (yolov3(1080, 1920)[0].H, yolov3(1080, 1920)[0].W) == (1088, 1920)


def test_alexnet_has_the_multiply_adds_of_eyeriss_table() -> None:
    """JSSC 2017, table V: GMAC of a batch of 4."""
    assert [round(4 * layer.macs / 1e9, 2) for layer in alexnet()] == [0.42, 0.90, 0.60, 0.45, 0.30]


# Of one image, with the fully connected layers: torchvision's model pages; ResNet-50 v1: 3.8e9 in the paper's table 1.
@pytest.mark.parametrize(
    ("name", "gmacs"), [("resnet50", 3.86), ("vgg16", 15.47), ("mobilenet_v2", 0.30), ("yolov3_416", 32.93)]
)
def test_multiply_adds(name: str, gmacs: float) -> None:
    assert WORKLOADS[name]().macs / 1e9 == pytest.approx(gmacs, abs=0.005)


@pytest.mark.parametrize("name", WORKLOADS)
def test_layers_read_what_was_written(name: str) -> None:
    """A layer's input has channels and size that an earlier one wrote, pooled or made twice as wide, or two of them."""
    layers = WORKLOADS[name]().layers
    for i, layer in enumerate(layers[1:], start=1):
        if layer.H == 1:
            continue  # flattened
        written = {(b.K, *(b.pooled or (b.P, b.Q))) for b in layers[:i]}
        wide = {(K, 2 * P, 2 * Q) for K, P, Q in written}
        joined = {(a + b, P, Q) for a, P, Q in wide for b, p, q in written if (p, q) == (P, Q)}
        assert (layer.C, layer.H, layer.W) in written | joined, layer


def test_additions_are_as_many_as_blocks() -> None:
    counts = {name: sum(layer.added for layer in make().layers) for name, make in WORKLOADS.items()}
    assert counts["resnet50"] == 3 + 4 + 6 + 3
    assert counts["mobilenet_v2"] == 1 + 2 + 3 + 2 + 2
    assert counts["yolov3_416"] == counts["yolov3_608"] == 1 + 2 + 8 + 8 + 4
    assert counts["vgg16"] == 0


def test_bytes_follow_type_batch_and_pooling() -> None:
    conv1 = resnet50().layers[0]
    assert (conv1.input_bytes, conv1.weight_bytes) == (3 * 224 * 224, 64 * 3 * 49)
    assert conv1.output_bytes == 64 * 56 * 56  # after pooling
    four = replace(conv1, N=4, type="fp16")
    assert (four.input_bytes, four.weight_bytes) == (8 * conv1.input_bytes, 2 * conv1.weight_bytes)
    assert four.macs == 4 * conv1.macs
    assert resnet50().with_batch(4).macs == 4 * resnet50().macs
    assert {layer.bits for layer in resnet50().with_type("int4").layers} == {4}


def test_distinct_layers_stand_for_all() -> None:
    workload = resnet50()
    distinct, places = workload.distinct
    assert len(distinct) < len(workload.layers) == len(places)
    for layer, place in zip(workload.layers, places, strict=True):
        assert replace(layer, name="") == distinct[place]


def test_fusion_keeps_only_what_fits_and_is_all_that_the_next_reads() -> None:
    all_kept, none_kept = vgg16().fused(1e9), vgg16().fused(1)
    assert none_kept == vgg16()
    assert all(layer.output_on_chip for layer in all_kept.layers[:-1])
    assert not all_kept.layers[0].input_on_chip
    assert not all_kept.layers[-1].output_on_chip
    kept = {layer.name: layer for layer in resnet50().fused(1e9).layers}
    assert kept["conv2_1.1x1"].output_on_chip  # the 3x3 reads it, and nothing else
    assert not kept["conv2_1.shortcut"].input_on_chip  # the layer before it wrote something else
    assert kept["conv2_3.1x1"].input_on_chip
    assert not kept["conv2_2.expand"].output_on_chip  # conv2_3 adds it again at its end
    some = resnet50().fused(512)
    assert 0 < sum(layer.input_on_chip for layer in some.layers) < sum(layer.input_on_chip for layer in kept.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"C": 0}, "'conv1': C must be at least 1, not 0"),
        ({"groups": 5}, "groups=5 does not divide C=3 and K=64"),
        ({"type": "int7"}, "type 'int7' is none of int4, int8"),
    ],
)
def test_layers_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(resnet50().layers[0], **changes)


def test_empty_workload() -> None:
    with pytest.raises(ValueError, match="'none' has no layer"):
        Workload("none", ())


class TestOnnx:
    @pytest.mark.parametrize(
        ("file", "layers", "gmacs", "added"),
        [("light_vgg19", 19, 19.63, 0), ("light_resnet50", 54, 4.09, 16), ("light_squeezenet", 26, 0.35, 0)],
    )
    def test_networks_of_the_onnx_package(self, file: str, layers: int, gmacs: float, added: int) -> None:
        workload = from_onnx(LIGHT / f"{file}.onnx")
        assert len(workload.layers) == layers
        assert workload.macs / 1e9 == pytest.approx(gmacs, abs=0.005)
        assert sum(layer.added for layer in workload.layers) == added
        assert workload.left_out == ()

    def test_resnet50_is_the_table(self) -> None:
        def sizes(layer: Layer) -> tuple[object, ...]:
            return layer.C, layer.P, layer.K, layer.R, layer.stride, layer.pooled, layer.macs

        read = sorted(map(sizes, from_onnx(LIGHT / "light_resnet50.onnx").layers), key=repr)
        assert read == sorted(map(sizes, resnet50("1.5").layers), key=repr)

    def write(self, path: Path, nodes: list[Any], weights: dict[str, list[int]], image: list[Any]) -> Path:
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info("x", floats, image)],
            [helper.make_tensor_value_info(nodes[-1].output[0], floats, None)],
            [TensorProto(name=name, dims=dims, data_type=floats, raw_data=b"") for name, dims in weights.items()],
        )
        path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
        return path

    def test_strides_groups_padding_and_fusion(self, tmp_path: Path) -> None:
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 1], group=2, pads=[0, 0, 1, 1]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Conv", ["c", "v"], ["d"]),
            helper.make_node("Add", ["c", "d"], ["y"]),
        ]
        path = self.write(tmp_path / "small.onnx", nodes, {"w": [6, 2, 3, 3], "v": [6, 6, 1, 1]}, [2, 4, 17, 16])
        first, second = from_onnx(path).layers
        assert (first.N, first.C, first.H, first.W, first.K, first.P, first.Q) == (2, 4, 17, 16, 6, 8, 15)
        assert (first.stride, first.groups, first.pooled, first.added) == ((2, 1), 2, (4, 7), False)
        assert (second.H, second.W, second.added) == (4, 7, True)

    def test_an_image_of_open_size(self, tmp_path: Path) -> None:
        nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
        path = self.write(tmp_path / "open.onnx", nodes, {"w": [8, 3, 3, 3]}, ["batch", 3, "height", "width"])
        assert from_onnx(path, size=(10, 12)).layers[0].macs == 8 * 8 * 10 * 3 * 9
        with pytest.raises(CommandError, match="input 'x' of the model has no fixed size in axis 2"):
            from_onnx(path)

    def test_products_of_two_activations_are_named_not_counted(self, tmp_path: Path) -> None:
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["a"]),
            helper.make_node("MatMul", ["x", "a"], ["y"], name="attention"),
        ]
        workload = from_onnx(self.write(tmp_path / "a.onnx", nodes, {"w": [5, 7]}, [1, 5, 5]))
        assert [(layer.C, layer.K, layer.P) for layer in workload.layers] == [(5, 7, 5)]
        assert workload.left_out == ("MatMul attention (its weights are computed)",)

    def test_what_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(CommandError, match="There is no file"):
            from_onnx(tmp_path / "none.onnx")
        (tmp_path / "text.onnx").write_text("this is no model")
        with pytest.raises(CommandError, match="is no ONNX model"):
            from_onnx(tmp_path / "text.onnx")
        path = self.write(tmp_path / "relu.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, [1, 3, 8, 8])
        with pytest.raises(CommandError, match="no convolution"):
            from_onnx(path)
        nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
        path = self.write(tmp_path / "one.onnx", nodes, {"w": [8, 3, 3]}, [1, 3, 8])
        with pytest.raises(CommandError, match="in 1 dimensions, not in 2"):
            from_onnx(path)

    def test_without_the_onnx_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnx", None)
        with pytest.raises(CommandError, match="needs the onnx package: pip install onnx"):
            from_onnx("any.onnx")
