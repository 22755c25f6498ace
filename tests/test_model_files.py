"""docs/model_files.md has the form that its script writes, and says of enough files that they are right."""

from __future__ import annotations

import importlib.util
import re
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_files", DOCS / "model_files.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their types
    spec.loader.exec_module(module)
    return module


def test_page_has_the_form_that_the_script_writes(script: ModuleType) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    version = re.search(r"ONNX Runtime (\d+\.\d+\.\d+)", text)
    machine = re.search(r"in turns, on (.*)\.\n", text)
    assert version
    assert machine
    assert text == script.page(script.read(text), version[1], machine[1])


def test_at_least_25_files_are_right(script: ModuleType) -> None:
    tried = script.read(script.PAGE.read_text(encoding="utf-8"))
    assert sum(one.is_right for one in tried) >= 25
    named = {re.sub("[-_.]+", "-", one.package).replace(" ", "==") for one in tried}
    assert named == {re.sub("[-_.]+", "-", package) for package in script.PACKAGES}
    assert all(one.licence for one in tried)


def test_no_file_takes_much_longer_than_by_onnx_runtime(script: ModuleType) -> None:
    times = {one.file: one.time for one in script.read(script.PAGE.read_text(encoding="utf-8"))}
    assert {file: time for file, time in times.items() if float(time) > 1.5} == {}


def test_a_file_is_right_if_all_of_it_is(script: ModuleType) -> None:
    right = script.Tried("a 1", "MIT", "a.onnx", "3", "0.80", "1e-07: right", "0e+00", script.SAME, "yes")
    assert right.is_right
    assert script.Tried.read(str(right)) == right
    for change in (
        {"error": "1e-02: **wrong**"},
        {"error": "no: |why|"},
        {"on_bytes": "other bits"},
        {"analyzed": "no: x"},
    ):
        wrong = replace(right, **change)
        assert not wrong.is_right
        assert str(wrong).count("|") == str(right).count("|")


def test_a_file_is_tried_and_one_that_fails_says_why(script: ModuleType, tmp_path: Path) -> None:
    """Two models in a package; nothing is downloaded if it is there."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])
    y = onnx.ValueInfoProto(name="y")
    weight = onnx.numpy_helper.from_array(np.eye(6, dtype=np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    good = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    with zipfile.ZipFile(tmp_path / "some_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some/good.onnx", good.SerializeToString())
        wheel.writestr("some/bad.onnx", b"no model")
        wheel.writestr("some_models-1.0.dist-info/METADATA", "Name: some-models\nVersion: 1.0\nLicense: MIT License\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "PACKAGES", ("some-models==1.0",))
        right, bad = script.trials(tmp_path)
    assert right.is_right
    assert (right.package, right.licence, right.parts) == ("some-models 1.0", "MIT", "1")
    assert bad.error.startswith("no: ")
    assert not bad.is_right
