"""Bias correction: rounded weights move the mean of each output channel, and the bias can take that back.

With the rounding error of the weights  E = W_rounded - W  and the mean of each input channel over the calibration,

    mean(conv(x, W_rounded)) - mean(conv(x, W)) = sum over c, r, s of  E[k, c, r, s] * mean(x[c])

which is taken from the bias. At the border, where padding stands in for x, the mean is another; that is left out.

Nagel et al., "Data-free quantization through weight equalization and bias correction", arXiv:1906.04721, section 4.2,
with means that are measured on images, not derived from normalisations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbook.graphs.graph import FloatArray


def corrected(
    bias: FloatArray, weight: FloatArray, rounded: FloatArray, means: npt.NDArray[np.float64], groups: int = 1
) -> FloatArray:
    """Return the bias that keeps each output channel's mean.

    Parameters
    ----------
    bias : (K,) float32
    weight, rounded : (K, C / groups, R, S) float32
        Before and after quantization.
    means : (C,) float64
        Of the layer's input, by channel.
    groups : int
    """
    K, C = weight.shape[:2]
    errors = (rounded.astype(np.float64) - weight).sum(axis=(2, 3)).reshape(groups, K // groups, C)
    shift = np.einsum("gkc,gc->gk", errors, means.reshape(groups, C)).reshape(K)
    result: FloatArray = (bias - shift).astype(np.float32)
    return result
