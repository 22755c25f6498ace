"""The same counts as `tiles` and `on_chip_traffic`, by going through every loop: slow, and meant to be read.

A layer is cut into tiles; in each tile the multipliers go from round to round. Whoever wants to know what a formula
there means finds it here as a counter. Only small layers can be walked in reasonable time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.on_chip_traffic import Stay, strip_channels
from workbook.accelerator.tiles import INDICES, LOOPS, Along, Shape, Tile

Place = tuple[int, int, int]  # image, line, and pixel (or position) of the line
Block = Sequence[int]

ROUNDS: dict[Stay, tuple[str, ...]] = {
    "outputs": ("group", "K", "pixel", "C", "tap"),
    "weights": ("group", "K", "C", "tap", "pixel"),
    "inputs": ("group", "C", "tap", "pixel", "K"),
}
"""The loops over the rounds of a tile, from the outermost."""


@dataclass
class Counted:
    """What a walk has counted.

    Attributes
    ----------
    rounds : int
    dram, ports : dict
        Bytes by tensor: "weights", "inputs", "sums"; of the ports, "sums_read" and "sums_written". DRAM's sums are
        those that leave and come back; the complete outputs come on top.
    """

    rounds: int = 0
    dram: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    ports: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def walk(shape: Shape, tile: Tile, stay: Stay, datapath: Datapath, on_chip: OnChip, growth: float = 1) -> Counted:
    """Compute a layer tile by tile and round by round, and count.

    Parameters
    ----------
    shape : Shape
    tile : Tile
        Its size and its order.
    stay : str
        What stays in registers: "outputs", "weights" or "inputs".
    datapath : Datapath
    on_chip : OnChip
    growth : float
        Weights in DRAM over those of the definition.
    """
    layer, counted = shape.layer, Counted()
    size, strip = layer.bits / 8, strip_channels(shape, tile.columns, datapath, on_chip)
    loops: dict[str, list[Any]] = {
        "K": blocks(range(layer.K // layer.groups), tile.K),
        "C": blocks(range(layer.C // layer.groups), tile.C),
        "lines": line_tiles(shape, tile.lines),
        "columns": blocks(range(shape.across.number), tile.columns),
    }
    summed: Counter[tuple[int, int, Place]] = Counter()  # products that a sum has, by group, channel and place
    for group in blocks(range(layer.groups), tile.group):
        held: dict[str, object] = {}
        touched: Counter[object] = Counter()
        for chosen in product(*(range(len(loops[name])) for name in LOOPS[tile.order])):
            at = dict(zip(LOOPS[tile.order], chosen, strict=True))
            k, c = loops["K"][at["K"]], loops["C"][at["C"]]
            lines, columns = loops["lines"][at["lines"]], loops["columns"][at["columns"]]
            for tensor, names in INDICES.items():
                key = tuple(at[name] for name in names)
                if held.get(tensor) == key:
                    continue
                held[tensor] = key
                if tensor == "weights" and layer.weights_on_chip:
                    continue
                if tensor == "weights":
                    counted.dram[tensor] += len(group) * len(k) * len(c) * layer.R * layer.S * size * growth
                elif tensor == "inputs":
                    pixels = len(input_rows(shape, lines)) * len(reached(shape.across, columns))
                    counted.dram[tensor] += len(group) * len(c) * pixels * size
                elif touched[key]:  # these sums left before they were complete; they are read again
                    counted.dram[tensor] += 2 * on_chip.sum_size * len(group) * len(k) * outputs(shape, lines, columns)
                if tensor == "sums":
                    touched[key] += 1
            _rounds(counted, summed, shape, (group, k, c, lines, columns), strip, stay, datapath, on_chip)
    return counted


def _rounds(
    counted: Counted,
    summed: Counter[tuple[int, int, Place]],
    shape: Shape,
    tile: tuple[Block, Block, Block, list[tuple[int, int]], Block],
    strip_length: int,
    stay: Stay,
    datapath: Datapath,
    on_chip: OnChip,
) -> None:
    """Go through the rounds of a tile."""
    layer = shape.layer
    group, k, channels, lines, columns = tile
    winograd = shape.m > 1
    size, complete = layer.bits / 8, layer.C // layer.groups * shape.taps
    loops: dict[str, list[Any]] = {
        "group": list(blocks(group, datapath.group)),
        "K": list(blocks(k, datapath.K)),
        "pixel": list(pixel_rounds(shape, lines, columns, datapath.pixel, on_chip.rows)),
        "tap": list(blocks(range(shape.taps), 1 if winograd else datapath.tap)),
    }
    for strip in blocks(channels, strip_length if stay == "outputs" else len(channels)):
        loops["C"] = list(blocks(strip, datapath.C))
        held: dict[str, object] = {}
        for chosen in product(*(range(len(loops[name])) for name in ROUNDS[stay])):
            at = dict(zip(ROUNDS[stay], chosen, strict=True))
            now = {name: loops[name][i] for name, i in at.items()}
            several = {name: len(block) for name, block in now.items()}
            counted.rounds += 1
            read = {
                "inputs": several["group"] * several["C"] * several["pixel"] * several["tap"],
                "weights": several["group"] * several["K"] * several["C"] * several["tap"],
            }
            changes = {"inputs": ("group", "C", "tap", "pixel"), "weights": ("group", "K", "C", "tap")}
            for tensor, names in changes.items():
                key = tuple(at[name] for name in names)
                if stay != tensor or held.get(tensor) != key:
                    if tensor == "weights" and winograd and stay == "weights":
                        read[tensor] *= shape.filter  # one for each position, and all of them stay
                    counted.ports[tensor] += read[tensor] * size
                    held[tensor] = key
            sums = list(product(now["group"], now["K"], now["pixel"]))
            key = at["group"], at["K"], at["pixel"]
            if stay != "outputs" or held.get("sums") != key:
                held["sums"] = key
                back = sum(summed[place] > 0 for place in sums)
                counted.ports["sums_read"] += on_chip.sum_size * back
                counted.ports["sums_written"] += on_chip.sum_size * back  # before
            for place in sums:
                summed[place] += several["C"] * several["tap"]
                if summed[place] == complete:
                    counted.ports["sums_written"] += size * finished(shape, place)


def blocks(of: Sequence[int], size: int) -> list[Block]:
    """Cut a sequence into blocks of a size; the last may be shorter."""
    return [of[i : i + size] for i in range(0, len(of), size)]


def line_tiles(shape: Shape, size: int) -> list[list[tuple[int, int]]]:
    """Cut all lines, as (image, line), into tiles: parts of an image, or whole images."""
    images = [[(image, line) for line in range(shape.down.number)] for image in range(shape.layer.N)]
    if size < shape.down.number:
        return [list(part) for image in images for part in (image[i : i + size] for i in range(0, len(image), size))]
    many = size // shape.down.number
    return [[place for image in images[i : i + many] for place in image] for i in range(0, len(images), many)]


def input_rows(shape: Shape, lines: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """The input rows, as (image, row), that output lines need."""
    own = {image: [line for of, line in lines if of == image] for image, _ in lines}
    return {(image, row) for image, of_image in own.items() for row in reached(shape.down, of_image)}


def reached(along: Along, block: Block) -> set[int]:
    """The input rows of some lines, or the input columns of some columns; the last takes what is left."""
    found = set()
    for line in block:
        begin = line * along.step - along.padding
        end = along.inputs if line == along.number - 1 else begin + along.window
        found |= set(range(max(begin, 0), min(end, along.inputs)))
    return found


def outputs(shape: Shape, lines: list[tuple[int, int]], columns: Block) -> int:
    """Outputs of a channel that lie there; Winograd's last tiles may be half empty."""
    down, across = shape.down, shape.across
    high = sum(min(down.m, down.outputs - line * down.m) for _, line in lines)
    return high * sum(min(across.m, across.outputs - column * across.m) for column in columns)


def pixel_rounds(
    shape: Shape, lines: list[tuple[int, int]], columns: Block, multipliers: int, rows: bool
) -> Iterator[list[Place]]:
    """Deal the places of a tile to rounds: one after the other, or a line of an image for each multiplier."""
    across = range(columns[0] * shape.positions, (columns[-1] + 1) * shape.positions)
    if not rows:
        places = [(image, line, x) for image, line in lines for x in across]
        yield from (places[i : i + multipliers] for i in range(0, len(places), multipliers))
        return
    for image in sorted({image for image, _ in lines}):
        own = [place for place in lines if place[0] == image]
        for i in range(0, len(own), multipliers):
            yield from ([(*place, x) for place in own[i : i + multipliers]] for x in across)


def finished(shape: Shape, sum_: tuple[int, int, Place]) -> float:
    """Outputs that a complete sum stands for: 1; of Winograd's positions, their share of the layer's outputs."""
    layer = shape.layer
    return 1 if shape.m == 1 else layer.N * layer.P * layer.Q / shape.computed
