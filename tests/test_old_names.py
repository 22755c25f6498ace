"""A learner's copy of yesterday imports what had another name then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


# All in a process of their own: no test may depend on who was imported before, and under which name.
ALL = """
import sys
from importlib import import_module
from workbook.old_names import TODAY

for old, today in TODAY.items():
    was, now = import_module(old), import_module(today)
    assert was is now or all(getattr(was, name) is getattr(now, name) for name in getattr(now, "__all__", ())), old
for name, module in list(sys.modules.items()):  # no face lost a name to a module of an old folder
    for public in getattr(module, "__all__", ()) if name.startswith(("workbook", "kernels")) else ():
        found = getattr(module, public)
        assert type(found) is not type(sys) or found.__name__.rpartition(".")[2] == public, (name, public)
"""


def test_an_old_name_is_the_module_of_today() -> None:
    subprocess.run([sys.executable, "-P", "-c", ALL], check=True)


def test_an_old_name_is_no_file_of_today() -> None:
    assert not [name for name in TODAY if ROOT.joinpath(*name.split(".")).with_suffix(".py").exists()]


def test_the_cells_of_yesterday_run() -> None:
    subprocess.run([sys.executable, "-P", "-c", OF_YESTERDAY], check=True)


def test_the_table_is_up_to_date() -> None:
    page = renamed.PAGE.read_text(encoding="utf-8")
    assert renamed.written(page) == page, "run: python docs/renamed.py"
