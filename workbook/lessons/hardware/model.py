"""What the three panels of lesson 4 show: a layer on a datapath, a network over the time of a switch, a machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from workbook.accelerator.area import Design, design
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import Table, evaluate
from workbook.accelerator.five_lines import BreakEven, Lines, break_even, five_lines, with_switch_time
from workbook.accelerator.layer_cost import LayerCost, cost, mapped_cost
from workbook.accelerator.machine import Machine
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import best_frame, reconfigured, switch_seconds, undominated
from workbook.accelerator.workload import WORKLOADS, Layer, Workload

X1 = PRESETS["x1"]

NETWORKS = ("resnet50", "vgg16", "mobilenet_v2", "yolov3_416")
ENDLESS, RESIDENT, FUSED, BY_LAYER, NO_LIMIT = MEMORIES = (
    "no DRAM limit", "DRAM, weights stay", "DRAM, fused", "DRAM, layer by layer", "no limit"
)  # fmt: skip
PORTS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Bytes a cycle that the memory on the chip delivers of inputs and of weights, and takes of sums."""

LARGEST_POWER = 6  # 64 multipliers along a dimension, as many as one of the X1's units has
_POWERS = range(LARGEST_POWER + 1)

SWITCH_SECONDS = (*(digit * 10.0**power for power in range(-8, -2) for digit in (1, 2, 4)), 1e-2)
"""Times of a switch, from 10 ns to 10 ms."""
STEP = SWITCH_SECONDS.index(min(SWITCH_SECONDS, key=lambda seconds: abs(seconds - switch_seconds(X1))))

SMALLEST_MULTIPLIERS, LARGEST_MULTIPLIERS = 6, 13  # powers of two
SMALLEST_KB, LARGEST_KB = 7, 14


def setting(network: str, memory: str = ENDLESS, batch: int = 1) -> tuple[Workload, Machine]:
    """Return a network, and the X1 with one of MEMORIES.

    Parameters
    ----------
    network : str
        A key of WORKLOADS.
    memory : str
        "no DRAM limit": no multiplier waits for it. "DRAM, weights stay": tensors that fit stay on the chip, and as
        many weights beside them as fit, from frame to frame. "DRAM, fused": tensors alone. "DRAM, layer by layer":
        every tensor goes through DRAM. "no limit": nor does any multiplier wait for the memory on the chip.
    batch : int

    Raises
    ------
    ValueError
        For another network or memory.
    """
    if network not in WORKLOADS:
        raise ValueError(f"network must be one of {', '.join(WORKLOADS)}, not {network!r}")
    if memory not in MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(map(repr, MEMORIES))}, not {memory!r}")
    workload = WORKLOADS[network]().with_batch(batch)
    if memory == ENDLESS:
        return workload, X1.but(dram_gbs=float("inf"))
    if memory == NO_LIMIT:
        return workload, X1.but(dram_gbs=float("inf"), on_chip=OnChip())
    if memory == RESIDENT:
        return workload.resident(X1.sram_kb), X1
    return (workload.fused(X1.sram_kb) if memory == FUSED else workload), X1


def layer(network: str, name: str) -> Layer:
    """Return a layer of a network.

    Raises
    ------
    ValueError
        If the network has no layer of this name; the message lists those it has.
    """
    layers = {found.name: found for found in setting(network)[0].layers}
    if name not in layers:
        raise ValueError(f"{network} has no layer {name!r}; it has {', '.join(layers)}")
    return layers[name]


LAYERS: dict[str, tuple[str, str]] = {
    "7x7 first": ("resnet50", "conv1"),
    "3x3 wide": ("resnet50", "conv2_1.3x3"),
    "3x3 deep": ("resnet50", "conv5_2.3x3"),
    "1x1 wide": ("mobilenet_v2", "block2_2.project"),
    "1x1 deep": ("resnet50", "conv5_1.expand"),
    "depthwise wide": ("mobilenet_v2", "block2_2.depthwise"),
    "depthwise small": ("mobilenet_v2", "block6_2.depthwise"),
    "fully connected": ("resnet50", "fc1000"),
}
"""Layers of the first panel: their network and name."""


@dataclass(frozen=True)
class Laid:
    """A layer on a datapath of the learner's choice, beside two others.

    Attributes
    ----------
    yours, textbook, best : LayerCost
        On the chosen datapath, on 64 x 64 channels, on the fastest there is.
    powers : (int, int)
        Of two: multipliers along input and output channels.
    groups : int
        Asked for along groups; the datapath has fewer, if C and K leave no more.
    landscape : (K, C) float64
        The utilisation for all powers, the groups as chosen.
    """

    yours: LayerCost
    textbook: LayerCost
    best: LayerCost
    powers: tuple[int, int]
    groups: int
    landscape: npt.NDArray[np.float64]


def laid(C: int, K: int, kind: str, group: int = 0) -> Laid:
    """Return a layer of LAYERS on a datapath: 2^C x 2^K along channels, up to 2^group along groups, the rest pixels."""
    chosen = layer(*LAYERS[kind])
    return Laid(
        mapped_cost(chosen, powers(C, K, group), X1),
        mapped_cost(chosen, X1.array, X1),
        cost(chosen, _best(kind), X1),
        (C, K),
        1 << group,
        _landscape(kind, group),
    )


def powers(C: int, K: int, group: int = 0) -> Datapath:
    """Return a datapath of all multipliers of the X1: 2^C, 2^K, at most 2^group, and what is left along pixels."""
    left = X1.macs >> (C + K)
    groups = min(1 << group, left)
    return Datapath(1 << C, 1 << K, left // groups, groups)


@cache
def _landscape(kind: str, group: int) -> npt.NDArray[np.float64]:
    chosen = layer(*LAYERS[kind])
    return np.array([[mapped_cost(chosen, powers(C, K, group), X1).utilisation for C in _POWERS] for K in _POWERS])


@cache
def _best(kind: str) -> Datapath:
    """The datapath with the fewest cycles, whatever DRAM does."""
    table = evaluate(Workload(kind, (layer(*LAYERS[kind]),)), X1)
    return table.mapping(0, int(table.cycles[0].argmin()))


@dataclass(frozen=True)
class Switched:
    """A network over the time of a switch.

    Attributes
    ----------
    network, memory : str
    step : int
        Which of SWITCH_SECONDS is chosen.
    ports : int
        Bytes a cycle of each port of the memory on the chip; "no limit" has none.
    lines : Lines
        With a switch of the chosen time.
    curve : BreakEven
        The frame for each of SWITCH_SECONDS.
    """

    network: str
    memory: str
    step: int
    ports: int
    lines: Lines
    curve: BreakEven

    @property
    def every_layer(self) -> tuple[float, ...]:
        """Seconds of a frame for each of SWITCH_SECONDS, if every layer gets its best datapath at any price."""
        oracle = self.lines.oracle
        return tuple(oracle.seconds + oracle.switches * seconds for seconds in SWITCH_SECONDS)


@cache
def switched(step: int, network: str, memory: str, ports: int = 256) -> Switched:
    """Return a network on the X1, with a switch that takes SWITCH_SECONDS[step] and ports of so many bytes a cycle."""
    curve, lines, table = _curve(network, memory, ports)
    timed = replace(table, machine=with_switch_time(table.machine, SWITCH_SECONDS[step]))
    chosen = replace(lines, reconfigured=reconfigured(timed))
    return Switched(network, memory, step, ports, chosen, curve)


@cache
def _curve(network: str, memory: str, ports: int) -> tuple[BreakEven, Lines, Table]:
    """What does not depend on the step; the table has only the datapaths worth having, which a serial switch keeps."""
    workload, machine = setting(network, memory)
    if memory != NO_LIMIT:
        machine = machine.but(on_chip=OnChip(ports, ports, ports))
    table = evaluate(workload, machine)
    worth_having = table.only(undominated(table))
    return break_even(workload, machine, SWITCH_SECONDS), five_lines(workload, machine), worth_having


PAY_SECONDS = (1e-8, 1e-7, 4e-7, 1e-6, 4e-6, 1e-5, 4e-5, 1e-4)
PAY_PORTS = (32, 64, 128, 256, 512, 1024, 4096)
"""Times of a switch and bytes a cycle in the panel over both."""


@dataclass(frozen=True)
class Paying:
    """When flexible hardware pays: its gain over the time of a switch and the ports of the memory on the chip.

    Attributes
    ----------
    network, memory : str
    at : (int, int)
        Places of the chosen time in PAY_SECONDS and of the chosen ports in PAY_PORTS.
    gains : (PAY_PORTS, PAY_SECONDS) float64
        Over the best fixed datapath, every switch paid.
    lines : Lines
        At the chosen place.
    """

    network: str
    memory: str
    at: tuple[int, int]
    gains: npt.NDArray[np.float64]
    lines: Lines


def paying(seconds: float, ports: int, network: str, memory: str = ENDLESS) -> Paying:
    """Return the gain for all times of a switch and all ports, and the five lines for one pair."""
    workload, machine = setting(network, memory)
    machine = with_switch_time(machine.but(on_chip=OnChip(ports, ports, ports)), seconds)
    at = PAY_SECONDS.index(seconds), PAY_PORTS.index(ports)
    return Paying(network, memory, at, _gains(network, memory), _lines(workload, machine))


@lru_cache(maxsize=64)
def _lines(workload: Workload, machine: Machine) -> Lines:
    return five_lines(workload, machine)


@cache
def _gains(network: str, memory: str) -> npt.NDArray[np.float64]:
    workload, machine = setting(network, memory)
    found = []
    for ports in PAY_PORTS:
        table = evaluate(workload, machine.but(on_chip=OnChip(ports, ports, ports)))
        best, small = float(table.fixed_seconds.min()), table.only(undominated(table))
        timed = (replace(small, machine=with_switch_time(small.machine, seconds)) for seconds in PAY_SECONDS)
        found.append([best / best_frame(one)[0] for one in timed])
    return np.array(found)


@dataclass(frozen=True)
class Designed:
    """A machine of the learner's choice, and others with as much memory.

    Attributes
    ----------
    chosen : Design
    network : str
    """

    chosen: Design
    network: str

    def others(self, kind: str) -> tuple[Design, ...]:
        """Return the designs of a kind with as much memory and every number of multipliers."""
        of = self.chosen
        return tuple(
            _design(power, of.machine.sram_kb, kind, self.network, of.overhead, of.machine.dram_gbs)
            for power in range(SMALLEST_MULTIPLIERS, LARGEST_MULTIPLIERS + 1)
        )


def designed(multipliers: int, memory: int, kind: str, network: str, overhead: int, dram: int) -> Designed:
    """Return the machine of 2^multipliers multipliers and 2^memory KB; overhead is in per cent, dram in GB/s."""
    return Designed(_design(multipliers, 1 << memory, kind, network, overhead / 100, dram), network)


def _design(power: int, sram_kb: float, kind: str, network: str, overhead: float, dram_gbs: float) -> Design:
    return design(1 << power, sram_kb, kind, network=network, overhead=overhead, dram_gbs=dram_gbs)
