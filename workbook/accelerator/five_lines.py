"""The five lines that stand side by side whenever somebody says what reconfiguration gains.

    textbook       one fixed array of C x K multipliers
    fixed          the best fixed datapath for this network: the strongest opponent, chosen with the same effort
    suite          the best fixed datapath for a suite of networks: what a vendor ships
    oracle         the best datapath for every layer, switches free: the bound that no schedule passes
    reconfigured   the best schedule, every switch paid, the one back to the first layer's datapath too

All have the same multipliers, memories, clock, type and Winograd mode, and rows that take channels or taps. The
flexible two may have to pay for the area of their flexibility, with fewer multipliers or with a slower clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.machine import Machine, Reconfiguration
from workbook.accelerator.schedule import Schedule, best_frame, fixed, oracle, reconfigured, undominated
from workbook.accelerator.workload import WORKLOADS, Workload
from workbook.plain_text import Text

_HALVINGS = 40  # of the interval in which the break-even time lies: to a millionth of a millionth
_ROUNDING = 1e-9  # a gain as small as this may be rounding

_BestFrame = Callable[[float], tuple[float, int]]  # its seconds and its switches, for a time of a switch


@dataclass(frozen=True)
class Lines(Text):
    """The five lines for a network on a machine.

    Attributes
    ----------
    textbook, fixed, suite, oracle, reconfigured : Schedule
    """

    textbook: Schedule
    fixed: Schedule
    suite: Schedule
    oracle: Schedule
    reconfigured: Schedule

    def __iter__(self) -> Iterator[Schedule]:
        return iter((self.textbook, self.fixed, self.suite, self.oracle, self.reconfigured))

    def first_gain(self) -> float:
        """How many times as fast the first frame is, which waits for no switch back, on the same schedule."""
        return self.fixed.seconds / self.reconfigured.frame_seconds

    def gain(self, over: Literal["textbook", "fixed", "suite"] = "fixed") -> float:
        """How many times as fast the reconfigured line is as a fixed one; below 1 it loses."""
        opponent: Schedule = getattr(self, over)
        return opponent.seconds / self.reconfigured.seconds

    def energy(self) -> float:
        """Energy of an image on the reconfigured line, over that of the best fixed one; above 1 it takes more."""
        return self.reconfigured.mj_per_image / self.fixed.mj_per_image

    def bound(self, over: Literal["textbook", "fixed", "suite"] = "fixed") -> float:
        """How many times as fast the oracle is as a fixed line: what no switching time can better."""
        opponent: Schedule = getattr(self, over)
        return opponent.seconds / self.oracle.seconds

    def __str__(self) -> str:
        lines = [f"{'':<13}{'ms':>7}{'mJ/image':>9} {'from, to':<12}{'switches':>8}{'DRAM':>5}  datapath"]
        for line in self:
            path = str(line.datapaths[0]) if not line.switches else f"{len(set(line.datapaths))} datapaths"
            band = ", ".join(f"{mj:.2f}" for mj in line.mj_band)
            lines.append(
                f"{line.name:<13}{line.seconds * 1e3:>7.3f}{line.mj_per_image:>9.2f} {band:<12}"
                f"{line.switches:>8}{line.dram_bound:>5.0%}  {path}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def five_lines(
    workload: Workload,
    machine: Machine,
    suite: Sequence[Workload] | None = None,
    *,
    overlap: bool = True,
    winograd: bool = True,
    overhead: float = 0,
    paid_in: Literal["macs", "clock"] = "clock",
) -> Lines:
    """Return the five lines.

    Parameters
    ----------
    workload : Workload
    machine : Machine
    suite : sequence of Workload, optional
        For which the vendor's datapath is chosen: resnet50, vgg16, mobilenet_v2 and yolov3_416.
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    winograd : bool
        Whether the machine's Winograd mode may be used.
    overhead : float
        Area that flexibility costs: 0.2 for a fifth. It is paid by the oracle and the reconfigured line.
    paid_in : str
        "macs" or "clock": what there is less of in the same area.

    Raises
    ------
    ValueError
        If the overhead is negative, or the machine lacks a type of the network.
    """
    table = evaluate(workload, machine, overlap=overlap, winograd=winograd)
    flexible = table
    if overhead:
        smaller = pay_area(machine, overhead, paid_in)
        flexible = evaluate(workload, smaller, overlap=overlap, winograd=winograd)
    at = {datapath: i for i, datapath in enumerate(table.datapaths)}
    if suite:
        shipped = best_for_suite(machine, suite, overlap=overlap, winograd=winograd)
    else:
        shipped = _shipped(machine, workload.batch, workload.layers[0].type, overlap, winograd)
    return Lines(
        fixed(table, at[machine.array], "textbook"),
        fixed(table, name="fixed"),
        fixed(table, at[shipped], "suite"),
        oracle(flexible),
        reconfigured(flexible),
    )


@lru_cache(maxsize=64)
def _shipped(machine: Machine, batch: int, type_: str, overlap: bool, winograd: bool) -> Datapath:
    """Return what a vendor tunes for four networks; it is the same for every network that then runs on the machine."""
    names = ("resnet50", "vgg16", "mobilenet_v2", "yolov3_416")
    suite = [WORKLOADS[name]().with_batch(batch).with_type(type_) for name in names]
    return best_for_suite(machine, suite, overlap=overlap, winograd=winograd)


def best_for_suite(
    machine: Machine, suite: Sequence[Workload], *, overlap: bool = True, winograd: bool = True
) -> Datapath:
    """Return the fixed datapath with the smallest geometric mean of the times of several networks."""
    tables = [evaluate(workload, machine, overlap=overlap, winograd=winograd) for workload in suite]
    logs = sum(np.log(table.fixed_seconds) for table in tables)
    return tables[0].datapaths[int(np.argmin(logs))]


def pay_area(machine: Machine, overhead: float, paid_in: Literal["macs", "clock"] = "clock") -> Machine:
    """Return the machine that fits in the same area if its flexibility takes so much of it.

    Fewer multipliers come in steps: their datapaths are powers of two, with 1, 3 or 9 taps. A slower clock does not.

    Raises
    ------
    ValueError
        If the overhead is negative.
    """
    if not overhead >= 0:
        raise ValueError(f"overhead must be 0 or more, not {overhead}")
    if paid_in == "clock":
        return replace(machine, clock_mhz=machine.clock_mhz / (1 + overhead))
    macs = max(1, int(machine.macs / (1 + overhead)))
    array = machine.array if machine.array.multipliers <= macs else Datapath()
    return replace(machine, macs=macs, array=array)


def with_switch_time(machine: Machine, seconds: float) -> Machine:
    """Return the machine with a switch (with a shadow: a load) that takes so long, from configurations on the chip."""
    how = machine.reconfiguration or Reconfiguration(bits=0)
    if seconds == 0:
        timed = replace(how, bits=0)
    else:
        timed = replace(how, bits=how.bits or 1.0, port_bits=how.bits or 1.0, port_mhz=1e-6 / seconds)
    timed = replace(timed, drain_cycles=0, fill_cycles=0, source="chip")
    return replace(machine, reconfiguration=timed)


@dataclass(frozen=True)
class BreakEven:
    """How the time from frame to frame of a stream grows with the time of a switch.

    Attributes
    ----------
    switch_seconds : tuple of float
    reconfigured_seconds : tuple of float
        Of a frame, for each of them.
    switches : tuple of int
    fixed_seconds, oracle_seconds : float
        Of the best fixed datapath, and of free switching.
    seconds : float
        The time of a switch from which on reconfiguration never pays; 0 if it never does, infinite if it always does,
        because a shadow hides the load.
    """

    switch_seconds: tuple[float, ...]
    reconfigured_seconds: tuple[float, ...]
    switches: tuple[int, ...]
    fixed_seconds: float
    oracle_seconds: float
    seconds: float


def break_even(
    workload: Workload,
    machine: Machine,
    switch_seconds: Sequence[float] | None = None,
    *,
    overlap: bool = True,
    winograd: bool = True,
) -> BreakEven:
    """Compute the best schedule for many times of a switch, and the time from which on none pays.

    Parameters
    ----------
    workload, machine
    switch_seconds : sequence of float, optional
        49 times from 10 ns to 10 ms.
    overlap, winograd : bool
        As for `five_lines`.
    """
    times = np.logspace(-8, -2, 49).tolist() if switch_seconds is None else [float(s) for s in switch_seconds]
    table = evaluate(workload, machine, overlap=overlap, winograd=winograd)
    best = fixed(table)
    # Which datapaths dominate does not depend on the time of a serial switch; with a shadow each search prunes anew.
    serial = not machine.reconfiguration or machine.reconfiguration.contexts == 1
    small = table.only(undominated(table)) if serial else table

    def at(seconds: float) -> tuple[float, int]:
        timed = replace(small, machine=with_switch_time(table.machine, seconds))
        return best_frame(timed if serial else timed.only(undominated(timed)))

    frames = [at(seconds) for seconds in times]
    return BreakEven(
        switch_seconds=tuple(times),
        reconfigured_seconds=tuple(seconds for seconds, _ in frames),
        switches=tuple(switches for _, switches in frames),
        fixed_seconds=best.seconds,
        oracle_seconds=oracle(table).seconds,
        seconds=(_last_on_lines if serial else _last_by_halves)(at, best.seconds),
    )


def _last_on_lines(at: _BestFrame, most: float) -> float:
    """Walk up to the time of a serial switch from which on the best schedule is not faster than `most` seconds.

    seconds of a schedule = its layers + its switches x the time of one: a line. A schedule pays until its line reaches
    `most`; the best one there has fewer switches, and its line goes on from there.
    """
    time = 0.0
    seconds, switches = at(time)
    while seconds < most * (1 - _ROUNDING):
        time += (most - seconds) / switches
        seconds, switches = at(time)
    return time


def _last_by_halves(at: _BestFrame, most: float) -> float:
    """Halve the interval in which it is found: with a shadow no line is straight. No switch longer than `most` pays."""

    def pays(seconds: float) -> bool:
        return at(seconds)[0] < most * (1 - _ROUNDING)

    if not pays(0):
        return 0.0
    if pays(most):
        return math.inf
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return low
