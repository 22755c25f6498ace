"""The layers of the batch sweep: one early in a network, one deep, one fully connected, each with its kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import kernels
from kernels import probe
from kernels.algorithm_choice import counts
from kernels.geometry import Geometry, Window
from workbook.measuring.topologies import ConvLayer

INT8 = "int8"
TILE_COLS = probe.tile_shape()[1]  # output channels of a block

Images = npt.NDArray[Any]
Plan = kernels.Conv2d | kernels.QLinearConv


@dataclass(frozen=True)
class Case:
    """A layer and the kernel that computes it, on one thread.

    Attributes
    ----------
    name : str
    layer : ConvLayer
        Of stride 1 and one group. A filter of 1x1 on images of 1x1 is a fully connected layer: its images become the
        pixels of one row.
    algorithm : str
        Of `kernels.Conv2d`, or "int8" for `kernels.QLinearConv`.
    outer : str
        The kernel's outer loop, if it computes a batch: "images", so that each image meets all weights before the next
        does; "channels", so that all images meet one block of output channels before the next; or "weights", so that a
        tile takes pixels of several images.
    """

    name: str
    layer: ConvLayer
    algorithm: str
    outer: Literal["images", "channels", "weights"]

    @property
    def connected(self) -> bool:
        """Whether the layer is fully connected."""
        return self.layer.H * self.layer.W == 1

    def __str__(self) -> str:
        layer = self.layer
        filters = "" if self.connected else f", {layer.R}x{layer.S} @{layer.H}"
        return f"{self.name}: {layer.C} -> {layer.K}{filters}, {self.algorithm}"

    def small(self) -> Case:
        """Return a layer of the same kind with few weights and pixels."""
        side = min(4, self.layer.H)
        return replace(self, layer=replace(self.layer, C=16, K=16, H=side, W=side))

    def between(self, packed_bytes: int) -> int:
        """Bytes of weights that are read between two images that meet the same weight."""
        if self.outer == "weights":
            return 0
        return packed_bytes if self.outer == "images" else packed_bytes * min(TILE_COLS, self.layer.K) // self.layer.K

    def plan(self) -> Plan:
        """Return the layer with seeded weights; bytes of y are far from their limits."""
        layer, random = self.layer, np.random.default_rng(0)
        shape = (layer.K, layer.C, layer.R, layer.S)
        if self.algorithm == INT8:
            weight = random.integers(-127, 128, shape, np.int8)
            scale = 100.0 * np.sqrt(layer.C * layer.R * layer.S)
            return kernels.QLinearConv(
                weight,
                1.0,
                0,
                x_scale=1.0,
                x_zero_point=128,
                y_scale=scale,
                y_zero_point=np.uint8(128),
                padding=layer.padding,
                algorithm="direct",
                threads=1,
            )
        return kernels.Conv2d(
            random.standard_normal(shape, np.float32), padding=layer.padding, algorithm=self.algorithm, threads=1
        )

    def images(self, count: int) -> Images:
        """Return seeded images (B, C, H, W)."""
        shape, random = (count, self.layer.C, self.layer.H, self.layer.W), np.random.default_rng(1)
        if self.algorithm == INT8:
            return random.integers(0, 256, shape, np.uint8)
        return random.standard_normal(shape, np.float32)

    def compute(self, plan: Plan, x: Images, out: Images | None = None) -> Images:
        """Return the layer's output (B, K, P, Q), in `out` if it is given."""
        if not self.connected:
            return plan(x, out=out)
        row = np.ascontiguousarray(x[:, :, 0, 0].T)[None, :, None]  # (1, C, 1, B)
        y = plan(row)[0, :, 0].T[:, :, None, None]
        if out is None:
            return y
        out[...] = y
        return out

    def tile_macs(self, batch: int) -> float:
        """Multiply-adds of the kernel's tiles, what lies beside the image included."""
        layer = self.layer
        if self.algorithm == INT8:  # vectors of pixels, which run on from row to row through the padding
            pixels = batch if self.connected else (layer.P - 1) * (layer.Q + layer.S - 1) + layer.Q
            vectors = -(-pixels // probe.lanes()) * (1 if self.connected else batch)
            return float(vectors * probe.lanes() * layer.weight_numbers)
        shape = (1, layer.C, 1, batch) if self.connected else (batch, layer.C, layer.H, layer.W)
        window = Window.of(1, layer.padding, 1, 1)
        geometry = Geometry.of(shape, (layer.K, layer.C, layer.R, layer.S), window)
        return counts(self.algorithm, geometry)[0] * probe.lanes()


# ResNet-50's second and last 3x3 layers, and VGG's last layer.
EARLY = ConvLayer("conv2", 64, 56, 56, 64, 3, 3, padding=1)
DEEP = ConvLayer("conv5", 512, 7, 7, 512, 3, 3, padding=1)
CONNECTED = ConvLayer("fc8", 4096, 1, 1, 1000)

CASES = (
    Case("early", EARLY, "direct", "images"),
    Case("early", EARLY, INT8, "images"),
    Case("deep", DEEP, "direct", "images"),
    Case("deep", DEEP, "winograd_f4", "channels"),
    Case("deep", DEEP, INT8, "images"),
    Case("fully connected", CONNECTED, "direct", "weights"),
    Case("fully connected", CONNECTED, INT8, "weights"),
)
