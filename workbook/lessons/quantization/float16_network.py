"""A network with 16-bit numbers: every weight, and every array between two layers, is rounded to float16.

Within a layer the sums are float32's, as on hardware with float16 multipliers that add in 32 bits. It says what float16
does to a result. It says nothing of time: that takes AVX512-FP16, or another processor with float16 arithmetic.
"""

from __future__ import annotations

import numpy as np

from workbook.graphs.graph import Array, FloatArray
from workbook.graphs.operators import prepare
from workbook.graphs.operators.operator import Settings
from workbook.network import Network


def in_half(network: Network, x: FloatArray) -> FloatArray:
    """Return the output of a network of one input and one output, rounded to float16 between layers."""
    constants = {name: _rounded(array) for name, array in network.graph.constants.items()}
    values: dict[str, Array] = {network.inputs[0].name: _rounded(x)}
    for node in network.graph.nodes:
        operator = prepare(node, constants, Settings())
        read = [values[name] if name in values else constants[name] for name in operator.reads]
        values[node.outputs[0]] = _rounded(operator.compute(*read))
    return values[network.outputs[0]]


def _rounded(array: Array) -> Array:
    return array.astype(np.float16).astype(np.float32) if array.dtype == np.float32 else array
