"""docs/operators.md is what its script writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from workbook.graphs.operators import OPERATORS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operators_page", DOCS / "operators.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_is_what_the_script_writes(script: ModuleType) -> None:
    """With the versions that it names; with others, the lines of the kernels are compared."""
    written = script.PAGE.read_text(encoding="utf-8")
    if written.startswith(script.head()):
        assert written == script.page()
    native = {name for name in OPERATORS if not name.startswith("com.microsoft.")}
    lines = [line for line in written.splitlines() if "| the kernels |" in line]
    assert lines == [script.row(name, ()) for name in sorted(native)]
