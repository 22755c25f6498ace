"""Layers in half precision. This CPU may lack its instructions: the same source, compiled to emulate them, is tested.

Bound: a sum of SPILL = 32 products is rounded at each step to 11 bits, u = 2**-11, so it is off by at most 32 u times
the sum of the products' sizes; sums of such sums are in float32. The output is rounded once more.
"""

import importlib
import importlib.util
from dataclasses import replace

import numpy as np
from layers import LAYERS

import kernels
from kernels import registry

# The compiler has to know the instructions, and the CPU too, or x86-64-v3, which the emulation needs.
EMULATED = importlib.util.find_spec("kernels.half_v3") is not None and "v3" in kernels.isas()
AVAILABLE = bool(registry.HALF) or EMULATED

SMALL = [layer for layer in LAYERS if layer.C * layer.H * layer.W * layer.K * layer.R * layer.S < 2e7]


def emulation():
    """Return the algorithms in half precision, by the CPU's own instructions if it has them."""
    return registry.HALF or {"direct": importlib.import_module("kernels.half_v3")}


def halves(layer):
    """Return the layer's arrays, rounded to halves; filters so that outputs are as large as inputs."""
    x, weight, bias, residual = layer.arrays()
    weight = weight / np.sqrt(np.prod(weight.shape[1:]))
    return [None if array is None else array.astype(np.float16) for array in (x, weight, bias, residual)]


def bound(layer, x, weight, bias, residual):
    """Return the bound on the error of each number of the result."""
    plain = replace(layer, activation=None)
    size = plain.reference(*(None if array is None else np.abs(array) for array in (x, weight, bias, residual)))
    u = 2.0**-11
    return 33 * u * size + u * np.abs(layer.reference(x, weight, bias, residual)) + 2.0**-24
