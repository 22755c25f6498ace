"""Machines x networks: what is to be computed, the row of numbers that comes of each pair, and which rows are best."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from itertools import product
from pathlib import Path

from workbook.accelerator.five_lines import five_lines
from workbook.accelerator.machine import Machine
from workbook.accelerator.machine_file import changed, load, to_toml
from workbook.accelerator.presets import preset
from workbook.accelerator.workload import WORKLOADS, Workload, yolov3
from workbook.accelerator.workload_from_onnx import from_onnx
from workbook.errors import CommandError


@dataclass(frozen=True)
class Task:
    """One pair: the best schedule of a network on a machine is to be found."""

    machine: Machine
    workload: Workload
    overlap: bool = True

    @property
    def key(self) -> str:
        """What the row depends on, as a short text; the same in every process."""
        model = version("edge-ai-workbook")
        text = "\n".join((model, to_toml(self.machine), repr(self.workload), str(self.overlap)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """What came of a task: the five lines in milliseconds, and the reconfigured one's images, energy and switches.

    Attributes
    ----------
    machine, network : str
    macs : int
    clock_mhz, sram_kb, dram_gbs : float
        The machine's.
    type : str
        Of the network's numbers; of its first layer, if they differ.
    batch : int
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    textbook_ms, fixed_ms, suite_ms, oracle_ms, reconfigured_ms : float
        From one batch of a stream to the next.
    first_ms : float
        Of the reconfigured line's first batch, which waits for no switch back.
    gain : float
        Of reconfiguration over the best fixed datapath.
    switches : int
    images_per_second, mj_per_image : float
        The reconfigured line's.
    dram_bound : float
        The part of its time in which layers wait for DRAM.
    """

    machine: str
    network: str
    macs: int
    clock_mhz: float
    sram_kb: float
    dram_gbs: float
    type: str
    batch: int
    overlap: bool
    textbook_ms: float
    fixed_ms: float
    suite_ms: float
    oracle_ms: float
    reconfigured_ms: float
    first_ms: float
    gain: float
    switches: int
    images_per_second: float
    mj_per_image: float
    dram_bound: float


def compute(task: Task) -> Row:
    """Compute the row of a task; any process, here or on another machine, gets the same."""
    machine, workload = task.machine, task.workload
    lines = five_lines(workload, machine, overlap=task.overlap)
    best = lines.reconfigured
    return Row(
        machine=machine.name,
        network=workload.name,
        macs=machine.macs,
        clock_mhz=machine.clock_mhz,
        sram_kb=machine.sram_kb,
        dram_gbs=machine.dram_gbs,
        type=workload.layers[0].type,
        batch=workload.batch,
        overlap=task.overlap,
        **{f"{line.name}_ms": 1e3 * line.seconds for line in lines},
        first_ms=1e3 * best.frame_seconds,
        gain=lines.gain(),
        switches=best.switches,
        images_per_second=best.fps,
        mj_per_image=best.mj_per_image,
        dram_bound=best.dram_bound,
    )


def machines(names: Iterable[str], vary: Mapping[str, Sequence[float]] | None = None) -> list[Machine]:
    """Return presets and machines from .toml files, each with every combination of the varied fields.

    Parameters
    ----------
    names : iterable of str
    vary : mapping of field to values, optional
        Such as {"dram_gbs": [8, 16], "reconfiguration.contexts": [1, 2]}.

    Raises
    ------
    CommandError
        If there is no such machine or field, or a value cannot be.
    """
    varied = vary or {}
    found = []
    for name in names:
        base = load(Path(name)) if name.endswith(".toml") else preset(name)
        for values in product(*varied.values()):
            changes = dict(zip(varied, values, strict=True))
            label = "".join(f" {field}={value}" for field, value in changes.items())
            try:
                found.append(changed(base, {"name": base.name + label, **changes}))
            except ValueError as error:
                raise CommandError(f"{name}{label}: {error}") from None
    return found


def workloads(
    names: Iterable[str], *, batch: int = 1, type: str | None = None, size: tuple[int, int] | None = None
) -> list[Workload]:
    """Return built-in networks and those of .onnx files.

    Parameters
    ----------
    names : iterable of str
    batch : int
    type : str, optional
    size : (int, int), optional
        Height and width of the image, for files that leave it open and for YOLOv3.

    Raises
    ------
    CommandError
        If there is no such network, a file cannot be read, or a built-in network has one size.
    """
    found = []
    for name in names:
        if name.endswith(".onnx"):
            workload = from_onnx(name, size=size)
        elif size and name.startswith("yolov3") and name in WORKLOADS:
            workload = yolov3(*size)
        elif size and name in WORKLOADS:
            raise CommandError(f"--size does not fit {name}: of the built-in networks only YOLOv3 takes any size")
        elif name in WORKLOADS:
            workload = WORKLOADS[name]()
        else:
            raise CommandError(f"no network {name!r}; there are {', '.join(WORKLOADS)}, or name an .onnx file")
        found.append(workload.with_batch(batch) if batch != 1 else workload)
    return [workload.with_type(type) for workload in found] if type else found


def tasks(
    machines: Iterable[Machine], workloads: Sequence[Workload], *, overlap: bool = True, fused: bool = False
) -> list[Task]:
    """Return every pair.

    Parameters
    ----------
    machines : iterable of Machine
        One that lacks a network's type computes it in the first that it has.
    workloads : sequence of Workload
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    fused : bool
        Whether tensors that fit stay in the machine's memory.
    """
    pairs = []
    for machine, workload in product(machines, workloads):
        known = all(layer.type in machine.rates for layer in workload.layers)
        typed = workload if known else workload.with_type(next(iter(machine.rates)))
        pairs.append(Task(machine, typed.fused(machine.sram_kb) if fused else typed, overlap))
    return pairs


def table(rows: Iterable[Row]) -> str:
    """Write rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def pareto(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other of the same network betters: as many images a second for as little energy."""
    return [
        row
        for row in rows
        if not any(
            other.network == row.network
            and other.images_per_second >= row.images_per_second
            and other.mj_per_image <= row.mj_per_image
            and (other.images_per_second, other.mj_per_image) != (row.images_per_second, row.mj_per_image)
            for other in rows
        )
    ]
