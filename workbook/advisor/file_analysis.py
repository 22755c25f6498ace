"""What `workbook analyze` does: reads its words, analyzes, shows tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from workbook.accelerator import machine_file
from workbook.accelerator.machine import Machine
from workbook.accelerator.presets import preset
from workbook.advisor import analysis_table, input_images
from workbook.advisor.analysis import analyses
from workbook.advisor.analysis_result import MAX_LOSS, Analysis
from workbook.advisor.energy import PRICE, WATTS, Bill
from workbook.errors import CommandError
from workbook.network import ModelError, load

STEPS = 9
"""Calls of `on_step` in a run."""


def run(model: Path, on_step: Callable[[str], None], **options: Any) -> Analysis:
    """Return all that `runs`, whose parameters these are, finds in the end."""
    *_, found = runs(model, on_step, **options)
    return found


def runs(
    model: Path,
    on_step: Callable[[str], None],
    *,
    machine: str = "x1",
    calibration: Path | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    crop: float | None = None,
    size: tuple[int, int] | None = None,
    shapes: Sequence[tuple[str, tuple[int, ...]]] = (),
    fills: Sequence[tuple[str, float]] = (),
    threads: int | None = None,
    seconds: float | None = None,
    batch: int = 4,
    fps: float = 30,
    max_loss: float = MAX_LOSS,
    watts: float = WATTS,
    price: float = PRICE,
    save: Path | None = None,
) -> Iterator[Analysis]:
    """Analyze a file; yield what is found so far.

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
    mean, std, crop, size, shapes, fills
        As `input_images.for_network` takes them, each of the last two with the name of its input.
    threads, seconds, batch, fps, max_loss, save
        As `analyses` takes them.
    watts, price : float
        As `Bill` takes them.

    Raises
    ------
    CommandError
        If a word is none that there is, or the model cannot be analyzed; the message names the node.
    """
    chosen, images = _machine(machine), None
    try:
        net = load(model, threads=threads)
        images = input_images.for_network(net.inputs, calibration, size, mean, std, crop, dict(shapes), dict(fills))
        yield from analyses(
            net,
            images,
            chosen,
            name=model.stem,
            file=model,
            threads=threads,
            seconds=seconds,
            batch=batch,
            fps=fps,
            max_loss=max_loss,
            bill=Bill(watts, price),
            on_step=on_step,
            save=save,
        )
    except ModelError as error:
        raise CommandError("; ".join((str(error), *(images.notes if images else ())))) from None


def tables(found: Analysis) -> tuple[Table, ...]:
    """Return the layers, what is outside of them, the rungs, what failed, and the accelerator's steps."""
    made = (
        _table(analysis_table.LAYERS, [analysis_table.layer(row) for row in found.rows]),
        _table(analysis_table.OUTSIDE, analysis_table.outside(found)),
        _table(analysis_table.rung_columns(found), analysis_table.rungs(found)),
        _table(analysis_table.FAILED, analysis_table.failed(found)),
        _table(analysis_table.STEPS, analysis_table.steps(found), f"{found.machine}, by a model"),
    )
    return tuple(table for table in made if table.row_count)


def _machine(name: str) -> Machine:
    return machine_file.load(Path(name)) if name.endswith(".toml") else preset(name)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="left" if column in analysis_table.WORDS else "right")
    for row in rows:
        made.add_row(*row)
    return made
