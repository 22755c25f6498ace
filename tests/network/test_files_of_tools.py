"""Files as tools leave them: nodes in any order, weights behind links, old operator sets, a fixed number of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import SAME, W33, model, node, random
from onnx import helper
from test_network import assert_close, runtime

from workbook import network
from workbook.network import ModelError


def test_nodes_in_any_order() -> None:
    """onnxruntime's converter to float16 puts the input's Cast last."""
    nodes = [
        node("Relu", "c", "r"),
        node("Add", "r e", "y"),
        node("Erf", "c", "e"),
        node("Conv", "z w", "c", **SAME),
        node("Neg", "x", "z"),
    ]
    in_order = model([nodes[i] for i in (4, 3, 2, 0, 1)], {"w": W33})
    x = random(2, 8, 5, 5)
    assert_close(network.load(model(nodes, {"w": W33})).run(x), runtime(in_order, x))


def _kept_beside(folder: Path) -> tuple[Path, Path]:
    """Write a model and its weights as two files."""
    folder.mkdir(parents=True)
    path = folder / "m.onnx"
    proto = model([node("Conv", "x w", "y", **SAME)], {"w": W33})
    onnx.save_model(proto, path, save_as_external_data=True, location="m.onnx_data", size_threshold=0)
    return path, folder / "m.onnx_data"


def test_weights_behind_the_links_of_a_cache(tmp_path: Path) -> None:
    path, data = _kept_beside(tmp_path / "blobs")
    x, expected = random(1, 8, 5, 5), network.load(path)(random(1, 8, 5, 5))
    snapshot = tmp_path / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for file, name in ((path, "1111"), (data, "2222")):
        file.rename(file.with_name(name))
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", name))
    assert np.array_equal(network.load(snapshot / "m.onnx")(x), expected)


def test_weights_with_hard_links(tmp_path: Path) -> None:
    path, data = _kept_beside(tmp_path / "cache")
    (tmp_path / "site").mkdir()
    for file in (path, data):
        os.link(file, tmp_path / "site" / file.name)
    assert network.load(tmp_path / "site" / "m.onnx")(random(1, 8, 5, 5)).shape == (1, 8, 5, 5)


def test_a_link_within_the_models_folder(tmp_path: Path) -> None:
    path, data = _kept_beside(tmp_path / "model")
    (path.parent / "parts").mkdir()
    data.rename(path.parent / "parts" / "weights.bin")
    data.symlink_to(Path("parts", "weights.bin"))
    assert network.load(path)(random(1, 8, 5, 5)).shape == (1, 8, 5, 5)


def test_a_link_out_of_the_models_folder(tmp_path: Path) -> None:
    path, data = _kept_beside(tmp_path / "model")
    data.rename(tmp_path / "secret.bin")
    data.symlink_to(Path("..", "secret.bin"))
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        network.load(path)


STORED = {"w": W33, "twice": np.array([1, 1, 2, 1.5], np.float32), "lead": np.array([0, 0]), "rest": np.array([0, 2])}
OLD: dict[str, tuple[list[onnx.NodeProto], int]] = {
    "Split": (
        [helper.make_node("Split", ["c"], ["a", "b"], "a", axis=1, split=[1, 7]), node("Concat", "b a", "y", axis=1)],
        11,
    ),
    "Pad": ([node("Pad", "c", "y", pads=[0, 0, 1, 2, 0, 0, 1, 0])], 10),
    "Pad with a value": ([node("Pad", "c", "y", pads=[0, 0, 1, 2, 0, 0, 1, 0], value=2.5)], 10),
    "Slice": ([node("Slice", "c", "y", starts=[1], ends=[3], axes=[2])], 9),
    "Slice of all axes": ([node("Slice", "c", "y", starts=[0, 1], ends=[9, 3])], 7),
    "Softmax": ([node("Softmax", "c", "y", axis=-1)], 11),
    "Softmax of several axes": ([node("Softmax", "c", "y", axis=2)], 11),
    "LogSoftmax": ([node("LogSoftmax", "c", "y", axis=3)], 9),
    "TopK": ([helper.make_node("TopK", ["c"], ["y", "i"], "y", k=2)], 9),
    "Upsample": ([node("Upsample", "c twice", "y", mode="linear")], 9),
    "Upsample with an attribute": ([node("Upsample", "c", "y", mode="nearest", scales=[1.0, 1.0, 2.0, 3.0])], 8),
    "Resize": ([node("Resize", "c twice", "y", mode="nearest")], 10),
    "Dropout": ([node("Dropout", "c", "d", ratio=0.3), node("Neg", "d", "y")], 7),
    "Reduce": ([node("ReduceSum", "c", "s", axes=[2, 3]), node("ReduceMax", "s", "y", axes=[1])], 11),
    "Clip": ([node("Clip", "c", "y", min=-0.5, max=0.25)], 9),
    "Squeeze and Unsqueeze": ([node("Unsqueeze", "c", "u", axes=[0]), node("Squeeze", "u", "y", axes=[0])], 12),
    "BatchNormalization": ([node("BatchNormalization", "x one one one one", "y", momentum=0.5)], 7),
}


@pytest.mark.parametrize("shape", [(2, 8, 6, 5), ("N", 8, "H", "W")], ids=["stated", "free"])
@pytest.mark.parametrize("name", OLD)
def test_old_operator_sets_are_saved(name: str, shape: tuple[int | str, ...], tmp_path: Path) -> None:
    nodes, opset = OLD[name]
    stored = {**STORED, "one": np.full(8, 1.5, np.float32)}
    proto = model([node("Conv", "x w", "c", **SAME), *nodes], stored, shape, opset=opset)
    net, x, path = network.load(proto), random(2, 8, 6, 5), tmp_path / "saved.onnx"
    expected = net.run(x)
    assert_close(expected, runtime(proto, x))
    net.save(path)
    onnx.checker.check_model(path)
    assert_close(network.load(path).run(x), expected)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert_close(session.run(None, {"x": x}), expected)


def test_a_softmax_of_an_unknown_shape_is_saved(tmp_path: Path) -> None:
    """Its axis is the last one, which means the same in all operator sets."""
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s lead rest", "t"),
        node("Concat", "t all", "u", axis=0),
        node("Reshape", "x u", "r"),
        node("Softmax", "r", "y", axis=-1),
    ]
    stored = {"lead": np.array([0]), "rest": np.array([2]), "all": np.array([-1])}
    net, x = network.load(model(nodes, stored, opset=11)), random(2, 8, 6, 5)
    net.save(tmp_path / "saved.onnx")
    assert np.array_equal(network.load(tmp_path / "saved.onnx")(x), net(x))


@pytest.mark.parametrize(("fixed", "images"), [(1, 16), (10, 10), (10, 23), (3, 2)])
def test_calibration_in_pieces_of_a_fixed_size(fixed: int, images: int) -> None:
    """The last piece is filled up; what fills it does not count, so the ranges are those of a free batch."""
    nodes = [node("Conv", "x w", "c", **SAME), node("Relu", "c", "r"), node("Conv", "r w", "y", **SAME)]
    x = random(images, 8, 6, 5)
    stated = network.load(model(nodes, {"w": W33}, (fixed, 8, 6, 5))).quantize(x)
    free = network.load(model(nodes, {"w": W33})).quantize(x)
    assert {n: a.tolist() for n, a in stated.graph.constants.items()} == {
        n: a.tolist() for n, a in free.graph.constants.items()
    }
    assert np.array_equal(stated(np.resize(x, (fixed, 8, 6, 5))), free(np.resize(x, (fixed, 8, 6, 5))))


def test_calibration_from_a_generator_of_single_images() -> None:
    proto = model([node("Conv", "x w", "y", **SAME)], {"w": W33}, (2, 8, 6, 5))
    images: Any = (random(1, 8, 6, 5, seed=i) for i in range(3))
    assert "QLinearConv" in [n.op for n in network.load(proto).quantize(images).graph.nodes]
