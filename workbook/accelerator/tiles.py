"""How a layer is cut into tiles that fit on the chip, and the bytes that then go through DRAM.

A tile is a rectangle of output pixels (some lines, some columns) of some output channels, summed over some input
channels, of some groups. Its inputs, weights and sums lie on the chip together, in half of the memory if the other half
is loaded meanwhile. The loops over tiles stand in one of three orders, named after what changes least; a tensor whose
indices do not change in the innermost loops is not moved again:

    weights   for k, c: for pixels          weights x 1         inputs x k*         sums x c, if pixels are cut
    outputs   for k, pixels: for c          weights x pixels*   inputs x k*         sums x 1
    inputs    for c, pixels: for k          weights x pixels*   inputs x 1          sums x c, if pixels or k are cut

k, c, pixels: into how many tiles each is cut; those of pixels are taken line of tiles after line of tiles. * only if a
loop further in changes the tensor too: see `visits`. Sums that leave before they are complete go to DRAM with
`sum_size` bytes and come back. Neighbouring tiles share input rows and columns (the halo), which are read for both; the
squarer a tile, the less. Groups stand outermost: nothing is shared between them.

Tiles are powers of two, or all there is, along every dimension, and of lines whole images too; where multipliers take
rows of the image, a tile has whole lines. Of those that fit, the largest are kept: the next size along any dimension
would not fit. A larger tile moves no more, and is never worse for the multipliers, unless a strip memory (`strip_kb`)
holds fewer channels the wider it is: narrower tiles for its sake are not tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.workload import Layer

Order = Literal["weights", "outputs", "inputs"]
ORDERS: tuple[Order, ...] = ("weights", "outputs", "inputs")
LOOPS: dict[Order, tuple[str, ...]] = {
    "weights": ("K", "C", "lines", "columns"),
    "outputs": ("K", "lines", "columns", "C"),
    "inputs": ("C", "lines", "columns", "K"),
}
"""The loops over tiles, from the outermost."""
INDICES = {"weights": ("K", "C"), "inputs": ("C", "lines", "columns"), "sums": ("K", "lines", "columns")}
"""Which loops change a tensor."""

Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """A dimension cut into `full` pieces of `size`, and `others` of `rest`."""

    full: int
    size: int
    others: int
    rest: int

    @property
    def number(self) -> int:
        """How many there are."""
        return self.full + self.others

    def rounds(self, multipliers: int) -> int:
        """Rounds that so many multipliers need, each piece begun anew."""
        return self.full * -(-self.size // multipliers) + self.others * -(-self.rest // multipliers)


def cut(amount: int, size: int) -> Pieces:
    """Cut a dimension into pieces of a size."""
    return Pieces(amount // size, size, int(amount % size > 0), amount % size)


@dataclass(frozen=True)
class Along:
    """One direction of an image: its lines over input rows, or its columns over input columns.

    Attributes
    ----------
    outputs, inputs : int
        Pixels of an output and of an input image.
    taps, stride : int
        Of the filter, in this direction.
    m : int
        Outputs of a line or of a column: 1, or Winograd's m.
    """

    outputs: int
    inputs: int
    taps: int
    stride: int
    m: int

    @property
    def number(self) -> int:
        """Lines, or columns, of an image."""
        return -(-self.outputs // self.m)

    @property
    def step(self) -> int:
        """Inputs from a line to the next."""
        return self.m * self.stride

    @property
    def window(self) -> int:
        """Inputs of a line; if the stride is longer, those that it jumps over are read too."""
        return max((self.m - 1) * self.stride + self.taps, self.step)

    @property
    def padding(self) -> int:
        """Inputs that are missing before the first."""
        return max(0, (self.outputs - 1) * self.stride + self.taps - self.inputs) // 2

    def most(self, size: int) -> int:
        """Inputs of the largest piece of an image."""
        return min(self.inputs, (min(size, self.number) - 1) * self.step + self.window)

    def read(self, size: int) -> int:
        """Inputs of an image that are read if its lines come in pieces of a size, the halo each time."""
        if size >= self.number:
            return self.inputs
        first = np.arange(0, self.number, size)
        last = np.minimum(first + size, self.number)
        begin = np.maximum(first * self.step - self.padding, 0)
        end = np.minimum((last - 1) * self.step + self.window - self.padding, self.inputs)
        end[-1] = self.inputs
        return int((end - begin).sum())


@dataclass(frozen=True)
class Shape:
    """A layer as tiles see it, in the direct mode or in Winograd's.

    Attributes
    ----------
    layer : Layer
    m : int
        Output rows of a line, and output columns of a column: 1, or Winograd's m.
    """

    layer: Layer
    m: int

    @cached_property
    def down(self) -> Along:
        """The lines of an image."""
        layer = self.layer
        return Along(layer.P, layer.H, layer.R, layer.stride[0], self.m)

    @cached_property
    def across(self) -> Along:
        """The columns of an image."""
        layer = self.layer
        return Along(layer.Q, layer.W, layer.S, layer.stride[1], self.m)

    @property
    def positions(self) -> int:
        """What the multipliers compute where a line and a column meet, for a channel: a pixel, or Winograd's tile."""
        return 1 if self.m == 1 else (self.m + 2) ** 2

    @property
    def computed(self) -> int:
        """All of these, for a channel, of all images."""
        return self.layer.N * self.down.number * self.across.number * self.positions

    @property
    def taps(self) -> int:
        """Products that are added up for each of these, for an input channel."""
        return self.layer.R * self.layer.S if self.m == 1 else 1

    @property
    def filter(self) -> int:
        """Weights of a filter for one input channel, as they are multiplied."""
        return self.layer.R * self.layer.S if self.m == 1 else self.positions

    def cut_lines(self, size: int) -> Pieces:
        """Cut the lines of all images into pieces of a part of an image, or of whole images."""
        lines = self.down.number
        if size >= lines:
            images = cut(self.layer.N, size // lines)
            return Pieces(images.full, size, images.others, images.rest * lines)
        one = cut(lines, size)
        return Pieces(one.full * self.layer.N, size, one.others * self.layer.N, one.rest)


@dataclass(frozen=True)
class Tile:
    """A tile, the order of the loops over it, and what goes through DRAM.

    Attributes
    ----------
    order : str
        "weights", "outputs" or "inputs".
    group, K, C, lines, columns : int
        Its size.
    dram_bytes : float
        Of the whole layer.
    """

    order: Order
    group: int
    K: int
    C: int
    lines: int
    columns: int
    dram_bytes: float


def visits(order: Order, tensor: str, tiles: dict[str, int]) -> int:
    """How often all tiles of a tensor are moved: once for each tile of outer loops that do not change it themselves.

    Parameters
    ----------
    order : str
    tensor : str
        "weights", "inputs" or "sums".
    tiles : dict
        How many tiles each loop has.
    """
    loops = LOOPS[order]
    inner = max((i for i, name in enumerate(loops) if name in INDICES[tensor] and tiles[name] > 1), default=-1)
    return math.prod(tiles[name] for name in loops[: inner + 1] if name not in INDICES[tensor])


@lru_cache(maxsize=8192)
def tiles(layer: Layer, m: int, growth: float, sram_kb: float, on_chip: OnChip) -> tuple[Tile, ...]:
    """Return the tiles worth having, those that move the fewest bytes first.

    Parameters
    ----------
    layer : Layer
        Its tensors that stay on the chip fit there, with all others: it is one tile.
    m : int
        Winograd's m, or 1.
    growth : float
        Weights in memory over those of the definition.
    sram_kb : float
    on_chip : OnChip
        Its `double`, its `sum_size`, and its `rows`.
    """
    shape = Shape(layer, m)
    C, K, G = layer.C // layer.groups, layer.K // layer.groups, layer.groups
    if layer.input_on_chip or layer.output_on_chip:
        read = 0.0 if layer.input_on_chip else layer.input_bytes
        written = (0.0 if layer.output_on_chip else layer.output_bytes) + layer.output_bytes * layer.added
        whole = layer.N * shape.down.number
        once = read + weight_bytes(layer, growth) + written
        return (Tile("weights", G, K, C, whole, shape.across.number, once),)
    sizes = _sizes(shape, on_chip.rows)
    fits = _held(shape, np.ix_(*sizes), growth, on_chip) <= sram_kb * 1024 / (2 if on_chip.double else 1)
    fits.flat[0] = True  # the smallest
    largest = np.nonzero(fits & ~_larger(fits))
    kept = [along[at] for along, at in zip(sizes, largest, strict=True)]
    moved = _dram(shape, kept, growth, on_chip.sum_size)
    order, least = moved.argmin(axis=0), moved.min(axis=0)
    found = []
    for i in np.argsort(least, kind="stable"):
        group, k, c, lines, columns = (int(along[i]) for along in kept)
        found.append(Tile(ORDERS[order[i]], group, k, c, lines, columns, float(least[i])))
    return tuple(found)


def weight_bytes(layer: Layer, growth: float) -> float:
    """Bytes of a layer's weights that come from DRAM when they come once; none if they stay on the chip."""
    return 0.0 if layer.weights_on_chip else layer.weight_bytes * growth


def held_bytes(shape: Shape, tile: Tile, growth: float, on_chip: OnChip) -> float:
    """Bytes of a tile on the chip: its inputs, weights and sums."""
    sizes = [np.array([float(size)]) for size in (tile.group, tile.K, tile.C, tile.lines, tile.columns)]
    return float(_held(shape, sizes, growth, on_chip)[0])


def _sizes(shape: Shape, rows: bool) -> list[Amounts]:
    """Sizes that are tried along groups, output channels, input channels, lines and columns."""
    layer, lines = shape.layer, shape.down.number
    C, K, G = layer.C // layer.groups, layer.K // layer.groups, layer.groups
    of_lines = [*_powers(lines)[:-1], *(lines * n for n in _powers(layer.N))]
    of_columns = [shape.across.number] if rows else _powers(shape.across.number)
    return [np.array(along, float) for along in (_powers(G), _powers(K), _powers(C), of_lines, of_columns)]


def _powers(most: int) -> list[int]:
    """1, 2, 4, ... below `most`, and `most`."""
    return [1 << i for i in range((most - 1).bit_length())] + [most]


def _larger(fits: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether the next size along any dimension fits too."""
    larger = np.zeros_like(fits)
    for axis in range(fits.ndim):
        here, there = np.moveaxis(larger, axis, 0), np.moveaxis(fits, axis, 0)
        here[:-1] |= there[1:]
    return larger


def _held(shape: Shape, sizes: Sequence[Amounts], growth: float, on_chip: OnChip) -> Amounts:
    """Bytes of tiles on the chip; their sizes as `_sizes` names them."""
    layer, down, across = shape.layer, shape.down, shape.across
    group, k, c, lines, columns = sizes
    size = layer.bits / 8
    images = np.maximum(1, lines // down.number)
    inputs = c * images * _of_each(lines, down.most) * _of_each(columns, across.most) * size
    weights = k * c * layer.R * layer.S * size * growth
    sums = k * lines * columns * shape.positions * on_chip.sum_size
    held: Amounts = group * (inputs + weights + sums)
    return held


def _dram(shape: Shape, sizes: Sequence[Amounts], growth: float, sum_size: float) -> Amounts:
    """Bytes through DRAM, (orders, tiles): the table above, all tiles at once."""
    layer = shape.layer
    _, k, c, lines, columns = sizes
    cuts = {
        "K": -(-(layer.K // layer.groups) // k),
        "C": -(-(layer.C // layer.groups) // c),
        "lines": _of_each(lines, lambda size: shape.cut_lines(size).number),
        "columns": -(-shape.across.number // columns),
    }
    pixels = _of_each(lines, shape.down.read) * _of_each(columns, shape.across.read)
    read = layer.N * layer.C * layer.bits / 8 * pixels
    written = layer.output_bytes * (1 + layer.added)
    again = 2 * sum_size * layer.N * layer.K * layer.P * layer.Q
    moved = []
    for order in ORDERS:
        times = {name: _visits(order, name, cuts) for name in INDICES}
        weights = weight_bytes(layer, growth) * times["weights"]
        moved.append(read * times["inputs"] + weights + (times["sums"] - 1) * again + written)
    return np.stack(moved)


def _of_each(sizes: Amounts, count: Callable[[int], int]) -> Amounts:
    """What is counted of each size, once for all tiles that have it."""
    different, place = np.unique(sizes, return_inverse=True)
    found: Amounts = np.array([float(count(int(size))) for size in different])[place]
    return found.reshape(sizes.shape)


def _visits(order: Order, tensor: str, cuts: dict[str, Amounts]) -> Amounts:
    """`visits` for all tiles at once, from the innermost loop outwards."""
    changed: npt.NDArray[np.bool_] = np.zeros(len(cuts["K"]), bool)
    times: Amounts = np.ones(len(cuts["K"]))
    for name in reversed(LOOPS[order]):
        if name in INDICES[tensor]:
            changed = changed | (cuts[name] > 1)
        else:
            times = np.where(changed, times * cuts[name], times)
    return times
