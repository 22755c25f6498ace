"""`workbook analyze` on networks without two-dimensional convolutions: whole networks are compared, and it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from workbook import models
from workbook.advisor.taken import load_taken
from workbook.cli import main
from workbook.network import load

NOTHING = "No layer is a two-dimensional convolution in float32"
FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64

Inputs = dict[str, tuple[int, list[str | int]]]
"""Type and shape by name."""


def weights(*shape: int) -> np.ndarray[Any, Any]:
    """Return numbers of a fixed seed, small enough for sums."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) / np.float32(4)


def model(inputs: Inputs, outputs: int, nodes: list[onnx.NodeProto], stored: dict[str, Any]) -> onnx.ModelProto:
    """Return a model whose last nodes write its outputs."""
    ports = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    ends = [onnx.ValueInfoProto(name=node.output[0]) for node in nodes[-outputs:]]
    arrays = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "g", ports, ends, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mlp() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v"], ["y"]),
    ]
    return model({"x": (FLOAT, ["n", 20])}, 1, nodes, {"w": weights(20, 30), "b": weights(30), "v": weights(30, 5)})


def sound(window: int = 32) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Unsqueeze", ["sound", "axis"], ["u"]),
        helper.make_node("Conv", ["u", "w"], ["c"], strides=[8]),
        helper.make_node("Pow", ["c", "two"], ["p"]),
        helper.make_node("ReduceMean", ["p"], ["y"], axes=[2]),
    ]
    stored = {"axis": np.array([1]), "w": weights(6, 1, window), "two": np.array(2, np.float32)}
    return model({"sound": (FLOAT, ["n", "samples"])}, 1, nodes, stored)


def recurrent() -> onnx.ModelProto:
    """An LSTM that takes its state, and returns it."""
    names = ["x", "w", "r", "", "", "h", "c"]
    nodes = [
        helper.make_node("LSTM", names, ["all", "h2", "c2"], hidden_size=8),
        helper.make_node("Identity", ["all"], ["y"]),
        helper.make_node("Identity", ["h2"], ["hn"]),
        helper.make_node("Identity", ["c2"], ["cn"]),
    ]
    state: tuple[int, list[str | int]] = (FLOAT, [1, "n", 8])
    inputs: Inputs = {"x": (FLOAT, ["time", "n", 12]), "h": state, "c": state}
    return model(inputs, 3, nodes, {"w": weights(1, 32, 12), "r": weights(1, 32, 8)})


def tokens() -> onnx.ModelProto:
    """Words by their numbers, a mask beside them, and attention."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["q"]),
        helper.make_node("Transpose", ["e"], ["k"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "k"], ["s"]),
        helper.make_node("Cast", ["mask"], ["m"], to=FLOAT),
        helper.make_node("Unsqueeze", ["m", "axis"], ["mm"]),
        helper.make_node("Mul", ["s", "mm"], ["sm"]),
        helper.make_node("Softmax", ["sm"], ["a"]),
        helper.make_node("MatMul", ["a", "e"], ["y"]),
    ]
    words: tuple[int, list[str | int]] = (INT64, ["n", "words"])
    stored = {"table": weights(50, 16), "w": weights(16, 16), "axis": np.array([1])}
    return model({"ids": words, "mask": words}, 1, nodes, stored)


def patches() -> onnx.ModelProto:
    """Pieces of an image as rows of a matrix, as a vision transformer begins."""
    nodes = [
        helper.make_node("Reshape", ["x", "apart"], ["p"]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 4, 1, 3, 5]),
        helper.make_node("Reshape", ["t", "rows"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
    ]
    stored = {"apart": np.array([1, 3, 4, 8, 4, 8]), "rows": np.array([1, 16, 192]), "w": weights(192, 24)}
    return model({"x": (FLOAT, [1, 3, 32, 32])}, 1, nodes, stored)


def contents() -> onnx.ModelProto:
    """The bytes of a file, as 32-bit integers."""
    nodes = [
        helper.make_node("OneHot", ["bytes", "depth", "ends"], ["o"]),
        helper.make_node("MatMul", ["o", "w"], ["m"]),
        helper.make_node("ReduceMax", ["m"], ["y"], axes=[1], keepdims=0),
    ]
    stored = {"depth": np.array(257, np.int32), "ends": np.array([0, 1], np.float32), "w": weights(257, 8)}
    return model({"bytes": (INT32, ["n", 64])}, 1, nodes, stored)


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["analyze", *map(str, words), "--threads", "1", "--seconds", "0.02"])
    return result.exit_code, " ".join(result.output.split())


def written(folder: Path, made: onnx.ModelProto) -> Path:
    path = folder / "a.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("made", "options", "shape", "said"),
    [
        (mlp(), (), [1, 20], ()),
        (sound(), (), [1, 224], ("sizes that the model leaves open are sound 1x224; --shape NAME=SIZES gives others",)),
        (sound(), ("--shape", "sound=2x400"), [2, 400], ("2x400 float32",)),
        (recurrent(), ("--shape", "x=4x2x12", "--fill", "h=0"), [4, 2, 12], ("h (1x2x8 float32, all 0)",)),
        (
            recurrent(),
            (),
            [1, 224, 12],
            ("the others are fixed: h (1x224x8 float32, all 1), c (1x224x8 float32, all 1)",),
        ),
        (tokens(), ("--shape", "ids=1x9", "--shape", "mask=1x9"), [1, 9], ("fixed: mask (1x9 int64, all 1)",)),
        (tokens(), (), [1, 224], ("ids 1x224, mask 1x224",)),
        (patches(), (), [1, 3, 32, 32], ("give --calibration FOLDER of images",)),
        (contents(), (), [1, 64], ("1x64 int32",)),
    ],
    ids=[
        "mlp",
        "sound",
        "sound of a size",
        "recurrent of a size",
        "recurrent",
        "tokens of a size",
        "tokens",
        "patches",
        "bytes",
    ],
)
def test_whole_networks_are_compared(
    tmp_path: Path, made: onnx.ModelProto, options: tuple[str, ...], shape: list[int], said: tuple[str, ...]
) -> None:
    path, report = written(tmp_path, made), tmp_path / "a.json"
    code, output = run(path, *options, "--json", report, "--html", tmp_path / "a.html")
    assert code == 0, output
    for part in (NOTHING, *said):
        assert part in output
    found = json.loads(report.read_text())
    rungs = {rung["name"]: rung for rung in found["rungs"]}
    assert (
        {"auto", "onnxruntime"}
        <= rungs.keys()
        <= {"auto", "onnxruntime", "openvino", "ncnn", "int8", "onnxruntime int8"}
    )
    assert (found["base"], found["reference"], found["shape"]) == ("auto", "onnxruntime", shape)
    assert rungs["auto"]["exact"]
    assert found["take"] in {name for name, rung in rungs.items() if rung["exact"]}
    assert not found["layers"]
    assert not found["machine"]["steps"]
    assert {part["name"] for part in found["outside"]} == {row.name for row in load(path).layers.rows}
    assert (tmp_path / "a.html").read_text().count("data:image/png;base64,") == 1
    assert [node.name for node in load_taken(path, report).graph.nodes]


def test_a_product_runs_on_bytes(tmp_path: Path) -> None:
    code, output = run(written(tmp_path, mlp()), "--json", tmp_path / "a.json")
    assert code == 0, output
    rungs = {rung["name"]: rung for rung in json.loads((tmp_path / "a.json").read_text())["rungs"]}
    assert rungs["int8"]["sqnr_db"] > 25
    assert not rungs["int8"]["keeps_max_loss"]  # noise is no judge
    assert "made-up inputs cannot judge its loss" in output


def test_what_has_no_operator_on_bytes_says_so(tmp_path: Path) -> None:
    code, output = run(written(tmp_path, recurrent()))
    assert code == 0, output
    assert "not quantized: it has no operator that computes on bytes here" in output


def test_a_network_on_bytes_is_compared_as_it_is(tmp_path: Path) -> None:
    small = models.load("digits_cnn", threads=1).quantize(np.random.default_rng(0).random((8, 1, 28, 28), np.float32))
    small.save(tmp_path / "small.onnx")
    code, output = run(tmp_path / "small.onnx", "--json", tmp_path / "a.json")
    assert code == 0, output
    assert "quantized already: give the float32 model" in output
    assert "int8" not in {rung["name"] for rung in json.loads((tmp_path / "a.json").read_text())["rungs"]}


def test_shapes_that_do_not_fit_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, recurrent())
    for words, part in (
        (("--shape", "z=1x2"), "--shape z: the network has the inputs x, h, c"),
        (("--shape", "x=4x1x13"), "--shape x=4x1x13: the model takes ?x?x12"),
        (("--fill", "z=1"), "--fill z: h, c can be filled"),
        (("--shape", "x=4x1"), "--shape x=4x1: the model takes ?x?x12"),
        (("--size", 8, 8), "--size is for images; x takes ?x?x12: give --shape"),
        (("--calibration", tmp_path), "--calibration is for images; x takes ?x?x12"),
    ):
        code, output = run(path, *words)
        assert code == 1, output
        assert part in output
        assert "Traceback" not in output
    path = written(tmp_path, sound(window=400))
    code, output = run(path)
    assert code == 1
    assert "sizes that the model leaves open are sound 1x224; --shape NAME=SIZES gives others" in output
    for bad in ("x", "x=", "=4", "x=4x", "x=0x4", "x=axb"):
        code, output = run(path, "--shape", bad)
        assert code == 2
        assert "Traceback" not in output
