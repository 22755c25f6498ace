"""The command `workbook`: reads the command line, calls the module that does the work, shows what came of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from workbook import lab as jupyter
from workbook import start as copy
from workbook import validate as validation
from workbook.catalog import LESSONS
from workbook.errors import CommandError
from workbook.files import write_whole

if TYPE_CHECKING:
    from workbook.check import Checked

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=copy.DEFAULT)
_FILE = click.Path(path_type=Path, dir_okay=False)
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


@main.command()
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def start(folder: Path, as_json: bool) -> None:
    """Lay your copy of the notebooks in FOLDER (my-workbook). Files that are there stay as they are."""
    laid = copy.start(folder)
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
    jupyter.interrupt_on_hang_up()
    _show(copy.start(folder))
    first = copy.first_notebook()
    show = jupyter.can_show_browser() if browser is None else browser
    try:
        with jupyter.serving(folder, first=first, browser=show, port=port, everywhere=everywhere) as server:
            _line("lab", f"{server.address(first)}   (Ctrl-C ends it)")
            server.process.wait()
    except KeyboardInterrupt:
        click.echo()  # below the ^C
    _line("ended", f"your work is in {folder}")


@main.group(invoke_without_command=True)
@click.option(
    "--layers",
    default="resnet50",
    show_default=True,
    help="resnet50, winograd (3x3, stride 1), rest (1x1, strided, depthwise), int8, or a text such as 64->64.",
)
@click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--peers/--no-peers", default=True, help="Beside the libraries that are installed, or alone.")
@click.option("--json", "json_file", type=_FILE, help="Write all that was measured there.")
@click.option("--figure", "figure_file", type=_FILE, help="Draw it there; .svg or .png.")
@click.pass_context
def bench(
    context: click.Context,
    layers: str,
    dtype: str,
    threads: int,
    peers: bool,
    json_file: Path | None,
    figure_file: Path | None,
) -> None:
    """Time the kernels layer by layer, beside the libraries that are installed; or what COMMAND names."""
    if context.invoked_subcommand:
        return
    from workbook import bench as benchmark
    from workbook.bench import figure
    from workbook.bench.table import table

    chosen = benchmark.choose(layers)
    if not chosen:
        raise CommandError(f"no layer contains {layers!r}; try {', '.join(benchmark.layer_sets())}, 3x3 or @56")
    if figure_file and figure_file.suffix not in figure.FORMATS:
        raise CommandError(f"--figure {figure_file}: the name must end in {' or '.join(figure.FORMATS)}")
    _make_room(json_file, figure_file)
    with _progress() as progress:
        task = progress.add_task("timing layers", total=len(chosen))
        report = benchmark.run(
            chosen, dtype=dtype, threads=threads, with_peers=peers, on_layer=lambda: progress.advance(task)
        )
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode() + b"\n")
    if figure_file:
        write_whole(figure_file, figure.write(report, figure_file))
    _show_table(table(report))


@bench.command()
@click.option("--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="For each plan.")
@click.option("--size", type=(click.IntRange(8, 512),) * 2, default=(288, 216), metavar="WIDTH HEIGHT")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures there.")
def streaming(seconds: float, size: tuple[int, int], json_file: Path | None) -> None:
    """Let a camera of 30 frames a second run through the denoiser, planned in several ways."""
    from workbook.streaming import bench as benchmark

    with _progress() as progress:
        task = progress.add_task("running plans", total=benchmark.steps())
        report = benchmark.run(size=size[::-1], seconds=seconds, on_row=lambda: progress.advance(task))
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode() + b"\n")
    for table in report.tables():
        _show_table(table)


@bench.command()
@click.option("--network", "names", multiple=True, help="Such as resnet50; several are allowed.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--peers/--no-peers", default=True, help="Beside the libraries that are installed, or alone.")
@click.option("--json", "json_file", type=_FILE, help="Write all that was measured there.")
def networks(names: tuple[str, ...], threads: int, peers: bool, json_file: Path | None) -> None:
    """Time whole networks at batch 1, and tell where the time goes and how much memory they take."""
    from workbook.network import bench as benchmark
    from workbook.network.light import NETWORKS

    for name in set(names) - set(NETWORKS):
        raise CommandError(f"there is no network {name!r}; there are {', '.join(NETWORKS)}")
    chosen = names or benchmark.NETWORKS
    _make_room(json_file)
    with _progress() as progress:
        task = progress.add_task("timing networks", total=len(chosen))
        report = benchmark.run(chosen, threads=threads, with_peers=peers, on_network=lambda: progress.advance(task))
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode() + b"\n")
    _show_table(report.table())


@bench.command()
@click.option("--peers/--no-peers", default=True, help="Beside SCALE-Sim and ZigZag if they are installed, or alone.")
@click.option("--json", "json_file", type=_FILE, help="Write all figures there.")
def hardware(peers: bool, json_file: Path | None) -> None:
    """Time the cost model of flexible hardware, beside other models of one layer that are installed."""
    from workbook.hardware import bench as benchmark

    _make_room(json_file)
    with _progress() as progress:
        task = progress.add_task("timing models", total=benchmark.steps(peers))
        report = benchmark.run(with_peers=peers, on_step=lambda: progress.advance(task))
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode() + b"\n")
    for table in report.tables():
        _show_table(table)


@bench.command()
@click.option("--lesson", "names", multiple=True, help="Such as winograd; several are allowed. Default: all.")
@click.option("--moves", type=click.IntRange(2), default=30, show_default=True, help="Of each panel.")
@click.option("--json", "json_file", type=_FILE, help="Write all figures there.")
def panels(names: tuple[str, ...], moves: int, json_file: Path | None) -> None:
    """Move the panels of the notebooks in headless Chromium, and time how soon the numbers and the figure follow."""
    from workbook import bench_panels as benchmark

    lessons = benchmark.choose(names)
    _make_room(json_file)
    with _progress() as progress:
        task = progress.add_task("moving panels", total=moves * sum(len(lesson.panels) for lesson in lessons))
        report = benchmark.run(lessons, moves=moves, on_move=lambda: progress.advance(task))
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode() + b"\n")
    _show_table(report.table())


@main.command()
@click.argument("machines", nargs=-1, metavar="[MACHINE|FILE.toml]...")
@click.option("--network", "networks", multiple=True, help="A built-in network or a .onnx file; several are allowed.")
@click.option("--vary", multiple=True, metavar="FIELD=V1,V2", help="Each machine with each value; several are allowed.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--type", "type_", help="int8, int16, bf16, ...; default: each machine's first.")
@click.option(
    "--overlap/--no-overlap", default=True, help="Whether computing and DRAM overlap perfectly or not at all."
)
@click.option("--fused", is_flag=True, help="Keep tensors that fit in the machine's memory, and out of DRAM.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path("sweep"), show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Local processes; default: one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler, tcp://HOST:8786.")
def sweep(machines: tuple[str, ...], networks: tuple[str, ...], output: Path, **options: Any) -> None:
    """Compute MACHINES (all presets) x networks: a table and a Pareto figure in OUTPUT. Run it again to resume."""
    from workbook.hardware import sweep_command

    with _progress() as progress:
        advance = functools.partial(_advance, progress, progress.add_task("machines x networks", total=None))
        written = sweep_command.sweep(machines, networks, output, advance, **options)
    for path in written:
        _line("written", str(path))


@main.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--machine", default="x1", show_default=True, help="An accelerator of lesson 4, or a .toml file.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of images as the model sees them; noise if it is not given.",
)
@click.option("--mean", default=0.0, show_default=True, help="Taken from pixels of 0 to 1.")
@click.option("--std", default=1.0, show_default=True, help="What they are divided by then.")
@click.option(
    "--size", type=(click.IntRange(1),) * 2, metavar="HEIGHT WIDTH", help="If the model leaves it open: 224 224."
)
@click.option("--threads", type=click.IntRange(1), help="Default: all cores.")
@click.option("--seconds", type=click.FloatRange(0), help="To measure for, twice. Default: 1.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Images at once; 1 leaves it out.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Of your camera.")
@click.option("--watts", type=click.FloatRange(0), default=15.0, show_default=True, help="Of this machine, busy.")
@click.option("--price", type=click.FloatRange(0), default=0.30, show_default=True, help="Of a kilowatt hour.")
@click.option("--json", "json_file", type=_FILE, help="Write all that was found there.")
@click.option("--html", "html_file", type=_FILE, help="Write a page there that needs no network.")
def analyze(model: Path, json_file: Path | None, html_file: Path | None, **options: Any) -> None:
    """Say which of the four tools helps MODEL, an ONNX file, by how much, layer by layer."""
    from workbook.analysis import advice, command, table, web

    _make_room(json_file, html_file)
    with _progress() as progress:
        task = progress.add_task("reading", total=command.STEPS)

        def on_step(what: str) -> None:
            progress.update(task, description=what, advance=1)

        found = command.run(model, on_step, **options)
    for shown in command.tables(found):
        _show_table(shown)
        click.echo()
    click.echo("\n".join((*table.footnotes(found), "", *advice.verdicts(found))))
    if json_file:
        write_whole(json_file, json.dumps(table.as_dict(found), indent=1, allow_nan=False).encode() + b"\n")
    if html_file:
        write_whole(html_file, web.document(found).encode())
    for path in filter(None, (json_file, html_file)):
        _line("written", str(path))


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
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    from workbook import render as rendering

    paths = notebooks or tuple(sorted(Path("notebooks").glob("*.ipynb")))
    if not paths:
        raise CommandError("There is no notebooks/*.ipynb here: name a notebook, or go to the root of the clone")
    if check:
        _check_normal(paths, rendering.is_normal)
        return
    with _progress() as progress:
        for path in paths:
            task = progress.add_task(str(path), total=None)
            try:
                rendering.render(path, functools.partial(_advance, progress, task))
            except CellExecutionError as error:
                raise CommandError(f"{path}: a cell raised {error.ename}: {error.evalue}") from None
            except (CellTimeoutError, DeadKernelError) as error:
                raise CommandError(f"{path}: {str(error).splitlines()[0]}") from None
            _line("rendered", str(path))


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
    from workbook import check as checking

    found = checking.find(paths or (copy.DEFAULT,))
    checked = []
    with _progress() as progress:
        for path in found:
            task = progress.add_task(str(path), total=None)
            checked.append(checking.check(path, functools.partial(_advance, progress, task)))
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
    from workbook.doctor import diagnose

    findings = diagnose(folder)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    for finding in () if as_json else findings:
        _line(finding.status, f"{finding.name}: {finding.what}")
        if finding.status != "ok":
            _line("", f"  why: {finding.why}")
            _line("", f"  do:  {finding.todo}")
    if any(finding.status == "fail" for finding in findings):
        raise SystemExit(1)


@main.command()
@_folder
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report", "index.html"),
    show_default=True,
    help="The page to write.",
)
def report(folder: Path, output: Path) -> None:
    """Run your copy of the notebooks in FOLDER (my-workbook), and show all of it on one page that needs no network."""
    from workbook import report as reporting

    _show(copy.start(folder))
    output.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with _progress() as progress:
        task = progress.add_task("running cells", total=None)
        page = reporting.report(folder, functools.partial(_advance, progress, task))
    write_whole(output, page.encode())
    _line("report", str(output))


def _advance(progress: Progress, task: TaskID, done: int, of: int) -> None:
    progress.update(task, completed=done, total=of)


def _make_room(*files: Path | None) -> None:
    """Make the folders of files that are written after the work; what is in the way shows before it."""
    for file in filter(None, files):
        file.parent.mkdir(parents=True, exist_ok=True)


def _progress() -> Progress:
    """A bar for work that takes over a second; it leaves the output to what can be piped."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show_table(table: Table) -> None:
    console = Console()
    console.width = max(console.width, Console(width=1000).measure(table).maximum)  # no column is cut
    console.print(table)


def _check_normal(paths: tuple[Path, ...], is_normal: Callable[[Path], bool]) -> None:
    """Fail with the names of the files that `workbook render` would change."""
    other = [str(path) for path in paths if not is_normal(path)]
    if other:
        raise CommandError(f"Not in the normal form: {', '.join(other)}; run: workbook render {' '.join(other)}")


def _show_outcomes(checked: list[Checked]) -> None:
    """Print a line for each exercise, below the notebook it is in."""
    for notebook in checked:
        _line(notebook.status, notebook.notebook if notebook.lesson else notebook.message)
        if notebook.lesson and notebook.message:
            _line("", notebook.message)
        for result in notebook.exercises:
            _line(f"  {result.id}", f"{result.outcome}: {result.message}")


def _show(laid: copy.Copy) -> None:
    """Print what became of each file of the copy, one line for all that fared alike."""
    if laid.written:
        _line("written", f"{', '.join(laid.written)} in {laid.folder}")
    if laid.edited:
        _line("kept", f"{', '.join(laid.edited)}: not as shipped; delete one to get it afresh")
    if not laid.written and not laid.edited:
        _line("kept", f"{laid.folder}, as shipped")


def _line(step: str, text: str) -> None:
    """Print the line of one step, as bootstrap.py does; never broken, so that an address can be clicked."""
    Console(highlight=False).print(Text.assemble((f"{step:<9} ", "bold"), text), soft_wrap=True)
