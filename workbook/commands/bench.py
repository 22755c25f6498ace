"""`workbook bench`: times the kernels, and what is built on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbook.commands.terminal import FILE, made_here, make_room, progress_bar, say, show_table
from workbook.errors import CommandError
from workbook.files import write_whole

if TYPE_CHECKING:
    from rich.table import Table


@click.group(invoke_without_command=True)
@click.option(
    "--layers",
    default="resnet50",
    show_default=True,
    help="resnet50, winograd (3x3, stride 1), rest (1x1, strided, depthwise), int8, or a text such as 64->64.",
)
@click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--peers/--no-peers", default=True, help="Beside the libraries that are installed, or alone.")
@click.option("--json", "json_file", type=FILE, help="Write all that was measured there.")
@click.option("--figure", "figure_file", type=FILE, help="Draw it there; .svg or .png.")
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
    from workbook.side_by_side import layer_benchmark as benchmark
    from workbook.side_by_side import layer_figure
    from workbook.side_by_side.layer_table import table

    chosen = benchmark.choose(layers)
    if not chosen:
        raise CommandError(f"no layer contains {layers!r}; try {', '.join(benchmark.layer_sets())}, 3x3 or @56")
    if figure_file and figure_file.suffix not in layer_figure.FORMATS:
        raise CommandError(f"--figure {figure_file}: the name must end in {' or '.join(layer_figure.FORMATS)}")
    make_room(json_file, figure_file)
    with progress_bar() as progress:
        task = progress.add_task("timing layers", total=len(chosen))
        report = benchmark.run(
            chosen, dtype=dtype, threads=threads, with_peers=peers, on_layer=lambda: progress.advance(task)
        )
    if figure_file:
        write_whole(figure_file, layer_figure.write(report, figure_file))
    _show(report.as_dict(), json_file, table(report))


@bench.command()
@click.option("--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="For each plan.")
@click.option("--size", type=(click.IntRange(8, 512),) * 2, default=(288, 216), metavar="WIDTH HEIGHT")
@click.option("--json", "json_file", type=FILE, help="Write all figures there.")
def streaming(seconds: float, size: tuple[int, int], json_file: Path | None) -> None:
    """Let a camera of 30 frames a second run through the denoiser, planned in several ways."""
    from workbook.benchmarks import camera_plans as benchmark

    make_room(json_file)
    with progress_bar() as progress:
        task = progress.add_task("running plans", total=benchmark.steps())
        report = benchmark.run(size=size[::-1], seconds=seconds, on_row=lambda: progress.advance(task))
    _show(report.as_dict(), json_file, *report.tables())


@bench.command()
@click.option("--network", "names", multiple=True, help="Such as resnet50; several are allowed.")
@click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--peers/--no-peers", default=True, help="Beside the libraries that are installed, or alone.")
@click.option("--json", "json_file", type=FILE, help="Write all that was measured there.")
def networks(names: tuple[str, ...], dtype: str, threads: int, peers: bool, json_file: Path | None) -> None:
    """Time whole networks at batch 1, and tell where the time goes and how much memory they take."""
    from workbook.benchmarks import networks as benchmark

    for name in set(names) - set(benchmark.KNOWN):
        raise CommandError(f"there is no network {name!r}; there are {', '.join(benchmark.KNOWN)}")
    chosen = names or benchmark.NETWORKS
    make_room(json_file)
    with progress_bar() as progress:
        task = progress.add_task("timing networks", total=len(chosen))
        report = benchmark.run(
            chosen, dtype=dtype, threads=threads, with_peers=peers, on_network=lambda: progress.advance(task)
        )
    _show(report.as_dict(), json_file, report.table())


@bench.command()
@click.option("--peers/--no-peers", default=True, help="Beside SCALE-Sim and ZigZag if they are installed, or alone.")
@click.option("--json", "json_file", type=FILE, help="Write all figures there.")
def hardware(peers: bool, json_file: Path | None) -> None:
    """Time the cost model of flexible hardware, beside other models of one layer that are installed."""
    from workbook.benchmarks import cost_model as benchmark

    make_room(json_file)
    with progress_bar() as progress:
        task = progress.add_task("timing models", total=benchmark.steps(peers))
        report = benchmark.run(with_peers=peers, on_step=lambda: progress.advance(task))
    _show(report.as_dict(), json_file, *report.tables())


@bench.command()
@click.option("--lesson", "names", multiple=True, help="Such as winograd; several are allowed. Default: all.")
@click.option("--moves", type=click.IntRange(2), default=30, show_default=True, help="Of each panel.")
@click.option("--json", "json_file", type=FILE, help="Write all figures there.")
def panels(names: tuple[str, ...], moves: int, json_file: Path | None) -> None:
    """Move the panels of the notebooks in headless Chromium, and time how soon the numbers and the figure follow."""
    try:
        from workbook.benchmarks import panel_delays as benchmark
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("playwright"):
            raise
        raise CommandError("Moving panels needs Playwright: pip install playwright") from None
    lessons = benchmark.choose(names)
    make_room(json_file)
    with progress_bar() as progress:
        task = progress.add_task("moving panels", total=moves * sum(len(lesson.panels) for lesson in lessons))
        report = benchmark.run(lessons, moves=moves, on_move=lambda: progress.advance(task))
    _show(report.as_dict(), json_file, report.table())


def _show(measured: dict[str, Any], file: Path | None, *tables: Table) -> None:
    """Write all that was measured as JSON, if a file is named, and print the tables; both say how it was made."""
    made = made_here()
    if file:
        write_whole(file, json.dumps({**measured, "made": made.as_dict()}, indent=1).encode() + b"\n")
    for table in tables:
        show_table(table)
    say("", str(made))
