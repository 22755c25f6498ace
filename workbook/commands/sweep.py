"""`workbook sweep`: machines x networks, a table and a Pareto figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbook.commands.terminal import follow, line, made_here, progress_bar, say, show_table


@click.command()
@click.argument("machines", nargs=-1, metavar="[MACHINE|FILE.toml]...")
@click.option("--network", "networks", multiple=True, help="A built-in network or a .onnx file; several are allowed.")
@click.option(
    "--size", type=(click.IntRange(1),) * 2, metavar="HEIGHT WIDTH",
    help="Of the image, for .onnx files that leave it open and for YOLOv3: 224 224.",
)  # fmt: skip
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
    from workbook.accelerator import sweep_report

    with progress_bar() as progress:
        on_row = follow(progress, "machines x networks")
        rows, written = sweep_report.sweep(machines, networks, output, on_row, **options)
    show_table(sweep_report.shown(rows))
    say("", str(made_here()))
    for path in written:
        line("written", str(path))
