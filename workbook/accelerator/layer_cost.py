"""What one layer costs on one datapath: cycles, bytes, a band of time, energy. The sweep does the same for thousands.

Of the tiles of `tiles`, in every mode, the fastest counts; of what may stay in registers (`on_chip_traffic`) the way
that moves the fewest bytes without taking longer.

The time lies in a band. At best, computing and moving overlap perfectly and the longer one counts; at worst one waits
for the other and both count. Real machines lie between, and a model that gives one number hides that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbook.accelerator.datapath import Datapath, Mode, mappings, products, suits_winograd
from workbook.accelerator.machine import Machine
from workbook.accelerator.on_chip_traffic import Traffic, rounds, traffic
from workbook.accelerator.tiles import Shape, Tile, tiles
from workbook.accelerator.workload import Layer


@dataclass(frozen=True)
class LayerCost:
    """One layer on one datapath of one machine.

    Attributes
    ----------
    layer : Layer
    datapath : Datapath
    mode : str
        "direct" or "winograd".
    tile : Tile
        How it is cut to fit on the chip.
    traffic : Traffic
        What stays in registers, and the bytes between them and the memory on the chip.
    cycles : float
        That the multipliers need, with the memory on the chip and without DRAM.
    idle_cycles : float
        Of these, how many they wait for a port of the memory on the chip.
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
    tile: Tile
    traffic: Traffic
    cycles: float
    idle_cycles: float
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
    def bound(self) -> Literal["MACs", "ports", "DRAM"]:
        """What the layer waits for."""
        if self.dram_seconds > self.compute_seconds:
            return "DRAM"
        return "ports" if self.idle_cycles > 0 else "MACs"

    @property
    def stall_seconds(self) -> float:
        """How long the multipliers stand still and wait for DRAM."""
        return self.seconds - self.compute_seconds

    @property
    def joules(self) -> float:
        """Of multiply-adds and memories; leakage belongs to the whole frame."""
        return self.mac_joules + self.sram_joules + self.dram_joules


def winograd_tile(layer: Layer, machine: Machine) -> int | None:
    """Winograd's m if the machine can use it for the layer, or None."""
    return machine.tile(layer.type) if suits_winograd(layer) else None


@dataclass(frozen=True)
class Candidate:
    """A mode of a layer, cut into tiles.

    Attributes
    ----------
    mode : str
        "direct" or "winograd".
    shape : Shape
    tile : Tile
    """

    mode: Mode
    shape: Shape
    tile: Tile


def candidates(layer: Layer, machine: Machine, mode: Mode | None = None) -> tuple[Candidate, ...]:
    """Return the tiles of each mode that a layer can run in, or of one mode."""
    m = winograd_tile(layer, machine)
    modes: tuple[Mode, ...] = (mode,) if mode else ("direct", "winograd") if m else ("direct",)
    found, on_chip = [], machine.on_chip.without_ports()
    for name in modes:
        rows = m if name == "winograd" and m else 1
        growth = machine.winograd.weight_growth if name == "winograd" and machine.winograd else 1.0
        shape = Shape(layer, rows)
        found += [Candidate(name, shape, tile) for tile in tiles(layer, rows, growth, machine.sram_kb, on_chip)]
    return tuple(found)


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
    found = candidates(layer, machine, mode)
    return min((_cost(one, layer, datapath, machine, overlap) for one in found), key=lambda cost: cost.seconds)


def mapped_cost(layer: Layer, datapath: Datapath, machine: Machine) -> LayerCost:
    """Return what a layer costs if the rows of a datapath take what is best for it, `mappings`: as the sweep does."""
    found = (cost(layer, mapping, machine) for mapping in mappings(datapath))
    return min(found, key=lambda one: (one.seconds, one.cycles))


def _cost(of: Candidate, layer: Layer, datapath: Datapath, machine: Machine, overlap: bool) -> LayerCost:
    rate, on_chip = machine.rate(layer.type), machine.on_chip
    through = rounds(of.shape, of.tile, datapath, rows=on_chip.rows)
    ways = traffic(of.shape, of.tile, datapath, on_chip)
    working = through.all / rate
    port = min(way.cycles(on_chip) for way in ways)
    needed = max(working, port)
    way = min((way for way in ways if way.cycles(on_chip) <= needed), key=lambda way: way.bytes)
    cycles = needed + datapath.fill
    compute, dram = cycles / machine.clock_hz, of.tile.dram_bytes / (machine.dram_gbs * 1e9)
    made = products(layer, of.shape.m if of.mode == "winograd" else None)
    energy = machine.energy
    return LayerCost(
        layer=layer,
        datapath=datapath,
        mode=of.mode,
        tile=of.tile,
        traffic=way,
        cycles=cycles,
        idle_cycles=needed - working,
        dram_bytes=of.tile.dram_bytes,
        compute_seconds=compute,
        dram_seconds=dram,
        seconds=max(compute, dram) if overlap else compute + dram,
        utilisation=made / (cycles * machine.macs * rate),
        mac_joules=made * energy.mac_pj[layer.type] * 1e-12,
        sram_joules=way.bytes * machine.sram_pj * 1e-12,
        dram_joules=of.tile.dram_bytes * 8 * energy.dram_pj_per_bit * 1e-12,
    )
