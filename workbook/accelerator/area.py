"""A machine's area and power, and the designs that a budget of both leaves to choose from.

    area  = macs (multiplier + adder + registers) (1 + overhead) + bits of on-chip memory x cell / share of cells
    power = joules of a frame / seconds of a frame

An overhead is what flexibility takes: switches, and the memory of the configuration, as a share of what the
multiply-add units take.
Control, wires, the DRAM's interface and leakage are left out, so areas compare designs and are no chip's.

Sources
-------
* Multiplier of 8 bits and adder of 32 bits: synthesized for 45 nm; W. Dally's tutorial at NIPS 2015, beside the
  energies of Horowitz (ISSCC 2014) that `energy.Energy` has.
* Registers: an input, a weight and a sum beside each multiplier, 8 + 8 + 32 bits; a flip-flop of the NanGate open cell
  library, 45 nm (DFF_X1).
* Cell of a memory: Intel, 45 nm, K. Mistry et al., IEDM 2007. That cells take half of a memory is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import Table, evaluate
from workbook.accelerator.machine import Machine
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import Schedule, fixed, reconfigured
from workbook.accelerator.workload import WORKLOADS, Workload

MULTIPLIER_UM2, ADDER_UM2 = 282, 137
FLIP_FLOP_UM2, REGISTER_BITS = 4.522, 8 + 8 + 32
CELL_UM2, CELLS = 0.346, 0.5

KINDS = ("square array", "best fixed", "reconfigured")


def area_mm2(machine: Machine, overhead: float = 0) -> float:
    """Return the area of multiply-add units with their registers and of on-chip memory, in square millimetres of 45 nm.

    Parameters
    ----------
    machine : Machine
    overhead : float
        What flexibility adds to the area of the multiply-add units: 0.2 for a fifth.

    Raises
    ------
    ValueError
        If the overhead is negative.
    """
    if not overhead >= 0:
        raise ValueError(f"overhead must be 0 or more, not {overhead}")
    unit = MULTIPLIER_UM2 + ADDER_UM2 + FLIP_FLOP_UM2 * REGISTER_BITS
    return machine.macs * unit * (1 + overhead) / 1e6 + memory_mm2(1024 * machine.sram_kb)


def memory_mm2(size: float) -> float:
    """Return the area of a memory of so many bytes, such as line buffers, in square millimetres of 45 nm."""
    return size * 8 * CELL_UM2 / CELLS / 1e6


@dataclass(frozen=True)
class Design:
    """A machine for one network, with what it takes and what it gives.

    Attributes
    ----------
    machine : Machine
    kind : str
        One of KINDS: how its datapath is chosen.
    overhead : float
        What flexibility adds to the area of the multiply-add units; a fixed datapath does not pay it.
    schedule : Schedule
        Of the network.
    """

    machine: Machine
    kind: str
    overhead: float
    schedule: Schedule

    @property
    def area_mm2(self) -> float:
        """Of multiply-add units and memory, in square millimetres of 45 nm."""
        return area_mm2(self.machine, self.overhead if self.kind == "reconfigured" else 0)

    @property
    def watts(self) -> float:
        """Mean power while it computes one frame after the other, DRAM included."""
        return self.schedule.joules / self.schedule.seconds

    @property
    def fps(self) -> float:
        """Images a second."""
        return self.schedule.fps

    def __str__(self) -> str:
        return (
            f"{self.machine.macs} multipliers, {self.machine.sram_kb:g} KB, {self.kind}: {self.area_mm2:.2f} mm2, "
            f"{self.watts:.2f} W, {self.fps:,.0f} images/s"
        )

    __repr__ = __str__


def design(
    multipliers: int,
    sram_kb: float,
    kind: str = "best fixed",
    *,
    network: str = "mobilenet_v2",
    overhead: float = 0.2,
    dram_gbs: float = 17,
) -> Design:
    """Return a design with the X1's clock, Winograd mode and time of a switch.

    Parameters
    ----------
    multipliers : int
    sram_kb : float
        On-chip memory; tensors that fit stay there.
    kind : str
        One of KINDS.
    network : str
        A key of WORKLOADS.
    overhead : float
        What flexibility adds to the area of the multiply-add units.
    dram_gbs : float

    Raises
    ------
    ValueError
        For numbers that make no machine, or another kind or network.
    """
    kind = todays_kind(kind)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if network not in WORKLOADS:
        raise ValueError(f"network must be one of {', '.join(WORKLOADS)}, not {network!r}")
    if isinstance(multipliers, bool) or not isinstance(multipliers, int) or multipliers < 1:
        raise ValueError(f"multipliers must be a whole number from 1 on, not {multipliers!r}")
    schedule = _schedule(kind, multipliers, sram_kb, dram_gbs, network)
    return Design(schedule.machine, kind, overhead, schedule)


def todays_kind(kind: str) -> str:
    """Return the name of a kind of datapath; until version 0.1 a reconfigured one was called "laid anew"."""
    return "reconfigured" if kind == "laid anew" else kind


@cache
def _schedule(kind: str, multipliers: int, sram_kb: float, dram_gbs: float, network: str) -> Schedule:
    table = _table(multipliers, sram_kb, dram_gbs, network)
    if kind == "square array":
        return fixed(table, table.datapaths.index(table.machine.array), kind)
    return fixed(table) if kind == "best fixed" else reconfigured(table)


@cache
def _table(multipliers: int, sram_kb: float, dram_gbs: float, network: str) -> Table:
    machine = PRESETS["x1"].but(macs=multipliers, array=square(multipliers), sram_kb=sram_kb, dram_gbs=dram_gbs)
    return evaluate(_workload(network, sram_kb), machine)


@cache
def _workload(network: str, sram_kb: float) -> Workload:
    return WORKLOADS[network]().fused(sram_kb)


def square(multipliers: int) -> Datapath:
    """Return the array of C x K multipliers that is as square as powers of two allow."""
    half = (multipliers.bit_length() - 1) // 2
    return Datapath(1 << half, 1 << (multipliers.bit_length() - 1 - half))
