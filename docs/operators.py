"""Writes docs/operators.md, who computes each operator of ONNX: python docs/operators.py.

What the kernels compute says `OPERATORS`. For the others, the networks of ONNX's own tests that have such a node are
loaded: it is refused if none of them can be.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnxruntime
from onnx.backend.test.loader import load_model_tests

from workbook.graphs.operators import OPERATORS
from workbook.network import ModelError, load

PAGE = Path(__file__).with_name("operators.md")
_READ = ("Constant", "Identity", "Dropout")  # of these, nothing is left to compute


def head() -> str:
    """Return what stands above the table, with the versions that it holds for."""
    return f"""# Who computes which operator of ONNX

Written by `python docs/operators.py` for onnx {onnx.__version__} and ONNX Runtime {onnxruntime.__version__}; a test
compares it. The kernels compute an operator in the types and with the axes that the last column names; in other forms
it goes to ONNX Runtime. An operator is refused, with the name of its node, if none of ONNX's own examples of it runs;
they are of the newest operator set that has another form of it.

| operator | computed by | types, axes |
|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    names = sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain})
    found = examples()
    return head() + "".join(f"{row(name, found.get(name, ()))}\n" for name in names)


def examples() -> dict[str, list[onnx.ModelProto]]:
    """Return the networks of ONNX's tests by the operators that they have."""
    found: dict[str, list[onnx.ModelProto]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero among the cases
        cases = load_model_tests(kind="node")
    for case in cases:
        for op in {node.op_type for node in case.model.graph.node}:
            found.setdefault(op, []).append(case.model)
    return found


def row(name: str, models: Sequence[onnx.ModelProto]) -> str:
    """Return the line of an operator."""
    if name in OPERATORS:
        entry = OPERATORS[name]
        axes = f"; {' or '.join(map(str, entry.axes))} axes" if entry.axes else ""
        return f"| {name} | the kernels | {', '.join(entry.types)}{axes} |"
    if name in _READ:
        return f"| {name} | left out | |"
    by = "ONNX Runtime" if any(map(_is_taken, models)) else "refused"
    return f"| {name} | {by if models else 'ONNX Runtime, if it has it: ONNX has no example'} | |"


def _is_taken(model: onnx.ModelProto) -> bool:
    try:
        load(model)
    except ModelError:
        return False
    return True


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
