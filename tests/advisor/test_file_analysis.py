"""`workbook analyze`, as a terminal sees it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from workbook import models
from workbook.advisor import peer_programs
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.input_images import JUDGES
from workbook.advisor.taken import load_taken
from workbook.cli import main
from workbook.errors import CommandError
from workbook.network import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "digits.onnx"
    path.write_bytes(models.proto("digits_cnn").SerializeToString())
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["analyze", *map(str, words)])
    return result.exit_code, result.output


def test_tables_json_and_page(model: Path, tmp_path: Path) -> None:
    json_file, html_file = tmp_path / "out" / "a.json", tmp_path / "out" / "a.html"
    code, said = run(model, "--threads", 1, "--machine", "dpu_kv260", "--json", json_file, "--html", html_file)
    assert code == 0, said
    for part in ("Winograd ms", "SQNR dB", "dpu_kv260, by a model", "1 fast algorithms", "calibrated on noise"):
        assert part in said
    content = json.loads(json_file.read_text())
    assert content["name"] == "digits"
    assert content["machine"]["name"] == "dpu_kv260"
    assert html_file.read_text().startswith("<!doctype html>")


def test_nothing_but_one_line_for_what_can_be_mended(model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(model.read_bytes()[:500])
    for words, part in (
        ((cut,), "cut.onnx"),
        ((model, "--machine", "x2"), "no machine 'x2'"),
        ((model, "--size", 64, 64), "takes images of 28 x 28"),
        ((model, "--calibration", tmp_path), "holds no image"),
    ):
        code, said = run(*words)
        assert code == 1
        assert part in said
        assert "Traceback" not in said


def test_what_was_found_before_an_interrupt_is_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(peer_programs, "quantize_by_runtime", interrupted)
    code, said = run(model, "--threads", 1, "--json", tmp_path / "a.json")
    assert code == 130
    assert "stopped" in said
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["take"] in ("im2col", "onnxruntime")
    assert content["layers"]


def test_a_program_that_fails_is_a_row_that_says_why(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(peer_programs, "quantize_by_runtime", broken)
    code, said = run(model, "--threads", 1, "--json", tmp_path / "a.json")
    assert code == 0, said
    assert json.loads((tmp_path / "a.json").read_text())["failed"] == [
        {"name": "onnxruntime int8", "why": "RuntimeError: no such operator"}
    ]
    assert "no such operator" in said


def model_of(path: Path, shape: list[str | int | None], kind: int = TensorProto.FLOAT, last: bool = False) -> Path:
    """Write a convolution with two outputs; of channels last, behind a Transpose."""
    type_of = helper.tensor_dtype_to_np_dtype(kind)
    weight = numpy_helper.from_array(np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(type_of), "w")
    turned = [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])] if last else []
    nodes = [
        *turned,
        helper.make_node("Conv", ["t" if last else "x", "w"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", kind, shape)
    outputs = [helper.make_tensor_value_info(name, kind, None) for name in ("y", "z")]
    proto = helper.make_model(
        helper.make_graph(nodes, "g", [x], outputs, [weight]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("shape", "kind", "last"),
    [
        ([2, 3, 16, 16], TensorProto.FLOAT, False),
        (["n", 3, 16, 16], TensorProto.FLOAT16, False),
        ([1, 16, 16, 3], TensorProto.FLOAT, True),
    ],
)
def test_models_of_other_kinds(tmp_path: Path, shape: list[str | int | None], kind: int, last: bool) -> None:
    for i in range(JUDGES * 2 * max(1, shape[0] if isinstance(shape[0], int) else 1)):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    model = model_of(tmp_path / "a.onnx", shape, kind, last)
    code, said = run(
        model, "--threads", 1, "--seconds", 0.05, "--calibration", tmp_path, "--mean", "0.5,0.4,0.3", "--json",
        tmp_path / "a.json",
    )  # fmt: skip
    assert code == 0, said
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["judges"] == JUDGES
    assert found["reference"] == "onnxruntime"
    assert {"im2col", "onnxruntime"} <= {rung["name"] for rung in found["rungs"]}


@pytest.mark.parametrize("taken", ["int8", "onnxruntime int8"])
def test_a_program_on_bytes_is_saved_for_others_to_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.setattr(Analysis, "best", property(lambda found: found.rung(taken) or found.base))
    code, said = run(model, "--threads", 1, "--seconds", 0.05, "--save", tmp_path / "small.onnx")
    assert code == 0, said
    assert "small.onnx" in said
    x = np.zeros((1, 1, 28, 28), np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "small.onnx", providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(load(tmp_path / "small.onnx")(x), scores, atol=0.5)


def test_a_report_is_loaded_layer_by_layer(model: Path, tmp_path: Path) -> None:
    report = tmp_path / "a.json"
    code, said = run(model, "--threads", 1, "--seconds", 0.05, "--json", report, "--save", tmp_path / "none.onnx")
    assert code == 0, said
    assert "what to run" in said
    assert not (tmp_path / "none.onnx").exists()
    content = json.loads(report.read_text())
    plan = dict(zip((layer["name"] for layer in content["layers"]), ("winograd_f2", "im2col"), strict=False))
    for layer in content["layers"]:
        layer["take"] = plan.get(layer["name"], "im2col")
    report.write_text(json.dumps(content))
    net, x = load_taken(model, report, threads=1), np.ones((1, 1, 28, 28), np.float32)
    given = {node.name: node.attributes.get("algorithm") for node in net.graph.nodes if node.op == "Conv"}
    assert given == {name: plan.get(name, "im2col") for name in given}
    np.testing.assert_allclose(net(x), load(model, threads=1)(x), rtol=1e-4, atol=1e-3)


def test_a_report_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    report = tmp_path / "a.json"
    report.write_text('{"layers": [{"name": "conv9", "take": "im2col"}]}')
    with pytest.raises(CommandError, match="no layer 'conv9'"):
        load_taken(model, report)
    report.write_text("[]")
    with pytest.raises(CommandError, match="is no report"):
        load_taken(model, report)
