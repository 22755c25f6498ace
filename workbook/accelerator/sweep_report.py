"""What `workbook sweep` does: reads its words, computes the rows, writes the table and the figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.table import Table

from workbook.accelerator import sweep_rows as sweeping
from workbook.accelerator import sweep_workers
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.sweep_figure import pareto_figure
from workbook.accelerator.sweep_rows import Row
from workbook.accelerator.workload import TYPES, WORKLOADS
from workbook.drawing import look, png
from workbook.errors import CommandError
from workbook.files import write_whole

KEPT, TABLE, FIGURE = "rows.jsonl", "table.csv", "pareto.png"

_VARIED = ("macs", "clock_mhz", "sram_kb", "dram_gbs", "type")
_SHOWN = ("fixed_ms", "reconfigured_ms", "first_ms", "gain", "switches", "images_per_second", "mj_per_image")


_CAPTION = "ms: from frame to frame; first: without the switch back; gain: over the best fixed datapath"


def sweep(
    machines: Sequence[str],
    networks: Sequence[str],
    output: Path,
    on_row: Callable[[int, int], None],
    *,
    vary: Sequence[str] = (),
    batch: int = 1,
    type_: str | None = None,
    size: tuple[int, int] | None = None,
    overlap: bool = True,
    fused: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> tuple[list[Row], list[Path]]:
    """Run a sweep; return its rows, and the files that it wrote.

    Parameters
    ----------
    machines, networks : sequence of str
        Names of presets and of .toml files, of networks and of .onnx files; none means all that are built in.
    output : Path
        The folder; the rows in it are not computed again.
    on_row : function
        Called with how many rows there are, and of how many.
    vary : sequence of str
        Texts such as dram_gbs=8,16.
    batch, type_, size, overlap, fused, jobs, scheduler
        As for `workbook.accelerator.sweep_rows` and `workers`.

    Raises
    ------
    CommandError
        If a word is none that there is, or the cluster does not answer.
    """
    if type_ is not None and type_ not in TYPES:
        raise CommandError(f"no type {type_!r}; there are {', '.join(TYPES)}")
    varied = dict(map(_field, vary))
    if len(varied) < len(vary):
        raise CommandError(f"--vary names a field twice: {', '.join(vary)}; write FIELD=V1,V2 once")
    found = sweeping.machines(machines or PRESETS, varied)
    for machine in found:
        if type_ and type_ not in machine.rates:
            raise CommandError(f"{machine.name} has no {type_}; its rates are for {', '.join(machine.rates)}")
    nets = sweeping.workloads(networks or WORKLOADS, batch=batch, type=type_, size=size)
    pairs = sweeping.tasks(found, nets, overlap=overlap, fused=fused)
    output.mkdir(parents=True, exist_ok=True)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_row(done, len(pairs))

    rows = sweep_workers.run(pairs, output / KEPT, jobs=jobs, scheduler=scheduler, on_row=count)
    write_whole(output / TABLE, sweeping.table(rows).encode())
    with look():
        write_whole(output / FIGURE, png(pareto_figure(rows)))
    return rows, [output / TABLE, output / FIGURE]


def shown(rows: Sequence[Row]) -> Table:
    """Return the rows as a terminal shows them, with the columns in which they differ; table.csv has all."""
    table = Table(box=None, pad_edge=False, caption_justify="left", caption=_CAPTION)
    varied = [name for name in _VARIED if len({getattr(row, name) for row in rows}) > 1]
    for name in ("machine", "network"):
        table.add_column(name, no_wrap=True)
    for name in (*varied, *_SHOWN):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        numbers = (number(getattr(row, name)) for name in (*varied, *_SHOWN))
        table.add_row(row.machine, row.network, *numbers)
    return table


def number(value: object) -> str:
    """Write a number to four digits, a whole one in full, and a word as it is."""
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _field(text: str) -> tuple[str, list[float]]:
    """Read dram_gbs=8,16; a whole number stays one, as `macs` needs it."""
    name, equals, values = text.partition("=")
    try:
        if not equals:
            raise ValueError
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        raise CommandError(f"--vary {text!r} is not FIELD=NUMBER,NUMBER,...") from None
    return name, [int(number) if number.is_integer() else number for number in numbers]
