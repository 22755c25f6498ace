"""A machine: multiply-add units, clock, memory, how fast it takes a new configuration, and what each step costs.

Every field carries its unit in its name. A machine that cannot be is refused with the field's name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.step_energy import Energy
from workbook.accelerator.workload import TYPES


def _above_zero(what: str, owner: object, *names: str) -> None:
    for name in names:
        if not getattr(owner, name) > 0:
            raise ValueError(f"{what}{name} must be above 0, not {getattr(owner, name)}")


def _not_negative(what: str, owner: object, *names: str) -> None:
    for name in names:
        if not getattr(owner, name) >= 0:
            raise ValueError(f"{what}{name} must be 0 or more, not {getattr(owner, name)}")


def _one_of(what: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise ValueError(f"{what} must be one of {', '.join(map(str, known))}, not {value!r}")


@dataclass(frozen=True)
class Winograd:
    """The Winograd mode of a machine.

    Attributes
    ----------
    tile : int
        m of F(m x m, 3x3).
    types : tuple of str
        The number types that it can do.
    weights : str
        "direct": kept in memory as they are, 9 a filter, and transformed when they are read. "transformed": (m + 2)^2 a
        filter.
    """

    tile: int = 2
    types: tuple[str, ...] = ("int8",)
    weights: Literal["direct", "transformed"] = "direct"

    def __post_init__(self) -> None:
        _above_zero("winograd.", self, "tile")
        for name in self.types:
            _one_of("winograd.types", name, tuple(TYPES))
        _one_of("winograd.weights", self.weights, ("direct", "transformed"))

    @property
    def weight_growth(self) -> float:
        """Weights in memory over those of the definition."""
        return (self.tile + 2) ** 2 / 9 if self.weights == "transformed" else 1.0

    @property
    def gain(self) -> float:
        """Multiply-adds of the definition over products, with whole tiles: 9 m^2 / (m + 2)^2."""
        return 9 * self.tile**2 / (self.tile + 2) ** 2


@dataclass(frozen=True)
class Reconfiguration:
    """How a machine takes another datapath.

    Attributes
    ----------
    bits : float
        Of one configuration.
    port_bits : float
        Width of the port through which it is loaded.
    port_mhz : float
        Words a microsecond through that port.
    contexts : int
        1: the datapath stands still while it is loaded (serial). 2: it is loaded into a shadow while the layer before
        runs.
    drain_cycles, fill_cycles : float
        To empty the pipeline before a switch and to fill it after.
    swap_cycles : float
        From the shadow to the datapath; with two contexts only.
    source : str
        Where the configurations lie: "chip" or "dram". From DRAM, a load takes of its bandwidth.
    layout_bytes_per_cycle : float
        At which activations are written anew if the next datapath reads another number of channels side by side.
        Infinite: the results are reordered on their way out, at no cost.
    """

    bits: float
    port_bits: float = 32
    port_mhz: float = 100
    contexts: int = 1
    drain_cycles: float = 0
    fill_cycles: float = 0
    swap_cycles: float = 1
    source: Literal["chip", "dram"] = "chip"
    layout_bytes_per_cycle: float = math.inf

    def __post_init__(self) -> None:
        _above_zero("reconfiguration.", self, "port_bits", "port_mhz", "layout_bytes_per_cycle")
        _not_negative("reconfiguration.", self, "bits", "drain_cycles", "fill_cycles", "swap_cycles")
        _one_of("reconfiguration.contexts", self.contexts, (1, 2))
        _one_of("reconfiguration.source", self.source, ("chip", "dram"))

    @property
    def port_mbs(self) -> float:
        """Megabytes a second through the port: width x clock / 8."""
        return self.port_bits * self.port_mhz / 8

    @property
    def port_seconds(self) -> float:
        """Seconds that the bits take through the port."""
        return self.bits / (self.port_bits * self.port_mhz * 1e6)


@dataclass(frozen=True)
class Machine:
    """An accelerator.

    Attributes
    ----------
    name : str
    macs : int
        Multiply-add units, called multipliers everywhere else.
    clock_mhz : float
    sram_kb : float
        On-chip memory for activations and weights.
    dram_gbs : float
        Bandwidth, in GB/s (1e9 bytes a second).
    array : Datapath
        The fixed datapath that it has, or that a textbook would give it.
    rates : mapping of type to float
        Multiply-adds that a multiplier does in a cycle; types that are not in it cannot run.
    winograd : Winograd or None
    reconfiguration : Reconfiguration or None
        None: the datapath is fixed.
    energy : Energy
    on_chip : OnChip
        How the memory on the chip feeds the multipliers.
    """

    name: str
    macs: int
    clock_mhz: float
    sram_kb: float
    dram_gbs: float
    array: Datapath
    rates: Mapping[str, float] = field(default_factory=lambda: {"int8": 1.0}, hash=False)
    winograd: Winograd | None = None
    reconfiguration: Reconfiguration | None = None
    energy: Energy = field(default_factory=Energy)
    on_chip: OnChip = field(default_factory=OnChip)

    def __post_init__(self) -> None:
        _above_zero("", self, "macs", "clock_mhz", "sram_kb", "dram_gbs")
        if self.array.multipliers > self.macs:
            raise ValueError(f"array: {self.array} needs {self.array.multipliers} multipliers, but macs is {self.macs}")
        if not self.rates:
            raise ValueError("rates must name at least one type")
        for name, rate in self.rates.items():
            _one_of("rates", name, tuple(TYPES))
            if not rate > 0:
                raise ValueError(f"rates.{name} must be above 0, not {rate}")
            if name not in self.energy.mac_pj:
                raise ValueError(f"energy.mac_pj has no {name}, which rates names")
        object.__setattr__(self, "rates", MappingProxyType(dict(self.rates)))

    def __reduce__(self) -> tuple[Any, ...]:
        numbers = (self.name, self.macs, self.clock_mhz, self.sram_kb, self.dram_gbs, self.array, dict(self.rates))
        return Machine, (*numbers, self.winograd, self.reconfiguration, self.energy, self.on_chip)

    @property
    def clock_hz(self) -> float:
        """Cycles a second."""
        return self.clock_mhz * 1e6

    @property
    def ridge(self) -> float:
        """Multiply-adds a byte from which on multipliers are the bound, and not DRAM; of the first type in `rates`."""
        return self.macs * next(iter(self.rates.values())) * self.clock_hz / (self.dram_gbs * 1e9)

    def rate(self, type: str) -> float:
        """Multiply-adds that a multiplier does in a cycle with a type.

        Raises
        ------
        ValueError
            If the machine does not have the type.
        """
        if type not in self.rates:
            raise ValueError(f"{self.name} has no {type}; its rates are for {', '.join(self.rates)}")
        return self.rates[type]

    @property
    def sram_pj(self) -> float:
        """Picojoules to read or write a byte of the memory on the chip."""
        return self.energy.a_byte(self.sram_kb)

    def tile(self, type: str) -> int | None:
        """Winograd's m for a type, or None."""
        return self.winograd.tile if self.winograd and type in self.winograd.types else None

    def but(self, **changes: Any) -> Machine:
        """Return the machine with other numbers; a field of a part is written part__field.

        >>> from workbook.accelerator.presets import PRESETS
        >>> PRESETS["x1"].but(dram_gbs=34.0, reconfiguration__contexts=2).reconfiguration.contexts
        2
        """
        own = {name: value for name, value in changes.items() if "__" not in name}
        for path in (name for name in changes if "__" in name):
            part, _, name = path.partition("__")
            current = own.get(part, getattr(self, part, None))
            if current is None:
                raise ValueError(f"{self.name} has no {part}, so its {name} cannot be set")
            own[part] = _changed(current, part, {name: changes[path]})
        machine: Machine = _changed(self, self.name, own)
        return machine


def _changed(value: Any, what: str, changes: dict[str, Any]) -> Any:
    unknown = set(changes) - set(value.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{what} has no {', '.join(sorted(unknown))}; it has {', '.join(value.__dataclass_fields__)}")
    return replace(value, **changes)
