"""Scale and zero point: which real numbers the integers of a type stand for, and how they are chosen for a range.

    x ~ scale * (q - zero_point),   qmin <= q <= qmax

Asymmetric: the range low .. high, widened to hold 0, is laid on qmin .. qmax, and the zero point is rounded, so that 0
is exact: padding and ReLU put many zeros into a network. Symmetric: the zero point is the middle of the type, and the
longer side decides; signed weights then use -127 .. 127.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbook.graphs.quantize_linear import FloatArray, dequantize_linear, quantize_linear

DTYPES = ("uint8", "int8")

_LEAST_SCALE = float(np.finfo(np.float32).tiny)  # below it, float32 loses digits


@dataclass(frozen=True)
class Affine:
    """One scale and zero point, or one for each place along an axis.

    Attributes
    ----------
    scale : () or (n,) float32
    zero_point : () or (n,) uint8 or int8
    axis : int
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[Any]
    axis: int = 0

    @classmethod
    def of_range(
        cls, low: Any, high: Any, dtype: str = "uint8", *, symmetric: bool = False, bits: int = 8, axis: int = 0
    ) -> Affine:
        """Choose scale and zero point for a range, or for one range for each place along an axis.

        Parameters
        ----------
        low, high : float or (n,) array
        dtype : str
            "uint8" or "int8".
        symmetric : bool
        bits : int
            7 leaves the outer half of the type unused: sums of two products then fit 16 bits.
        axis : int

        Returns
        -------
        Affine
            A range of nothing but 0 gets the scale 1.

        Raises
        ------
        ValueError
            For another dtype, a number of bits other than 2 to 8, a range that is not finite, or low above high.
        """
        if dtype not in DTYPES:
            raise ValueError(f"the dtype must be {' or '.join(DTYPES)}, not {dtype!r}")
        if not 2 <= bits <= 8:
            raise ValueError(f"bits must be 2 to 8, not {bits}")
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        if not (np.isfinite(low) & np.isfinite(high) & (low <= high)).all():
            raise ValueError(f"a range must be finite with low <= high, not {low} to {high}")
        low, high = np.minimum(low, 0), np.maximum(high, 0)
        qmin, qmax = (0, 2**bits - 1) if dtype == "uint8" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        middle = qmin + 2 ** (bits - 1)
        scale = np.maximum(-low, high) / (qmax - middle) if symmetric else (high - low) / (qmax - qmin)
        scale = np.where(scale > 0, np.maximum(scale, _LEAST_SCALE), 1).astype(np.float32)
        zero = np.full(scale.shape, middle) if symmetric else np.clip(np.rint(qmin - low / scale), qmin, qmax)
        return cls(scale, zero.astype(dtype), axis)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or int8."""
        return self.zero_point.dtype

    def quantize(self, x: FloatArray) -> Any:
        """Return the nearest integers, cut off at the ends of the type."""
        return quantize_linear(x, self.scale, self.zero_point, self.axis)

    def dequantize(self, q: npt.NDArray[Any]) -> FloatArray:
        """Return what the integers stand for."""
        return dequantize_linear(q, self.scale, self.zero_point, self.axis)

    def rounded(self, x: FloatArray) -> FloatArray:
        """Return what is left of x when it has been quantized and back."""
        return self.dequantize(self.quantize(x))
