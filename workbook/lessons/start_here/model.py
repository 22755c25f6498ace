"""The numbers of lesson 0: where the layers of a network stand under a machine's roofline."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessonkit.reference import reference
from workbook.measuring import roofline
from workbook.measuring.roofline import Roofline, intensity, layer_bytes
from workbook.measuring.topologies import NETWORKS, ConvLayer

WEIGHTS = ("from memory", "in a cache")
KINDS = ("3x3", "1x1", "depthwise", "other")


def kind(layer: ConvLayer) -> str:
    """Sort a layer into one of KINDS."""
    if layer.groups == layer.C > 1:
        return "depthwise"
    size = f"{layer.R}x{layer.S}"
    return size if size in KINDS else "other"


@dataclass(frozen=True)
class NetworkOnRoof:
    """The convolutions of a network under a roofline.

    Attributes
    ----------
    network : str
    batch : int
        Images at once.
    weights : str
        One of WEIGHTS: whether weights count as bytes moved.
    layers : tuple of ConvLayer
    roof : Roofline
    """

    network: str
    batch: int
    weights: str
    layers: tuple[ConvLayer, ...]
    roof: Roofline

    @property
    def macs(self) -> int:
        """Multiply-adds of all layers for all images."""
        return self.batch * sum(layer.macs for layer in self.layers)

    @property
    def bytes(self) -> int:
        """Bytes that all layers move, in float32."""
        return sum(layer_bytes(layer, batch=self.batch, weights=self._weights_move) for layer in self.layers)

    def intensity(self, layer: ConvLayer) -> float:
        """MAC/byte of one layer."""
        return intensity(layer, batch=self.batch, weights=self._weights_move)

    @property
    def by_intensity(self) -> list[ConvLayer]:
        """The layers, the one with the fewest MAC/byte first."""
        return sorted(self.layers, key=self.intensity)

    @property
    def _weights_move(self) -> bool:
        return self.weights == WEIGHTS[0]


def on_roof(network: str, batch: int, weights: str) -> NetworkOnRoof:
    """Place a network of NETWORKS under this machine's roofline."""
    return _under(network, batch, weights, roofline.measured())


def on_reference_roof(network: str, batch: int, weights: str) -> NetworkOnRoof:
    """Place it under the reference machine's."""
    return _under(network, batch, weights, reference().roofline)


def _under(network: str, batch: int, weights: str, roof: Roofline) -> NetworkOnRoof:
    return NetworkOnRoof(network, batch, weights, tuple(NETWORKS[network]()), roof)
