"""Where im2col breaks: the bytes of its matrix of columns, and what becomes of it when few filters read a column.

The matrix holds every input pixel R * S times. A column is made once and read by the K / groups filters of its group:
with 64 of them the copy is a small part of the work, with one it is most of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from kernels import im2col
from kernels.geometry import Geometry, Window
from workbook.lessons.convolution.rungs import CHANNELS
from workbook.measuring import timing
from workbook.measuring.roofline import FLOAT_BYTES
from workbook.measuring.topologies import ConvLayer
from workbook.measuring.trial import trial
from workbook.plain_text import Text

SIDE = 224


def layer_of(taps: int, groups: int) -> ConvLayer:
    """Return a layer of 64 filters of taps x taps on 64 channels of 224 x 224, in so many groups.

    Raises
    ------
    ValueError
        For an even filter, which keeps no image's size, or groups that do not divide 64.
    """
    for name, value in (("the filter's side", taps), ("groups", groups)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1 on, not {value!r}")
    if taps % 2 == 0 or taps > SIDE:
        raise ValueError(f"the filter's side must be odd and at most {SIDE}, {taps} is not")
    if CHANNELS % groups:
        raise ValueError(f"groups must divide the {CHANNELS} channels, {groups} does not")
    return ConvLayer(f"{taps}x{taps}", CHANNELS, SIDE, SIDE, CHANNELS, taps, taps, padding=taps // 2, groups=groups)


def matrix_bytes(layer: ConvLayer) -> int:
    """Bytes of the whole matrix of columns, all groups together: C * R * S rows, P * Q columns."""
    return FLOAT_BYTES * layer.C * layer.R * layer.S * layer.P * layer.Q


def kept_bytes(layer: ConvLayer) -> int:
    """Bytes that our im2col keeps on one thread instead: a block of columns, and a tile of sums."""
    window = Window.of(layer.stride, layer.padding, dilation=1, groups=layer.groups)
    shape = Geometry.of((1, layer.C, layer.H, layer.W), (layer.K, layer.C // layer.groups, layer.R, layer.S), window)
    return FLOAT_BYTES * im2col.scratch_size(shape.compiled(), threads=1)


@dataclass(frozen=True)
class Columns(Text):
    """Layers by direct and by im2col, on one thread of this machine.

    Attributes
    ----------
    layers : tuple of ConvLayer
    times : list of (Timing, Timing)
        Of direct and im2col.
    """

    layers: tuple[ConvLayer, ...]
    times: tuple[tuple[timing.Timing, timing.Timing], ...]

    def __str__(self) -> str:
        lines = [f"{'filter':<7}{'groups':>6}{'image':>9}{'columns':>10}{'MACs a copy':>12}   {'direct':<22}im2col"]
        kept = []
        for layer, (direct, columns) in zip(self.layers, self.times, strict=True):
            image, matrix = FLOAT_BYTES * layer.input_numbers, matrix_bytes(layer)
            lines.append(
                f"{layer.name:<7}{layer.groups:>6}{image / 1e6:>6.1f} MB{matrix / 1e6:>7.1f} MB"
                f"{layer.K // layer.groups:>12}"
                f"{timing.measured(direct.median * 1e3, 'ms', 8)}{timing.measured(columns.median * 1e3, 'ms', 8)}"
            )
            kept.append(f"{kept_bytes(layer) / 1e6:.2f} MB")
        block = f"[machine] our im2col keeps a block of columns: {', '.join(kept)}"
        return "\n".join([*lines, block, *timing.trust(taken for pair in self.times for taken in pair)])

    __repr__ = __str__


def columns(*cases: tuple[int, int]) -> Columns:
    """Compute layers by direct and by im2col.

    Parameters
    ----------
    cases : pairs of int
        Side of the filter and number of groups, such as (3, 1).

    Raises
    ------
    ValueError
        For sizes that make no layer, or none at all.
    """
    if not cases:
        raise ValueError("columns needs a layer at least: the side of its filter and its groups, such as (3, 1)")
    layers = tuple(layer_of(*case) for case in cases)
    programs = {
        f"{algorithm} {i}": trial(layer, algorithm)
        for i, layer in enumerate(layers)
        for algorithm in ("direct", "im2col")
    }
    times = timing.interleaved(programs, clock=time.thread_time)
    return Columns(layers, tuple((times[f"direct {i}"], times[f"im2col {i}"]) for i in range(len(layers))))
