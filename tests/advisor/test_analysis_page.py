"""docs/analysis.md is what its script writes, and says all that a report holds."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from workbook.advisor import analysis_table
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.entries import Failed
from workbook.advisor.layer_times import Outside
from workbook.measuring.made import Made

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("analysis_page", DOCS / "analysis.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_what_the_script_writes(script: ModuleType) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run: python docs/analysis.py"


def test_every_place_of_a_report_is_documented_and_no_other(script: ModuleType, denoiser: Analysis) -> None:
    assert denoiser.spent
    left = (Outside("a", "b", 0.0),)
    found = replace(denoiser, failed=(Failed("a", "b"),), outside=left, spent=replace(denoiser.spent, left=left))
    content = {**analysis_table.as_dict(found), "made": Made.now("workbook analyze a.onnx").as_dict()}
    seen = {place.replace("elsewhere[]", "rungs[]") for place in script.places(json.loads(json.dumps(content)))}
    documented = {place for place, (unit, _) in script.FIELDS.items() if not place.endswith("[]")}
    assert seen - documented == set()
    groups = {"on_bytes", "fusion"}  # null in other reports
    assert documented - seen == groups
