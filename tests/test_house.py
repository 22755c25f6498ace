"""The house keeps its rules (house.py), each rule notices when it is broken, and libraries come without pictures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house import LIBRARIES, PICTURES, RULES, House

ROOT = Path(__file__).parent.parent
HOUSE = House(ROOT)
Rule = Callable[[House], Iterator[str]]

# Pictures may need pictures; training needs PyTorch, and moving panels needs panels.
NEED_MORE = ("_figure", "_report", ".train", ".architectures", ".export", ".panel_delays")

# For each rule: a file, a line that breaks the rule there, and what is said of it.
BROKEN = [
    ("imports_go_down", "kernels/cost.py", "from workbook.graphs.graph import Graph", "kernels.cost"),
    ("imports_go_down", "workbook/measuring/trial.py", "import workbook.models.digits", "workbook.measuring.trial"),
    ("imports_go_down", "workbook/graphs/graph.py", "from workbook.quantize import Scheme", "workbook.graphs.graph"),
    ("imports_go_down", "workbook/quantize/scheme.py", "from workbook.rows import bands", "workbook.quantize.scheme"),
    ("imports_go_down", "workbook/camera/frames.py", "from workbook import rows", "workbook.camera.frames"),
    ("imports_go_down", "workbook/advisor/mix.py", "from workbook.lessonkit import catalog", "workbook.advisor.mix"),
    ("imports_go_down", "workbook/tools/lab.py", "from workbook import cli", "workbook.tools.lab"),
    ("imports_go_down", "workbook/drawer/tea.py", "", "workbook.drawer.tea has no place"),
    ("lessons_are_apart", "workbook/tools/lab.py", "from workbook.lessons import winograd", "workbook.tools.lab"),
    ("imports_stand_at_the_top", "kernels/layout.py", "def f():\n    from kernels import cost", "kernels.layout"),
    (
        "imports_stand_at_the_top",
        "workbook/rows/bands.py",
        "f = lambda: 1\ndef g():\n    import workbook.page",
        "bands",
    ),
    ("no_circles", "kernels/geometry.py", "from kernels.registry import ALGORITHMS", "kernels.geometry"),
    (
        "no_circles",
        "workbook/rows/row_schedule.py",
        "import workbook.rows.bands",
        "row_schedule -> workbook.rows.bands",
    ),
    ("faces_hide_no_module", "workbook/quantize/__init__.py", "from workbook.network import load as scheme", "scheme"),
    ("faces_hide_no_module", "workbook/camera/__init__.py", "def clock(): pass", "clock"),
    ("faces_hide_no_module", "kernels/__init__.py", "im2col = 'im2col'", "im2col"),
    ("libraries_draw_apart", "workbook/graphs/graph.py", "import matplotlib.figure", "workbook.graphs.graph"),
    ("libraries_draw_apart", "workbook/camera/frames.py", "from ipywidgets import HTML", "workbook.camera.frames"),
    ("libraries_draw_apart", "workbook/rows/bands.py", "from workbook.drawing import Picture", "workbook.rows.bands"),
    (
        "libraries_draw_apart",
        "workbook/accelerator/area.py",
        "from workbook.accelerator.sweep_figure import pareto_figure",
        "only reports, lessons and commands",
    ),
    ("names_occur_once", "workbook/network/cost.py", "", "cost: kernels.cost, workbook.network.cost"),
    ("names_occur_once", "workbook/rows/direct.py", "", "direct: kernels.direct, workbook.rows.direct"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    assert list(rule(HOUSE)) == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for package in ("kernels", "workbook"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    return folder


@pytest.mark.parametrize(("name", "file", "line", "said"), BROKEN)
def test_a_broken_rule_is_noticed(copy: Path, name: str, file: str, line: str, said: str) -> None:
    rule = next(rule for rule in RULES if rule.__name__ == name)
    path = copy / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    try:
        path.write_text(f"{before or ''}\n{line}\n")
        found = list(rule(House(copy)))
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert found
    assert any(said in sentence for sentence in found)


def test_every_rule_is_broken_once() -> None:
    assert {name for name, *_ in BROKEN} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_comes_without_pictures(library: str) -> None:
    """All of its modules but figures and reports, in a process of its own."""
    prefix = f"workbook.{library}"
    modules = [name for name in HOUSE.trees if f"{name}.".startswith(f"{prefix}.") and not name.endswith(NEED_MORE)]
    code = f"import sys, {', '.join(modules)}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert prefix in modules
    assert not set(PICTURES) & set(done.stdout.split())


def test_only_networks_that_need_it_import_onnx_runtime() -> None:
    """Nor do the kernels, a lesson without a network, or one whose nodes all have a kernel."""
    quiet = """
import sys
import numpy as np
import kernels, workbook.lessons.hardware, workbook.lessons.winograd, workbook.lessons.convolution
from workbook import models, quantize
net = models.load("digits_cnn", threads=1)
x = np.zeros((1, *net.inputs[0].shape[1:]), np.float32)
net(x)
net.quantize(x)(x)
print("onnxruntime" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-P", "-c", quiet], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
