"""`workbook analyze`, as a terminal sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbook import models
from workbook.cli import main


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
