"""docs/depth_first.md has the form that its script writes, and what was counted there is what the model says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from workbook.lessons.streaming.claims import CLAIMS

SCRIPT = Path(__file__).parents[2] / "docs" / "depth_first.py"
ROW = re.compile(r"^\| ([a-z].*) \| ([\d.]+) \| ([\d.]+) \| ([-+][\d.]+)% \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("depth_first_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(script: ModuleType) -> None:
    """What was counted is on the page alone; all else is computed again."""
    text = script.PAGE.read_text(encoding="utf-8")
    assert ROW.sub("", text) == ROW.sub("", script.page([(0, 1e6, 1e6), (script.BAND, 1e6, 1e6)]))
    for band, row in zip((0, script.BAND), ROW.findall(text), strict=True):
        assert row[1] == f"{script.modelled(band) / 1e6:.2f}", "run: python docs/depth_first.py"
        assert float(row[3]) == pytest.approx(100 * (float(row[1]) / float(row[2]) - 1), abs=2)


def test_the_model_agrees_with_what_was_counted(script: ModuleType) -> None:
    """Within 20 %, and depth-first moves a small part of what layers one by one move, in both."""
    (_, whole, all_counted, _), (_, bands, few_counted, _) = ROW.findall(script.PAGE.read_text(encoding="utf-8"))
    for ours, theirs in ((whole, all_counted), (bands, few_counted)):
        assert abs(float(ours) / float(theirs) - 1) <= 0.2
    assert float(bands) < float(whole) / 20
    assert float(few_counted) < float(all_counted) / 20


def test_lesson_5_quotes_the_page(script: ModuleType) -> None:
    quoted = {claim.id: claim.value for claim in CLAIMS if claim.id.startswith("streaming.bands.")}
    (_, _, whole, _), (_, _, bands, _) = ROW.findall(script.PAGE.read_text(encoding="utf-8"))
    assert quoted == {"streaming.bands.whole": float(whole), "streaming.bands.rows": float(bands)}
