"""Rendering: the normal form, and that a file is never left half written."""

import re

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from workbook.tools import render


def notebook(*sources):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    return made


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(
        notebook(
            "import sys\nprint('one', flush=True)\nprint('two')",
            "sys.prefix",
            "import ipywidgets\nipywidgets.IntSlider()",
            "from workbook.lessons import convolution as lesson\nlesson.explore()",
        ),
        path,
    )
    return path


def test_render_gives_the_normal_form_and_the_same_bytes_again(path):
    progress = []
    render.render(path, lambda done, of: progress.append((done, of)))
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert render.is_normal(path)
    first = path.read_bytes()
    render.render(path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_render_runs_this_python(path):
    import sys

    render.render(path)
    assert nbformat.read(path, as_version=4).cells[1].outputs[0].data["text/plain"] == repr(sys.prefix)


def test_the_normal_form_has_no_live_view_no_state_and_no_times(path):
    render.render(path)
    text = path.read_text(encoding="utf-8")
    assert "widget" not in re.sub(r'"(import ipy|ipy)widgets.*"', "", text)
    assert "iopub" not in text
    made = nbformat.read(path, as_version=4)
    assert set(made.metadata) == {"kernelspec", "language_info"}
    assert made.metadata.kernelspec.name == "python3"
    assert [cell.execution_count for cell in made.cells] == [1, 2, 3, 4]
    assert made.cells[0].outputs == [{"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"}]
    live, picture, words = (output.data for output in made.cells[3].outputs)
    assert live == {"text/html": "", "text/plain": "panel convolution.window"}
    assert set(picture) == {"image/png", "text/plain"}
    assert set(words) == {"text/html", "text/plain"}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("metadata", lambda made: made.metadata.update(widgets={})),
        ("kernel", lambda made: made.metadata.kernelspec.update(name="conda-env-x")),
        ("count", lambda made: made.cells[0].update(execution_count=7)),
        ("time", lambda made: made.cells[0].metadata.update(execution={"iopub.status.busy": "2026"})),
        ("view", lambda made: made.cells[3].outputs[0].data.update({"application/vnd.jupyter.widget-view+json": {}})),
    ],
)
def test_what_is_not_normal_is_seen(path, what, change):
    render.render(path)
    made = nbformat.read(path, as_version=4)
    change(made)
    nbformat.write(made, path)
    assert not render.is_normal(path)


def test_a_cell_that_raises_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "b.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        render.render(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
