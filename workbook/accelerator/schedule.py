"""Which datapath for which layer: the best schedule when a switch costs time, found by dynamic programming.

    serial   (1 context):   a switch adds  bits/port + drain + fill
    shadow   (2 contexts):  the load runs beside the layer before it, and a switch adds what of it is left over:
                            max(0, load - t) + swap + drain + fill
    both:                   + the activations between the two layers, written anew, if their layouts differ

A shadow's load begins with the layer before the switch, not earlier. If the configurations lie in DRAM, the load is
part of that layer's traffic and no faster than DRAM.

Frames follow each other, so a schedule is a ring: after the last layer the datapath goes back to the first layer's. The
first frame finds it in place and waits for no way back; nor does any frame of a camera that leaves a gap between two
frames. Those take `frame_seconds`, and one frame a `seconds` is what the machine can do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from kernels import datapath_search
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import Counts, Floats, Table
from workbook.accelerator.layer_cost import LayerCost, cost
from workbook.accelerator.machine import Machine, Reconfiguration
from workbook.accelerator.workload import Workload


@dataclass(frozen=True)
class Schedule:
    """A datapath for each layer, and what the frame takes.

    Attributes
    ----------
    name : str
    workload : Workload
    machine : Machine
    datapaths : tuple of Datapath
        One for each layer.
    mappings : tuple of Datapath or None
        What the rows of each take, `datapath.mappings`: channels, or taps too. None: as they are.
    switch_seconds : tuple of float
        After each layer: what the switch to the next one's datapath adds, after the last that back to the first one's;
        0 where there is none.
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    """

    name: str
    workload: Workload
    machine: Machine
    datapaths: tuple[Datapath, ...]
    switch_seconds: tuple[float, ...]
    overlap: bool = True
    mappings: tuple[Datapath, ...] | None = None

    @cached_property
    def costs(self) -> tuple[LayerCost, ...]:
        """What each layer costs on its datapath."""
        known: dict[tuple[int, Datapath], LayerCost] = {}
        distinct, places = self.workload.distinct
        found = []
        for layer, place, datapath in zip(self.workload.layers, places, self.mappings or self.datapaths, strict=True):
            if (place, datapath) not in known:
                known[place, datapath] = cost(distinct[place], datapath, self.machine, overlap=self.overlap)
            found.append(replace(known[place, datapath], layer=layer))
        return tuple(found)

    @property
    def seconds(self) -> float:
        """Seconds from one frame of a stream to the next (of a batch, if there are several images)."""
        return math.fsum(cost.seconds for cost in self.costs) + math.fsum(self.switch_seconds)

    @property
    def frame_seconds(self) -> float:
        """Seconds from a frame's start to its result, without the switch back: the first frame of a stream."""
        return math.fsum(cost.seconds for cost in self.costs) + math.fsum(self.switch_seconds[:-1])

    @property
    def band(self) -> tuple[float, float]:
        """Seconds from frame to frame with perfect overlap of computing and DRAM, and with none."""
        paid = math.fsum(self.switch_seconds)
        best, worst = (math.fsum(cost.band[end] for cost in self.costs) + paid for end in (0, 1))
        return best, worst

    @property
    def fps(self) -> float:
        """Images a second of a stream."""
        return self.workload.batch / self.seconds

    @property
    def switches(self) -> int:
        """How often the datapath changes in a frame, the way back included."""
        return sum(a != b for a, b in pairwise((*self.datapaths, self.datapaths[0])))

    @property
    def utilisation(self) -> float:
        """Products over what all multipliers could compute in the whole time."""
        busy = math.fsum(cost.utilisation * cost.compute_seconds for cost in self.costs)
        return busy / self.seconds

    @property
    def dram_bound(self) -> float:
        """The part of the time that goes to layers which wait for DRAM: there no datapath helps."""
        return math.fsum(cost.seconds for cost in self.costs if cost.bound == "DRAM") / self.seconds

    @property
    def joules(self) -> float:
        """Energy of a frame: layers, loads of configurations, leakage."""
        return math.fsum(cost.joules for cost in self.costs) + self.load_joules + self.leakage_joules

    @property
    def load_joules(self) -> float:
        """Energy of reading the configurations."""
        how = self.machine.reconfiguration
        if how is None:
            return 0.0
        a_bit = self.machine.energy.dram_pj_per_bit if how.source == "dram" else self.machine.sram_pj / 8
        return self.switches * how.bits * a_bit * 1e-12

    @property
    def leakage_joules(self) -> float:
        """Energy at rest over the whole time."""
        return self.machine.energy.leakage_w * self.seconds

    @property
    def mj_per_image(self) -> float:
        """Millijoules an image."""
        return 1e3 * self.joules / self.workload.batch

    @property
    def mj_band(self) -> tuple[float, float]:
        """Millijoules an image by the cheapest and by the dearest memories that are published: `Energy.band`."""
        sram, dram = self.machine.energy.band(self.machine.sram_kb)
        how = self.machine.reconfiguration
        rest = math.fsum(cost.mac_joules for cost in self.costs) + self.leakage_joules
        on_chip = math.fsum(cost.traffic.bytes for cost in self.costs)
        moved = math.fsum(cost.dram_bytes for cost in self.costs)
        loaded = self.switches * how.bits / 8 if how else 0.0
        if how and how.source == "dram":
            moved += loaded
        else:
            on_chip += loaded
        least, most = (rest + 1e-12 * (on_chip * sram[end] + 8 * moved * dram[end]) for end in (0, 1))
        return 1e3 * least / self.workload.batch, 1e3 * most / self.workload.batch


def load_seconds(how: Reconfiguration, machine: Machine) -> float:
    """Seconds to load a configuration: through the port, and through DRAM if it lies there."""
    dram = how.bits / 8 / (machine.dram_gbs * 1e9) if how.source == "dram" else 0.0
    return max(how.port_seconds, dram)


def switch_seconds(machine: Machine) -> float:
    """Seconds that the datapath stands still for a switch when nothing is hidden and the layout stays.

    Infinite for a machine whose datapath is fixed.
    """
    how = machine.reconfiguration
    if how is None:
        return math.inf
    return load_seconds(how, machine) + (how.drain_cycles + how.fill_cycles) / machine.clock_hz


def leave_seconds(table: Table) -> Floats:
    """(distinct layers, datapaths) What a switch after a layer on a datapath adds, without a change of layout."""
    machine, how = table.machine, table.machine.reconfiguration
    if how is None or how.contexts == 1:
        return np.full_like(table.seconds, switch_seconds(machine))
    load = load_seconds(how, machine)
    layer = table.seconds
    if how.source == "dram":
        moved = (table.dram_bytes + how.bits / 8) / (machine.dram_gbs * 1e9)
        computing = table.cycles / machine.clock_hz
        layer = np.maximum(computing, moved) if table.overlap else computing + moved
    still = (how.swap_cycles + how.drain_cycles + how.fill_cycles) / machine.clock_hz
    # Never below 0: a layer's own seconds are the same sum without the load.
    return np.maximum(layer, load) - table.seconds + still


def relayout_seconds(table: Table) -> Floats:
    """(distinct layers,) What it adds to write a layer's output anew in another layout."""
    how = table.machine.reconfiguration
    if how is None:
        return np.zeros(len(table.seconds))
    moved = np.array([layer.output_bytes for layer in table.workload.distinct[0]])
    relayout: Floats = moved / how.layout_bytes_per_cycle / table.machine.clock_hz
    return relayout


def undominated(table: Table) -> Counts:
    """Return the places of the datapaths worth having: no other of their layout is as good in every layer.

    With a shadow context it must also be as good to leave. Any schedule stays as good if a dominated datapath is
    replaced by the one that dominates it, so the best of these is the best of all.
    """
    return datapath_search.undominated(_costs_to_stay_and_leave(table), table.layouts)


def _costs_to_stay_and_leave(table: Table) -> Floats:
    how = table.machine.reconfiguration
    if how is None or how.contexts == 1:
        return table.seconds
    return np.concatenate([table.seconds, table.seconds + leave_seconds(table)])


def reconfigured(table: Table) -> Schedule:
    """Return the best schedule of a stream: no other choice of datapaths takes less time, switches paid."""
    small = table.only(undominated(table))
    chosen, paid = _cheapest(small)
    return _schedule(small, chosen, "reconfigured", tuple(paid.tolist()))


def reconfigured_once(table: Table) -> Schedule:
    """Return the best schedule of one frame that nobody follows: its `frame_seconds` are the least there are."""
    small = table.only(undominated(table))
    chosen, paid = _cheapest(small, datapath_search.cheapest)
    return _schedule(small, chosen, "one frame", tuple(paid.tolist()))


def best_frame(table: Table) -> tuple[float, int]:
    """Return the seconds and the switches of the best schedule of a stream, without the costs of its layers."""
    chosen, paid = _cheapest(table)
    switches = int(np.count_nonzero(chosen != np.roll(chosen, -1)))
    return float(table.seconds[table.places, chosen].sum() + paid.sum()), switches


def oracle(table: Table) -> Schedule:
    """Return the schedule that gives every layer its best datapath and pays nothing for a switch."""
    return _schedule(table, table.seconds.argmin(axis=1)[table.places], "oracle")


def fixed(table: Table, at: int | None = None, name: str = "best fixed") -> Schedule:
    """Return the schedule with one datapath for all layers: that at a place of the table, or the best."""
    return _schedule(table, np.full(len(table.places), table.best_fixed if at is None else at), name)


def _cheapest(table: Table, search: Callable[..., Counts] = datapath_search.ring) -> tuple[Counts, Floats]:
    """Return the place of each layer's datapath, and what the switch after each layer adds."""
    leave, relayout, layouts = leave_seconds(table), relayout_seconds(table), table.layouts
    chosen = search(table.seconds, leave, relayout, layouts, table.places)
    after = np.roll(chosen, -1)
    paid = np.where(chosen != after, leave[table.places, chosen], 0.0)
    anew = np.where(layouts[chosen] != layouts[after], relayout[table.places], 0.0)
    anew[-1] = 0  # the next frame's input is not this one's output
    return chosen, paid + anew


def _schedule(table: Table, chosen: Counts, name: str, paid: tuple[float, ...] | None = None) -> Schedule:
    datapaths = tuple(table.datapaths[i] for i in chosen)
    none = (0.0,) * len(datapaths)
    mapped = tuple(table.mapping(place, at) for place, at in zip(table.places, chosen, strict=True))
    paid = none if paid is None else paid
    return Schedule(name, table.workload, table.machine, datapaths, paid, table.overlap, mapped)
