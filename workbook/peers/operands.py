"""The numbers of one layer, drawn at random: the same for the kernels and for every peer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import kernels
from workbook.measuring.topologies import ConvLayer

FloatArray = npt.NDArray[np.float32]

_LARGEST_WEIGHT = 127  # symmetric: -127 to 127


def window(layer: ConvLayer) -> dict[str, Any]:
    """How the filters move over the image, as the kernels' functions take it."""
    return {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}


@dataclass(frozen=True)
class Floats:
    """A layer in float32.

    Attributes
    ----------
    layer : ConvLayer
    x : (1, C, H, W) float32
    weight : (K, C / groups, R, S) float32
    bias : (K,) float32
    """

    layer: ConvLayer
    x: FloatArray
    weight: FloatArray
    bias: FloatArray

    @classmethod
    def random(cls, layer: ConvLayer) -> Floats:
        """Draw x as it is behind a ReLU, and weights as He et al. do: outputs are about as large as inputs."""
        rng = np.random.default_rng(0)
        x = np.maximum(rng.standard_normal((1, layer.C, layer.H, layer.W), dtype=np.float32), 0)
        weight = rng.standard_normal((layer.K, layer.C // layer.groups, layer.R, layer.S), dtype=np.float32)
        weight *= np.float32(math.sqrt(2 / math.prod(weight.shape[1:])))
        return cls(layer, x, weight, rng.standard_normal(layer.K, dtype=np.float32))


@dataclass(frozen=True)
class Integers:
    """A layer in int8: bytes, and what they stand for, number = scale * (byte - zero).

    Attributes
    ----------
    layer : ConvLayer
    x : (1, C, H, W) uint8
    weight : (K, C / groups, R, S) int8
        With zero 0.
    bias : (K,) int32
        In units of x_scale * weight_scale.
    weight_scale : (K,) float32
    x_scale, y_scale : float32
    x_zero, y_zero : uint8
    """

    layer: ConvLayer
    x: npt.NDArray[np.uint8]
    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    weight_scale: FloatArray
    x_scale: np.float32
    x_zero: np.uint8
    y_scale: np.float32
    y_zero: np.uint8

    @classmethod
    def of(cls, floats: Floats) -> Integers:
        """Quantize a layer: each filter by its largest weight, x and y by their ranges."""
        y = kernels.conv2d(floats.x, floats.weight, floats.bias, **window(floats.layer))
        (x_scale, x_zero), (y_scale, y_zero) = _range(floats.x), _range(y)
        weight_scale = np.abs(floats.weight).max((1, 2, 3)) / np.float32(_LARGEST_WEIGHT)
        return cls(
            floats.layer,
            np.clip(np.rint(floats.x / x_scale) + x_zero, 0, 255).astype(np.uint8),
            np.rint(floats.weight / weight_scale[:, None, None, None]).astype(np.int8),
            np.rint(floats.bias / (x_scale * weight_scale)).astype(np.int32),
            weight_scale,
            *(x_scale, x_zero, y_scale, y_zero),
        )


def _range(numbers: FloatArray) -> tuple[np.float32, np.uint8]:
    """Return the scale and the zero by which bytes reach from the least to the largest number, and to 0."""
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    scale = np.float32((high - low) / 255)
    return scale, np.uint8(round(-low / float(scale)))
