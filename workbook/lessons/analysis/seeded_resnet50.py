"""ResNet-50 with random weights: as fast as a trained one, for what is fast about it does not depend on the weights.

They are drawn from a fixed seed, with the variance of He et al., "Delving deep into rectifiers", 2015. Batch
normalisation is taken to be folded in. What the network answers means nothing, nor does its accuracy in INT8.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from workbook.graphs.graph import Array, Port
from workbook.measuring import topologies
from workbook.measuring.topologies import ConvLayer
from workbook.network import Graph, Node

CLASSES = 1000


@cache
def resnet50() -> Graph:
    """Return ResNet-50, for images of any size."""
    random, constants, nodes = np.random.default_rng(0), dict[str, Array](), list[Node]()

    def weights(name: str, shape: tuple[int, ...]) -> tuple[str, str]:
        """Store weights of a layer and a bias of zeros; return their names."""
        deviation = math.sqrt(2 / math.prod(shape[1:]))
        constants[f"{name} weight"] = np.float32(deviation) * random.standard_normal(shape, np.float32)
        constants[f"{name} bias"] = np.zeros(shape[0], np.float32)
        return f"{name} weight", f"{name} bias"

    def convolution(layer: ConvLayer, x: str, residual: str = "", activation: str | None = "relu") -> str:
        reads = weights(layer.name, (layer.K, layer.C, layer.R, layer.S))
        attributes = {"strides": (layer.stride,) * 2, "pads": (layer.padding,) * 4}
        fused = {"residual": residual or None, "activation": activation}
        nodes.append(Node(layer.name, "Conv", (x, *reads), (layer.name,), {**attributes, **fused}))
        return layer.name

    first, *others = topologies.resnet50()
    convolution(first, "image")
    window = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}
    nodes.append(Node("pool1", "MaxPool", (first.name,), ("pool1",), window))
    layers, x = {layer.name: layer for layer in others}, "pool1"
    for block in dict.fromkeys(name.partition(".")[0] for name in layers):
        shortcut = layers.get(f"{block}.shortcut")
        added = convolution(shortcut, x, activation=None) if shortcut else x
        inner = convolution(layers[f"{block}.3x3"], convolution(layers[f"{block}.1x1"], x))
        x = convolution(layers[f"{block}.expand"], inner, residual=added)
    nodes.append(Node("pool5", "GlobalAveragePool", (x,), ("pool5",)))
    nodes.append(Node("flat", "Flatten", ("pool5",), ("flat",)))
    reads = weights("fc1000", (CLASSES, layers[x].K))
    nodes.append(Node("fc1000", "Gemm", ("flat", *reads), ("scores",), {"transB": 1}))
    return Graph(tuple(nodes), constants, (Port("image", (None, 3, None, None)),), ("scores",))
