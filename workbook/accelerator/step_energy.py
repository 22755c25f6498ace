"""What a step costs in energy, in picojoules, and how far published numbers lie apart.

A memory's energy grows with its size. Horowitz (ISSCC 2014, 45 nm) gives three reads of 64 bits: 10 pJ from 8 KB, 20 pJ
from 32 KB, 100 pJ from 1 MB; between them a straight line in both logarithms is taken here. What is larger is built of
banks, so a read costs at most what it costs from 1 MB; wires between banks are left out.

Nobody outside knows how a chip's memory is cut into banks, nor which DRAM stands beside it. So each sum comes as a band
too: from banks of 8 KB and LPDDR4 at 8 pJ a bit to the whole memory in one piece and LPDDR5 at 31, as the examples of
Accelergy and ZigZag have them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from workbook.accelerator.workload import TYPES

READ_PJ = ((8, 10), (32, 20), (1024, 100))
"""KB of a memory, and pJ to read 64 bits of it."""
DRAM_PJ = (8, 31)
"""The least and the most that published examples take for a bit of low-power DRAM."""


def read_pj(sram_kb: float) -> float:
    """Picojoules to read or write a byte of a memory of so many KB."""
    sizes, energies = np.log(np.array(READ_PJ, np.float64)).T
    slope = (energies[1] - energies[0]) / (sizes[1] - sizes[0])
    size = math.log(sram_kb)
    below = min(0.0, size - sizes[0]) * slope  # a memory of less than the smallest is cheaper still
    return math.exp(float(np.interp(size, sizes, energies)) + below) / 8


@dataclass(frozen=True)
class Energy:
    """Energy of each step, in picojoules.

    The defaults are Horowitz's for 45 nm (ISSCC 2014): an int8 multiply-add 0.2 + 0.03 pJ, fp16 1.1 + 0.4, fp32 3.7 +
    0.9; DRAM about 20 pJ a bit. He has no int4, int16 and bf16: a multiplier is taken to grow with the square of the
    bits, an adder with the bits, bf16 as fp16.

    Attributes
    ----------
    mac_pj : mapping of type to float
        Of a multiply-add.
    sram_pj_per_byte : float or None
        None: by the size of the memory, `read_pj`.
    dram_pj_per_bit : float
    leakage_w : float
        Power at rest, in watts.
    """

    mac_pj: Mapping[str, float] = field(
        default_factory=lambda: {"int4": 0.065, "int8": 0.23, "int16": 0.86, "bf16": 1.5, "fp16": 1.5, "fp32": 4.6},
        hash=False,
    )
    sram_pj_per_byte: float | None = None
    dram_pj_per_bit: float = 20
    leakage_w: float = 0

    def __post_init__(self) -> None:
        for name, value in self.mac_pj.items():
            if name not in TYPES:
                raise ValueError(f"energy.mac_pj must be one of {', '.join(TYPES)}, not {name!r}")
            if not value >= 0:
                raise ValueError(f"energy.mac_pj.{name} must be 0 or more, not {value}")
        for name in ("sram_pj_per_byte", "dram_pj_per_bit", "leakage_w"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"energy.{name} must be 0 or more, not {value}")
        object.__setattr__(self, "mac_pj", MappingProxyType(dict(self.mac_pj)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Energy, (dict(self.mac_pj), self.sram_pj_per_byte, self.dram_pj_per_bit, self.leakage_w)

    def a_byte(self, sram_kb: float) -> float:
        """Picojoules to read or write a byte of the memory on the chip."""
        return read_pj(sram_kb) if self.sram_pj_per_byte is None else self.sram_pj_per_byte

    def band(self, sram_kb: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """The least and the most that published numbers leave open: pJ of a byte on the chip, pJ of a bit of DRAM."""
        own = self.a_byte(sram_kb)
        least = min(own, read_pj(READ_PJ[0][0])) if self.sram_pj_per_byte is None else own
        dram = self.dram_pj_per_bit
        return (least, own), (min(dram, DRAM_PJ[0]), max(dram, DRAM_PJ[1]))
