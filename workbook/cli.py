"""The command `workbook`: reads the command line, calls the module that does the work, shows what came of it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from workbook.commands.analyze import analyze
from workbook.commands.bench import bench
from workbook.commands.book import book
from workbook.commands.classes import class_edition, grade, hand_in, slides
from workbook.commands.sweep import sweep
from workbook.commands.terminal import follow, line, made_here, progress_bar, show_table
from workbook.errors import CommandError
from workbook.interrupts import how_to_end
from workbook.lessonkit.catalog import LESSONS
from workbook.tools import lab as jupyter
from workbook.tools import start as copy
from workbook.tools import validate as validation

if TYPE_CHECKING:
    from workbook.tools.check import Checked
    from workbook.tools.doctor import Finding

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=copy.DEFAULT)
_notebooks = click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))


class _Commands(click.Group):
    """Turns what a learner can mend into one line and exit code 1; a traceback is left for our own mistakes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror or error}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edge-ai-workbook")
def main() -> None:
    """Learn four ways to make CNN inference fast at the edge, and measure each on this machine."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console of another encoding shows ? for a dash that it lacks


for _command in (analyze, bench, book, sweep, hand_in, grade, class_edition, slides):
    main.add_command(_command)


@main.command()
@_folder
@click.option("--update", is_flag=True, help="Bring newer versions of notebooks; what you have changed stays as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def start(folder: Path, update: bool, as_json: bool) -> None:
    """Lay your copy of the notebooks in FOLDER (my-workbook). Files that are there stay as they are."""
    laid = copy.start(folder, update=update)
    if as_json:
        click.echo(json.dumps(laid.as_json()))
    else:
        _show(laid)


@main.command()
@_folder
@click.option("--port", type=click.IntRange(1024, 65535), help="Default: 8888, or the next free one.")
@click.option("--browser/--no-browser", default=None, help="Default: if there is a display.")
@click.option("--everywhere", is_flag=True, help="Listen on every address, as a container must.")
def lab(folder: Path, port: int | None, browser: bool | None, everywhere: bool) -> None:
    """Open JupyterLab on your copy in FOLDER (my-workbook), and lay what it lacks. Ctrl-C ends it."""
    from workbook.tools.doctor import OF_PANELS, diagnose

    _show(copy.start(folder))
    _show_findings(finding for finding in diagnose(folder, OF_PANELS) if finding.status != "ok")
    first = copy.first_notebook()
    show = jupyter.can_show_browser() if browser is None else browser
    try:
        with jupyter.serving(folder, first=first, browser=show, port=port, everywhere=everywhere) as server:
            line("lab", f"{server.address(first)}   ({how_to_end()} ends it)")
            server.process.wait()
    except KeyboardInterrupt:
        click.echo()  # below the ^C
    line("ended", f"your work is in {folder}")


@main.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print the lessons as JSON.")
def list_(as_json: bool) -> None:
    """List the lessons."""
    if as_json:
        click.echo(json.dumps([{**asdict(lesson), "notebook": f"{lesson.name}.ipynb"} for lesson in LESSONS]))
        return
    table = Table("", "lesson", "minutes", "question", box=None, pad_edge=False)
    for lesson in LESSONS:
        table.add_row(str(lesson.number), lesson.title, str(lesson.minutes), lesson.question)
    Console().print(table)


@main.command()
@_notebooks
@click.option("--check", is_flag=True, help="Run nothing: say which files are not in the normal form.")
def render(notebooks: tuple[Path, ...], check: bool) -> None:
    """Run NOTEBOOKS (notebooks/*.ipynb) and write them in the normal form, outputs included."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    from workbook.tools import render as rendering

    paths = notebooks or tuple(sorted(Path("notebooks").glob("*.ipynb")))
    if not paths:
        raise CommandError("There is no notebooks/*.ipynb here: name a notebook, or go to the root of the clone")
    if check:
        _check_normal(paths, rendering.is_normal)
        return
    with progress_bar() as progress:
        for path in paths:
            try:
                rendering.render(path, follow(progress, str(path)))
            except CellExecutionError as error:
                raise CommandError(f"{path}: a cell raised {error.ename}: {error.evalue}") from None
            except (CellTimeoutError, RuntimeError) as error:
                raise CommandError(f"{path}: {str(error).splitlines()[0]}") from None
            line("rendered", str(path))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
def compare(file: Path, other: Path | None) -> None:
    """Set two machines' scoreboards side by side: FILE, and OTHER or your own.

    Each is a .scoreboard.json, its folder, or a machine that came with the workbook, such as epyc_zen4.
    """
    from workbook.tools.compare import compare as read

    found = read(file, other)
    table = Table("what is said", "first", "second", "second\nover first", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for tool, pairs in groupby(found.pairs, key=lambda pair: pair.tool):
        table.add_row(f"[bold]{tool}")
        for pair in pairs:
            table.add_row(*pair.cells)
    line("first", found.first)
    line("second", found.second)
    show_table(table)


@main.command()
@_notebooks
def validate(notebooks: tuple[Path, ...]) -> None:
    """Run NOTEBOOKS (those that come with the package) and compare each output with the committed one, by nbval."""
    if not validation.validate(notebooks):
        raise SystemExit(1)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FOLDER|NOTEBOOK]...")
@click.option("--json", "as_json", is_flag=True, help="Print every outcome as JSON.")
def check(paths: tuple[Path, ...], as_json: bool) -> None:
    """Run your notebooks (my-workbook) and say how each exercise stands. Your files are only read."""
    from workbook.tools import check as checking

    found = checking.find(paths or (copy.DEFAULT,))
    checked = []
    with progress_bar() as progress:
        for path in found:
            checked.append(checking.check(path, follow(progress, str(path))))
    if as_json:
        click.echo(json.dumps(checking.as_json(checked), indent=1))
    else:
        _show_outcomes(checked)
    if any(notebook.status == "unreadable" for notebook in checked) or not any(n.lesson for n in checked):
        raise SystemExit(1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=copy.DEFAULT)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(folder: Path, as_json: bool) -> None:
    """Say why panels do not show, why times jump, and what to do. FOLDER (my-workbook) has your notebooks."""
    from workbook.tools.doctor import diagnose

    findings = diagnose(folder)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _show_findings(findings)
    if any(finding.status == "fail" for finding in findings):
        raise SystemExit(1)


@main.command()
@_folder
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("report"),
    show_default=True,
    help="The folder for the pages; an older report there is replaced.",
)
def report(folder: Path, output: Path) -> None:
    """Run your copy of the notebooks in FOLDER (my-workbook), and write it as pages that need no network.

    They are as those of `workbook book`, with your outputs, and a first page with your scoreboard. Panels stand as the
    run left them. Needs: pip install 'edge-ai-workbook[book]'.
    """
    from workbook.tools import report as reporting

    _show(copy.start(folder))
    with progress_bar() as progress:
        reporting.report(folder, output, made_here(), follow(progress, "running cells"))
    line("report", str(output / "index.html"))


def _check_normal(paths: tuple[Path, ...], is_normal: Callable[[Path], bool]) -> None:
    """Fail with the names of the files that `workbook render` would change."""
    other = [str(path) for path in paths if not is_normal(path)]
    if other:
        raise CommandError(f"Not in the normal form: {', '.join(other)}; run: workbook render {' '.join(other)}")


def _show_findings(findings: Iterable[Finding]) -> None:
    """Print a line for each, and for what is not well why it matters and what to do."""
    for finding in findings:
        line(finding.status, f"{finding.name}: {finding.what}")
        if finding.status != "ok":
            line("", f"  why: {finding.why}")
            line("", f"  do:  {finding.todo}")


def _show_outcomes(checked: list[Checked]) -> None:
    """Print a line for each exercise, below the notebook it is in."""
    for notebook in checked:
        line(notebook.status, notebook.notebook if notebook.lesson else notebook.message)
        if notebook.lesson and notebook.message:
            line("", notebook.message)
        for result in notebook.exercises:
            line(f"  {result.id}", f"{result.outcome}: {result.message}")


def _show(laid: copy.Copy) -> None:
    """Print what became of the copy: a line for each file that was updated, and one for all others that fared alike."""
    if laid.written:
        line("written", f"{', '.join(laid.written)} in {laid.folder}")
    for name in laid.updated:
        line("updated", f"{name}: version {laid.version}; you had not changed it, run it again for your own outputs")
    for name, beside in laid.beside.items():
        line("kept", f"{name}: you have changed it; take your answers over to {beside!r}, or delete that")
    edited = [name for name in laid.edited if name not in laid.beside]
    if edited:
        line("kept", f"{', '.join(edited)}: not as shipped; delete one to get it afresh")
    if laid.older:
        get_it = copy.update_command(laid.folder)
        line("newer", f"{', '.join(laid.older)}: version {laid.version} is there; to get it: {get_it}")
    if not (laid.written or laid.updated or laid.edited or laid.older):
        line("kept", f"{laid.folder}, as shipped")
