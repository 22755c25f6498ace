"""Machines with public numbers, to start from. What is not public is said to be assumed.

Sources
-------
* InferX X1: Flex Logix's product brief, October 2020: 64 units of 64 multipliers, 533 to 933 MHz, 13 MB, one x32
  LPDDR4X at 4267 MT/s. The reconfiguration time is announced as "microseconds"; assumed are 4 us, for 4,000 LUT4 of 80
  bits (FABulous), which needs a port of 10 GB/s. How its memories feed the multipliers is not described: 256 bytes a
  cycle of inputs, of weights and of sums are assumed, 4 for each of the 64 units.
* NVDLA: NVIDIA's primer, table of configurations; 1 GHz as in its performance sheet. How the multipliers of the smaller
  ones lie is assumed; validation does not depend on it.
* Eyeriss: Chen et al., JSSC 52(1), 2017: 12 x 14 units, 108 KB, 200 MHz, 16 bits. DRAM is outside the chip and assumed.
  Two numbers are inferred from table VI's times: sums move 64 bits a cycle each way, and the input rows of one pass get
  4 KB. Both fit a bank of its buffer; the second is fitted, and validation says so.
* DPU: AMD PG338: B4096 computes 8 pixels x 16 x 16 channels; 255 block RAMs of 36 Kb; 300 MHz as in the Vitis AI model
  zoo. Its two data ports of 128 bits move 9.6 GB/s at that clock, half of what the KV260's DDR4 does. A partial region
  of 2 MB, loaded at UG909's 800 MB/s, is assumed.
* No port of the others is in the way: that is assumed.
* Small eFPGA: one EFLX 4K DSP tile, 3,000 LUT4 and 40 multiply-adds, with FABulous's 80 bits a LUT4 and its port of 32
  bits at an assumed 100 MHz; clock, memories and the bytes of a layout change are assumed.

The energies are those of `energy` for 45 nm everywhere: they compare datapaths with each other, not these chips.
"""

from __future__ import annotations

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.machine import Machine, Reconfiguration, Winograd
from workbook.accelerator.on_chip import OnChip
from workbook.errors import CommandError

X1_PORT = 4 * 64
"""Bytes a cycle of each port of the X1's memory: assumed."""

EFLX_BITS = 4_000 * 80
"""Bits of an EFLX 4K tile, with FABulous's 80 bits for a LUT4 and what belongs to it."""

NVDLA_TABLE = (
    (2048, 512, 20, Datapath(16, 128)),
    (1024, 256, 15, Datapath(16, 64)),
    (512, 256, 10, Datapath(16, 32)),
    (256, 256, 5, Datapath(16, 16)),
    (128, 256, 2, Datapath(16, 8)),
    (64, 128, 1, Datapath(8, 8)),
    (32, 128, 0.5, Datapath(8, 4)),
)
"""NVDLA's public configurations: multiply-adds, KB, GB/s, and the multipliers."""


def inferx_x1() -> Machine:
    """The InferX X1: 4096 multipliers, reconfigured between layers."""
    return Machine(
        "x1",
        macs=4096,
        clock_mhz=933,
        sram_kb=13 * 1024,
        dram_gbs=4267e6 * 32 / 8 / 1e9,
        array=Datapath(64, 64),
        rates={"int8": 1, "int16": 1, "bf16": 0.5},
        winograd=Winograd(tile=2, types=("int8",), weights="direct"),
        reconfiguration=Reconfiguration(EFLX_BITS, port_bits=EFLX_BITS / 4, port_mhz=1),
        on_chip=OnChip(X1_PORT, X1_PORT, X1_PORT),
    )


def nvdla(macs: int, sram_kb: float, dram_gbs: float, array: Datapath) -> Machine:
    """One of NVDLA's configurations, at 1 GHz: Winograd with weights transformed beforehand, a fixed datapath."""
    return Machine(
        f"nvdla_{macs}", macs, 1000, sram_kb, dram_gbs, array, winograd=Winograd(weights="transformed")
    )  # fmt: skip


def eyeriss() -> Machine:
    """Eyeriss: rows of a filter along one side of the array, rows of the output along the other, four such sets."""
    return Machine(
        "eyeriss", macs=168, clock_mhz=200, sram_kb=108, dram_gbs=1, array=Datapath(K=4, pixel=14, tap=3),
        rates={"int16": 1}, on_chip=OnChip(sum_bytes=8, sum_size=2, strip_kb=4, rows=True),
    )  # fmt: skip


def dpu_kv260() -> Machine:
    """AMD's B4096 on a KV260; another overlay means loading a part of the FPGA."""
    return Machine(
        "dpu_kv260",
        macs=2048,
        clock_mhz=300,
        sram_kb=255 * 36 / 8,
        dram_gbs=2 * 128 / 8 * 300e6 / 1e9,
        array=Datapath(16, 16, pixel=8),
        reconfiguration=Reconfiguration(bits=8 * 2e6, port_bits=32, port_mhz=200, source="dram"),
    )


def small_efpga() -> Machine:
    """One eFPGA tile with 40 multiply-adds beside a microcontroller."""
    return Machine(
        "efpga_40",
        macs=40,
        clock_mhz=400,
        sram_kb=256,
        dram_gbs=1,
        array=Datapath(4, 8),
        reconfiguration=Reconfiguration(
            bits=3_000 * 80, port_bits=32, port_mhz=100, drain_cycles=16, fill_cycles=16, layout_bytes_per_cycle=4
        ),
    )


PRESETS: dict[str, Machine] = {
    machine.name: machine
    for machine in (inferx_x1(), *(nvdla(*row) for row in NVDLA_TABLE), eyeriss(), dpu_kv260(), small_efpga())
}
"""All presets by name."""


def preset(name: str) -> Machine:
    """Return a preset.

    Raises
    ------
    CommandError
        If there is none of this name.
    """
    if name not in PRESETS:
        raise CommandError(f"no machine {name!r}; there are {', '.join(PRESETS)}, or name a .toml file")
    return PRESETS[name]
