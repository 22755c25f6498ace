"""Every distinct layer of a network on every datapath of a machine, computed by the compiled sweep.

Of what a datapath's rows may take, channels or taps too, the fastest counts, layer by layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from kernels import datapath_costs
from workbook.accelerator.datapath import TAPS, Datapath, datapaths, mappings
from workbook.accelerator.layer_cost import Candidate, candidates
from workbook.accelerator.machine import Machine
from workbook.accelerator.on_chip_traffic import amounts, cuts
from workbook.accelerator.workload import Workload

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
    chosen : (distinct layers, datapaths) int64
        Which of the candidates is the fastest.
    candidates : tuple of Candidate
        Tiles of each layer in each of its modes.
    taken : (distinct layers, datapaths) int64
        Which of a datapath's `mappings` is the fastest.
    """

    workload: Workload
    machine: Machine
    datapaths: tuple[Datapath, ...]
    overlap: bool
    cycles: Floats
    seconds: Floats
    chosen: Counts
    candidates: tuple[Candidate, ...]
    taken: Counts

    def mapping(self, place: int, at: int) -> Datapath:
        """Return what the rows of a datapath take for a distinct layer."""
        return mappings(self.datapaths[at])[int(self.taken[place, at])]

    @property
    def winograd(self) -> npt.NDArray[np.bool_]:
        """(distinct layers, datapaths) Whether Winograd is the faster mode."""
        modes = np.array([one.mode == "winograd" for one in self.candidates])
        found: npt.NDArray[np.bool_] = modes[self.chosen]
        return found

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
        """(distinct layers, datapaths) Bytes through DRAM."""
        moved: Floats = np.array([one.tile.dram_bytes for one in self.candidates])[self.chosen]
        return moved

    def only(self, kept: npt.ArrayLike) -> Table:
        """Return the table with the datapaths at these places alone."""
        at = np.asarray(kept)
        return replace(
            self,
            datapaths=tuple(self.datapaths[i] for i in at),
            cycles=np.ascontiguousarray(self.cycles[:, at]),
            seconds=np.ascontiguousarray(self.seconds[:, at]),
            chosen=np.ascontiguousarray(self.chosen[:, at]),
            taken=np.ascontiguousarray(self.taken[:, at]),
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
    found = [candidates(layer, machine) for layer in layers]
    every = tuple(chain.from_iterable(found))
    rates = {layer.type: machine.rate(layer.type) for layer in layers}
    described = [_described(one) for one in every]
    costs = np.array(
        [(rates[one.shape.layer.type], _dram_seconds(one, machine), *_bytes(one, machine)) for one in every]
    )
    on_chip = machine.on_chip
    cycles, seconds, chosen = datapath_costs.evaluate(
        np.cumsum([0, *map(len, found)]),
        np.array([pieces for pieces, _ in described]),
        np.array([shape for _, shape in described]),
        costs,
        *_multipliers(_mapped(options)[0]),
        np.array([on_chip.input_bytes, on_chip.weight_bytes, on_chip.sum_bytes, 1024 * on_chip.strip_kb]),
        machine.clock_hz,
        on_chip.rows,
        overlap,
    )
    places = _mapped(options)[1]
    taken = _fastest(cycles, seconds, places)
    at = places[np.arange(len(options)), taken]
    cycles, seconds = np.take_along_axis(cycles, at, 1), np.take_along_axis(seconds, at, 1)
    chosen = np.take_along_axis(chosen, at, 1)
    return Table(workload, machine, options, overlap, cycles, seconds, chosen, every, taken)


def _fastest(cycles: Floats, seconds: Floats, places: Counts) -> Counts:
    """Return which mapping of each datapath is the fastest; where several are, the one with the fewest cycles."""
    least, fewest = seconds[:, places[:, 0]], cycles[:, places[:, 0]]
    taken = np.zeros(least.shape, np.int64)
    for i in range(1, places.shape[1]):
        has = np.flatnonzero(places[:, i] != places[:, 0])
        time, work = seconds[:, places[has, i]], cycles[:, places[has, i]]
        better = (time < least[:, has]) | ((time == least[:, has]) & (work < fewest[:, has]))
        for best, own in ((least, time), (fewest, work), (taken, i)):
            best[:, has] = np.where(better, own, best[:, has])
    return taken


def _described(one: Candidate) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The pieces and the shape of a candidate, as the compiled sweep takes them."""
    of, shape = cuts(one.shape, one.tile), one.shape
    along = (of.C, of.K, of.group, of.lines, of.columns)
    pieces = chain.from_iterable((p.full, p.size, p.others, p.rest) for p in along)
    channels = shape.layer.C // shape.layer.groups
    down = shape.down
    sizes = (down.number, shape.positions, shape.taps, down.inputs, down.step, down.window)
    return tuple(pieces), (*sizes, int(one.mode == "winograd"), channels)


def _dram_seconds(one: Candidate, machine: Machine) -> float:
    return one.tile.dram_bytes / (machine.dram_gbs * 1e9)


def _bytes(one: Candidate, machine: Machine) -> tuple[float, ...]:
    inputs, weights, sums = amounts(one.shape, machine.on_chip.sum_size)
    return inputs, *weights, *sums, one.shape.across.most(one.tile.columns) * one.shape.layer.bits / 8


@cache
def _own(macs: int, array: Datapath) -> tuple[Datapath, ...]:
    """All datapaths of so many multipliers, and one more if it is none of them."""
    options = datapaths(macs)
    return options if array in options else (*options, array)


@cache
def _mapped(options: tuple[Datapath, ...]) -> tuple[tuple[Datapath, ...], Counts]:
    """Return all mappings of some datapaths, and (datapaths, 3) the places of each one's; the first fills up."""
    found: list[Datapath] = []
    places = np.empty((len(options), len(TAPS)), np.int64)
    for row, option in zip(places, options, strict=True):
        own = mappings(option)
        row[:] = len(found)
        row[: len(own)] += np.arange(len(own))
        found += own
    return tuple(found), places


@cache
def _multipliers(options: tuple[Datapath, ...]) -> tuple[Counts, Counts]:
    """Return the numbers of multipliers that occur along each axis, and for each datapath their places and its fill."""
    numbers = np.array([(u.C, u.K, u.pixel, u.group, u.tap) for u in options])
    occurring = [np.unique(column) for column in numbers.T]
    values = np.ones((len(occurring), max(map(len, occurring))), np.int64)
    places = np.empty((len(options), len(occurring) + 1), np.int64)
    for axis, of_axis in enumerate(occurring):
        values[axis, : len(of_axis)] = of_axis
        places[:, axis] = np.searchsorted(of_axis, numbers[:, axis])
    places[:, -1] = [option.fill for option in options]
    return values, places
