"""The commands of a class: what a learner hands in, and what a teacher lays out and reads."""

from __future__ import annotations

from pathlib import Path

import click

from workbook.commands.terminal import FILE, line, made_here, make_room
from workbook.files import write_whole
from workbook.tools.start import DEFAULT


@click.command(name="hand-in")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT)
@click.option("--name", default="", help="Your name, if your teacher asks for it; nothing else names you.")
@click.option("--output", type=FILE, help="Default: hand-in.json in FOLDER.")
def hand_in(folder: Path, name: str, output: Path | None) -> None:
    """Write your guesses, measurements and answers of FOLDER (my-workbook) as one file for your teacher."""
    from workbook.lessonkit import hand_in as handing

    path, written = handing.write(folder, name, output)
    line("written", str(path))
    line("", str(written))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--key", type=FILE, help="key.json of class-edition.")
@click.option("--output", type=FILE, default=Path("grades.csv"), show_default=True, help="The page lies beside it.")
def grade(folder: Path, key: Path | None, output: Path) -> None:
    """Read every file below FOLDER that was handed in, as one table: OUTPUT and a page. Nothing in it is run."""
    from workbook.tools import grade as grading
    from workbook.tools import grade_page

    make_room(output)
    rows = grading.grade(folder, key, output)
    write_whole(output, grading.as_csv(rows).encode())
    write_whole(output.with_suffix(".html"), grade_page.document(rows, str(made_here())).encode())
    for row in rows:
        who = ", ".join(filter(None, (row.file, row.student)))
        line(row.status, f"{who}: {f'{row.correct} correct' if row.work else row.message}")
        if row.work and row.message:
            line("", row.message)
        for copied in row.copied:
            line("copied", f"{row.file}: {copied}")
    line("written", f"{output} and {output.with_suffix('.html')}")


@click.command(name="class-edition")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", required=True, help="Of the class: another seed gives the exercises other numbers.")
@click.option("--student", "students", multiple=True, metavar="ID", help="A folder with numbers of its own; several.")
@click.option("--hints", type=click.IntRange(0), help="How many hints of an exercise are given; default: all.")
@click.option("--nbgrader", is_flag=True, help="Lay a course of nbgrader's too, with the same numbers for everybody.")
def class_edition(folder: Path, seed: str, students: tuple[str, ...], hints: int | None, nbgrader: bool) -> None:
    """Lay in FOLDER what a class gets: notebooks, a package without solutions; and key.json, which is the teacher's."""
    from workbook.lessonkit.variants import KEY
    from workbook.tools import class_edition as edition

    laid = edition.lay(folder, seed, students, hints=hints, nbgrader=nbgrader)
    line("notebooks", str(folder / (edition.STUDENTS if students else edition.NOTEBOOKS)))
    line("package", f"{folder / laid.wheel}: without solutions, for pip install")
    if nbgrader:
        line("nbgrader", f"{folder / edition.COURSE}: a course, an assignment for each lesson")
    line("key", f"{folder / KEY}: keep it; for workbook grade --key")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("slides"))
def slides(folder: Path) -> None:
    """Write slides of all lessons in FOLDER (slides), from the notebooks' figures; they need no network."""
    from workbook.tools import slides as making

    figures = making.write(folder)
    line("written", f"{folder / 'index.html'}: {figures} figures")
