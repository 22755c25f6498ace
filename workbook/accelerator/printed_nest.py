"""A choice of the model written as the loop nest that it is, so that it can be read beside Timeloop's or ZigZag's.

    DRAM                     for ... tiles            what is moved, and how often
    memory on the chip       for ... rounds           what is read from it, and how often a number is used once read
    registers                one round                the multipliers side by side

The field's names: a multiplier is a processing element, a datapath a spatial mapping, what stays in registers the
dataflow: weight-, output- or input-stationary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.loop_nest import ROUNDS
from workbook.accelerator.machine import Machine
from workbook.accelerator.on_chip_traffic import cuts, rounds
from workbook.accelerator.prefetch import growth
from workbook.accelerator.tiles import INDICES, LOOPS, Shape, held_bytes, visits
from workbook.plain_text import Text

DATAFLOW = {"weights": "weight-stationary", "outputs": "output-stationary", "inputs": "input-stationary"}


@dataclass(frozen=True)
class Nest(Text):
    """The loops of a layer on a machine; str() writes them.

    Attributes
    ----------
    cost : LayerCost
    machine : Machine
    """

    cost: LayerCost
    machine: Machine

    @property
    def shape(self) -> Shape:
        """The layer as its tiles see it."""
        winograd = self.machine.winograd if self.cost.mode == "winograd" else None
        return Shape(self.cost.layer, winograd.tile if winograd else 1)

    @property
    def tiles(self) -> tuple[tuple[str, int, int], ...]:
        """The loops over tiles from the outermost: name, how many tiles, their size; those of one tile are left out."""
        pieces, tile = cuts(self.shape, self.cost.tile), self.cost.tile
        group = ("group", pieces.group.number, tile.group)
        loops = (group, *((name, getattr(pieces, name).number, getattr(tile, name)) for name in LOOPS[tile.order]))
        return tuple(loop for loop in loops if loop[1] > 1)

    @property
    def rounds(self) -> tuple[tuple[str, int, int], ...]:
        """The loops over rounds, of all tiles: name, how many, multipliers side by side."""
        path, rows = self.cost.datapath, self.machine.on_chip.rows
        through = rounds(self.shape, self.cost.tile, path, rows=rows)
        tap = 1 if self.cost.mode == "winograd" else path.tap
        side = {"C": path.C, "K": path.K, "pixel": path.pixel, "group": path.group, "tap": tap}
        loops = ((name, int(getattr(through, name)), side[name]) for name in ROUNDS[self.cost.traffic.stay])
        return tuple(loop for loop in loops if loop[1] > 1)

    @property
    def moved(self) -> dict[str, int]:
        """How often each tensor goes through DRAM."""
        pieces = cuts(self.shape, self.cost.tile)
        number = {name: getattr(pieces, name).number for name in LOOPS[self.cost.tile.order]}
        return {name: visits(self.cost.tile.order, name, number) for name in INDICES}

    @property
    def uses(self) -> dict[str, float]:
        """Products for each number that the memory on the chip reads or writes: the reuse between it and registers."""
        of, size = self.cost.traffic, self.cost.layer.bits / 8
        made = self.cost.layer.macs / (self.machine.winograd.gain if self.shape.m > 1 and self.machine.winograd else 1)
        sums = of.sums_read / self.machine.on_chip.sum_size * 2 + self._complete
        return {"inputs": made / (of.inputs / size), "weights": made / (of.weights / size), "sums": made / sums}

    @property
    def _complete(self) -> float:
        layer = self.cost.layer
        return layer.N * layer.K * layer.P * layer.Q

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        cost, machine, on_chip = self.cost, self.machine, self.machine.on_chip
        layer, dataflow = cost.layer, DATAFLOW[cost.traffic.stay]
        yield f"{layer.name or 'layer'}, {layer.shape}, {cost.mode}: {dataflow}, {cost.cycles:,.0f} cycles"
        moved = ", ".join(f"{name} x {times}" for name, times in self.moved.items())
        yield f"DRAM, {cost.dram_bytes / 1e3:,.0f} KB: {moved}"
        depth = 1
        for name, number, size in self.tiles:
            yield f"{'  ' * depth}for {name} in {number} tiles of {size}"
            depth += 1
        tile = held_bytes(self.shape, cost.tile, growth(cost, machine), on_chip) / 1024
        uses = ", ".join(f"{name[:-1]} {times:,.0f}" for name, times in self.uses.items())
        yield f"{'  ' * depth}memory on the chip, {tile:,.0f} of {machine.sram_kb:,.0f} KB"
        yield f"{'  ' * depth}products for each {uses}"
        depth += 1
        for name, number, side in self.rounds:
            yield f"{'  ' * depth}for {name} in {number:,} rounds of {side}"
            depth += 1
        path = cost.datapath
        yield f"{'  ' * depth}side by side: {path}, {path.multipliers} of {machine.macs} processing elements"


def nest(cost: LayerCost, machine: Machine) -> Nest:
    """Return the loop nest of a layer's cost on a machine."""
    return Nest(cost, machine)
