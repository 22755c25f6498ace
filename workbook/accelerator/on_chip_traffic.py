"""Between the memory on the chip and the multipliers: the rounds of a tiled layer, and the bytes that its ports move.

In each round every multiplier gets an input and a weight, and adds its product to a sum. What one of the three does not
change stays in registers; the name of a dataflow says which:

                    inputs read     weights read      sums
    outputs stay    once for k      once for pixels   complete, or once more for each strip of input channels
    weights stay    once for k      once for a tile   once for each round of c and taps
    inputs stay     once for a tile once for pixels   once for each round of c and taps

"Once for k": in every round along the output channels, whose multipliers share it; and so on. A sum that is not
complete is written with `sum_size` bytes and read again; a complete one is written as the layer's type. The field calls
them output-, weight- and input-stationary. `loop_nest.walk` counts the same by going through all rounds.

Winograd's positions lie side by side where pixels do, and are counted as if they shared a weight: as the same position
of different tiles does, if there are as many tiles as multipliers. Where there are fewer, more weights are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.tiles import Pieces, Shape, Tile, cut

Stay = Literal["outputs", "weights", "inputs"]


@dataclass(frozen=True)
class Rounds:
    """Rounds along each dimension of a layer, over all its tiles; their product is the layer's."""

    C: int
    K: int
    group: int
    pixel: int
    tap: int

    @property
    def all(self) -> int:
        """Of the layer."""
        return self.C * self.K * self.group * self.pixel * self.tap


@dataclass(frozen=True)
class Traffic:
    """What the ports move for a layer.

    Attributes
    ----------
    stay : str
        "outputs", "weights" or "inputs".
    inputs, weights, sums_read, sums_written : float
        Bytes.
    """

    stay: Stay
    inputs: float
    weights: float
    sums_read: float
    sums_written: float

    @property
    def bytes(self) -> float:
        """Of all four."""
        return self.inputs + self.weights + self.sums_read + self.sums_written

    def cycles(self, on_chip: OnChip) -> float:
        """Cycles of the slowest port; as many sums are written as are read, and the complete ones."""
        ports = on_chip.input_bytes, on_chip.weight_bytes, on_chip.sum_bytes
        return max(self.inputs / ports[0], self.weights / ports[1], self.sums_written / ports[2])


@dataclass(frozen=True)
class Cuts:
    """The pieces of each dimension."""

    C: Pieces
    K: Pieces
    group: Pieces
    lines: Pieces
    columns: Pieces

    @property
    def pixels(self) -> int:
        """Tiles of the images: lines by columns."""
        return self.lines.number * self.columns.number


def cuts(shape: Shape, tile: Tile) -> Cuts:
    """Cut a layer into its tiles."""
    layer = shape.layer
    return Cuts(
        cut(layer.C // layer.groups, tile.C),
        cut(layer.K // layer.groups, tile.K),
        cut(layer.groups, tile.group),
        shape.cut_lines(tile.lines),
        cut(shape.across.number, tile.columns),
    )


def rounds(shape: Shape, tile: Tile, datapath: Datapath, *, rows: bool) -> Rounds:
    """Count the rounds along each dimension; Winograd's positions take the multipliers of pixels."""
    pieces = cuts(shape, tile)
    lines, columns = pieces.lines, pieces.columns
    kinds = product(
        ((lines.full, lines.size), (lines.others, lines.rest)),
        ((columns.full, columns.size), (columns.others, columns.rest)),
    )
    return Rounds(
        pieces.C.rounds(datapath.C),
        pieces.K.rounds(datapath.K),
        pieces.group.rounds(datapath.group),
        sum(down * across * _pixels(shape, high, wide, datapath.pixel, rows) for (down, high), (across, wide) in kinds),
        1 if shape.m > 1 else -(-shape.taps // datapath.tap),
    )


def _pixels(shape: Shape, lines: int, columns: int, multipliers: int, rows: bool) -> int:
    """Rounds for so many lines and columns: pixel after pixel, or a line of an image for each multiplier."""
    of_line = columns * shape.positions
    if not rows:
        return -(-lines * of_line // multipliers)
    images, part = divmod(lines, shape.down.number)
    return (images * -(-shape.down.number // multipliers) + -(-part // multipliers)) * of_line


def strip_channels(shape: Shape, columns: int, datapath: Datapath, on_chip: OnChip) -> int:
    """Input channels whose rows, as wide as a tile, fit into the strip memory: a round's, doubled while they do."""
    layer = shape.layer
    rows = shape.down.most(datapath.pixel if on_chip.rows else 1)
    channel = rows * shape.across.most(columns) * layer.bits / 8
    most, channels = layer.C // layer.groups, datapath.C
    while channels < most and 2 * channels * channel <= on_chip.strip_kb * 1024:
        channels *= 2
    return channels


def traffic(shape: Shape, tile: Tile, datapath: Datapath, on_chip: OnChip) -> tuple[Traffic, ...]:
    """Return what the ports move for each of the three that may stay."""
    pieces = cuts(shape, tile)
    through = rounds(shape, tile, datapath, rows=on_chip.rows)
    strips = pieces.C.rounds(strip_channels(shape, tile.columns, datapath, on_chip))
    inputs, weights, sums = amounts(shape, on_chip.sum_size)
    pixel = through.pixel
    strips_again, rounds_again = sums[0] * (strips - 1), sums[0] * (through.C * through.tap - 1)
    return (
        Traffic("outputs", inputs * through.K, weights[0] * pixel, strips_again, strips_again + sums[1]),
        Traffic("weights", inputs * through.K, weights[1] * pieces.pixels, rounds_again, rounds_again + sums[1]),
        Traffic("inputs", inputs * pieces.K.number, weights[0] * pixel, rounds_again, rounds_again + sums[1]),
    )


def amounts(shape: Shape, sum_size: float) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Return bytes of inputs, of weights (a round's, and all) and of sums (in parts, and complete), each moved once."""
    layer = shape.layer
    size = layer.bits / 8
    filters = layer.K * (layer.C // layer.groups)
    return (
        layer.C * shape.computed * shape.taps * size,
        (filters * shape.taps * size, filters * shape.filter * size),
        (sum_size * layer.K * shape.computed, layer.K * layer.N * layer.P * layer.Q * size),
    )
