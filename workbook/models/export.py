"""Writes a chain of PyTorch layers as ONNX, operator by operator: BatchNormalization stays a node of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR_VERSION = 17, 8  # of 2022: old enough for every runtime in use

Shape = tuple[str | int, ...]  # a str names a size that is free


@dataclass(frozen=True)
class _Operator:
    """A node to be: its type, its stored inputs by the layer's own names, its attributes."""

    type: str
    stored: tuple[str, ...] = ()
    attributes: Callable[[Any], dict[str, Any]] = lambda layer: {}


_OPERATORS = {
    "AdaptiveAvgPool2d": _Operator("GlobalAveragePool"),  # its only use here is to one pixel
    "BatchNorm2d": _Operator(
        "BatchNormalization", ("weight", "bias", "running_mean", "running_var"), lambda layer: {"epsilon": layer.eps}
    ),
    "Conv2d": _Operator(
        "Conv",
        ("weight", "bias"),
        lambda layer: {
            "kernel_shape": layer.kernel_size,
            "strides": layer.stride,
            "pads": layer.padding * 2,
            "group": layer.groups,
        },
    ),
    "Flatten": _Operator("Flatten"),
    "Linear": _Operator("Gemm", ("weight", "bias"), lambda layer: {"transB": 1}),
    "MaxPool2d": _Operator(
        "MaxPool",
        attributes=lambda layer: {"kernel_shape": [layer.kernel_size] * 2, "strides": [layer.stride] * 2},
    ),
    "ReLU": _Operator("Relu"),
    "ReLU6": _Operator("Clip", ("min_val", "max_val")),
    "Sigmoid": _Operator("Sigmoid"),
    "Times": _Operator("Mul", ("factor",)),
    "Plus": _Operator("Add", ("term",)),
}


def to_onnx(network: Any, name: str, input_shape: Shape, output_shape: Shape, residual: bool) -> onnx.ModelProto:
    """Return a network as an ONNX model with the input "x" and the output "y".

    Parameters
    ----------
    network : torch.nn.Sequential
        Of layers that `_OPERATORS` knows.
    name : str
        Of the graph.
    input_shape, output_shape : tuple of str or int
    residual : bool
        Whether the input is added to what the network computes.
    """
    nodes, stored, current = [], [], "x"
    for label, layer in network.named_children():
        operator = _OPERATORS[type(layer).__name__]
        arrays = {f"{label}.{part}": _numbers(getattr(layer, part)) for part in operator.stored}
        present = {key: array for key, array in arrays.items() if array is not None}
        stored += [numpy_helper.from_array(array, key) for key, array in present.items()]
        node = helper.make_node(operator.type, [current, *present], [f"{label}.y"], label, **operator.attributes(layer))
        nodes.append(node)
        current = f"{label}.y"
    if residual:
        nodes.append(helper.make_node("Add", ["x", current], ["sum.y"], "sum"))
    nodes[-1].output[0] = "y"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)
    graph = helper.make_graph(nodes, name, [x], [y], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _numbers(value: Any) -> Any:
    """Return a layer's tensor or number as float32; None if it has none."""
    if value is None:
        return None
    return np.asarray(value.detach() if hasattr(value, "detach") else value, np.float32)
