"""Depth-first schedules: a band of rows goes through several layers before the next band is read.

A stack of layers reads its first input and writes its last output; what lies between them stays on the chip, in line
buffers that hold the rows the next filter still needs. Stride s and R rows of a filter, o rows out for each band:

    rows in   = o s          buffer = (o s + max(0, R - s)) rows of the layer's input
    weights   of all layers of the stack stay on the chip for the frame, beside the buffers
    DRAM      = first input + weights, each once + last output

All layers of a stack take turns for each band. So one datapath must do for all of them, and a switch can only stand
between stacks; and multipliers of one layer work while DRAM serves another, so a stack takes the longer of both sums.
The last round of each band may leave multipliers idle, which is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from kernels import datapath_search
from workbook.accelerator.datapath_table import Floats, Table
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.schedule import leave_seconds
from workbook.accelerator.tiles import tiles
from workbook.accelerator.workload import Layer, Workload

_ON_CHIP = OnChip()


@dataclass(frozen=True)
class Stack:
    """Layers that run depth-first, or a single one.

    Attributes
    ----------
    first, end : int
        The layers of the network from `first` to `end` - 1.
    rows : int
        Of the last output, in a band.
    buffer_bytes : float
        Of the line buffers.
    dram_bytes : float
        Of a frame.
    """

    first: int
    end: int
    rows: int
    buffer_bytes: float
    dram_bytes: float


def line_buffers(layers: Sequence[Layer], rows: int) -> float:
    """Return the bytes of the line buffers of a stack: each layer's input, and the last output twice.

    Parameters
    ----------
    layers : sequence of Layer
    rows : int
        Of the last output (after pooling), in a band.
    """
    last = layers[-1]
    size = last.N * last.K * (last.pooled or (last.P, last.Q))[1] * last.bits / 8
    total, wanted = 2 * rows * size, rows
    for layer in reversed(layers):
        computed = min(layer.P, wanted * -(-layer.P // (layer.pooled or (layer.P, layer.Q))[0]))
        wanted = min(layer.H, computed * layer.stride[0])
        kept = min(layer.H, wanted + max(0, layer.R - layer.stride[0]))
        total += kept * layer.N * layer.C * layer.W * layer.bits / 8
    return total + wanted * layers[0].N * layers[0].C * layers[0].W * layers[0].bits / 8  # the next band comes in


def source(layers: Sequence[Layer], added: int) -> int:
    """Return the layer whose output a layer adds: the nearest before it of the same size, -1 if there is none."""
    size = layers[added].output_bytes
    return next((i for i in range(added - 2, -1, -1) if layers[i].output_bytes == size), -1)


def stack(layers: Sequence[Layer], first: int, end: int, sram_kb: float) -> Stack | None:
    """Return the stack of some layers of a network, with the largest band that fits; None if none does."""
    inside = layers[first:end]
    if any(a.output_bytes != b.input_bytes for a, b in pairwise(inside)):
        return None
    dram = sum(layer.weight_bytes for layer in inside if not layer.weights_on_chip)
    dram += 0 if inside[0].input_on_chip else inside[0].input_bytes
    dram += 0 if inside[-1].output_on_chip else inside[-1].output_bytes
    fixed = sum(layer.weight_bytes for layer in inside if not layer.weights_on_chip)
    fixed += inside[0].input_bytes if inside[0].input_on_chip else 0
    fixed += inside[-1].output_bytes if inside[-1].output_on_chip else 0
    for i, layer in enumerate(layers):
        if not layer.added:
            continue
        of = source(layers, i)
        if first <= i < end and of >= first - 1:
            lag = 1 + sum(between.R - 1 for between in layers[of + 1 : i + 1])
            fixed += layer.output_bytes * min(1, lag / layer.P)
        elif first <= i < end:
            dram += layer.output_bytes  # it comes from DRAM
        elif first <= of < end - 1:
            dram += layer.output_bytes  # somebody further on wants it
    most = (inside[-1].pooled or (inside[-1].P, 0))[0]
    for rows in (1 << power for power in reversed(range(most.bit_length()))):
        buffers = line_buffers(inside, rows)
        if fixed + buffers <= 1024 * sram_kb:
            return Stack(first, end, rows, buffers, dram)
    return None


def stacks(workload: Workload, sram_kb: float, on_chip: OnChip = _ON_CHIP) -> tuple[Stack, ...]:
    """Cut a network into stacks so that the fewest bytes go through DRAM, by dynamic programming.

    Parameters
    ----------
    workload : Workload
        Tensors that it keeps on the chip whole stay there.
    sram_kb : float
        Filters that stay there from frame to frame take part of it.
    on_chip : OnChip
        How tiles of a layer that runs alone lie there.
    """
    layers = workload.layers
    sram_kb -= sum(layer.weight_bytes for layer in layers if layer.weights_on_chip) / 1024
    best: list[tuple[float, tuple[Stack, ...]]] = [(0.0, ())]
    for end in range(1, len(layers) + 1):
        options = []
        found: Stack | None = _single(layers[end - 1], end - 1, sram_kb, on_chip)
        while found:  # a longer stack needs more memory
            before, chosen = best[found.first]
            options.append((before + found.dram_bytes, (*chosen, found)))
            found = stack(layers, found.first - 1, end, sram_kb) if found.first else None
        best.append(min(options, key=lambda option: option[0]))
    return best[-1][1]


def _single(layer: Layer, at: int, sram_kb: float, on_chip: OnChip) -> Stack:
    return Stack(at, at + 1, layer.P, 0.0, tiles(layer, 1, 1.0, sram_kb, on_chip)[0].dram_bytes)


def depth_first(workload: Workload, found: Sequence[Stack]) -> Workload:
    """Return the network with the tensors inside of its stacks on the chip."""
    layers = list(workload.layers)
    for one in found:
        for i in range(one.first, one.end - 1):
            layers[i] = replace(layers[i], output_on_chip=True)
            layers[i + 1] = replace(layers[i + 1], input_on_chip=True)
        for i in range(one.first, one.end):
            if layers[i].added and one.end - one.first > 1 and source(workload.layers, i) >= one.first - 1:
                layers[i] = replace(layers[i], added=False)
    return replace(workload, layers=tuple(layers))


@dataclass(frozen=True)
class DepthFirst:
    """A network in stacks.

    Attributes
    ----------
    stacks : tuple of Stack
    fixed_seconds, reconfigured_seconds : float
        From frame to frame on the best fixed datapath, and with the best datapath for each stack, switches paid.
    switches : int
    """

    stacks: tuple[Stack, ...]
    fixed_seconds: float
    reconfigured_seconds: float
    switches: int

    @property
    def dram_bytes(self) -> float:
        """Of a frame."""
        return math.fsum(one.dram_bytes for one in self.stacks)

    @property
    def buffer_bytes(self) -> float:
        """Of the largest line buffers."""
        return max(one.buffer_bytes for one in self.stacks)


def schedule_stacks(table: Table, found: Sequence[Stack]) -> DepthFirst:
    """Choose a datapath for each stack of a network whose table was computed with `depth_first`."""
    seconds = stack_seconds(table, found)
    leave = np.full_like(seconds, float(leave_seconds(table).max()))
    places = np.arange(len(found))
    none = np.zeros(len(found))
    chosen = datapath_search.ring(seconds, leave, none, np.arange(seconds.shape[1]), places)
    switches = int(np.count_nonzero(chosen != np.roll(chosen, -1)))
    paid = switches * float(leave.max()) if switches else 0.0
    best = float(seconds[places, chosen].sum()) + paid
    return DepthFirst(tuple(found), float(seconds.sum(axis=0).min()), best, switches)


def stack_seconds(table: Table, found: Sequence[Stack]) -> Floats:
    """(stacks, datapaths) Seconds of each stack: the longer of computing and DRAM, or their sum."""
    computing = (table.cycles / table.machine.clock_hz)[table.places]
    begins = [one.first for one in found]
    compute = np.add.reduceat(computing, begins, axis=0)
    moved = np.array([[one.dram_bytes] for one in found]) / (table.machine.dram_gbs * 1e9)
    together: Floats = np.maximum(compute, moved) if table.overlap else compute + moved
    return together
