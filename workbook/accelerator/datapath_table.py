"""Every distinct layer of a network on every datapath of a machine, computed by the compiled sweep."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import datapath_costs
from workbook.accelerator.datapath import Datapath, datapaths, winograd_positions
from workbook.accelerator.layer_cost import mode_bytes, winograd_tile
from workbook.accelerator.machine import Machine
from workbook.accelerator.workload import Layer, Workload

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Table:
    """A network on a machine: what each distinct layer takes on each datapath.

    Attributes
    ----------
    workload : Workload
    machine : Machine
    datapaths : tuple of Datapath
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    cycles : (distinct layers, datapaths) float64
        That the multipliers need.
    seconds : (distinct layers, datapaths) float64
    winograd : (distinct layers, datapaths) bool
        Whether Winograd is the faster mode.
    """

    workload: Workload
    machine: Machine
    datapaths: tuple[Datapath, ...]
    overlap: bool
    cycles: Floats
    seconds: Floats
    winograd: npt.NDArray[np.bool_]

    @property
    def places(self) -> Counts:
        """(layers,) Of each layer of the network among the distinct ones."""
        return np.array(self.workload.distinct[1])

    @cached_property
    def fixed_seconds(self) -> Floats:
        """(datapaths,) Seconds of the whole network if every layer runs on the same datapath."""
        total: Floats = np.bincount(self.places) @ self.seconds
        return total

    @cached_property
    def best_fixed(self) -> int:
        """The place of the datapath on which the whole network is fastest."""
        return int(self.fixed_seconds.argmin())

    @cached_property
    def layouts(self) -> Counts:
        """(datapaths,) Datapaths of the same number have the same multipliers along C and along K."""
        numbers: dict[tuple[int, int], int] = {}
        return np.array([numbers.setdefault(datapath.layout, len(numbers)) for datapath in self.datapaths])

    @cached_property
    def dram_bytes(self) -> Floats:
        """(distinct layers, datapaths) Bytes through DRAM in the faster mode."""
        direct, winograd = _both_modes(self.workload, self.machine)
        return np.where(self.winograd, winograd[:, None], direct[:, None])

    def only(self, kept: npt.ArrayLike) -> Table:
        """Return the table with the datapaths at these places alone."""
        at = np.asarray(kept)
        return replace(
            self,
            datapaths=tuple(self.datapaths[i] for i in at),
            cycles=np.ascontiguousarray(self.cycles[:, at]),
            seconds=np.ascontiguousarray(self.seconds[:, at]),
            winograd=np.ascontiguousarray(self.winograd[:, at]),
        )


def evaluate(
    workload: Workload,
    machine: Machine,
    options: tuple[Datapath, ...] | None = None,
    *,
    overlap: bool = True,
    winograd: bool = True,
) -> Table:
    """Evaluate every distinct layer of a network on every datapath.

    Parameters
    ----------
    workload : Workload
    machine : Machine
    options : tuple of Datapath, optional
        All of `datapaths(machine.macs)`, and the machine's own array.
    overlap : bool
        Whether computing and DRAM overlap perfectly, or not at all.
    winograd : bool
        Whether the machine's Winograd mode may be used.

    Raises
    ------
    ValueError
        If the machine lacks a type of the network, or a datapath has more multipliers than the machine.
    """
    if not winograd:
        machine = replace(machine, winograd=None)
    if options is None:
        options = _own(machine.macs, machine.array)
    elif any(option.multipliers > machine.macs for option in options):
        most = max(options, key=lambda option: option.multipliers)
        raise ValueError(f"{most} needs {most.multipliers} multipliers, but {machine.name} has {machine.macs}")
    layers = workload.distinct[0]
    direct, transformed = (moved / (machine.dram_gbs * 1e9) for moved in _both_modes(workload, machine))
    rates = np.array([machine.rate(layer.type) for layer in layers])
    costs = np.stack([rates, direct, transformed], axis=1)
    sizes = np.array([_sizes(layer, machine) for layer in layers])
    cycles, seconds, modes = datapath_costs.evaluate(sizes, costs, _multipliers(options), machine.clock_hz, overlap)
    return Table(workload, machine, options, overlap, cycles, seconds, modes.astype(bool))


def _sizes(layer: Layer, machine: Machine) -> tuple[int, ...]:
    G = layer.groups
    tile = winograd_tile(layer, machine)
    positions = winograd_positions(layer, tile) if tile else 0
    return layer.C // G, layer.K // G, G, layer.N * layer.P * layer.Q, layer.R * layer.S, positions


def _both_modes(workload: Workload, machine: Machine) -> tuple[Floats, Floats]:
    layers = workload.distinct[0]
    direct = [mode_bytes(layer, machine, "direct") for layer in layers]
    winograd = [mode_bytes(layer, machine, "winograd") for layer in layers]
    return np.array(direct), np.array(winograd)


@cache
def _own(macs: int, array: Datapath) -> tuple[Datapath, ...]:
    """All datapaths of so many multipliers, and one more if it is none of them."""
    options = datapaths(macs)
    return options if array in options else (*options, array)


@cache
def _multipliers(options: tuple[Datapath, ...]) -> npt.NDArray[Any]:
    return np.array([(*astuple(option), option.fill) for option in options])
