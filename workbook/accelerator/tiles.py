"""How a layer is cut into tiles that fit on the chip, and the bytes that then go through DRAM.

A tile is some output lines of some output channels, summed over some input channels, of some groups. Its inputs,
weights and sums lie on the chip together, in half of the memory if the other half is loaded meanwhile. The loops over
tiles stand in one of three orders, named after what changes least; a tensor whose indices do not change in the
innermost loops is not moved again:

    weights   for k, c: for lines          weights x 1        inputs x k*         sums x c, if lines are cut
    outputs   for k, lines: for c          weights x lines*   inputs x k*         sums x 1
    inputs    for c, lines: for k          weights x lines*   inputs x 1          sums x c, if lines or k are cut

k, c, lines: into how many tiles each is cut. * only if a loop further in changes the tensor too: see `visits`. Sums
that leave before they are complete go to DRAM with `sum_size` bytes and come back. Neighbouring tiles share input rows
(the halo), which are read for both. Groups stand outermost: nothing is shared between them.

Tiles are powers of two, or all there is. Of those that fit, the undominated are kept: no other moves as few bytes and
is as large along every dimension. A larger tile is never worse for the multipliers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from kernels import datapath_search
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.workload import Layer

Order = Literal["weights", "outputs", "inputs"]
ORDERS: tuple[Order, ...] = ("weights", "outputs", "inputs")
LOOPS: dict[Order, tuple[str, ...]] = {
    "weights": ("K", "C", "lines"),
    "outputs": ("K", "lines", "C"),
    "inputs": ("C", "lines", "K"),
}
"""The loops over tiles, from the outermost."""
INDICES = {"weights": ("K", "C"), "inputs": ("C", "lines"), "sums": ("K", "lines")}
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
class Shape:
    """A layer as tiles see it, in the direct mode or in Winograd's.

    Attributes
    ----------
    layer : Layer
    m : int
        Output rows of a line: 1, or Winograd's m.
    """

    layer: Layer
    m: int

    @property
    def lines(self) -> int:
        """Lines of an image."""
        return -(-self.layer.P // self.m)

    @property
    def width(self) -> int:
        """What the multipliers compute of a line, for a channel: pixels, or positions of Winograd's tiles."""
        return self.layer.Q if self.m == 1 else -(-self.layer.Q // self.m) * (self.m + 2) ** 2

    @property
    def taps(self) -> int:
        """Products that are added up for each of these, for an input channel."""
        return self.layer.R * self.layer.S if self.m == 1 else 1

    @property
    def filter(self) -> int:
        """Weights of a filter for one input channel, as they are multiplied."""
        return self.layer.R * self.layer.S if self.m == 1 else (self.m + 2) ** 2

    @property
    def step(self) -> int:
        """Input rows from a line to the next."""
        return self.m * self.layer.stride[0]

    @property
    def window(self) -> int:
        """Input rows of a line; if the stride is longer, those that it jumps over are read too."""
        return max((self.m - 1) * self.layer.stride[0] + self.layer.R, self.step)

    def cut_lines(self, size: int) -> Pieces:
        """Cut the lines of all images into pieces of a part of an image, or of whole images."""
        if size >= self.lines:
            images = cut(self.layer.N, size // self.lines)
            return Pieces(images.full, size, images.others, images.rest * self.lines)
        one = cut(self.lines, size)
        return Pieces(one.full * self.layer.N, size, one.others * self.layer.N, one.rest)

    def rows(self, size: int) -> int:
        """Input rows of the largest piece of an image."""
        return min(self.layer.H, (min(size, self.lines) - 1) * self.step + self.window)

    def rows_read(self, size: int) -> int:
        """Input rows of an image that are read if its lines come in pieces of a size, the halo each time."""
        layer = self.layer
        if size >= self.lines:
            return layer.H
        above = max(0, (layer.P - 1) * layer.stride[0] + layer.R - layer.H) // 2
        first = np.arange(0, self.lines, size)
        last = np.minimum(first + size, self.lines)
        begin = np.maximum(first * self.step - above, 0)
        end = np.minimum((last - 1) * self.step + self.window - above, layer.H)
        end[-1] = layer.H
        return int((end - begin).sum())


@dataclass(frozen=True)
class Tile:
    """A tile, the order of the loops over it, and what goes through DRAM.

    Attributes
    ----------
    order : str
        "weights", "outputs" or "inputs".
    group, K, C, lines : int
        Its size.
    dram_bytes : float
        Of the whole layer.
    """

    order: Order
    group: int
    K: int
    C: int
    lines: int
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
        Its `double`, and its `sum_size`.
    """
    shape = Shape(layer, m)
    C, K, G = layer.C // layer.groups, layer.K // layer.groups, layer.groups
    if layer.input_on_chip or layer.output_on_chip:
        read = 0.0 if layer.input_on_chip else layer.input_bytes
        written = (0.0 if layer.output_on_chip else layer.output_bytes) + layer.output_bytes * layer.added
        whole = layer.N * shape.lines
        return (Tile("weights", G, K, C, whole, read + weight_bytes(layer, growth) + written),)
    group, k, c, lines = (axis.ravel() for axis in np.meshgrid(*_sizes(shape), indexing="ij"))
    fits = _held(shape, group, k, c, lines, growth, on_chip) <= sram_kb * 1024 / (2 if on_chip.double else 1)
    fits[0] = True  # the smallest; if it is still too large, the image is cut into columns too
    group, k, c, lines = (axis[fits] for axis in (group, k, c, lines))
    moved = np.concatenate(_dram(shape, k, c, lines, growth, on_chip.sum_size))
    sizes = [np.tile(axis, len(ORDERS)) for axis in (group, k, c, lines)]
    costs = np.stack([moved, *(-1.0 * axis for axis in sizes)])
    kept = datapath_search.undominated(costs, np.zeros(len(moved), np.int64))
    of_order = len(group)
    best = sorted(kept.tolist(), key=lambda i: moved[i])
    at = [
        (int(group[i % of_order]), int(k[i % of_order]), int(c[i % of_order]), int(lines[i % of_order])) for i in best
    ]
    return tuple(
        Tile(ORDERS[i // of_order], size[0], size[1], size[2], size[3], float(moved[i]))
        for i, size in zip(best, at, strict=True)
    )


def weight_bytes(layer: Layer, growth: float) -> float:
    """Bytes of a layer's weights that come from DRAM when they come once; none if they stay on the chip."""
    return 0.0 if layer.weights_on_chip else layer.weight_bytes * growth


def held_bytes(shape: Shape, tile: Tile, growth: float, on_chip: OnChip) -> float:
    """Bytes of a tile on the chip: its inputs, weights and sums."""
    group, k, c, lines = (np.array([float(size)]) for size in (tile.group, tile.K, tile.C, tile.lines))
    return float(_held(shape, group, k, c, lines, growth, on_chip)[0])


def _sizes(shape: Shape) -> tuple[list[int], ...]:
    """Sizes that are tried along groups, output channels, input channels and lines."""
    layer = shape.layer
    C, K, G = layer.C // layer.groups, layer.K // layer.groups, layer.groups
    images = [shape.lines * n for n in _powers(layer.N)]
    return _powers(G), _powers(K), _powers(C), [*_powers(shape.lines)[:-1], *images]


def _powers(most: int) -> list[int]:
    """1, 2, 4, ... below `most`, and `most`."""
    return [1 << i for i in range((most - 1).bit_length())] + [most]


def _held(
    shape: Shape, group: Amounts, k: Amounts, c: Amounts, lines: Amounts, growth: float, on_chip: OnChip
) -> Amounts:
    """Bytes of tiles on the chip."""
    layer = shape.layer
    size = layer.bits / 8
    rows = np.minimum(layer.H, (np.minimum(lines, shape.lines) - 1) * shape.step + shape.window)
    images = np.maximum(1, lines // shape.lines)
    inputs = c * rows * images * layer.W * size
    weights = k * c * layer.R * layer.S * size * growth
    sums = k * lines * shape.width * on_chip.sum_size
    held: Amounts = group * (inputs + weights + sums)
    return held


def _dram(shape: Shape, k: Amounts, c: Amounts, lines: Amounts, growth: float, sum_size: float) -> list[Amounts]:
    """Bytes through DRAM for tiles in each order; the table above, all tiles at once."""
    layer = shape.layer
    sizes, place = np.unique(lines, return_inverse=True)
    cuts = {
        "K": -(-(layer.K // layer.groups) // k),
        "C": -(-(layer.C // layer.groups) // c),
        "lines": np.array([shape.cut_lines(int(size)).number for size in sizes])[place],
    }
    rows = np.array([shape.rows_read(int(size)) for size in sizes])[place]
    read = layer.N * layer.C * layer.W * layer.bits / 8 * rows
    written = layer.output_bytes * (1 + layer.added)
    again = 2 * sum_size * layer.N * layer.K * layer.P * layer.Q
    moved = []
    for order in ORDERS:
        times = {name: _visits(order, name, cuts) for name in INDICES}
        weights = weight_bytes(layer, growth) * times["weights"]
        moved.append(read * times["inputs"] + weights + (times["sums"] - 1) * again + written)
    return moved


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
