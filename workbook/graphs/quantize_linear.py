"""ONNX's QuantizeLinear and its relatives on arrays, rounded as ONNX Runtime rounds.

    q = saturate(nearest(x / scale) + zero_point)        halves go to the even integer
    x ~ scale * (q - zero_point)

The quotient is rounded before the zero point is added. ONNX's reference program adds first, which gives another number
where the quotient ends in .5 and the zero point is odd.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntegerArray = npt.NDArray[Any]
Number = float | np.number[Any] | npt.NDArray[Any]


def quantize_linear(x: FloatArray, scale: Number, zero_point: IntegerArray | np.integer[Any], axis: int = 1) -> Any:
    """Return x in integers: ONNX's QuantizeLinear.

    Parameters
    ----------
    x : float32 array
        Infinities become the ends of the range.
    scale : float or (n,) array
        The size of one step, for all numbers or for each place along `axis`.
    zero_point : integer of NumPy, or (n,) array
        What 0 becomes; its dtype is the result's: uint8, int8, uint16 or int16.
    axis : int
        Unused if there is one scale.

    Raises
    ------
    ValueError
        If x holds a NaN, which no integer stands for.
    """
    zero = np.asarray(zero_point)
    limits = np.iinfo(zero.dtype)
    steps = np.rint(x / _along(np.asarray(scale, np.float32), x, axis))
    if np.isnan(steps).any():
        raise ValueError("the array to be quantized holds a NaN, which no integer stands for")
    return np.clip(steps + _along(zero, x, axis).astype(np.float32), limits.min, limits.max).astype(zero.dtype)


def dequantize_linear(
    q: IntegerArray, scale: Number, zero_point: IntegerArray | np.integer[Any] | int = 0, axis: int = 1
) -> FloatArray:
    """Return the numbers that integers stand for: ONNX's DequantizeLinear; the parameters are as above."""
    steps = q.astype(np.int32) - _along(np.asarray(zero_point, np.int32), q, axis)
    result: FloatArray = steps.astype(np.float32) * _along(np.asarray(scale, np.float32), q, axis)
    return result


def _along(numbers: npt.NDArray[Any], x: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Shape one number, or one for each place along an axis, to meet x."""
    return numbers.reshape(()) if numbers.size == 1 else numbers.reshape(-1, *(1,) * (x.ndim - axis % x.ndim - 1))
