"""The cell magic `%%kernel ID`: the cell's text is the answer to an exercise in which a kernel is written."""

from __future__ import annotations

import sys

from workbook.lessonkit.arguments import guarded
from workbook.lessonkit.exercise import Outcome
from workbook.lessonkit.kernel_exercise import MAGIC
from workbook.lessonkit.sheet import Sheet


def offer(sheet: Sheet) -> None:
    """Let the cells of a notebook answer the exercises of a sheet; without IPython there are no cells."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return

    def kernel(line: str, cell: str) -> Outcome:
        """Compile the cell, check and time it as the answer to the exercise that the line names."""
        if not line.strip():
            raise ValueError(f"{MAGIC} stands alone: write the exercise's number behind it, as in {MAGIC} 1.4")
        return sheet.check(line.strip(), cell)

    shell.register_magic_function(guarded(kernel, MAGIC), "cell", "kernel")
