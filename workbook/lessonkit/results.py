"""What the learner has measured on this machine: the lessons write it down, the scoreboard reads it.

It lies beside the notebooks, in `.scoreboard.json` of the folder that they run in, or in the file that
WORKBOOK_SCOREBOARD names. Numbers from another machine are not shown as this one's: a copied folder begins afresh.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import kernels
from workbook.files import write_whole
from workbook.measuring.this_machine import cpu_name

FILE = ".scoreboard.json"

unsaved: dict[str, float] = {}  # of this kernel, if the file cannot be written


def file() -> Path:
    """Return where this machine's results are kept."""
    return Path(os.environ.get("WORKBOOK_SCOREBOARD") or FILE).absolute()


def load(path: Path | None = None) -> dict[str, float]:
    """Return this machine's results by their names, such as "convolution.ladder.gain"; empty if there are none.

    Parameters
    ----------
    path : Path, optional
        `file()` if None.
    """
    return {**_read(path or file()), **unsaved}


def record(numbers: Mapping[str, float]) -> None:
    """Add results, each in the place of an older one of its name.

    If the file cannot be written, they are kept as long as this kernel lives, and a line says so.

    Raises
    ------
    ValueError
        For a number that is not finite: something went wrong before.
    """
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}, not a measurement")
    path = file()
    values = {**load(path), **numbers}
    content = json.dumps({**_machine(), "values": values}, indent=1).encode()
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a file")
        write_whole(path, content)
    except OSError as error:
        unsaved.update(values)
        print(f"[machine] {path.name} is not written ({error.strerror}): the scoreboard forgets when the kernel ends")
    else:
        unsaved.clear()


def _machine() -> dict[str, str]:
    return {"cpu": cpu_name(), "isa": kernels.isa()}


def _read(path: Path) -> dict[str, float]:
    """Return the numbers in a file of this machine; one that is damaged, or another machine's, has none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if {name: content[name] for name in _machine()} != _machine():
            return {}
        return {str(name): float(number) for name, number in content["values"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
