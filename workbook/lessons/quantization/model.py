"""The model of lesson 3: weights on grids of 2 to 8 bits, with one scale for a layer or one for each filter.

The kernels multiply bytes and nothing smaller. So that bits can be a control, weights are rounded to the grid and the
network then runs in float32: it shows what the grid of the weights does to the answers, and nothing of activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from workbook.graphs.graph import FloatArray
from workbook.lessons.quantization.trained import accuracy, network
from workbook.network import Network
from workbook.quantize.affine import Affine
from workbook.quantize.layer_errors import sqnr

NETWORKS = {"digits_cnn": "conv2", "digits_depthwise": "conv5_depthwise"}  # and the layer that is drawn
SCALES = {"one for each filter": True, "one for the layer": False}
FEWEST, MOST = 2, 8


@dataclass(frozen=True)
class Gridded:
    """A layer's weights on a grid, and what becomes of the network's accuracy.

    Attributes
    ----------
    network, layer : str
    scales : str
        One of SCALES.
    bits : int
    weight, rounded : (K, C, R, S) float32
    steps : (K,) float32
        Of each filter's grid.
    accuracies : mapping of str to mapping of int to float
        By SCALES, then by bits: all weights on grids.
    in_float : float
        The accuracy in float32.
    """

    network: str
    layer: str
    scales: str
    bits: int
    weight: FloatArray
    rounded: FloatArray
    steps: FloatArray
    accuracies: Mapping[str, Mapping[int, float]]
    in_float: float

    @property
    def narrowest(self) -> int:
        """The filter with the smallest range."""
        return int(np.abs(self.weight).max(axis=(1, 2, 3)).argmin())

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise of the layer's weights, in dB."""
        return sqnr(self.rounded, self.weight)


def grid_of(weight: FloatArray, bits: int, per_filter: bool) -> Affine:
    """Return the symmetric grid that holds all weights: one for the layer, or one for each filter."""
    axes = tuple(range(1, weight.ndim)) if per_filter else None
    return Affine.of_range(weight.min(axis=axes), weight.max(axis=axes), "int8", symmetric=True, bits=bits)


def gridded(network: str, scales: str, bits: int) -> Gridded:
    """Put the weights of a network of NETWORKS on grids."""
    layer = NETWORKS[network]
    weight = weight_of(network, layer)
    grid = grid_of(weight, bits, SCALES[scales])
    steps = np.broadcast_to(grid.scale, len(weight))
    found = {name: {b: accuracy_at(network, b, name) for b in range(FEWEST, MOST + 1)} for name in SCALES}
    return Gridded(network, layer, scales, bits, weight, grid.rounded(weight), steps, found, in_float(network))


def weight_of(name: str, layer: str) -> FloatArray:
    """Return a layer's weights (K, C, R, S)."""
    graph = network(name).graph
    return graph.constants[next(node.inputs[1] for node in graph.nodes if node.name == layer)]


@cache
def in_float(name: str) -> float:
    """Return the accuracy of a network in float32."""
    return accuracy(network(name))


@cache
def accuracy_at(name: str, bits: int, scales: str) -> float:
    """Return the accuracy of a network with all its weights on grids; a tenth of a second the first time."""
    graph = network(name).graph
    constants = dict(graph.constants)
    for node in graph.nodes:
        if node.op in ("Conv", "Gemm"):
            weight = constants[node.inputs[1]]
            constants[node.inputs[1]] = grid_of(weight, bits, SCALES[scales]).rounded(weight)
    return accuracy(Network(replace(graph, constants=constants)))
