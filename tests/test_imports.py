"""What is imported at the start, while a learner waits: names, since seconds differ from machine to machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import workbook.lessons

# Each of them takes as long as a lesson, or longer.
HEAVY = {"av", "dask", "distributed", "jupyterlab", "mlperf_loadgen", "ncnn", "openvino", "pandas", "sklearn", "torch"}
LESSONS = sorted(path.parent.name for path in Path(workbook.lessons.__file__).parent.glob("*/__init__.py"))


def imported(statement: str) -> set[str]:
    """Return the packages that a statement imports into a new Python, but for Python's own."""
    ask = f"import sys; before = set(sys.modules); {statement}; print(*{{*sys.modules}} - before)"
    done = subprocess.run([sys.executable, "-P", "-c", ask], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)


def test_the_kernels_import_numpy_alone() -> None:
    found = {name for name in imported("import kernels") if not name.startswith("_")}
    assert found - {"cython_runtime"} == {"kernels", "numpy"}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_imports_nothing_heavy(lesson: str) -> None:
    found = imported(f"from workbook.lessons import {lesson}")
    assert {"kernels", "ipywidgets", "matplotlib"} <= found
    assert not found & HEAVY
