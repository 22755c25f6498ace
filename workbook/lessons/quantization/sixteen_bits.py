"""A network in floats of 16 bits, float16 or bfloat16: every weight, and every array between two layers, has 16 bits.

`rounded` says what that does to a result, on any machine: within a layer the numbers are float32, and so are the sums,
as on hardware that multiplies 16 bits and adds in 32. It says nothing of time. `ShortNetwork` runs the convolutions by
the kernels on numbers of 16 bits, where the CPU has their arithmetic.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

import kernels
from workbook.graphs.graph import Array, FloatArray, Node
from workbook.graphs.operators import prepare
from workbook.graphs.operators.operator import Settings
from workbook.graphs.windows import of_images, window
from workbook.network import Network

TYPES: dict[str, npt.DTypeLike] = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def rounded(network: Network, x: FloatArray, dtype: str = "float16") -> FloatArray:
    """Return the output of a network of one input and one output, rounded to 16 bits between layers."""
    constants = {name: _short(array, dtype).astype(array.dtype) for name, array in network.graph.constants.items()}
    values: dict[str, Array] = {network.inputs[0].name: _short(x, dtype).astype(x.dtype)}
    for node in network.graph.nodes:
        operator = prepare(node, constants, Settings())
        y = operator.compute(*(values[name] if name in values else constants[name] for name in operator.reads))
        values[node.outputs[0]] = _short(y, dtype).astype(y.dtype)
    return values[network.outputs[0]]


class ShortNetwork:
    """A network of convolutions alone, with what is fused into them, in 16 bits throughout, on one thread.

    Parameters
    ----------
    network : Network
        Of one input, one output, and no other nodes than convolutions.
    dtype : str
        A key of TYPES.

    Raises
    ------
    ValueError
        For another node.
    TypeError
        If the CPU, or this build, has no such arithmetic.
    """

    def __init__(self, network: Network, dtype: str) -> None:
        graph = network.graph
        if others := {node.op for node in graph.nodes} - {"Conv"}:
            raise ValueError(f"in {dtype} only convolutions run, not {', '.join(sorted(others))}")
        self._dtype, self._input, self._output = dtype, network.inputs[0].name, network.outputs[0]
        self._nodes = graph.nodes
        self._layers = [_layer(node, graph.constants, dtype) for node in graph.nodes]
        self._written: dict[str, Array] = {}

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the output in float32; what is written between layers is kept, and written anew in the next call."""
        values = {self._input: _short(x, self._dtype)}
        for node, layer in zip(self._nodes, self._layers, strict=True):
            name, read = node.outputs[0], values[node.inputs[0]]
            out = self._written.get(name)
            if out is None or out.shape != layer.y_shape(read.shape):
                out = self._written[name] = np.empty(layer.y_shape(read.shape), read.dtype)
            residual = node.attributes.get("residual")
            values[name] = layer(read, out=out, residual=values[residual] if residual else None)
        return values[self._output].astype(np.float32)


def _layer(node: Node, constants: Any, dtype: str) -> kernels.Conv2d:
    weight, *bias = (_short(constants[name], dtype) for name in node.inputs[1:] if name)
    moves = window(of_images(node, weight.ndim), weight.shape[2:])
    return kernels.Conv2d(
        weight,
        *bias,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        activation=node.attributes.get("activation"),
        threads=1,
    )


def _short(array: Array, dtype: str) -> Array:
    """Return float32 rounded to 16 bits; other numbers as they are."""
    return array.astype(TYPES[dtype]) if array.dtype == np.float32 else array
