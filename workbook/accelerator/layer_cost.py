"""What one layer costs on one datapath: cycles, bytes, a band of time, energy. The sweep does the same for thousands.

The time lies in a band. At best, computing and moving overlap perfectly and the longer one counts; at worst one waits
for the other and both count. Real machines lie between, and a model that gives one number hides that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbook.accelerator.datapath import Datapath, Mode, cycles, products, suits_winograd, winograd_positions
from workbook.accelerator.dram_traffic import dram_bytes
from workbook.accelerator.machine import Machine
from workbook.accelerator.workload import Layer

_SUM_BYTES = 4  # of a partial sum


@dataclass(frozen=True)
class LayerCost:
    """One layer on one datapath of one machine.

    Attributes
    ----------
    layer : Layer
    datapath : Datapath
    mode : str
        "direct" or "winograd".
    cycles : float
        That the multipliers need.
    dram_bytes : float
    compute_seconds, dram_seconds : float
    seconds : float
        The longer of both if they overlap, the sum if not, as it was asked for.
    utilisation : float
        Products over what all multipliers of the machine could compute in these cycles, from 0 to 1.
    mac_joules, sram_joules, dram_joules : float
    """

    layer: Layer
    datapath: Datapath
    mode: Mode
    cycles: float
    dram_bytes: float
    compute_seconds: float
    dram_seconds: float
    seconds: float
    utilisation: float
    mac_joules: float
    sram_joules: float
    dram_joules: float

    @property
    def band(self) -> tuple[float, float]:
        """Seconds with perfect overlap, and with none."""
        return max(self.compute_seconds, self.dram_seconds), self.compute_seconds + self.dram_seconds

    @property
    def bound(self) -> Literal["MACs", "DRAM"]:
        """What the layer waits for."""
        return "DRAM" if self.dram_seconds > self.compute_seconds else "MACs"

    @property
    def stall_seconds(self) -> float:
        """How long the multipliers stand still and wait for memory."""
        return self.seconds - self.compute_seconds

    @property
    def joules(self) -> float:
        """Of multiply-adds and memories; leakage belongs to the whole frame."""
        return self.mac_joules + self.sram_joules + self.dram_joules


def winograd_tile(layer: Layer, machine: Machine) -> int | None:
    """Winograd's m if the machine can use it for the layer, or None."""
    return machine.tile(layer.type) if suits_winograd(layer) else None


def mode_bytes(layer: Layer, machine: Machine, mode: Mode) -> float:
    """Bytes through DRAM in a mode; Winograd's weights may be more."""
    growth = machine.winograd.weight_growth if mode == "winograd" and machine.winograd else 1
    return dram_bytes(layer, machine.sram_kb * 1024, growth)


def cost(
    layer: Layer, datapath: Datapath, machine: Machine, *, mode: Mode | None = None, overlap: bool = True
) -> LayerCost:
    """Return what a layer costs on a datapath.

    Parameters
    ----------
    layer : Layer
    datapath : Datapath
    machine : Machine
    mode : str, optional
        "direct" or "winograd"; the faster of those that can run it.
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.

    Raises
    ------
    ValueError
        If the datapath has more multipliers than the machine, the machine lacks the type, or cannot run the mode.
    """
    if datapath.multipliers > machine.macs:
        raise ValueError(f"{datapath} needs {datapath.multipliers} multipliers, but {machine.name} has {machine.macs}")
    tile = winograd_tile(layer, machine)
    if mode == "winograd" and not tile:
        raise ValueError(f"{layer.name} ({layer.shape}, {layer.type}) cannot run as Winograd on {machine.name}")
    modes: tuple[Mode, ...] = (mode,) if mode else ("direct", "winograd") if tile else ("direct",)
    return min((_cost(layer, datapath, machine, m, overlap) for m in modes), key=lambda found: found.seconds)


def _cost(layer: Layer, datapath: Datapath, machine: Machine, mode: Mode, overlap: bool) -> LayerCost:
    tile = winograd_tile(layer, machine) if mode == "winograd" else None
    rate = machine.rate(layer.type)
    needed = cycles(layer, datapath, tile=tile, rate=rate)
    moved = mode_bytes(layer, machine, mode)
    compute, dram = needed / machine.clock_hz, moved / (machine.dram_gbs * 1e9)
    made = products(layer, tile)
    energy = machine.energy
    return LayerCost(
        layer=layer,
        datapath=datapath,
        mode=mode,
        cycles=needed,
        dram_bytes=moved,
        compute_seconds=compute,
        dram_seconds=dram,
        seconds=max(compute, dram) if overlap else compute + dram,
        utilisation=made / (needed * machine.macs * rate),
        mac_joules=made * energy.mac_pj[layer.type] * 1e-12,
        sram_joules=sram_bytes(layer, datapath, tile) * energy.sram_pj_per_byte * 1e-12,
        dram_joules=moved * 8 * energy.dram_pj_per_bit * 1e-12,
    )


def sram_bytes(layer: Layer, datapath: Datapath, tile: int | None = None) -> float:
    """Bytes that the multipliers read from and write to on-chip memory, with the better of two orders of the loops.

    A number that several multipliers need is read once for all of them: an input for those along K, a weight for those
    along pixels; and those along C and taps add up before anything is written. Then, product by product,

    * outputs stay: an input and a weight are read, each sum is written once;
    * weights stay: an input is read, a partial sum of 4 bytes read and written, each weight read once.
    """
    size = layer.bits / 8
    made = products(layer, tile)
    positions = winograd_positions(layer, tile) if tile else layer.N * layer.P * layer.Q
    taps = 1 if tile else layer.R * layer.S
    C, K = layer.C // layer.groups, layer.K // layer.groups
    summed = min(datapath.C, C) * (1 if tile else min(datapath.tap, taps))
    shared_weights = min(datapath.pixel * (datapath.tap if tile else 1), positions)
    inputs = made / min(datapath.K, K) * size
    outputs_stay = made / shared_weights * size + layer.K * positions * size
    weights_stay = made / summed * 2 * _SUM_BYTES + layer.K * C * ((tile + 2) ** 2 if tile else taps) * size
    return inputs + min(outputs_stay, weights_stay)
