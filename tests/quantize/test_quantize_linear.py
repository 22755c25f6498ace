"""QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: ONNX's own tests, ties, and what is refused."""

import numpy as np
import onnx
import onnx.backend.test.case.node.dequantizelinear
import onnx.backend.test.case.node.quantizelinear  # these imports register the node tests
import pytest
from onnx.backend.test.case.node import _NodeTestCases as NODE_CASES

from workbook.graphs.quantize_linear import dequantize_linear, quantize_linear

RUN = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}
INTEGERS = ("uint8", "int8", "uint16", "int16")


def cases():
    """Those of 8 and 16 bits; ONNX has more types, and scales by blocks, that no kernel here reads."""
    for case in NODE_CASES:
        node, *others = case.model.graph.node
        given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if others or node.op_type not in RUN or "block_size" in given:
            continue
        for inputs, outputs in case.data_sets:
            quantized = inputs[0] if node.op_type == "DequantizeLinear" else outputs[0]
            if isinstance(quantized, np.ndarray) and str(quantized.dtype) in INTEGERS:
                yield pytest.param(RUN[node.op_type], given, inputs, outputs, id=case.name)


CASES = list(cases())


def test_cases_were_found():
    assert {case.id for case in CASES} >= {
        "test_quantizelinear",
        "test_quantizelinear_axis",
        "test_quantizelinear_int16",
        "test_dequantizelinear",
        "test_dequantizelinear_axis",
    }


@pytest.mark.parametrize(("run", "attributes", "inputs", "outputs"), CASES)
def test_onnx_cases(run, attributes, inputs, outputs):
    assert attributes.keys() <= {"axis"}
    found, (expected,) = run(*inputs, **attributes), outputs
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_against_onnx_runtime(dtype):
    """Its rounding of halves too, with odd zero points: every multiple of half a step."""
    onnxruntime = pytest.importorskip("onnxruntime")
    scale, limits = np.float32(0.25), np.iinfo(dtype)
    x = np.concatenate([np.arange(-600, 600), 40 * np.random.default_rng(0).standard_normal(4000)]).astype(np.float32)
    x *= scale / 2
    for zero in (limits.min, limits.min + 1, 3, limits.max):
        zero = np.asarray(zero, dtype)
        nodes = [onnx.helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]
        nodes += [onnx.helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"])]
        stored = [onnx.numpy_helper.from_array(np.asarray(scale), "s"), onnx.numpy_helper.from_array(zero, "z")]
        ports = [
            onnx.helper.make_tensor_value_info(name, kind, None)
            for name, kind in (("x", 1), ("q", onnx.helper.np_dtype_to_tensor_dtype(zero.dtype)), ("d", 1))
        ]
        graph = onnx.helper.make_graph(nodes, "linear", ports[:1], ports[1:], stored)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        q, d = session.run(None, {"x": x})
        ours = quantize_linear(x, scale, zero)
        np.testing.assert_array_equal(ours, q)
        np.testing.assert_array_equal(dequantize_linear(ours, scale, zero), d)


def test_halves_round_before_the_zero_point_is_added():
    """0.5 rounds to 0, plus 3 is 3; added first, 3.5 would round to 4."""
    q = quantize_linear(np.array([0.5, 1.5, -0.5], np.float32), 1.0, np.uint8(3))
    assert q.tolist() == [3, 5, 3]


def test_infinities_saturate_and_nan_is_refused():
    x = np.array([np.inf, -np.inf], np.float32)
    assert quantize_linear(x, 0.1, np.int8(5)).tolist() == [127, -128]
    with pytest.raises(ValueError, match="holds a NaN"):
        quantize_linear(np.array([1, np.nan], np.float32), 0.1, np.int8(5))
