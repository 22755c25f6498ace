"""Small networks to quantize, and how near two arrays are."""

import numpy as np
from graphs import SAME, model, node, random

from workbook import network

SIX = {"zero": np.float32(0), "six": np.float32(6)}


def mobile(activation="relu6", spread=0.0):
    """A 3x3, a depthwise and a 1x1 layer, a pool, and a head; channels' ranges differ by about e**spread."""
    ends = {"relu6": lambda a, b: node("Clip", f"{a} zero six", b), "relu": lambda a, b: node("Relu", a, b)}
    end = ends[activation]
    nodes = [
        node("Conv", "x w1 b1", "c1", **SAME),
        end("c1", "r1"),
        node("Conv", "r1 w2 b2", "c2", group=8, strides=[2, 2], **SAME),
        end("c2", "r2"),
        node("MaxPool", "r2", "p", kernel_shape=[2, 2]),
        node("Conv", "p w3 b3", "c3"),
        end("c3", "r3"),
        node("GlobalAveragePool", "r3", "m"),
        node("Flatten", "m", "f"),
        node("Gemm", "f w4 b4", "y", transB=1),
    ]
    factors = {i: np.exp(spread * random(8, seed=20 + i)) for i in (1, 2, 3)}
    stored = {
        "w1": random(8, 3, 3, 3) * factors[1][:, None, None, None],
        "w2": random(8, 1, 3, 3) * (factors[2] / factors[1])[:, None, None, None],
        "w3": random(8, 8, 1, 1) * factors[3][:, None, None, None] / factors[2][:, None, None],
        "w4": random(10, 8) / factors[3],
        **{f"b{i}": random(8, seed=i) * factors[i] for i in (1, 2, 3)},
        "b4": random(10, seed=4),
    }
    stored = {name: array.astype(np.float32) for name, array in stored.items()}
    return network.load(model(nodes, stored | (SIX if activation == "relu6" else {}), x_shape=("N", 3, "H", "W")))


def images(count=16, channels=3, size=12, seed=0):
    return random(count, channels, size, size, seed=seed)


def sqnr(found, exact):
    """Signal to quantization noise, in dB."""
    error = np.square(found.astype(np.float64) - exact).sum()
    return 10 * np.log10(np.square(exact.astype(np.float64)).sum() / error)
