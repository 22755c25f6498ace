"""One layer as an ONNX model, the file that ONNX Runtime and OpenVINO read: in float32, or quantized in two forms.

QLinearConv is one operator that takes and gives bytes. QDQ writes the same as a float32 convolution between operators
that turn bytes into numbers and back; a library that can fuse them computes in bytes.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from workbook.measuring.topologies import ConvLayer
from workbook.peers.operands import Floats, Integers

_OPSET, _IR = 19, 9  # ONNX 1.14, of 2023


def convolution(floats: Floats) -> bytes:
    """Return the float32 layer: Conv."""
    node = _node("Conv", ["x", "weight", "bias"], "y", **_window(floats.layer))
    return _model(floats.layer, [node], np.dtype(np.float32), {"weight": floats.weight, "bias": floats.bias})


def qlinear_convolution(integers: Integers) -> bytes:
    """Return the quantized layer: QLinearConv."""
    names = ["x", "x_scale", "x_zero", "weight", "w_scale", "w_zero", "y_scale", "y_zero", "bias"]
    node = _node("QLinearConv", names, "y", **_window(integers.layer))
    return _model(integers.layer, [node], np.dtype(np.uint8), _constants(integers))


def quantize_dequantize(integers: Integers) -> bytes:
    """Return the quantized layer: Conv, DequantizeLinear before it and QuantizeLinear behind."""
    constants = _constants(integers)
    scales = constants["x_scale"] * constants["w_scale"]
    constants |= {"bias_scale": scales, "bias_zero": np.zeros(scales.shape, np.int32)}
    nodes = [
        _node("DequantizeLinear", ["x", "x_scale", "x_zero"], "numbers"),
        _node("DequantizeLinear", ["weight", "w_scale", "w_zero"], "filters", axis=0),
        _node("DequantizeLinear", ["bias", "bias_scale", "bias_zero"], "shifts", axis=0),
        _node("Conv", ["numbers", "filters", "shifts"], "sums", **_window(integers.layer)),
        _node("QuantizeLinear", ["sums", "y_scale", "y_zero"], "y"),
    ]
    return _model(integers.layer, nodes, np.dtype(np.uint8), constants)


def _constants(integers: Integers) -> dict[str, Any]:
    return {
        "x_scale": integers.x_scale,
        "x_zero": integers.x_zero,
        "weight": integers.weight,
        "w_scale": integers.weight_scale,
        "w_zero": np.zeros(integers.layer.K, np.int8),
        "y_scale": integers.y_scale,
        "y_zero": integers.y_zero,
        "bias": integers.bias,
    }


def _window(layer: ConvLayer) -> dict[str, Any]:
    return {
        "kernel_shape": [layer.R, layer.S],
        "strides": [layer.stride] * 2,
        "pads": [layer.padding] * 4,
        "group": layer.groups,
    }


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    onnx: Any = importlib.import_module("onnx")
    return onnx.helper.make_node(operator, inputs, [output], **attributes)


def _model(layer: ConvLayer, nodes: list[Any], dtype: np.dtype[Any], constants: dict[str, Any]) -> bytes:
    """Return the model's file; x and y have the dtype."""
    onnx: Any = importlib.import_module("onnx")
    helper, number = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype(dtype)
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", number, [1, layer.C, layer.H, layer.W])],
        [helper.make_tensor_value_info("y", number, [1, layer.K, layer.P, layer.Q])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return bytes(model.SerializeToString())
