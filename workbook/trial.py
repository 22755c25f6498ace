"""A layer ready to run on random numbers, for measuring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import kernels
from workbook.topologies import ConvLayer


def trial(layer: ConvLayer, algorithm: str) -> Callable[[], object]:
    """Return a function that computes the layer on one thread: one image, weights packed beforehand."""
    random = np.random.default_rng(0)
    x = random.standard_normal((1, layer.C, layer.H, layer.W), np.float32)
    weight = random.standard_normal((layer.K, layer.C // layer.groups, layer.R, layer.S), np.float32)
    plan = kernels.Conv2d(
        weight,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        algorithm=algorithm,
        threads=1,
    )
    return partial(plan, x, out=np.empty((1, layer.K, layer.P, layer.Q), np.float32))
