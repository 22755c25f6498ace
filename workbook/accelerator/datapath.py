"""A datapath: along which dimensions of a layer its multipliers lie, and the cycles that a layer takes on it.

    cycles(u) = ceil(C/G / uC) ceil(K/G / uK) ceil(N P Q / uPixel) ceil(G / uGroup) ceil(R S / uTap) / rate + fill(u)

A multiplier is a multiply-add unit. One along C or along the taps adds to its neighbour's product, one along K, pixel
or group makes an output of its own. A dimension that its multipliers do not divide leaves some of them idle in the last
round: that is all that makes one datapath better for a layer than another.

Multipliers along C stand in rows that add up whatever lies there. So a row may take a tap of a filter in place of a
channel, and nothing is wired anew for that: 64 rows take 64 channels, 21 channels of 3 taps or 7 channels of 9
(`mappings`). A depthwise layer, with one channel in a group, then uses nine rows and not one.

Winograd's F(m x m, 3x3) makes m x m outputs from the (m + 2)^2 positions of a transformed tile, and its sums run over
the channels alone. So the multipliers of pixels take positions, and those of taps have nothing to do:

    cycles(u) = ceil(C / uC) ceil(K / uK) ceil(N ceil(P/m) ceil(Q/m) (m + 2)^2 / uPixel) / rate + fill(u)

The transforms stand in the pipeline and take no cycles. Winograd is a mode of the layer, as in NVDLA: any datapath may
choose it, and choosing costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache
from typing import Literal

from workbook.accelerator.workload import Layer

Mode = Literal["direct", "winograd"]

TAPS = (1, 3, 9)
"""Taps of a channel that rows take: one, a row of the filter, or a whole filter of 3x3."""


@dataclass(frozen=True, order=True)
class Datapath:
    """How many multipliers lie along each dimension of a layer; the product of the five is the number in use.

    Attributes
    ----------
    C, K : int
        Along the input and output channels of a group.
    pixel : int
        Along images, rows and columns of the output.
    group : int
        Along the groups: what a depthwise layer needs.
    tap : int
        Along the elements of a filter.
    """

    C: int = 1
    K: int = 1
    pixel: int = 1
    group: int = 1
    tap: int = 1

    def __post_init__(self) -> None:
        for name in ("C", "K", "pixel", "group", "tap"):
            if getattr(self, name) < 1:
                raise ValueError(f"datapath: {name} must be at least 1 multiplier, not {getattr(self, name)}")

    def __str__(self) -> str:
        along = zip(astuple(self), (" C", " K", " pixels", " groups", " taps"), strict=True)
        return " x ".join(f"{n}{name}" for n, name in along if n > 1) or "1 multiplier"

    @property
    def multipliers(self) -> int:
        """How many there are along all dimensions."""
        return self.C * self.K * self.pixel * self.group * self.tap

    @property
    def fill(self) -> int:
        """Cycles until the first sum is out: the depth of the adder tree over the multipliers of C and taps."""
        return (self.C * self.tap - 1).bit_length()

    @property
    def layout(self) -> tuple[int, int]:
        """How activations lie in memory: so many channels are read, and written, side by side."""
        return self.C, self.K


def _ceil(amount: int, multipliers: int) -> int:
    return -(-amount // multipliers)


def cycles(layer: Layer, datapath: Datapath, *, tile: int | None = None, rate: float = 1) -> float:
    """Cycles that the multipliers need for a layer, without waiting for memory.

    Parameters
    ----------
    layer : Layer
    datapath : Datapath
    tile : int, optional
        m of Winograd's F(m x m, 3x3); none for the direct mode.
    rate : float
        Multiply-adds that a multiplier does in a cycle with the layer's type.
    """
    C, K, G = layer.C // layer.groups, layer.K // layer.groups, layer.groups
    rounds = _ceil(C, datapath.C) * _ceil(K, datapath.K) * _ceil(G, datapath.group)
    if tile:
        rounds *= _ceil(winograd_positions(layer, tile), datapath.pixel)
    else:
        rounds *= _ceil(layer.N * layer.P * layer.Q, datapath.pixel) * _ceil(layer.R * layer.S, datapath.tap)
    return rounds / rate + datapath.fill


def winograd_positions(layer: Layer, tile: int) -> int:
    """Positions of all transformed tiles of one channel: N ceil(P/m) ceil(Q/m) (m + 2)^2."""
    return layer.N * _ceil(layer.P, tile) * _ceil(layer.Q, tile) * (tile + 2) ** 2


def suits_winograd(layer: Layer) -> bool:
    """Whether F(m x m, 3x3) computes the layer: 3x3, stride 1, no groups (a depthwise layer is all transforms)."""
    return (layer.R, layer.S) == (3, 3) and layer.stride == (1, 1) and layer.groups == 1


def products(layer: Layer, tile: int | None = None) -> int:
    """Products that the multipliers compute: the multiply-adds of the definition, or those of Winograd."""
    if tile:
        return layer.C * layer.K * winograd_positions(layer, tile)
    return layer.macs


@cache
def datapaths(macs: int) -> tuple[Datapath, ...]:
    """All datapaths of at most `macs` multipliers, with powers of two along C, K, pixel and group."""
    return tuple(sorted(_datapaths(macs)))


def _datapaths(macs: int) -> Iterator[Datapath]:
    for C in _powers(macs):
        for K in _powers(macs // C):
            for pixel in _powers(macs // C // K):
                for group in _powers(macs // C // K // pixel):
                    yield Datapath(C, K, pixel, group)


def mappings(datapath: Datapath) -> tuple[Datapath, ...]:
    """Return what the rows of a datapath may take: channels, or as many channels of 3 or 9 taps as they hold.

    One that has multipliers along taps anyway keeps them.
    """
    if datapath.tap > 1:
        return (datapath,)
    C, K, pixel, group = datapath.C, datapath.K, datapath.pixel, datapath.group
    return tuple(Datapath(C // tap, K, pixel, group, tap) for tap in TAPS if tap <= C)


def _powers(most: int) -> list[int]:
    """1, 2, 4, ... up to `most`."""
    return [1 << i for i in range(most.bit_length())]
