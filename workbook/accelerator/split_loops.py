"""A choice of the model by the letters of a convolution, as other models want it: pixels and taps in two loops each.

    tiles     letter, how many, size         the outermost first
    rounds    letters                        the outermost first
    sides     letter: multipliers            pixels as lines x columns, taps as rows x columns of a filter

N images, G groups, K output and C input channels of a group, P x Q pixels, R x S taps.
"""

from __future__ import annotations

import math

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.loop_nest import ROUNDS
from workbook.accelerator.machine import Machine
from workbook.accelerator.printed_nest import nest
from workbook.accelerator.workload import Layer

LETTERS = "NGKCPQRS"
_ROUND_LETTERS = {"group": "G", "K": "K", "C": "C", "pixel": "NPQ", "tap": "RS"}


def sizes(layer: Layer) -> dict[str, int]:
    """Return the size of a layer along each letter."""
    G = layer.groups
    return dict(zip(LETTERS, (layer.N, G, layer.K // G, layer.C // G, layer.P, layer.Q, layer.R, layer.S), strict=True))


def sides(layer: Layer, path: Datapath, *, rows: bool = False) -> dict[str, int]:
    """Return the multipliers along each letter; `rows`: those of pixels have a line each.

    Raises
    ------
    ValueError
        If pixels, or taps, are no whole lines and columns.
    """
    P, Q = (path.pixel, 1) if rows else _lines_and_columns(layer, "pixels", path.pixel, layer.P, layer.Q)
    R, S = _lines_and_columns(layer, "taps", path.tap, layer.R, layer.S)
    return dict(zip(LETTERS, (1, path.group, path.K, path.C, P, Q, R, S), strict=True))


def _lines_and_columns(layer: Layer, what: str, multipliers: int, lines: int, columns: int) -> tuple[int, int]:
    across = math.gcd(multipliers, columns)
    down = multipliers // across
    if lines % down:
        raise ValueError(f"{layer.name}: {multipliers} {what} are no whole lines and columns of {lines} x {columns}")
    return down, across


def tiles(cost: LayerCost, machine: Machine) -> list[tuple[str, int, int]]:
    """Return the loops over tiles; a tile of lines is of some lines of an image, or of some images.

    Raises
    ------
    ValueError
        If the last tile is smaller than the others.
    """
    layer, found = cost.layer, []
    for name, number, size in nest(cost, machine).tiles:
        if name == "columns":
            found.append(("Q", number, size))
        elif name != "lines":
            found.append((name[0].upper(), number, size))
        elif size >= layer.P:
            found.append(("N", number, size // layer.P))
        else:
            found += [("N", layer.N, 1), ("P", number // layer.N, size)]
    whole = sizes(layer)
    for letter, number, size in found:
        if number * size != whole[letter]:
            raise ValueError(f"{layer.name}: {number} tiles of {size} do not divide {letter}")
    return [loop for loop in found if loop[1] > 1]


def rounds(cost: LayerCost) -> str:
    """Return the letters of the loops over rounds."""
    return "".join(_ROUND_LETTERS[name] for name in ROUNDS[cost.traffic.stay])
