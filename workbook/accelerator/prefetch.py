"""Weights fetched ahead: while a layer computes and DRAM is idle, the next layer's weights come, if there is room.

    fetched(i + 1) = min( idle(i), weights(i + 1) / B, room(i) / B )          B: bytes a second of DRAM
    seconds(i)     = max( compute(i), DRAM(i) - fetched(i) )
    idle(i)        = seconds(i) - (DRAM(i) - fetched(i)) + the switch after it

Frames follow each other, so the last layer fetches for the first. Room is what the layer leaves of the memory. A
schedule is not chosen with this in mind: it is what a given one takes.
"""

from __future__ import annotations

from itertools import chain, repeat

from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.machine import Machine
from workbook.accelerator.schedule import Schedule
from workbook.accelerator.tiles import Shape, held_bytes, weight_bytes
from workbook.accelerator.workload import held


def ahead(schedule: Schedule) -> tuple[float, ...]:
    """Return the seconds of each layer in a frame of a stream, its weights fetched ahead as far as that goes."""
    machine, costs = schedule.machine, schedule.costs
    per_second = machine.dram_gbs * 1e9
    pinned = sum(cost.layer.weight_bytes for cost in costs if cost.layer.weights_on_chip)
    taken, fetched = [0.0] * len(costs), 0.0
    for i in chain.from_iterable(repeat(range(len(costs)), 2)):  # twice: the first frame has nothing fetched
        cost, after = costs[i], costs[(i + 1) % len(costs)]
        dram = cost.dram_seconds - fetched
        taken[i] = max(cost.compute_seconds, dram) if schedule.overlap else cost.compute_seconds + dram
        idle = taken[i] - dram + schedule.switch_seconds[i]
        wanted = weight_bytes(after.layer, growth(after, machine))
        fetched = min(idle, wanted / per_second, max(0.0, room(cost, machine) - pinned) / per_second)
    return tuple(taken)


def ahead_seconds(schedule: Schedule) -> float:
    """Return the seconds from frame to frame if weights are fetched ahead."""
    return sum(ahead(schedule)) + sum(schedule.switch_seconds)


def growth(cost: LayerCost, machine: Machine) -> float:
    """Return a layer's weights in DRAM over those of the definition, in its mode."""
    return machine.winograd.weight_growth if cost.mode == "winograd" and machine.winograd else 1.0


def room(cost: LayerCost, machine: Machine) -> float:
    """Return the bytes of the memory that a layer leaves free; a tile is there twice if the memory is double."""
    layer = cost.layer
    if layer.input_on_chip or layer.output_on_chip:
        used = held(layer)
    else:
        rows = machine.tile(layer.type) if cost.mode == "winograd" else None
        tile = held_bytes(Shape(layer, rows or 1), cost.tile, growth(cost, machine), machine.on_chip)
        used = tile * (2 if machine.on_chip.double else 1)
    return max(0.0, 1024 * machine.sram_kb - used)
