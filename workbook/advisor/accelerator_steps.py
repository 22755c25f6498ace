"""The same network on an accelerator of lesson 4's model, each tool on top of the ones before it.

    wide           a wider type than bytes, on the machine's own array of multipliers
    int8           bytes
    winograd       and Winograd's mode, where the machine has it
    best fixed     and the best fixed datapath for this network
    reconfigured   and a datapath for each layer, every switch paid

Tensors that fit stay in the chip's memory. Nothing of this is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbook.accelerator.datapath_table import Table, evaluate
from workbook.accelerator.machine import Machine
from workbook.accelerator.schedule import Schedule, fixed, reconfigured
from workbook.accelerator.workload import Workload

WIDE = ("fp32", "fp16", "bf16", "int16")
NARROW = "int8"


@dataclass(frozen=True)
class Step:
    """A machine with some of the tools.

    Attributes
    ----------
    name : str
    schedule : Schedule
    """

    name: str
    schedule: Schedule

    @property
    def ms(self) -> float:
        """Milliseconds of a frame, or of a batch."""
        return 1e3 * self.schedule.seconds

    @property
    def mj(self) -> float:
        """Millijoules of an image."""
        return self.schedule.mj_per_image


def ladder(workload: Workload, machine: Machine, batch: int = 1) -> tuple[Step, ...]:
    """Return the steps that a machine has, from the widest type on its own array to a datapath for each layer.

    Parameters
    ----------
    workload : Workload
        Of any type.
    machine : Machine
    batch : int
        Images at once.
    """
    own = machine.array
    wide = next((type for type in WIDE if type in machine.rates), None)
    narrow = NARROW if NARROW in machine.rates else None
    last = narrow or wide or next(iter(machine.rates))
    steps = []

    def table(type: str, winograd: bool) -> Table:
        typed = workload.with_batch(batch).with_type(type).fused(machine.sram_kb)
        return evaluate(typed, machine, winograd=winograd)

    def on_own_array(name: str, found: Table) -> Step:
        return Step(name, fixed(found, found.datapaths.index(own), name))

    if wide and narrow:
        steps.append(on_own_array(wide, table(wide, winograd=False)))
    steps.append(on_own_array(last, table(last, winograd=False)))
    if machine.tile(last):
        steps.append(on_own_array("Winograd", table(last, winograd=True)))
    full = table(last, winograd=True)
    steps.append(Step("best fixed", fixed(full, name="best fixed")))
    if machine.reconfiguration:
        steps.append(Step("reconfigured", reconfigured(full)))
    return tuple(steps)
