"""The two forms of an image: plain, (N, C, H, W), and in lanes, (N, C / LANES, H, W, LANES).

In lanes a vector of the loaded instruction set holds LANES channels of one pixel, as the kernels compute; between
layers that both know the form nothing is transposed. Only a C that is a multiple of LANES has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import probe
from kernels.arrays import check_array

Array = npt.NDArray[Any]

LANES = probe.lanes()
_TYPES = ("float32", "uint8", "int8")


def in_lanes(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is an image in lanes."""
    return len(shape) == 5


def lanes_shape(shape: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    """Return the shape in lanes of a plain image.

    Raises
    ------
    ValueError
        If its channels are no multiple of LANES.
    """
    N, C, H, W = shape
    if C % LANES:
        raise ValueError(f"{C} channels are no multiple of the {LANES} lanes of this instruction set")
    return N, C // LANES, H, W, LANES


def plain_shape(shape: tuple[int, ...], name: str = "x") -> tuple[int, ...]:
    """Return the plain shape of an image in either form.

    Raises
    ------
    ValueError
        If the last of five sizes is not LANES.
    """
    if not in_lanes(shape):
        return tuple(shape)
    N, chunks, H, W, lanes = shape
    if lanes != LANES:
        raise ValueError(
            f"{name} must have four dimensions (N, C, H, W), or in lanes {LANES} as a fifth, not shape {shape}"
        )
    return N, chunks * lanes, H, W


def to_lanes(x: Array, out: Array | None = None) -> Array:
    """Return a plain image (N, C, H, W) in lanes, of float32 or bytes; `out` is where to write it."""
    check_array(x, "x", _TYPES)
    N, chunks, H, W, lanes = shape = lanes_shape(x.shape)
    out = np.empty(shape, x.dtype) if out is None else out
    out[...] = x.reshape(N, chunks, lanes, H, W).transpose(0, 1, 3, 4, 2)
    return out


def from_lanes(x: Array, out: Array | None = None) -> Array:
    """Return an image in lanes as a plain one, (N, C, H, W); `out` is where to write it."""
    check_array(x, "x", _TYPES)
    N, C, H, W = plain_shape(x.shape)
    out = np.empty((N, C, H, W), x.dtype) if out is None else out
    out.reshape(N, C // LANES, LANES, H, W)[...] = x.transpose(0, 1, 4, 2, 3)
    return out
