"""Models that cannot be run say why, and which node it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import BN1, CASES, READS_BN1, SAME, W33, Stored, model, node, random
from onnx import helper

from workbook import network
from workbook.network import ModelError

CONV = {"w": W33}
BAD: dict[str, tuple[list[onnx.NodeProto], Stored, str]] = {
    "operator of another domain": (
        [node("Conv", "x w", "y", domain="com.acme")],
        CONV,
        "node 'y' (com.acme.Conv): ONNX Runtime cannot compute it: Fatal error: com.acme:Conv(-1)",
    ),
    "missing weights": ([node("Conv", "x w", "y")], {}, "node 'y' (Conv) reads 'w', which the model does not store"),
    "written twice": (
        [node("Conv", "x w", "y"), node("Relu", "x", "y")],
        CONV,
        "node 'y' (Relu) writes 'y', which is there already",
    ),
    "missing output": ([node("Relu", "x", "z")], {}, "no node writes 'y', which the model names as an output"),
    "too few inputs": ([node("Conv", "x", "y")], {}, "node 'y' (Conv) has 1 inputs; it takes 2 to 3"),
    "no inputs": ([node("Relu", "", "y")], {}, "node 'y' (Relu) has 0 inputs; it takes 1 to 1"),
    "too few statistics": (
        [node("Conv", "x w", "c"), node("BatchNormalization", "c bn1.scale bn1.shift", "y")],
        {**CONV, **BN1},
        "node 'y' (BatchNormalization) has 3 inputs; it takes 5 to 5",
    ),
    "too many outputs": (
        [helper.make_node("Relu", ["x"], ["y", "z"], "y")],
        {},
        "node 'y' (Relu) has 2 outputs; it writes 1 to 1",
    ),
    "outputs that are not counted": (
        [helper.make_node("Split", ["x"], ["y", "z"], "y", axis=1, num_outputs=1)],
        {},
        "node 'y' (Split) has 2 outputs, but its num_outputs is 1",
    ),
    "no weights": ([node("Conv", "x -", "y")], {}, "node 'y' (Conv) has no weight"),
    "double weights": (
        [node("Conv", "x w", "y")],
        {"w": W33.astype(np.float64)},
        "(op_type:Conv, node name: y): W has inconsistent type tensor(double)",
    ),
    "not finite": (
        [node("Conv", "x w", "y")],
        {"w": W33 * np.float32(np.nan)},
        "node 'y' (Conv): weight must be finite",
    ),
    "kernel_shape": (
        [node("Conv", "x w", "y", kernel_shape=[5, 5])],
        CONV,
        "node 'y' (Conv): kernel_shape is (5, 5), but its weight 'w' is (8, 8, 3, 3)",
    ),
    "negative padding": ([node("Conv", "x w", "y", pads=[-1, 0, 0, 0])], CONV, "node 'y' (Conv): padding must be at"),
    "groups": ([node("Conv", "x w", "y", group=3)], CONV, "node 'y' (Conv): groups=3 does not divide the 8 output"),
    "unknown auto_pad": ([node("Conv", "x w", "y", auto_pad="MAGIC")], CONV, "node 'y' (Conv): auto_pad 'MAGIC' is"),
    "norm of other channels": (
        [node("Conv", "x w", "c"), node("BatchNormalization", f"c {READS_BN1}", "y")],
        {**CONV, **{name: array[:5] for name, array in BN1.items()}},
        "node 'y' (BatchNormalization) does not fit the convolution 'c' before it",
    ),
    "norm in training": (
        [node("BatchNormalization", f"x {READS_BN1}", "y", training_mode=1)],
        BN1,
        "node 'y' (BatchNormalization): ONNX Runtime cannot compute it",
    ),
    "pool without size": ([node("MaxPool", "x", "y")], {}, "node 'y' (MaxPool) lacks the attribute 'kernel_shape'"),
    "shape of the wrong type": (
        [node("Relu", "s", "r"), node("Reshape", "x r", "y")],
        {"s": np.ones(2, np.float32)},
        "(op_type:Reshape, node name: y): shape typestr: tensor(int64), has unsupported type: tensor(float)",
    ),
}


@pytest.mark.parametrize(("nodes", "stored", "message"), BAD.values(), ids=BAD)
def test_refused_when_loaded(nodes: list[onnx.NodeProto], stored: Stored, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        network.load(model(nodes, stored))


@pytest.mark.parametrize("algorithm", ["winograd_f4", "strassen"])
def test_algorithm_that_cannot_run_a_layer_names_the_layer(algorithm: str) -> None:
    with pytest.raises(ModelError, match=rf"node 'y' \(Conv\): algorithm '{algorithm}'"):
        network.load(model([node("Conv", "x w", "y", strides=[2, 2])], CONV), algorithm=algorithm)


RUNS: dict[str, tuple[list[onnx.NodeProto], Stored, Any, str]] = {
    "dtype": (
        [node("Conv", "x w", "y")],
        CONV,
        random(1, 8, 5, 5).astype(np.float64),
        "the input 'x' must hold float32, not float64",
    ),
    "too small": ([node("Conv", "x w", "y")], CONV, random(1, 8, 2, 5), "node 'y' (Conv): the filter's height 3"),
    "too small for a pool": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3])],
        {},
        random(1, 8, 2, 5),
        "node 'y' (AveragePool): the filter's height 3 exceeds",
    ),
    "sum": (
        [node("Conv", "x w", "c"), node("Add", "x c", "y")],
        CONV,
        random(1, 8, 5, 5),
        "node 'c' (Conv): operands could not be broadcast",
    ),
    "product": ([node("MatMul", "x g", "y")], {"g": random(3, 3)}, random(1, 8, 5, 5), "node 'y' (MatMul)"),
    "channels": (
        [node("Relu", "x", "y")],
        {},
        random(1, 3, 5, 5),
        "the input 'x' must have the shape (any, 8, any, any)",
    ),
    "dimensions": ([node("Relu", "x", "y")], {}, random(8, 5, 5), "not (8, 5, 5)"),
}


@pytest.mark.parametrize(("nodes", "stored", "x", "message"), RUNS.values(), ids=RUNS)
def test_refused_when_run(nodes: list[onnx.NodeProto], stored: Stored, x: Any, message: str) -> None:
    net = network.load(model(nodes, stored))
    with pytest.raises(ModelError, match=re.escape(message)):
        net(x)


def test_input_that_is_no_array() -> None:
    with pytest.raises(TypeError, match="the input 'x' must be a NumPy array, not list"):
        network.load(model([node("Relu", "x", "y")], {}))([[1.0]])


def test_several_outputs_need_run() -> None:
    net = network.load(CASES["an output in the middle"][0])
    with pytest.raises(ModelError, match=r"outputs c, y; call run"):
        net(random(1, 8, 5, 5))


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    """Cut anywhere, the file is refused with its name: never a wrong network."""
    whole = CASES["conv, norm, relu"][0].SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in {*range(0, len(whole), 97), *range(len(whole) - 20, len(whole))}:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"cut\.onnx"):
            network.load(path)
    path.write_bytes(whole)
    assert len(network.load(str(path)).layers.rows) == 1


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" * 9, b"import torch\n", b"\x00" * 64, b""])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"photo\.onnx .*not an ONNX model"):
        network.load(path)


def test_old_operator_set() -> None:
    with pytest.raises(ModelError, match="the model is of operator set 6; export it with one of 7 to"):
        network.load(model([node("Relu", "x", "y")], {}, opset=6))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.onnx"):
        network.load(tmp_path / "none.onnx")


@pytest.mark.parametrize("what", [None, 3, b"model", [1]])
def test_other_objects_are_refused(what: Any) -> None:
    with pytest.raises(TypeError, match=r"a model is a path or an onnx\.ModelProto, not"):
        network.load(what)


def test_stored_array_of_the_wrong_size() -> None:
    proto = model([node("Conv", "x w", "y", **SAME)], CONV)
    proto.graph.initializer[0].raw_data = proto.graph.initializer[0].raw_data[:-4]
    with pytest.raises(ModelError, match="the stored array 'w' cannot be read"):
        network.load(proto)


def test_weights_in_another_file(tmp_path: Path) -> None:
    proto = model([node("Conv", "x w", "y", **SAME)], CONV)
    path = tmp_path / "large.onnx"
    x = random(1, 8, 5, 5)
    y = network.load(proto)(x)
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)  # changes proto too
    assert np.array_equal(network.load(path)(x), y)
    with pytest.raises(ModelError, match="the stored array 'w' lies in another file; load the model by its path"):
        network.load(proto)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"large\.onnx keeps weights in another file, which cannot be read"):
        network.load(path)
