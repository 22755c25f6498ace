"""`workbook analyze`: which of the four tools helps a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from workbook.commands.terminal import FILE, line, made_here, make_room, progress_bar, say, show_table
from workbook.files import write_whole


@click.command()
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
@click.option("--json", "json_file", type=FILE, help="Write all that was found there.")
@click.option("--html", "html_file", type=FILE, help="Write a page there that needs no network.")
def analyze(model: Path, json_file: Path | None, html_file: Path | None, **options: Any) -> None:
    """Say which of the four tools helps MODEL, an ONNX file, by how much, layer by layer."""
    from workbook.advisor import advice, analysis_report, analysis_table, file_analysis

    make_room(json_file, html_file)
    with progress_bar() as progress:
        task = progress.add_task("reading", total=file_analysis.STEPS)

        def on_step(what: str) -> None:
            progress.update(task, description=what, advance=1)

        found = file_analysis.run(model, on_step, **options)
    for shown in file_analysis.tables(found):
        show_table(shown)
        click.echo()
    made = made_here()
    say(*analysis_table.footnotes(found), "", *advice.verdicts(found), "", str(made))
    if json_file:
        everything = {**analysis_table.as_dict(found), "made": made.as_dict()}
        write_whole(json_file, json.dumps(everything, indent=1, allow_nan=False).encode() + b"\n")
    if html_file:
        write_whole(html_file, analysis_report.document(found, made).encode())
    for path in filter(None, (json_file, html_file)):
        line("written", str(path))
