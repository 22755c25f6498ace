"""Operators that have no function here: each is computed by onnx.reference, slowly.

A table of layers names those nodes, and a profile times them. ONNX Runtime's operators are not among them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from workbook.graphs.graph import Array, ModelError, Node
from workbook.graphs.operators.operator import Operator
from workbook.graphs.protos import node_proto, opset_imports


def by_reference(node: Node, why: ModelError) -> Operator:
    """Return an operator that onnx.reference computes.

    Parameters
    ----------
    node : Node
    why : ModelError
        What kept it from running here; raised if onnx.reference does not have it either.
    """
    from onnx.reference import ReferenceEvaluator  # 0.5 s, and few networks need it

    names = tuple(dict.fromkeys(name for name in node.inputs if name))
    proto = node_proto(node)
    try:
        function = helper.make_function("workbook", "one", names, node.outputs, [proto], opset_imports([node]))
        evaluator = ReferenceEvaluator(function)
    except Exception as error:  # what it raises for an operator that it lacks is not documented
        raise why from error

    def compute(*arrays: Array) -> Any:
        try:
            (y,) = evaluator.run(None, dict(zip(names, arrays, strict=True)), attributes={})
        except Exception as error:  # any that its programs raise
            raise ValueError(f"onnx.reference cannot compute it: {error}") from error
        if not isinstance(y, (np.ndarray, np.generic)):
            raise ValueError(f"its output is no array, but {type(y).__name__}")
        return np.asarray(y)

    return Operator(node, names, compute, native=False)
