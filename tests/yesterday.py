"""A learner's copy of version 0.1.0, and what learners do to notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat

# Two notebooks of version 0.1.0: (type, source) of each cell.
YESTERDAY = json.loads(Path(__file__).with_name("version_0_1_0.json").read_text(encoding="utf-8"))
FIRST, SECOND = YESTERDAY

Notebook = nbformat.NotebookNode


def lay_yesterday(folder: Path) -> None:
    """Lay the two notebooks as version 0.1.0 did: without a record."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    for name, cells in YESTERDAY.items():
        nbformat.write(nbformat.v4.new_notebook(cells=[makers[kind](source) for kind, source in cells]), folder / name)


def change(path: Path, how: Callable[[Notebook], object]) -> bytes:
    """Do something to a notebook as JupyterLab would, and return what is then in the file."""
    notebook = nbformat.read(path, as_version=4)
    how(notebook)
    nbformat.write(notebook, path)
    return path.read_bytes()


def answer(notebook: Notebook) -> None:
    notebook.cells[-1].source = "my answer"
    notebook.cells.append(nbformat.v4.new_code_cell("more_of_mine = 1"))


def run_all(notebook: Notebook) -> None:
    """Change outputs, counts and metadata, as running does."""
    notebook.metadata.language_info = {"name": "python", "version": "3.13.1"}
    for count, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count, cell.metadata = count + 100, {"trusted": True}
        cell.outputs = [nbformat.v4.new_output("stream", text="12 ms")]
