"""ONNX's own tests of Conv, as the installed onnx package brings them, through the public API."""

import onnx
import onnx.backend.test.case.node.conv  # registers the node tests of Conv
import pytest
from layers import WINOGRAD, Layer
from onnx import numpy_helper
from onnx.backend.test.case.node import _NodeTestCases as NODE_CASES
from onnx.backend.test.loader import load_model_tests

import kernels


def arguments(node, x_shape, weight_shape):
    """Translate ONNX's attributes; auto_pad puts the odd row or column of padding at the end, or at the beginning."""
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    strides, dilations = given.get("strides", [1, 1]), given.get("dilations", [1, 1])
    assert given.get("kernel_shape", list(weight_shape[2:])) == list(weight_shape[2:])
    auto_pad = given.get("auto_pad", b"NOTSET").decode()
    pads = given.get("pads", [0, 0, 0, 0])  # top, left, bottom, right
    if auto_pad.startswith("SAME"):
        begin, end = [], []
        for size, taps, stride, dilation in zip(x_shape[2:], weight_shape[2:], strides, dilations, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size)
            smaller, larger = total // 2, total - total // 2
            begin.append(smaller if auto_pad == "SAME_UPPER" else larger)
            end.append(larger if auto_pad == "SAME_UPPER" else smaller)
        pads = begin + end
    window = {"stride": strides, "padding": pads, "dilation": dilations}
    return {name: tuple(value) for name, value in window.items()} | {"groups": given.get("group", 1)}


def node_cases():
    for case in NODE_CASES:
        (node, *others) = case.model.graph.node
        if node.op_type == "Conv" and not others:
            for inputs, outputs in case.data_sets:
                yield case.name, node, inputs, outputs


def model_cases():
    """Single convolutions that PyTorch exported; their inputs lie beside the model."""
    for case in load_model_tests(kind="pytorch-converted"):
        if case.name.startswith("test_Conv2d"):
            model = onnx.load(f"{case.model_dir}/model.onnx")
            (node,) = model.graph.node
            constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
            x, y = (
                numpy_helper.to_array(onnx.load_tensor(f"{case.model_dir}/test_data_set_0/{name}_0.pb"))
                for name in ("input", "output")
            )
            yield case.name, node, [x, *(constants[name] for name in node.input[1:])], [y]


CASES = sorted([*node_cases(), *model_cases()], key=lambda case: case[0])


def test_cases_were_found():
    """From onnx 1.17 on there are six node tests of Conv in two dimensions, and eleven models from PyTorch."""
    names = {name for name, *_ in CASES}
    assert {"test_conv_with_autopad_same", "test_basic_conv_with_padding", "test_Conv2d_dilated"} <= names
    assert len(names) >= 17


@pytest.mark.parametrize(("name", "node", "inputs", "outputs"), CASES, ids=[case[0] for case in CASES])
def test_conv(name, node, inputs, outputs):
    x, weight, *bias = inputs
    (K, _, R, S), window = weight.shape, arguments(node, x.shape, weight.shape)
    bound = Layer(*x.shape[1:], K, R, S, **window).bound("direct", x, weight, *(bias or [None]), None)
    for algorithm in (*kernels.algorithms(x.shape, weight.shape, **window), "auto"):
        y = kernels.conv2d(x, weight, *bias, **window, algorithm=algorithm)
        assert y.shape == outputs[0].shape
        allowed = 100 if algorithm in WINOGRAD else 2  # the expected numbers are float32 too, with errors of their own
        assert (abs(y - outputs[0]) <= allowed * bound).all(), algorithm


@pytest.mark.parametrize(
    ("auto_pad", "pads"), [("SAME_UPPER", (0, 1, 1, 1)), ("SAME_LOWER", (1, 1, 0, 1)), ("VALID", (0, 0, 0, 0))]
)
def test_auto_pad_is_translated(auto_pad, pads):
    """By hand: 4 rows, 2 taps, stride 1: one row more; 5 columns, 3 taps, stride 2: 3 outputs reach over 7 columns."""
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], strides=[1, 2], auto_pad=auto_pad)
    assert arguments(node, (1, 1, 4, 5), (1, 1, 2, 3))["padding"] == pads
