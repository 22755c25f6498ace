"""A layer ready to run on random numbers, for measuring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes  # noqa: F401  (NumPy then knows "bfloat16")
import numpy as np
import numpy.typing as npt

import kernels
from workbook.measuring.topologies import ConvLayer


def trial(
    layer: ConvLayer, algorithm: str = "auto", *, dtype: str = "float32", threads: int = 1
) -> Callable[[], npt.NDArray[Any]]:
    """Return a function that computes the layer: one image, weights packed beforehand.

    Parameters
    ----------
    layer : ConvLayer
    algorithm : str
        Of `kernels.Conv2d`.
    dtype : "float32", "float16" or "bfloat16"
        Of all arrays.
    threads : int
    """
    random = np.random.default_rng(0)
    x = random.standard_normal((1, layer.C, layer.H, layer.W), np.float32).astype(dtype)
    weight = random.standard_normal((layer.K, layer.C // layer.groups, layer.R, layer.S), np.float32).astype(dtype)
    plan = kernels.Conv2d(
        weight,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        algorithm=algorithm,
        threads=threads,
    )
    return partial(plan, x, out=np.empty((1, layer.K, layer.P, layer.Q), dtype))
