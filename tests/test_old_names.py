"""A learner's copy of yesterday imports what had another name then."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from workbook.old_names import TODAY

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "docs"))

import renamed  # noqa: E402  it lies beside the page that it writes

# The first cells of the notebooks of version 0.1, and what their text and hints import besides.
OF_YESTERDAY = """
from workbook import start_here as lesson
from workbook import convolution as lesson
from workbook import winograd as lesson
from workbook import quantization as lesson
from workbook import hardware as lesson
from workbook import streaming as lesson
from workbook import analysis as lesson
from workbook import measure, network, topologies
from workbook.quantization import quantize, Scheme
from workbook.quantization.saturation import may_saturate
"""


@pytest.mark.parametrize("old", TODAY)
def test_an_old_name_is_the_module_of_today(old: str) -> None:
    assert import_module(old) is import_module(TODAY[old])
    assert import_module(old).__name__.startswith(TODAY[old])  # a compiled one ends in its instruction set


def test_an_old_name_is_no_file_of_today() -> None:
    assert not [name for name in TODAY if ROOT.joinpath(*name.split(".")).with_suffix(".py").exists()]


def test_the_cells_of_yesterday_run() -> None:
    subprocess.run([sys.executable, "-P", "-c", OF_YESTERDAY], check=True)


def test_the_table_is_up_to_date() -> None:
    page = renamed.PAGE.read_text(encoding="utf-8")
    assert renamed.written(page) == page, "run: python docs/renamed.py"
