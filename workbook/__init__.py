"""A workbook on fast CNN inference at the edge."""

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

from workbook import old_names

SHARED = "It has the name of this workbook's kernels, and lies among them: to change or remove one breaks the other."
APART = "Run: pip uninstall kernels edge-ai-workbook; then install this workbook again, in an environment of its own."


def other_kernels() -> Path | None:
    """Return what pip has written down of another package of the name `kernels`, if it is installed; PyPI has one."""
    return next((path for folder in sys.path for path in Path(folder).glob("kernels-*.dist-info")), None)


def check_kernels() -> None:
    """Refuse to start with the kernels of another package; warn of one that shares a folder with ours."""
    found = find_spec("kernels")
    if found is None:
        raise ImportError("The package `kernels` of this workbook is not installed: run make lab, or pip install .")
    # Read, not imported: a foreign one may fail in its own way.
    if not found.origin or "from kernels.instruction_set import" not in Path(found.origin).read_text(encoding="utf-8"):
        where = found.origin or ", ".join(found.submodule_search_locations or ())
        raise ImportError(
            f"The `kernels` that Python finds ({where}) is not this workbook's. "
            "Remove it (pip uninstall kernels, or rename that file), then install the workbook again."
        )
    folder = Path(found.origin).parent
    if str(folder) in (found.submodule_search_locations or ()) and not any(folder.glob("cpu.*.so")):
        raise ImportError(f"The kernels in {folder} are not compiled: go to another folder, or install with make lab.")
    if other := other_kernels():
        warnings.warn(f"{other.stem} is installed too. {SHARED} {APART}", stacklevel=2)


check_kernels()
old_names.understand()
