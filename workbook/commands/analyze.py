"""`workbook analyze`: which of the four tools helps a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbook.commands.terminal import FILE, line, made_here, make_room, progress_bar, say, show_table
from workbook.files import write_whole

if TYPE_CHECKING:
    from workbook.advisor.analysis_result import Analysis


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers with commas between them."""
    return tuple(map(float, text.split(",")))


def shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read the name of an input and its sizes, such as sound=1x16000."""
    name, _, sizes = text.rpartition("=")
    found = tuple(map(int, sizes.split("x")))
    if not name or min(found) < 1:
        raise ValueError
    return name, found


def fill(text: str) -> tuple[str, float]:
    """Read the name of an input and a number, such as rate=16000."""
    name, _, number = text.rpartition("=")
    return name, float(number)


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--machine", default="x1", show_default=True, help="An accelerator of lesson 4, or a .toml file.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of images as the model sees them; noise if it is not given.",
)
@click.option(
    "--mean", type=numbers, default="0", show_default=True, help="Of pixels of 0 to 1: one, or one a channel."
)
@click.option("--std", type=numbers, default="1", show_default=True, help="What they are divided by then.")
@click.option("--crop", type=click.FloatRange(0.01, 1), help="The middle part that is kept, 0.875; default: stretched.")
@click.option(
    "--size", type=(click.IntRange(1),) * 2, metavar="HEIGHT WIDTH", help="If the model leaves it open: 224 224."
)
@click.option(
    "--shape",
    "shapes",
    type=shape,
    multiple=True,
    metavar="NAME=SIZES",
    help="Of an input, such as sound=1x16000; again for others.",
)
@click.option(
    "--fill",
    "fills",
    type=fill,
    multiple=True,
    metavar="NAME=NUMBER",
    help="What an input holds that does not vary, such as rate=16000. Default: 1.",
)
@click.option("--threads", type=click.IntRange(1), help="Default: all cores.")
@click.option("--seconds", type=click.FloatRange(0), help="To measure for, twice. Default: 1.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Images at once; 1 leaves it out.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Of your camera.")
@click.option(
    "--max-loss", type=click.FloatRange(0), default=0.05, show_default=True, help="RMS error over RMS output."
)
@click.option("--watts", type=click.FloatRange(0), default=15.0, show_default=True, help="Of this machine, busy.")
@click.option("--price", type=click.FloatRange(0), default=0.30, show_default=True, help="Of a kilowatt hour.")
@click.option("--save", type=FILE, help="Write the recommended network there, if it is on bytes: an ONNX file.")
@click.option("--json", "json_file", type=FILE, help="Write all that was found there.")
@click.option("--html", "html_file", type=FILE, help="Write a page there that needs no network.")
def analyze(model: Path, save: Path | None, json_file: Path | None, html_file: Path | None, **options: Any) -> None:
    """Say which of the four tools helps MODEL, an ONNX file, by how much, layer by layer."""
    from workbook.advisor import advice, analysis_report, analysis_table, estimates, file_analysis

    make_room(save, json_file, html_file)
    made, found, stopped = made_here(), None, False

    def write(found: Analysis) -> None:
        if json_file:
            everything = {**analysis_table.as_dict(found), "made": made.as_dict()}
            write_whole(json_file, json.dumps(everything, indent=1, allow_nan=False).encode() + b"\n")
        if html_file:
            write_whole(html_file, analysis_report.document(found, made).encode())

    with progress_bar() as progress:
        task = progress.add_task("reading", total=file_analysis.STEPS)

        def on_step(what: str) -> None:
            progress.update(task, description=what, advance=1)

        try:
            for found in file_analysis.runs(model, on_step, save=save, **options):
                write(found)
        except KeyboardInterrupt:
            stopped = True
    if not found:
        raise click.Abort
    for shown in file_analysis.tables(found):
        show_table(shown)
        click.echo()
    say(*analysis_table.footnotes(found), "", *advice.verdicts(found), *advice.questions(found))
    say(estimates.on_raspberry_pi(found), estimates.on_accelerator(found), "", *advice.summary(found), "", str(made))
    for path in filter(None, (json_file, html_file)):
        line("written", str(path))
    if save and not stopped:
        saved = ("written", str(save)) if found.takes_bytes else ("not saved", "the file itself is what to run")
        line(*saved)
    if stopped:
        line("stopped", "what was found until then is above")
        raise click.exceptions.Exit(130)
