"""What frames cost in energy: arithmetic and memory by lesson 4's table, and the whole machine by its power.

    joules of a layer = products * energy of a multiply-add of its type + bytes * energy of DRAM

with input, weights and output moved once. That is what no program can save; a processor takes far more, so the bill
of a million frames is its power times the time that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbook.accelerator.datapath import products
from workbook.accelerator.machine import Energy
from workbook.advisor.layer_work import Work
from workbook.advisor.programs import BYTES

FRAMES = 1_000_000
WATTS = 15.0  # of a small computer with two busy cores: to be replaced by the reader's own
PRICE = 0.30  # of a kilowatt hour

_TABLE = Energy()
_JOULES_A_KWH = 3.6e6


@dataclass(frozen=True)
class Bill:
    """What a million frames take.

    Attributes
    ----------
    watts : float
        Of the machine while it computes.
    price : float
        Of a kilowatt hour.
    """

    watts: float = WATTS
    price: float = PRICE

    def kwh(self, seconds: float) -> float:
        """Kilowatt hours, if a frame takes so many seconds."""
        return FRAMES * seconds * self.watts / _JOULES_A_KWH

    def cost(self, seconds: float) -> float:
        """What they cost."""
        return self.kwh(seconds) * self.price


def joules(works: Sequence[Work], programs: Mapping[str, str]) -> float:
    """Return joules of a frame's multiply-adds and DRAM; `programs` names each layer's."""
    return sum(_joules(work, programs[work.name]) for work in works)


def _joules(work: Work, program: str) -> float:
    layer = replace(work.layer, type="int8" if program == BYTES else "fp32")
    tile = int(program[-1]) if program.startswith("winograd") else None
    moved = layer.input_bytes + layer.weight_bytes + layer.output_bytes
    made = products(layer, tile) / (layer.groups if tile else 1)  # lesson 4's Winograd knows no groups, ours does
    return 1e-12 * (made * _TABLE.mac_pj[layer.type] + 8 * moved * _TABLE.dram_pj_per_bit)
