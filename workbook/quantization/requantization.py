"""From the 32-bit sums of a convolution to bytes, in floating point and in integers alone, side by side.

    y = saturate(nearest(M * sum) + zero_point)        M = x_scale * w_scale / y_scale

Floating point is what ONNX Runtime and this workbook's kernels do. Integers alone is for processors without it: Jacob
et al. write  M = M0 / 2**31 * 2**-shift  with an integer M0 in 2**30 .. 2**31 - 1, so that M * sum is the upper half of
a product of 64 bits, shifted to the right. Both steps round, so the result may be a step off, and is never more. The
fewer bits there are to shift, the more often: a third of the sums at M = 1/3, with one bit; 0.015 % at M = 0.001.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
arXiv:1712.05877, section 2.2 and appendix B.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Sums = npt.NDArray[np.int32]

_HALF = 1 << 30


def in_float(sums: Sums, multiplier: npt.NDArray[np.float32] | float, zero_point: np.integer[Any]) -> Any:
    """Return bytes of the zero point's dtype, computed in float32, halves rounded to the even number.

    Parameters
    ----------
    sums : int32 array
    multiplier : float32
        One number, or an array that meets `sums` by NumPy's rules.
    zero_point : numpy.uint8 or numpy.int8
    """
    limits, zero = np.iinfo(zero_point.dtype), int(zero_point)
    y = np.float32(sums) * np.asarray(multiplier, np.float32)
    return (np.rint(np.clip(y, limits.min - zero, limits.max - zero)).astype(np.int32) + zero).astype(zero_point.dtype)


def fixed_point(multiplier: float) -> tuple[int, int]:
    """Return (M0, shift):  multiplier ~ M0 / 2**31 * 2**-shift,  2**30 <= M0 < 2**31.

    Raises
    ------
    ValueError
        If the multiplier is not above 0 and finite, or so large or small that the shift would leave -31 .. 31.
    """
    if not (math.isfinite(multiplier) and multiplier > 0):
        raise ValueError(f"a multiplier must be finite and above 0, not {multiplier}")
    fraction, exponent = math.frexp(multiplier)  # 0.5 <= fraction < 1
    M0, shift = round(fraction * 2**31), -exponent
    if M0 == 2**31:  # rounded up to the next power of 2
        M0, shift = _HALF, shift - 1
    if not -31 <= shift <= 31:
        raise ValueError(f"a multiplier must be between 2**-32 and 2**31 for a shift of 32 bits, not {multiplier}")
    return M0, shift


def in_integers(sums: Sums, M0: int, shift: int, zero_point: np.integer[Any]) -> Any:
    """Return bytes of the zero point's dtype, computed without a floating-point number.

    Parameters
    ----------
    sums : int32 array
    M0, shift : int
        Of `fixed_point`. A negative shift is applied to the sums beforehand, cut off at 32 bits.
    zero_point : numpy.uint8 or numpy.int8
    """
    limits = np.iinfo(zero_point.dtype)
    wide = np.clip(sums.astype(np.int64) << max(0, -shift), -(2**31), 2**31 - 1)
    y = _rounding_shift(_upper_half_of_double(wide, M0), max(0, shift)) + int(zero_point)
    return np.clip(y, limits.min, limits.max).astype(zero_point.dtype)


def _upper_half_of_double(a: npt.NDArray[np.int64], b: int) -> npt.NDArray[np.int64]:
    """Return nearest(2 * a * b / 2**32), as Arm's instruction SQRDMULH; halves go up."""
    return (a * b + _HALF) >> 31


def _rounding_shift(a: npt.NDArray[np.int64], shift: int) -> npt.NDArray[np.int64]:
    """Return nearest(a / 2**shift); halves go away from 0."""
    if not shift:
        return a
    half = (1 << (shift - 1)) - (a < 0)
    return (a + half) >> shift
