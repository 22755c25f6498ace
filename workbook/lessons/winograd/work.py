"""What a 3x3 layer takes by Winograd's algorithm, beside the definition: multiplications, bytes, and a predicted time.

F(m x m, 3 x 3) covers the P x Q outputs with tiles of m x m; the last row and column of tiles stick out. With n = m + 2

    tiles           = ceil(P / m) * ceil(Q / m)
    multiplications = n*n * tiles * C * K
    transforms      = tiles * (C * input operations + K * output operations)
    weights         = n*n * C * K numbers, transformed once and read from memory in each run
    passed          = 5 * n*n * tiles * (C + K) numbers: a transform has two passes, each of which reads and writes the
                      n*n numbers of a tile; between the two transforms, the multiplication reads or writes them once

m = 1 is the definition, where n*n is 9 and nothing is transformed; inputs and outputs are passed once.

    transforming = passed / second cache + transforms / peak
    multiplying  = multiplications / peak
    waiting      = what the weights take from memory beyond the multiplying, which they arrive during

and a layer takes the sum: as if nothing of it overlapped, and as if no weight of the last run were left in a cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessons.winograd.construction import TAPS, check_tile, cook_toom
from workbook.measuring.roofline import FLOAT_BYTES, Roofline
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.topologies import ConvLayer

_PASSES = 5  # of the numbers of a tile: two passes that read and write, and one read or write by the multiplication


def layer_of(channels: int, side: int) -> ConvLayer:
    """Return a 3x3 layer of as many output as input channels, which keeps the side of its map.

    Raises
    ------
    ValueError
        For sizes that make no layer.
    """
    for name, value in (("channels", channels), ("the side of the map", side)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1 on, not {value!r}")
    return ConvLayer(f"{channels}@{side}", channels, side, side, channels, TAPS, TAPS, padding=TAPS // 2)


@dataclass(frozen=True)
class Work:
    """A layer of 3x3 filters and stride 1, by F(m x m, 3 x 3); by the definition if m is 1."""

    layer: ConvLayer
    m: int

    @property
    def n(self) -> int:
        """Inputs of a tile in one direction."""
        return self.m + TAPS - 1

    @property
    def tiles(self) -> int:
        """Tiles that cover the output, those that stick out included."""
        return -(-self.layer.P // self.m) * -(-self.layer.Q // self.m)

    @property
    def multiplications(self) -> int:
        """Multiplications of transformed inputs with transformed filters."""
        return self.n**2 * self.tiles * self.layer.C * self.layer.K

    @property
    def saving(self) -> float:
        """How many times fewer multiplications than by the definition."""
        return self.layer.macs / self.multiplications

    @property
    def transforms(self) -> int:
        """Multiply-adds of the transforms of inputs and outputs; the filters' was done before."""
        if self.m == 1:
            return 0
        matrices = cook_toom(self.m)
        return self.tiles * (self.layer.C * matrices.input_operations + self.layer.K * matrices.output_operations)

    @property
    def operations(self) -> int:
        """Multiplications and transforms together."""
        return self.multiplications + self.transforms

    @property
    def weight_bytes(self) -> int:
        """Bytes of the filters as the multiplication reads them."""
        return FLOAT_BYTES * self.n**2 * self.layer.C * self.layer.K

    @property
    def passed_bytes(self) -> int:
        """Bytes of inputs and outputs, from one pass of the transforms to the next."""
        if self.m == 1:
            return self.map_bytes
        return FLOAT_BYTES * _PASSES * self.n**2 * self.tiles * (self.layer.C + self.layer.K)

    @property
    def map_bytes(self) -> int:
        """Bytes of inputs and outputs, each once: what memory must move of them."""
        return FLOAT_BYTES * (self.layer.input_numbers + self.layer.output_numbers)

    @property
    def memory_bytes(self) -> int:
        """Bytes that memory must move: inputs, outputs and weights, each once."""
        return self.map_bytes + self.weight_bytes

    def multiply_seconds(self, roof: Roofline) -> float:
        """Predict the time of the multiplications on one core."""
        return self.multiplications / roof.peak_gmacs / 1e9

    def waiting_seconds(self, roof: Roofline) -> float:
        """Predict how much longer than the multiplications the weights take from memory."""
        return max(self.weight_bytes / roof.gbs[MEMORY] / 1e9 - self.multiply_seconds(roof), 0.0)

    def transform_seconds(self, roof: Roofline) -> float:
        """Predict the time of transforming inputs and outputs: bytes through the second cache, and multiply-adds."""
        return (self.passed_bytes / second_cache(roof) + self.transforms / roof.peak_gmacs) / 1e9

    def seconds(self, roof: Roofline) -> float:
        """Predict the time of the layer on one core."""
        return self.multiply_seconds(roof) + self.waiting_seconds(roof) + self.transform_seconds(roof)

    def gain(self, roof: Roofline) -> float:
        """Predict how many times as fast as the definition it is."""
        return Work(self.layer, 1).seconds(roof) / self.seconds(roof)


def second_cache(roof: Roofline) -> float:
    """GB/s of the second cache, where blocks of tiles wait; of memory if the system names no caches."""
    _, second, *_ = (*roof.gbs.values(), roof.gbs[MEMORY])
    return second


def layer(channels: int, side: int, m: int) -> Work:
    """Return what a layer of 3x3 filters takes by F(m x m, 3 x 3); m = 1 is the definition.

    Raises
    ------
    ValueError
        For sizes that make no layer, or a tile that cannot be.
    """
    check_tile(m)
    return Work(layer_of(channels, side), m)
