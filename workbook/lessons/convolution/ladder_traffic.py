"""Bytes that each rung of the ladder moves between the core and its nearest cache: a model, exact by definition.

It counts what the innermost statements name, and nothing of the interpreter, of addresses, or of a cache's own doing.

Python
    A number is an object: a pointer of 8 bytes to a value of 8. A multiply-add reads a sum, a pixel and a weight, and
    writes the sum: 64 bytes.
NumPy
    `window * weight` reads a pixel and a weight and writes a product, `sum` reads it again: 16 bytes.
naive
    Reads a pixel and a weight: 8 bytes. The sum stays in a register.
direct
    Sums stay in registers for a tile of pixels x output channels. So a pixel is read once for all channels of a tile,
    and a weight once for all its pixels. Before, x is copied; after, a tile is turned round and finished.
im2col
    The same with a tile of output channels x pixels. Before, a pixel is copied to R x S places of the columns.

The size of a tile is that of the instruction set in use.
"""

from __future__ import annotations

from kernels import probe
from workbook.measuring.roofline import FLOAT_BYTES
from workbook.measuring.topologies import ConvLayer

_OBJECT_BYTES = 16  # a pointer and the number behind it


def ladder_bytes(rung: str, layer: ConvLayer) -> int:
    """Return the bytes that a rung moves for a layer.

    Parameters
    ----------
    rung : "python", "numpy", "naive", "direct" or "im2col"
    layer : ConvLayer
        Of one group.
    """
    if rung == "python":
        return 4 * _OBJECT_BYTES * layer.macs
    return FLOAT_BYTES * _NUMBERS[rung](layer)


def _numpy(layer: ConvLayer) -> int:
    return 4 * layer.macs + layer.output_numbers


def _naive(layer: ConvLayer) -> int:
    return 2 * layer.macs + layer.output_numbers


def _direct(layer: ConvLayer) -> int:
    pixels, channels = probe.tile_shape()
    depth = layer.C * layer.R * layer.S
    x = depth * layer.P * layer.Q * _tiles(layer.K, channels)
    weights = depth * layer.K * layer.P * _tiles(layer.Q, pixels)
    copied, stored, turned, finished = 2 * layer.input_numbers, 1, 2, 2
    return x + weights + copied + (stored + turned + finished) * layer.output_numbers


def _im2col(layer: ConvLayer) -> int:
    channels, pixels = probe.tile_shape()
    depth = layer.C * layer.R * layer.S
    columns = depth * layer.P * layer.Q * _tiles(layer.K, channels)
    weights = depth * layer.K * _tiles(layer.P * layer.Q, pixels)
    copied, stored, finished = 2 * depth * layer.P * layer.Q, 1, 2
    return columns + weights + copied + (stored + finished) * layer.output_numbers


def _tiles(numbers: int, size: int) -> int:
    """Tiles of `size` that cover so many numbers."""
    return -(-numbers // size)


_NUMBERS = {"numpy": _numpy, "naive": _naive, "direct": _direct, "im2col": _im2col}
