"""What `workbook analyze` does: reads its words, analyzes, shows tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.table import Table

from workbook.accelerator import machine_file
from workbook.accelerator.machine import Machine
from workbook.accelerator.presets import preset
from workbook.advisor import analysis_table, input_images
from workbook.advisor.analysis import analyze
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.energy import PRICE, WATTS, Bill
from workbook.errors import CommandError
from workbook.network import ModelError, load

STEPS = 6
"""Calls of `on_step` in a run."""


def run(
    model: Path,
    on_step: Callable[[str], None],
    *,
    machine: str = "x1",
    calibration: Path | None = None,
    mean: float = 0,
    std: float = 1,
    size: tuple[int, int] | None = None,
    threads: int | None = None,
    seconds: float | None = None,
    batch: int = 4,
    fps: float = 30,
    watts: float = WATTS,
    price: float = PRICE,
) -> Analysis:
    """Analyze a file.

    Parameters
    ----------
    model : Path
        An ONNX file.
    on_step : function
        Called with what is done next, STEPS times.
    machine : str
        A preset's name, or a .toml file.
    calibration : Path, optional
        A folder of images; noise if None.
    mean, std, size
        As `images.folder` and `images.shape_of` take them.
    threads, seconds, batch, fps
        As `analyze` takes them.
    watts, price : float
        As `Bill` takes them.

    Raises
    ------
    CommandError
        If a word is none that there is, or the model cannot be analyzed; the message names the node.
    """
    chosen = _machine(machine)
    try:
        net = load(model, threads=threads)
        if not net.inputs:
            raise CommandError(f"{model} takes no input")
        shape = input_images.shape_of(net.inputs[0], size)
        pictures = input_images.folder(calibration, shape, mean, std) if calibration else input_images.noise(shape)
        return analyze(
            net,
            pictures,
            chosen,
            name=model.stem,
            threads=threads,
            seconds=seconds,
            batch=batch,
            fps=fps,
            bill=Bill(watts, price),
            on_step=on_step,
        )
    except ModelError as error:
        raise CommandError(str(error)) from None


def tables(found: Analysis) -> tuple[Table, ...]:
    """Return the layers, the rungs and the accelerator's steps."""
    return (
        _table(analysis_table.LAYERS, [analysis_table.layer(row) for row in found.rows]),
        _table(analysis_table.RUNGS, [analysis_table.rung(found, rung) for rung in found.rungs]),
        _table(analysis_table.STEPS, analysis_table.steps(found), f"{found.machine}, by a model"),
    )


def _machine(name: str) -> Machine:
    return machine_file.load(Path(name)) if name.endswith(".toml") else preset(name)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str | None = None) -> Table:
    words = ("layer", "shape", "can run", "take", "why", "program", "tool", "step", "datapath")
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="left" if column in words else "right")
    for row in rows:
        made.add_row(*row)
    return made
