"""Layers in floats of 16 bits. A CPU may lack the instructions: the same source, compiled to emulate them, is tested.

Bound of float16: a sum of SPILL = 32 products is rounded at each step to 11 bits, u = 2**-11, so it is off by at most
32 u times the sum of the products' sizes; sums of such sums are in float32. The output is rounded once more.

Bound of bfloat16: all D products are summed in float32, and some of them, or of the sums, may be taken as 0 for being
subnormal. The output is rounded to 8 bits, u = 2**-8.
"""

import importlib
import importlib.util
from dataclasses import replace

import numpy as np
from layers import LAYERS

import kernels
from kernels import registry

# The compiler has to know the instructions, and the CPU too, or x86-64-v3, which the emulation needs.
EMULATED = {
    dtype: f"kernels.{name}_v3"
    for dtype, name in registry.MODULES.items()
    if importlib.util.find_spec(f"kernels.{name}_v3") and "v3" in kernels.isas()
}
AVAILABLE = tuple(dtype for dtype in registry.MODULES if dtype in registry.SHORT or dtype in EMULATED)

SMALL = [layer for layer in LAYERS if layer.C * layer.H * layer.W * layer.K * layer.R * layer.S < 2e7]


def emulation():
    """Return the algorithms in floats of 16 bits, by the CPU's own instructions if it has them."""
    return {dtype: {"direct": importlib.import_module(name)} for dtype, name in EMULATED.items()} | registry.SHORT


def type_of(dtype):
    """Return a type by its name; that of bfloat16 is not NumPy's own."""
    return np.dtype(dtype) if dtype == "float16" else np.dtype(importlib.import_module("ml_dtypes").bfloat16)


def halves(layer, dtype="float16"):
    """Return the layer's arrays, rounded to 16 bits; filters so that outputs are as large as inputs."""
    x, weight, bias, residual = layer.arrays()
    weight = weight / np.sqrt(np.prod(weight.shape[1:]))
    return [None if array is None else array.astype(type_of(dtype)) for array in (x, weight, bias, residual)]


def wide(arrays):
    """Return the same numbers in float32."""
    return [None if array is None else array.astype(np.float32) for array in arrays]


def bound(layer, x, weight, bias, residual):
    """Return the bound on the error of each number of the result."""
    dtype, arrays = x.dtype.name, wide((x, weight, bias, residual))
    size = replace(layer, activation=None).reference(*(None if array is None else np.abs(array) for array in arrays))
    result = np.abs(layer.reference(*arrays))
    if dtype == "float16":
        u = 2.0**-11
        return 33 * u * size + u * result + 2.0**-24
    depth = np.prod(weight.shape[1:]) + 8
    steepest = max(1.0, abs(layer.activation[1])) if isinstance(layer.activation, tuple) else 1.0
    return steepest * depth * (2.0**-24 * size + 2.0**-126) + 2.0**-8 * (1 + depth * 2.0**-24) * result + 2.0**-133
