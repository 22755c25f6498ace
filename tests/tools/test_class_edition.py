"""A class: numbers that differ by student, checks that accept them, a package without solutions, the teacher's key."""

from __future__ import annotations

import ast
import csv
import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run

from workbook.errors import CommandError
from workbook.lessonkit import edition, hand_in, results, variants
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.kernel_exercise import KernelExercise
from workbook.lessons import convolution, start_here
from workbook.tools import bare_package
from workbook.tools.check import check
from workbook.tools.notebook_versions import RECORD
from workbook.tools.start import shipped, start

IDS = [id for lesson in LESSONS for id in lesson.exercise_ids]
VARIED = [id for id in IDS if variants.varied(id, "a")]
CLASS = ("ada", "bo", "chen", "dee", "eli")
COMPILED = [name for name, _ in bare_package._modules() if name.endswith(".so")]


@pytest.fixture(autouse=True)
def _no_package_but_where_it_is_tested(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_package" not in request.fixturenames:
        monkeypatch.setattr(
            bare_package, "build", lambda folder: ((folder / "a.whl").write_bytes(b"") and "") or "a.whl"
        )


@pytest.fixture
def real_package() -> None:
    """The test looks at the wheel."""


def laid(tmp_path: Path, *options: object, students: tuple[str, ...] = CLASS) -> Path:
    folder = tmp_path / "class"
    named = [option for student in students for option in ("--student", student)]
    done = run("class-edition", folder, "--seed", "2026", *named, *options)
    assert done.exit_code == 0, done.output
    return folder


def test_every_lesson_but_the_third_varies_a_number() -> None:
    """Lesson 3 asks for functions alone, and these are checked on many numbers."""
    assert {id.partition(".")[0] for id in VARIED} == {"0", "1", "2", "4", "5", "6"}
    assert not any(variants.varied(id, "") for id in IDS)


@pytest.mark.parametrize("id", VARIED)
def test_each_variant_has_its_answer_and_its_mistakes(id: str) -> None:
    answers = set()
    for student in range(40):
        varied = variants.varied(id, variants.variant_of("seed", str(student)))
        assert varied
        assert varied.exercise.check(varied.answer).kind == "correct"
        assert varied.exercise.check(...).kind == "not attempted"
        for mistake in varied.exercise.mistakes:
            assert mistake.says in varied.exercise.check(mistake.answer).message
        answers.add(repr(varied.answer))
        assert variants.varied(id, "x") == variants.varied(id, "x")
    assert len(answers) >= 5


def test_notebooks_say_the_numbers_that_their_checks_take(tmp_path: Path) -> None:
    folder = laid(tmp_path)
    key = json.loads((folder / variants.KEY).read_text())
    for student in CLASS:
        place = folder / "students" / student
        assert {path.name for path in place.iterdir()} == {edition.FILE, RECORD, *(name for name, _ in shipped())}
        variant = edition.here(place).variant
        assert key["students"][student]["variant"] == variant
        for lesson in LESSONS:
            text = (place / f"{lesson.name}.ipynb").read_text()
            for id in lesson.exercise_ids:
                if varied := variants.varied(id, variant):
                    for old, new in varied.text.items():
                        assert json.dumps(new, ensure_ascii=False)[1:-1] in text
                        assert "<!--" not in old or json.dumps(old, ensure_ascii=False)[1:-1] not in text
            assert "lesson.check" in text
    assert len({edition.here(folder / "students" / student).variant for student in CLASS}) == len(CLASS)
    assert "ada" not in (folder / "students" / "ada" / edition.FILE).read_text()


def test_a_students_copy_is_as_laid_until_it_is_changed(tmp_path: Path) -> None:
    """`workbook lab` finds nothing to say about it; a notebook that was deleted comes again with the same numbers."""
    place = laid(tmp_path, students=("ada",)) / "students" / "ada"
    before = {path: path.read_bytes() for path in place.iterdir()}
    assert run("start", place, "--update").exit_code == 0
    first = place / f"{LESSONS[1].name}.ipynb"
    first.unlink()
    copy = start(place)
    assert (copy.edited, copy.older, copy.written) == ([], [], [first.name])
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    (place / edition.FILE).write_text("{")
    for command in ("start", "hand-in"):
        (place / results.FILE).write_text(json.dumps({"cpu": "", "isa": "", "values": {}}))
        assert_one_line_error(run(command, place), "class.json beside the notebooks is damaged: ask your teacher")


def test_a_notebook_is_checked_with_its_own_numbers_wherever_it_lies(tmp_path: Path) -> None:
    folder = laid(tmp_path, students=("ada",))
    name = f"{LESSONS[0].name}.ipynb"
    right = json.loads((folder / variants.KEY).read_text())["students"]["ada"]["answers"]["0.1"]
    notebook = nbformat.read(folder / "students" / "ada" / name, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "import" in cell.source or "lesson.check" in cell.source]
    notebook.cells[-1].source = notebook.cells[-1].source.replace("gmacs = ...", f"gmacs = {right!r}")
    nbformat.write(notebook, tmp_path / name)
    (result,) = check(tmp_path / name).exercises
    assert result.outcome == "correct", result.message
    notebook.metadata[edition.METADATA] = 3
    nbformat.write(notebook, tmp_path / name)
    (result,) = check(tmp_path / name).exercises
    assert result.outcome == "not yet", result.message


def test_the_key_grades_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answers with the right numbers; the last one with those of the first."""
    folder = laid(tmp_path)
    key = json.loads((folder / variants.KEY).read_text())["students"]
    (tmp_path / "handed-in").mkdir()
    for student in CLASS:
        place = folder / "students" / student
        monkeypatch.chdir(place)
        monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(place / results.FILE))
        right = key["ada" if student == "eli" else student]["answers"]
        assert start_here.check("0.1", right["0.1"]).kind == ("not yet" if student == "eli" else "correct")
        convolution.check("1.1", right["1.1"])
        hand_in.write(place, output=tmp_path / "handed-in" / f"{student}.json")
    monkeypatch.chdir(tmp_path)
    assert run("grade", "handed-in", "--key", folder / variants.KEY).exit_code == 0
    with (tmp_path / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], row["correct"]) for row in rows] == [*((name, "2") for name in CLASS[:4]), ("eli", "0")]
    (tmp_path / "handed-in" / "dee.json").write_bytes((tmp_path / "handed-in" / "chen.json").read_bytes())
    assert "missing   dee: no file has the numbers" in run("grade", "handed-in", "--key", folder / variants.KEY).output
    other = run("grade", "handed-in", "--key", laid(tmp_path / "next year", students=("zoe",)) / variants.KEY)
    assert other.exit_code == 0
    assert "numbers that the key does not know" in (tmp_path / "grades.csv").read_text()


def test_hints_and_solutions_are_the_teachers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(laid(tmp_path, "--hints", 1) / "students" / "ada")
    for _ in range(2):
        convolution.hint("1.3")
        assert "1.3 hint 1 of 1" in capsys.readouterr().out
    convolution.solution("1.3")
    assert capsys.readouterr().out == "1.3: the solutions of this class come from your teacher\n"
    monkeypatch.chdir(laid(tmp_path / "none", "--hints", 0) / "students" / "ada")
    convolution.hint("1.3")
    assert "come from your teacher" in capsys.readouterr().out
    Path(edition.FILE).write_text("{")
    with pytest.raises(CommandError, match="ask your teacher for it again"):
        convolution.check("1.3", 3)


def test_what_cannot_be_laid(tmp_path: Path) -> None:
    folder = laid(tmp_path)
    before = sorted(folder.rglob("*"))
    assert_one_line_error(run("class-edition", folder, "--seed", "1"), "class is not empty")
    assert sorted(folder.rglob("*")) == before
    assert_one_line_error(
        run("class-edition", tmp_path / "new", "--seed", "1", "--student", "../a"), "'../a' cannot be"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["class"]


def test_nothing_is_left_half_laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> str:
        raise OSError(28, "No space left on device", "a.whl")

    monkeypatch.setattr(bare_package, "build", full)
    assert_one_line_error(run("class-edition", tmp_path / "class", "--seed", "1"), "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_the_package_works_and_holds_no_solution(tmp_path: Path, real_package: None) -> None:
    """The installed wheel checks right answers in a process of its own; no line of a solution can be read in it."""
    wheel = tmp_path / bare_package.build(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        everything = b"\n".join(archive.read(name) for name in names if name.endswith(".pyc"))
        archive.extractall(tmp_path / "site")
    assert set(COMPILED) <= set(names)
    python = "cp{}{}".format(*sys.version_info)
    assert f"-{python}-{python}-" in wheel.name  # pip on another one refuses it: bytecode is no ABI
    (told,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
    with zipfile.ZipFile(wheel) as archive:
        assert f"\nTag: {wheel.stem.split('-', 2)[2]}\n" in archive.read(told).decode()
    lessons = [name for name in names if name.startswith("workbook/lessons/")]
    assert not any(name.endswith(("exercises.py", "_exercise.py")) for name in lessons)
    lines = 0
    for lesson in LESSONS:
        module = importlib.import_module(f"workbook.lessons.{lesson.package}.exercises")
        for exercise in module.EXERCISES:
            is_kernel = isinstance(exercise, KernelExercise)
            told = " ".join([*exercise.hints, exercise.stub, exercise.head if is_kernel else ""])
            code = exercise.solution if is_kernel else exercise.solved_cell
            for line in map(str.strip, code.splitlines()):
                is_told = line in told or line.startswith(("def ", "cdef ", '"""', "lesson.", "#"))
                if len(line) > 25 and not is_told:
                    lines += 1
                    assert line.encode() not in everything, line
    assert lines > 50
    code = (
        "import kernels, workbook.lessons.start_here as one, workbook.lessons.winograd as two\n"
        "from workbook.lessons.start_here import exercises\n"
        "print(exercises.__file__)\n"
        "print(one.check('0.1', 68.6).kind, two.check('2.1', 2.64).kind, kernels.isa())"
    )
    path = os.pathsep.join([str(tmp_path / "site"), *(p for p in sys.path if p.endswith("site-packages"))])
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(tmp_path / "site" / "workbook/lessons/start_here/exercises.pyc")
    assert done.stdout.splitlines()[1].startswith("correct correct ")


class TestCourse:
    def test_every_exercise_but_kernels_is_an_answer_and_a_check(self, tmp_path: Path) -> None:
        course = laid(tmp_path, "--nbgrader", students=()) / "nbgrader"
        for lesson in LESSONS:
            notebook = nbformat.read(course / "source" / lesson.name / f"{lesson.name}.ipynb", as_version=4)
            nbformat.validate(notebook)
            graded = [
                cell.metadata.nbgrader for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")
            ]
            own = importlib.import_module(f"workbook.lessons.{lesson.package}.exercises").EXERCISES
            assert len(graded) == sum(not isinstance(exercise, KernelExercise) for exercise in own)
            for cell in notebook.cells:
                if "BEGIN SOLUTION" in cell.source:
                    ast.parse(cell.source)
                    assert cell.source.partition("### BEGIN")[0].count("...")

    @pytest.mark.skipif(not find_spec("nbgrader"), reason="nbgrader is not installed")
    def test_nbgrader_validates_releases_and_grades_it(self, tmp_path: Path) -> None:
        course = laid(tmp_path, "--nbgrader", students=()) / "nbgrader"
        key = json.loads((course.parent / variants.KEY).read_text())["students"][""]
        name = LESSONS[0].name
        environment = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"WORKBOOK_QUICK": "1", "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "HOME": str(tmp_path)}
        environment.pop("WORKBOOK_SCOREBOARD")

        def nbgrader(*arguments: str) -> str:
            command = [sys.executable, "-m", "nbgrader", *arguments]
            done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            return done.stdout + done.stderr

        source = f"source/{name}/{name}.ipynb"
        said = nbgrader("validate", source)
        assert "Success" in said
        assert "partial credit" not in said
        assert (course / "source" / name / results.FILE).exists()  # with the right answers
        nbgrader("generate_assignment", name)
        released = course / "release" / name / f"{name}.ipynb"
        assert {path.name for path in released.parent.iterdir()} == {released.name, edition.FILE}
        text = released.read_text()
        assert "BEGIN" not in text
        assert str(key["answers"]["0.1"]) not in text
        assert "gmacs = ..." in text
        for student, answer in (("ada", key["answers"]["0.1"]), ("bo", 1.0)):
            place = course / "submitted" / student / name
            shutil.copytree(released.parent, place)
            notebook = nbformat.read(released, as_version=4)
            for cell in notebook.cells:
                cell.source = cell.source.replace("gmacs = ...", f"gmacs = {answer}")
            nbformat.write(notebook, place / released.name)
        nbgrader("autograde", name)
        nbgrader("export")
        with (course / "grades.csv").open(newline="") as file:
            scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
        assert scores == {"ada": 1.0, "bo": 0.0}
