"""A machine, a layer and the model's choice as ZigZag reads them: three YAML files (JSON, which YAML includes).

    hardware.yaml    an array of K x C x pixels x groups, registers, the memory on the chip with its ports, DRAM
    workload.yaml    the layer
    mapping.yaml     the spatial mapping, and every loop over tiles and rounds, the innermost first

What ZigZag cannot be told: that pixels are taken one after the other across lines (it divides lines and columns), that
a last tile may be smaller, Winograd's mode, and DRAM that loads one half of a memory while the other is used; it finds
out by itself which loops fit where. So a layer must divide, and run in the direct mode with channels in its rows.

Source: KU Leuven-MICAS, ZigZag, PyPI zigzag-dse 3.9, its example inputs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.machine import Machine
from workbook.accelerator.split_loops import rounds, sides, sizes, tiles
from workbook.accelerator.workload import Layer

Ports = tuple[tuple[str, int, tuple[str, ...]], ...]  # type, bits a cycle, operands with their direction
_LETTERS = {"read": "r", "write": "w", "read_write": "rw"}
_NAMES = {"N": "B", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}


def write(cost: LayerCost, machine: Machine, folder: Path) -> None:
    """Write the three files to a folder.

    Raises
    ------
    ValueError
        If ZigZag cannot be told of the choice; the message says why.
    """
    files: dict[str, object] = {
        "hardware": hardware(machine, cost.datapath, cost.layer.bits),
        "workload": [workload(cost.layer)],
        "mapping": [mapping(cost, machine)],
    }
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(json.dumps(content, indent=1), encoding="ascii")


def workload(layer: Layer) -> dict[str, object]:
    """Return the layer as ZigZag's workload has it."""
    loops = {_NAMES.get(letter, letter): size for letter, size in sizes(layer).items()}
    down, across = layer.stride
    return {
        "id": 0,
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [f"ix={across}*ox+1*fx", f"iy={down}*oy+1*fy"],
        "loop_dims": list(loops),
        "loop_sizes": list(loops.values()),
        "operand_precision": {"W": layer.bits, "I": layer.bits, "O": 4 * layer.bits, "O_final": layer.bits},
        "operand_source": {"W": 0, "I": 0},
    }


def hardware(machine: Machine, datapath: Datapath, bits: int) -> dict[str, object]:
    """Return the machine as ZigZag's accelerator has it, its multipliers as a datapath places them."""
    on_chip, sums = machine.on_chip, round(8 * machine.on_chip.sum_size)
    everywhere = ["D1", "D2", "D3", "D4"]
    inputs, weights, out = (_bits(n) for n in (on_chip.input_bytes, on_chip.weight_bytes, on_chip.sum_bytes))
    dram = max(8, round(machine.dram_gbs * 8e9 / machine.clock_hz)) if math.isfinite(machine.dram_gbs) else 1 << 20
    energy = machine.energy
    both = tuple(f"{operand}, {way}" for operand in ("I1", "I2", "O") for way in ("fh", "tl"))
    one_weight: Ports = (("read", bits, ("I2, tl",)), ("write", bits, ("I2, fh",)))
    one_sum: Ports = (
        ("read", sums, ("O, tl",)), ("read", sums, ("O, th",)),
        ("write", sums, ("O, fh",)), ("write", sums, ("O, fl",)),
    )  # fmt: skip
    sram: Ports = (
        ("read", inputs, ("I1, tl",)), ("read", weights, ("I2, tl",)), ("read", out, ("O, tl",)),
        ("write", out, ("O, fl",)), ("read_write", dram, ("I1, fh", "I2, fh", "O, fh", "O, th")),
    )  # fmt: skip
    bus: Ports = (("read_write", dram, (*both, "O, fl", "O, th")),)
    word = machine.sram_pj * bits / 8
    return {
        "name": machine.name,
        "memories": {
            "weight_register": _memory(bits, 0, ("I2",), one_weight, []),
            "sum_register": _memory(sums, 0, ("O",), one_sum, ["D2"]),
            "sram": _memory(round(machine.sram_kb * 8192), word, ("I1", "I2", "O"), sram, everywhere),
            "dram": _memory(10**12, energy.dram_pj_per_bit * dram, ("I1", "I2", "O"), bus, everywhere),
        },
        "operational_array": {
            "unit_energy": energy.mac_pj.get("int8", 0.0),
            "unit_area": 1,
            "dimensions": everywhere,
            "sizes": [datapath.K, datapath.C, datapath.pixel, datapath.group],
        },
    }


def _bits(bytes_a_cycle: float) -> int:
    return round(8 * bytes_a_cycle) if math.isfinite(bytes_a_cycle) else 1 << 20


def _memory(size: int, pj: float, operands: tuple[str, ...], ports: Ports, served: list[str]) -> dict[str, object]:
    return {
        "size": size,
        "r_cost": pj,
        "w_cost": pj,
        "area": 0,
        "latency": 1,
        "operands": list(operands),
        "ports": [
            {"name": f"{_LETTERS[kind]}_port_{i}", "type": kind, "bandwidth_min": min(8, width), "bandwidth_max": width,
             "allocation": list(allocated)}
            for i, (kind, width, allocated) in enumerate(ports, 1)
        ],
        "served_dimensions": served,
    }  # fmt: skip


def mapping(cost: LayerCost, machine: Machine) -> dict[str, object]:
    """Return the choice as ZigZag's mapping has it: what lies side by side, and all loops, the innermost first."""
    layer, path = cost.layer, cost.datapath
    if cost.mode != "direct" or path.tap > 1:
        raise ValueError(f"{layer.name}: ZigZag has no Winograd mode, and rows of taps are not written")
    side = sides(layer, path, rows=machine.on_chip.rows)
    return {
        "name": "default",
        "spatial_mapping": {
            "D1": [f"K, {path.K}"],
            "D2": [f"C, {path.C}"],
            "D3": [f"OX, {side['Q']}", f"OY, {side['P']}"],
            "D4": [f"G, {path.group}"],
        },
        "temporal_ordering": [[_NAMES.get(letter, letter), size] for letter, size in loops(cost, machine, side)],
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }


def loops(cost: LayerCost, machine: Machine, side: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return all loops in time, the innermost first.

    Raises
    ------
    ValueError
        If a tile does not divide the layer.
    """
    left = {letter: -(-size // side[letter]) for letter, size in sizes(cost.layer).items()}
    outer = []
    for letter, number, size in tiles(cost, machine):
        if left[letter] % number:
            raise ValueError(f"{cost.layer.name}: {number} tiles of {size} do not divide the rounds of {letter}")
        outer.append((letter, number))
        left[letter] //= number
    inner = [(letter, left[letter]) for letter in rounds(cost) if left[letter] > 1]
    return [*reversed(inner), *reversed(outer)]
