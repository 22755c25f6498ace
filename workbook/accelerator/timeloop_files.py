"""A machine, a layer and the model's choice as Timeloop 0.4 reads them: three YAML files.

    problem.yaml        the layer: its letters, and which of them each tensor has
    architecture.yaml   DRAM, the memory on the chip, sums in registers of each column, the rows of multipliers
    mapping.yaml        the loops of each level, the innermost first, and which tensor a register keeps

What Timeloop cannot be told: a last round or tile that is smaller (its back end takes a remainder, the front end of 0.4
does not), pixels that are taken one after the other across lines, Winograd's mode, padding, ports apart for inputs,
weights and sums (it gets all together), and sums that are wider than inputs in the same memory. Energies are
Accelergy's, not ours.

Source: timeloop.csail.mit.edu/v4, *Input formats*. The front end timeloopfe 0.4 reads these files.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.machine import Machine
from workbook.accelerator.split_loops import LETTERS, rounds, sides, sizes, tiles
from workbook.accelerator.workload import Layer

Node = dict[str, object]
_WIDTH = 64  # bits of a line of the memories: only Accelergy's energies depend on it
_TENSORS = {"Weights": "GKCRS", "Inputs": "NGCPQRS", "Outputs": "NGKPQ"}


def write(cost: LayerCost, machine: Machine, folder: Path) -> None:
    """Write the three files to a folder.

    Raises
    ------
    ValueError
        If Timeloop cannot be told of the choice; the message says why.
    """
    levels = mapping(cost, machine)
    nodes = (f"  - !{kind} {json.dumps(node)}" for kind, node in architecture(cost, machine))
    files = {
        "problem": ["problem:", *(f"  {key}: {json.dumps(value)}" for key, value in problem(cost.layer).items())],
        "architecture": ["architecture:", "  version: 0.4", "  nodes:", *nodes],
        "mapping": ["mapping:", *(f"  - {json.dumps(level)}" for level in levels)],
    }
    for name, lines in files.items():
        (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="ascii")


def problem(layer: Layer) -> Node:
    """Return the layer as Timeloop's problem has it."""
    down, across = layer.stride
    places = {"P": [["P", "down"], ["R"]], "Q": [["Q", "across"], ["S"]]}
    inputs = [places.get(letter, [[letter]]) for letter in "NGCPQ"]
    plain = {name: [[[letter]] for letter in _TENSORS[name]] for name in ("Weights", "Outputs")}
    return {
        "version": 0.4,
        "shape": {
            "name": "convolution",
            "dimensions": list(LETTERS),
            "coefficients": [{"name": name, "default": 1} for name in ("down", "across")],
            "data_spaces": [
                {"name": "Weights", "projection": plain["Weights"]},
                {"name": "Inputs", "projection": inputs},
                {"name": "Outputs", "projection": plain["Outputs"], "read_write": True},
            ],
        },
        "instance": {**sizes(layer), "down": down, "across": across},
    }


def architecture(cost: LayerCost, machine: Machine) -> list[tuple[str, Node]]:
    """Return the levels of the machine from DRAM to a multiplier, its multipliers as the datapath places them.

    Bandwidths are in words a cycle. A sum is a word, however wide it is.
    """
    bits, path, on_chip = cost.layer.bits, cost.datapath, machine.on_chip
    sums = on_chip.sum_bytes / on_chip.sum_size
    dram = machine.dram_gbs * 1e9 / machine.clock_hz * 8 / bits
    read = (on_chip.input_bytes + on_chip.weight_bytes) * 8 / bits + sums
    half = {"depth": round(machine.sram_kb * 8192) // _WIDTH, "multiple_buffering": 2 if on_chip.double else 1}
    ports = {"read_bandwidth": read, "write_bandwidth": sums + dram}
    wide = round(8 * on_chip.sum_size)
    cycle = {"technology": "45nm", "global_cycle_seconds": 1 / machine.clock_hz}
    return [
        ("Container", {"name": "chip", "attributes": cycle}),
        ("Component", _memory("dram", "DRAM", _WIDTH, bits, {"shared_bandwidth": dram})),
        ("Component", _memory("sram", "SRAM", _WIDTH, bits, half | ports)),
        ("Container", {"name": "columns", "spatial": {"meshX": path.K, "meshY": path.pixel * path.group}}),
        ("Component", _memory("sum", "regfile", wide, wide, {"depth": 1})),
        ("Container", {"name": "rows", "spatial": {"meshX": path.C, "meshY": path.tap}}),
        ("Component", _memory("operands", "regfile", bits, bits, {"depth": 2})),
        ("Component", {"name": "multiplier", "class": "intmac", "attributes": {"width": bits}}),
    ]  # fmt: skip


def _memory(name: str, kind: str, width: int, bits: int, others: dict[str, float]) -> Node:
    limits = {key: value for key, value in others.items() if math.isfinite(value)}
    return {"name": name, "class": kind, "attributes": {"width": width, "datawidth": bits, **limits}}


def mapping(cost: LayerCost, machine: Machine) -> list[Node]:
    """Return the loops of each level, from DRAM to the registers, and what the registers keep.

    Raises
    ------
    ValueError
        If Timeloop cannot be told of the choice.
    """
    layer = cost.layer
    if cost.mode != "direct":
        raise ValueError(f"{layer.name}: Timeloop has no Winograd mode")
    if cost.traffic.stay == "outputs" and math.isfinite(machine.on_chip.strip_kb):
        raise ValueError(f"{layer.name}: strips of input channels are not written")
    whole, side = sizes(layer), sides(layer, cost.datapath, rows=machine.on_chip.rows)
    over = {letter: (number, size) for letter, number, size in tiles(cost, machine)}
    inner = {}
    for letter, size in whole.items():
        tile = over.get(letter, (1, size))[1]
        side[letter] = min(side[letter], tile)
        if tile % side[letter]:
            raise ValueError(f"{layer.name}: {side[letter]} multipliers do not divide {tile} along {letter}")
        inner[letter] = tile // side[letter]
    _fits(cost, machine, {letter: inner[letter] * side[letter] for letter in LETTERS})
    outer = {letter: over.get(letter, (1, 0))[0] for letter in LETTERS}
    columns, rows = ({letter: side[letter] for letter in own} for own in ("GKPQ", "CRS"))
    tiled = "".join(dict.fromkeys(over)) + "".join(n for n in LETTERS if n not in over)
    return [
        _level("dram", "temporal", outer, tiled),
        _level("sram", "temporal", inner, rounds(cost)),
        _level("columns", "spatial", columns, "GPQCRSNK", split=1),
        {"target": "sum", "type": "dataspace", "keep": ["Outputs"], "bypass": ["Weights", "Inputs"]},
        _level("sum", "temporal", {}, LETTERS),
        _level("rows", "spatial", rows, "RSGPQKNC", split=1),
        {"target": "operands", "type": "dataspace", "keep": ["Weights", "Inputs"], "bypass": ["Outputs"]},
        _level("operands", "temporal", {}, LETTERS),
    ]


def _level(target: str, kind: str, factors: dict[str, int], order: str, **others: int) -> Node:
    """Write a level's loops, given from the outermost: Timeloop begins with the innermost."""
    written = [f"{letter}={factors.get(letter, 1)}" for letter in LETTERS]
    return {"target": target, "type": kind, "factors": written, "permutation": list(order[::-1]), **others}


def _fits(cost: LayerCost, machine: Machine, tile: dict[str, int]) -> None:
    """Refuse a tile that Timeloop finds too large: it has no padding, and reads what lies around the image."""
    down, across = cost.layer.stride
    n = tile
    inputs = n["N"] * n["G"] * n["C"] * ((n["P"] - 1) * down + n["R"]) * ((n["Q"] - 1) * across + n["S"])
    words = inputs + math.prod(n[i] for i in _TENSORS["Weights"]) + math.prod(n[i] for i in _TENSORS["Outputs"])
    room = round(machine.sram_kb * 8192) // cost.layer.bits // (2 if machine.on_chip.double else 1)
    if words > room:
        raise ValueError(f"{cost.layer.name}: with its padding a tile has {words:,} words, and the memory {room:,}")
