"""Resize of images to a whole number of times their size, by repeating each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from kernels.bound import Bound
from workbook.graphs.graph import Array, Node
from workbook.graphs.operators.entry import BYTES, FLOAT, PASSING, Entries, Entry
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    alike,
    stored,
)

_RULES = (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))  # under which each pixel is repeated


class Repeating(Operator):
    """A Resize that repeats each pixel `down` times `across` times."""

    def __init__(self, node: Node, down: int, across: int) -> None:
        super().__init__(node, node.inputs[:1])
        self._down, self._across = down, across

    def compute(self, x: Array) -> Array:
        """Return each pixel as often as the scales say."""
        return x.repeat(self._down, 2).repeat(self._across, 3)

    def plan(self, *read: Outline | None) -> Plan:
        """Copy the image once for each place within the pixels that become of one."""
        (x,) = read
        if x is None:
            return UNKNOWN
        N, C, H, W = x.shape
        return Plan(Outline((N, C, H * self._down, W * self._across), x.dtype), self._bind, alike, (0,))

    def _bind(self, read: Sequence[Array], y: Array) -> Bound:
        places = product(range(self._down), range(self._across))
        parts = [y[:, :, i :: self._down, j :: self._across] for i, j in places]

        def copy(*_: object) -> None:
            for part in parts:
                np.copyto(part, read[0])

        return Bound("NumPy", 0, 1, copy)


def _resize(node: Node, constants: Constants, _: Settings) -> Operator:
    given = node.attributes
    rule = given.get("coordinate_transformation_mode", "half_pixel"), given.get("nearest_mode", "round_prefer_floor")
    if node.opset < 11 or given.get("mode", "nearest") != "nearest" or rule not in _RULES or len(node.inputs) != 3:
        raise NotNativeError(f"{node}: only pixels that are repeated run here")
    scales = stored(node, 2, "scales", constants).tolist()
    if len(scales) != 4 or scales[:2] != [1, 1] or any(scale != int(scale) or scale < 1 for scale in scales[2:]):
        raise NotNativeError(f"{node}: only whole scales of images run here, not {scales}")
    return Repeating(node, int(scales[2]), int(scales[3]))


RESIZING: Entries = {
    "Resize": Entry(
        _resize,
        PASSING,
        attributes=("mode", "coordinate_transformation_mode", "nearest_mode"),
        types=(*FLOAT, *BYTES),
        axes=(4,),
        joins=True,
    )
}
