"""ONNX's own test cases: every operator of `OPERATORS`, in the forms that run here and in those of onnx.reference."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from workbook import network
from workbook.graphs.operators import OPERATORS

# What cannot run, and why. A case is named here, or it passes.
REFUSED = {
    "test_reduce_max_empty_set": "zero-size array",
    "test_reduce_max_empty_set_bool": "zero-size array",
}


def _cases() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero among the cases
        cases = load_model_tests(kind="node")
    return [case for case in cases if len(case.model.graph.node) == 1 and _name(case) in OPERATORS and _numbers(case)]


def _numbers(case: TestCase) -> bool:
    """Whether all arrays are of types that NumPy has: no sequences, no 8-bit floats, no strings."""
    if not all(port.type.HasField("tensor_type") for port in case.model.graph.input):
        return False
    arrays = [_array(content) for data_set in case.data_sets for part in data_set for content in part]
    return all(array.dtype.isbuiltin == 1 and array.dtype.kind in "biuf" for array in arrays)


def _array(content: Any) -> npt.NDArray[Any]:
    return numpy_helper.to_array(content) if isinstance(content, TensorProto) else np.asarray(content)


def _name(case: TestCase) -> str:
    node = case.model.graph.node[0]
    return f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_node_case(case: TestCase) -> None:
    net = network.load(case.model)
    names = [port.name for port in case.model.graph.input]
    for inputs, outputs in case.data_sets:
        given = {name: _array(x) for name, x in zip(names, inputs, strict=True)}
        if case.name in REFUSED:
            with pytest.raises(network.ModelError, match=REFUSED[case.name]):
                net.run(given)
            continue
        for y, expected in zip(net.run(given), map(_array, outputs), strict=True):
            assert y.shape == expected.shape
            assert y.dtype == expected.dtype
            np.testing.assert_allclose(y, expected, rtol=case.rtol, atol=case.atol)


def test_operators_of_onnx_have_cases() -> None:
    """No operator is claimed that no case looks at; ONNX Runtime's have theirs in tests/quantization."""
    own = {name for name in OPERATORS if not name.startswith("com.microsoft.")}
    assert own - {_name(case) for case in CASES} == set()
