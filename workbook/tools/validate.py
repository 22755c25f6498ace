"""Runs notebooks and compares each output with the committed one, strictly, by nbval.

Only the digits of a number marked `[measured]` and the words after `[machine]` may differ (nbval_sanitize.cfg).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import psutil

from workbook.errors import CommandError
from workbook.tools.start import shipped

CELL_SECONDS = 300


def validate(notebooks: Iterable[Path] = ()) -> bool:
    """Validate notebooks where they lie, or, if none is named, those that come with the package, with every output.

    nbval's report goes to the terminal. Measurements are short (WORKBOOK_QUICK).

    Returns
    -------
    bool
        Whether every output is as committed.

    Raises
    ------
    CommandError
        If nbval is not installed.
    """
    if not find_spec("nbval"):
        raise CommandError("nbval is not installed: pip install nbval")
    named = [path.resolve() for path in notebooks]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("conftest.py", "nbval_sanitize.cfg"):
            (root / name).write_bytes((files("workbook") / "validation" / name).read_bytes())
        for name, source in shipped() if not named else ():
            (root / name).write_bytes(source.read_bytes())
        return run_nbval(root, named or sorted(root.glob("*.ipynb"))) == 0


def run_nbval(root: Path, notebooks: list[Path]) -> int:
    """Run pytest on notebooks, configured by what lies in `root` alone; return its exit code."""
    options = [
        "--nbval",
        "--nbval-current-env",
        f"--nbval-sanitize-with={root / 'nbval_sanitize.cfg'}",
        f"--nbval-cell-timeout={CELL_SECONDS}",
        f"--rootdir={root}",
        f"--confcutdir={root}",
        f"--config-file={os.devnull}",
        "-pno:cacheprovider",
        "-pconftest",
    ]
    environment = dict(os.environ, WORKBOOK_QUICK="1", PYTHONPATH=str(root), JUPYTER_RUNTIME_DIR=str(root / "runtime"))
    command = [sys.executable, "-m", "pytest", *options, *map(str, notebooks)]
    # A group of its own: Ctrl-C reaches this process alone, which then ends pytest and its kernel.
    with subprocess.Popen(command, cwd=root, env=environment, process_group=0) as pytest:
        try:
            return pytest.wait()
        except KeyboardInterrupt:
            # Politely it takes seconds, and all that they write lies in `root`.
            for process in (*psutil.Process(pytest.pid).children(recursive=True), pytest):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            raise
