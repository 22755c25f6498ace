"""Writes down what the notebooks of a release say, for `workbook start --update`, which must know an unchanged one.

    python docs/released_notebooks.py 0.2.0 COMMIT

reads them from git, and adds them to workbook/tools/released_notebooks.json. Do it when the next version begins; a test
finds a version of CHANGELOG.md that is missing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from workbook.tools.notebook_versions import RELEASED, cells_of

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "workbook" / "tools" / RELEASED
NOTEBOOKS = "notebooks/"


def git(*arguments: str) -> bytes:
    """Return what git prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def notebooks_of(commit: str) -> dict[str, str]:
    """Return the digests of the cells of each notebook of a commit."""
    paths = git("ls-tree", "--name-only", commit, NOTEBOOKS).decode().splitlines()
    return {
        path.removeprefix(NOTEBOOKS): " ".join(cells_of(git("show", f"{commit}:{path}")))
        for path in paths
        if path.endswith(".ipynb")
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python docs/released_notebooks.py VERSION COMMIT: name a release, and the commit of its notebooks")
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    table[sys.argv[1]] = notebooks_of(sys.argv[2])
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
