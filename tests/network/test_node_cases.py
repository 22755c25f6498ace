"""ONNX's own test cases of every operator, natively or by ONNX Runtime: the right numbers in the right types."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from workbook import network
from workbook.graphs.operators import OPERATORS

# What ONNX Runtime computes in another way than ONNX's reference program, and why that is no fault here.
OTHERWISE = {
    r"_(training_)?dropout_(default|mask)|training_dropout": "random numbers",
    r"bernoulli|random": "random numbers",
    r"attention_4d_with_past_and_present_qk_matmul_bias_\dd_mask_causal": "infinities in the place of large numbers",
    r"maxunpool_export_with_output_shape": "the reference reads the places as those of the smaller output",
    r"resize_downsample_scales_(linear|cubic)_align_corners": "the size is rounded before the positions are computed",
}
FLOATS = {"float64": 1e-6, "float32": 1e-3, "float16": 1e-2, "bfloat16": 1e-1}  # where the case asks for less


def _cases() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero among the cases
        cases = load_model_tests(kind="node")
    return [case for case in cases if _is_whole(case) and not any(re.search(name, case.name) for name in OTHERWISE)]


def _is_whole(case: TestCase) -> bool:
    """Whether a case is of an operator set that is read here, with its operators, and has arrays alone."""
    opsets = {opset.domain: opset.version for opset in case.model.opset_import}
    return bool(case.model.graph.node) and opsets.get("", 7) >= 7 and _has_arrays(case)


def _has_arrays(case: TestCase) -> bool:
    """Whether what enters and leaves are arrays, no sequences."""
    ports = (*case.model.graph.input, *case.model.graph.output)
    return all(port.type.HasField("tensor_type") for port in ports)


def _array(content: Any) -> npt.NDArray[Any]:
    return numpy_helper.to_array(content) if isinstance(content, TensorProto) else np.asarray(content)


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_node_case(case: TestCase) -> None:
    """A case runs and is right, or ONNX Runtime refuses the whole model, too; then the node is named."""
    names = [port.name for port in case.model.graph.input]
    for inputs, outputs in case.data_sets:
        given = {name: _array(x) for name, x in zip(names, inputs, strict=False)}
        try:
            found = network.load(case.model).run(given)
        except network.ModelError as error:
            refusal = str(error)
        else:
            for y, expected in zip(found, map(_array, outputs), strict=True):
                assert _difference(y, expected, case) == ""
            continue
        assert not _runs_as_a_whole(case, given), refusal
        assert "node" in refusal


def _difference(y: npt.NDArray[Any], expected: npt.NDArray[Any], case: TestCase) -> str:
    if (y.shape, y.dtype) != (expected.shape, expected.dtype):
        return f"{y.dtype} {y.shape}, not {expected.dtype} {expected.shape}"
    if y.dtype == object or y.dtype.kind in "biuc":
        return "" if np.array_equal(y, expected) else f"{y}, not {expected}"
    tolerance = max(case.rtol, FLOATS[y.dtype.name]) if y.dtype.name in FLOATS else 0
    y, expected = y.astype(np.float64), expected.astype(np.float64)
    return "" if np.allclose(y, expected, tolerance, tolerance, equal_nan=True) else f"{y}, not {expected}"


def _runs_as_a_whole(case: TestCase, given: dict[str, npt.NDArray[Any]]) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(case.model.SerializeToString(), options).run(None, given)
    except Exception:  # its exceptions have no class of their own in common
        return False
    return True


def test_operators_of_onnx_have_cases() -> None:
    """No operator is claimed that no case looks at; ONNX Runtime's have theirs in tests/quantization."""
    own = {name for name in OPERATORS if not name.startswith("com.microsoft.")}
    assert own - {node.op_type for case in CASES for node in case.model.graph.node} == set()
