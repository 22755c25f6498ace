"""Reads the layers of any ONNX file: its convolutions and matrix products, with pooling and additions fused.

Only sizes are read, so the weights may be missing. Shapes come from ONNX's own shape inference.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

from workbook.accelerator.workload import Layer, Workload
from workbook.errors import CommandError

# Where an operator has its input and its weights.
_OPERANDS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
}
_LEFT_OUT = {"ConvTranspose", "DeformConv", "Einsum", "Attention", "LSTM", "GRU", "RNN"}
_POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
_PASSING = {  # one number in, one number out: fused at no cost
    *("Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "PRelu", "Elu", "Mish", "Tanh"),
    *("BatchNormalization", "Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear"),
}
Shape = tuple[int, ...]


def from_onnx(path: str | Path, *, size: tuple[int, int] | None = None) -> Workload:
    """Read a network from an ONNX file.

    Parameters
    ----------
    path : str or Path
    size : tuple of int, optional
        Height and width of the image, if the file leaves them open. An open batch is taken as 1.

    Raises
    ------
    CommandError
        If the `onnx` package is missing, the file is no ONNX model, a size stays unknown, or there is no layer in it.
    """
    try:
        onnx: Any = importlib.import_module("onnx")
    except ImportError:
        raise CommandError(f"Reading {path} needs the onnx package: pip install onnx") from None
    try:
        model = onnx.load(str(path), load_external_data=False)
        _fix_inputs(model.graph, size)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except FileNotFoundError:
        raise CommandError(f"There is no file {path}") from None
    except Exception as error:  # protobuf's and onnx's own, which differ from version to version
        if isinstance(error, CommandError):
            raise
        raise CommandError(f"{path} is no ONNX model that can be read: {error}") from None
    layers, left_out = _Graph(inferred.graph, str(path)).layers()
    if not layers:
        raise CommandError(f"{path} has no convolution and no matrix product with weights")
    return Workload(Path(path).stem, tuple(layers), tuple(left_out))


def _fix_inputs(graph: Any, size: tuple[int, int] | None) -> None:
    """Write numbers where the inputs' shapes have names: 1 for the batch, `size` for height and width."""
    constants = {tensor.name for tensor in graph.initializer}
    for value in (value for value in graph.input if value.name not in constants):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value > 0:
                continue
            if axis == 0:
                dim.dim_value = 1
            elif size and axis in (2, 3):
                dim.dim_value = size[axis - 2]
            else:
                raise CommandError(
                    f"input {value.name!r} of the model has no fixed size in axis {axis}: give height and width"
                )


class _Graph:
    """A graph's nodes, with the shapes of all tensors and who reads them."""

    def __init__(self, graph: Any, path: str) -> None:
        self.nodes = list(graph.node)
        self.path = path
        self.constants = {tensor.name for tensor in graph.initializer}
        self.shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        for value in (*graph.input, *graph.value_info, *graph.output):
            dims = value.type.tensor_type.shape.dim
            if all(dim.dim_value > 0 for dim in dims):
                self.shapes[value.name] = tuple(dim.dim_value for dim in dims)
        for node in self.nodes:  # constants as nodes, and constants that are only dequantized or reshaped
            if node.op_type == "Constant" or (node.input and all(n in self.constants for n in node.input if n)):
                self.constants.update(node.output)
        self.readers = Counter(name for node in self.nodes for name in node.input)
        self.reader = {name: node for node in self.nodes for name in node.input}
        self.added: set[str] = set()

    def layers(self) -> tuple[list[Layer], list[str]]:
        """Return the layers, and the operators that multiply and are not in the model."""
        layers, left_out = [], []
        fused = [(node, self._fused(node)) for node in self.nodes if node.op_type in _OPERANDS]
        last_writer = {addition: node.output[0] for node, (_, addition) in fused if addition}
        for node, (end, addition) in fused:
            place, weight = _OPERANDS[node.op_type]
            if node.input[weight] not in self.constants:
                left_out.append(f"{node.op_type} {node.name or node.output[0]} (its weights are computed)")
                continue
            adds = bool(addition) and last_writer[addition] == node.output[0]
            layers.append(self._layer(node, node.input[place], node.input[weight], end, adds))
        left_out += [f"{n.op_type} {n.name or n.output[0]}" for n in self.nodes if n.op_type in _LEFT_OUT]
        return layers, left_out

    def _fused(self, node: Any) -> tuple[str, str]:
        """Follow a layer's output through what is fused: the last tensor, and the output of an addition on the way."""
        at, addition = node.output[0], ""
        while self.readers[at] == 1:
            after = self.reader[at]
            if after.op_type in ("Add", "Sum") and not any(n in self.constants for n in after.input):
                if addition:
                    break
                addition = after.output[0]
            elif after.op_type not in _PASSING | _POOLS and not (
                after.op_type in ("Add", "Mul") and any(n in self.constants for n in after.input)
            ):
                break
            at = after.output[0]
            if after.op_type in _POOLS:
                break
        return at, addition

    def _layer(self, node: Any, x: str, weight: str, end: str, added: bool) -> Layer:
        name = node.name or node.output[0]
        inputs, filters, outputs = (self._shape(node, tensor) for tensor in (x, weight, node.output[0]))
        if "Conv" not in node.op_type:
            rows = math.prod(outputs[:-1])  # of a matrix product: pixels
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            C, K = filters[-2:][::-1] if transposed else filters[-2:]
            return Layer(name, C, rows, 1, K, rows, 1)
        if len(filters) != 4:
            raise CommandError(f"{self.path}: {name} is a convolution in {len(filters) - 2} dimensions, not in 2")
        attributes = {a.name: a for a in node.attribute}
        strides = tuple(attributes["strides"].ints) if "strides" in attributes else (1, 1)
        groups = attributes["group"].i if "group" in attributes else 1
        final = self.shapes.get(end, outputs)
        pooled = final[2:4] if len(final) == 4 and final[2:] != outputs[2:] else None
        N, C, H, W = inputs
        K, _, R, S = filters
        P, Q = outputs[2:]
        window = (R, S, (strides[0], strides[1]), groups)
        return Layer(name, C, H, W, K, P, Q, *window, N=N, pooled=pooled, added=added)

    def _shape(self, node: Any, tensor: str) -> Shape:
        if tensor not in self.shapes:
            raise CommandError(
                f"{self.path}: the shape of {tensor!r}, used by {node.op_type} {node.name!r}, is not known; "
                "give the model fixed input sizes"
            )
        return self.shapes[tensor]
