"""The command `workbook`: reads the command line, calls the module that does the work, shows what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from workbook import lab as jupyter
from workbook import start as copy
from workbook.errors import CommandError
from workbook.files import write_whole

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=copy.DEFAULT)


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
def lab(folder: Path, port: int | None, browser: bool | None) -> None:
    """Open JupyterLab on your copy in FOLDER (my-workbook), and lay what it lacks. Ctrl-C ends it."""
    jupyter.interrupt_on_hang_up()
    _show(copy.start(folder))
    first = copy.first_notebook()
    show = jupyter.can_show_browser() if browser is None else browser
    try:
        with jupyter.serving(folder, first=first, browser=show, port=port) as server:
            _line("lab", f"{server.address(first)}   (Ctrl-C ends it)")
            server.process.wait()
    except KeyboardInterrupt:
        click.echo()  # below the ^C
    _line("ended", f"your work is in {folder}")


@main.command()
@click.option("--layers", metavar="TEXT", help="Only layers whose sizes contain TEXT, such as 3x3 or 64->64.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--peers/--no-peers", default=True, help="Beside the libraries that are installed, or alone.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures there.")
def bench(layers: str | None, threads: int, peers: bool, json_file: Path | None) -> None:
    """Time the kernels on ResNet-50's layers, beside the libraries that are installed."""
    from workbook import bench as benchmark
    from workbook import topologies

    chosen = [layer for layer in topologies.distinct(topologies.resnet50()) if (layers or "") in layer.shape]
    if not chosen:
        raise CommandError(f"no layer of ResNet-50 contains {layers!r}; try 3x3, 1x1, 7x7 or @56")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("timing layers", total=len(chosen))
        report = benchmark.run(chosen, threads=threads, with_peers=peers, on_layer=lambda: progress.advance(task))
    if json_file:
        write_whole(json_file, json.dumps(report.as_dict(), indent=1).encode())
    console, table = Console(), report.table()
    console.width = max(console.width, Console(width=1000).measure(table).maximum)  # no column is cut
    console.print(table)


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
