"""The committed notebooks: headings, budgets, normal form, and outputs that say something."""

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from workbook.lessonkit import catalog
from workbook.lessonkit.kernel_exercise import MAGIC
from workbook.lessonkit.reference import reference
from workbook.lessons.convolution.rungs import rungs
from workbook.plain_text import COLUMNS
from workbook.tools import render
from workbook.tools.start import shipped

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"

MOST_CELLS, MOST_CODE_LINES, MOST_KERNEL_LINES, MOST_WORDS = 50, 15, 30, 120
MOST_SECONDS, MOST_BYTES = 2 * 30, 450_000  # seconds of a core of the reference machine: 30 on two
LEAST_COMPARED = 0.7
FOLDED = re.compile("<details>.*?</details>", re.DOTALL)
MOST_IGNORED = 2  # in the whole workbook

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def texts(cell):
    """What nbval compares of a cell's outputs, before it masks what differs by machine."""
    for output in cell.outputs:
        if "text" in output:
            yield output.text
        for mime, data in output.get("data", {}).items():
            if mime.startswith("text/"):
                yield data


def sanitized(text):
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", SANITIZE.read_text(), flags=re.MULTILINE)
    assert len(pairs) == 2
    for regex, replacement in pairs:
        text = re.sub(regex, replacement, text)
    return text


def test_every_notebook_is_in_the_catalog():
    assert [path.stem for path in NOTEBOOKS] == [lesson.name for lesson in catalog.LESSONS]


def test_every_notebook_is_installed():
    assert [path.name for path in NOTEBOOKS] == [name for name, _ in shipped()]


@each_notebook
def test_headings(path):
    found = [line for cell in cells(path, "markdown") for line in cell.source.splitlines() if re.match("##? ", line)]
    assert found == list(catalog.lesson(path.stem).headings)


@each_notebook
def test_question_minutes_and_objectives_are_the_catalogs(path):
    lesson = catalog.lesson(path.stem)
    first = " ".join(cells(path, "markdown")[0].source.split())
    assert lesson.question in first
    assert f"{lesson.minutes} minutes" in first
    for objective in lesson.objectives:
        assert objective in first


@each_notebook
def test_budgets(path):
    notebook = nbformat.read(path, as_version=4)
    assert len(notebook.cells) <= MOST_CELLS
    assert path.stat().st_size <= MOST_BYTES
    for cell in notebook.cells:
        if cell.cell_type == "code":
            most = MOST_KERNEL_LINES if cell.source.startswith(MAGIC) else MOST_CODE_LINES
            assert len(cell.source.splitlines()) <= most, cell.id
        else:
            # What is folded is read on its own, after the question.
            folded = "".join(FOLDED.findall(cell.source))
            assert len(FOLDED.sub("", cell.source).split()) <= MOST_WORDS, cell.id
            assert len(folded.split()) <= MOST_WORDS, cell.id


@each_notebook
def test_what_to_try_has_folded_answers(path):
    """Questions in a list belong to a panel: below them, or below the panel, stands an answer to each, folded."""
    texts = [cell.source for cell in cells(path, "markdown")]
    asked = 0
    for text, after in zip(texts, [*texts[1:], ""], strict=True):
        plain = FOLDED.sub("", text)
        questions = len(re.findall(r"^\* .*\?", plain, re.MULTILINE))
        if questions:
            (answers,) = FOLDED.findall(text) or FOLDED.findall(after)
            assert answers.startswith(
                ("<details><summary>Answers</summary>\n\n", "<details><summary>Answer</summary>\n\n")
            )
            assert max(1, len(re.findall(r"^\* ", answers, re.MULTILINE))) == questions
            asked += 1
    assert asked or catalog.lesson(path.stem).package == "convolution"


@each_notebook
def test_setup_is_one_cell_of_three_lines_that_prints_the_machine(path):
    setup = cells(path, "code")[0]
    assert len([line for line in setup.source.splitlines() if line]) <= 3
    lines = [line for text in texts(setup) for line in re.sub("<.*?>", "", text).splitlines()]
    assert all(line.startswith("[machine] ") for line in lines)


@each_notebook
def test_plain_output_fits_the_page(path):
    """JupyterLab breaks plain output anywhere; what is wider must come as HTML, which breaks between words."""
    for cell in cells(path, "code"):
        for output in cell.outputs:
            if set(output.get("data", {})) <= {"text/plain"}:
                shown = output.get("text") or output.data["text/plain"]
                assert max(map(len, shown.splitlines())) <= COLUMNS, cell.id


@each_notebook
def test_no_shell_no_network_no_paths(path):
    for cell in cells(path, "code"):
        assert not re.search(
            r"^\s*[!%](?!%kernel \d\.\d$)|\bget_ipython\b|\bos\.system\b|\bsubprocess\b", cell.source, re.MULTILINE
        ), cell.id
        assert not re.search(r"https?:|\burllib\b|\brequests\b|\bsocket\b", cell.source), cell.id
    text = path.read_text(encoding="utf-8")
    for folder in ("/home/", "/root/", "/tmp/", "/usr/", "/opt/", "/Users/", "site-packages", str(ROOT), sys.prefix):
        assert folder not in text


@each_notebook
def test_prose_has_no_exclamation_marks(path):
    for cell in cells(path, "markdown"):
        assert "!" not in re.sub("<!--.*?-->", "", cell.source), cell.id


@each_notebook
def test_normal_form(path):
    assert render.is_normal(path)


@each_notebook
def test_every_code_cell_has_run_without_error_or_warning(path):
    for number, cell in enumerate(cells(path, "code"), 1):
        assert cell.execution_count == number, cell.id
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id


@each_notebook
def test_outputs_are_compared(path):
    """A notebook whose outputs are empty or masked would pass validation whatever its code does."""
    past_setup = cells(path, "code")[1:]
    compared = [
        cell
        for cell in past_setup
        if any(line.strip(" []machine") for text in texts(cell) for line in sanitized(text).splitlines())
    ]
    assert len(compared) >= LEAST_COMPARED * len(past_setup)


def test_few_cells_are_ignored():
    tags = [tag for path in NOTEBOOKS for cell in cells(path, "code") for tag in cell.metadata.get("tags", ())]
    marks = [line for path in NOTEBOOKS for cell in cells(path, "code") for line in re.findall("NBVAL_", cell.source)]
    assert len(tags) + len(marks) <= MOST_IGNORED


def test_only_marked_numbers_and_machine_lines_are_masked():
    assert sanitized("direct   12.5 ms [measured]  1,234.5 x [measured]") == "direct MEASURED MEASURED"
    assert sanitized("direct   12.5 ms  1,234.5 x") == "direct   12.5 ms  1,234.5 x"
    assert sanitized("3 layers, 12 pixels [measured]") == "3 layers, 12 pixels [measured]"
    assert sanitized("[machine] any CPU, 12 cores\n3 MACs") == "[machine]\n3 MACs"


@each_notebook
def test_exercises_are_the_packages(path):
    lesson = catalog.lesson(path.stem)
    sources = [cell.source for cell in cells(path, "code")]
    for exercise in exercises_of(lesson):
        assert exercise.cell in sources, exercise.id
    prose = "\n".join(cell.source for cell in cells(path, "markdown"))
    for exercise, title in zip(lesson.exercise_ids, lesson.exercises, strict=True):
        assert f"**{exercise} {title}.**" in prose


def kernels_seconds():
    """Seconds of a core that children have used; by the clock on the wall, another program's would count too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def slowness():
    """How many times as long as a core of the reference machine one here takes now, for the same Python; at least 1."""
    python = rungs()[0]
    before = time.thread_time()
    python.run()
    return max(1, reference().value("convolution.ladder.python") * 1e9 * (time.thread_time() - before) / python.macs)


@each_notebook
def test_solved_notebook_runs_and_every_check_says_correct(path, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_QUICK", "1")
    lesson = catalog.lesson(path.stem)
    notebook = nbformat.read(path, as_version=4)
    solved = {exercise.cell: exercise for exercise in exercises_of(lesson)}
    for cell in notebook.cells:
        if cell.source in solved:
            cell.source = solved[cell.source].solved_cell
    before, slow = kernels_seconds(), slowness()
    notebook = render.execute(notebook, tmp_path)
    assert kernels_seconds() - before < MOST_SECONDS * max(slow, slowness())
    said = "\n".join(text for cell in notebook.cells if cell.cell_type == "code" for text in texts(cell))
    for exercise in lesson.exercise_ids:
        assert f"{exercise} correct: " in said
    assert "not attempted" not in said


def exercises_of(lesson):
    from importlib import import_module

    return import_module(f"workbook.lessons.{lesson.package}.exercises").EXERCISES


MUTATIONS = {
    "none": "",
    "a filter element": "model.FILTERS['vertical edges'][1, 2] = 3",
    "the count of multiply-adds": "import workbook.lessons.convolution as lesson; lesson.macs = lambda **sizes: 1",
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_validation_turns_red_when_a_constant_changes(mutation, tmp_path):
    """The kernel runs the mutation when it starts, as an IPython startup file."""
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mutate.py").write_text(f"from workbook.lessons.convolution import model\n{MUTATIONS[mutation]}\n")
    result = subprocess.run(
        [sys.executable, "-m", "workbook", "validate", ROOT / "notebooks" / "01_convolution.ipynb"],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    expected = 0 if mutation == "none" else 1
    assert result.returncode == expected, result.stdout[-3000:]
    if expected:
        assert "Cell outputs differ" in result.stdout
