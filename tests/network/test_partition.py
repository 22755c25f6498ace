"""Which nodes ONNX Runtime computes together, and where such a part begins and ends."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import SAME, model, node, random
from test_network import assert_close, runtime
from test_runtime_parts import CONV, STORED, parts

from workbook import network
from workbook.graphs.operators.operator import Operator
from workbook.graphs.runtime_part import RuntimePart


def test_a_small_operator_goes_where_its_inputs_come_from() -> None:
    """The Adds of a block stay in its part; the one between convolutions has a kernel."""
    nodes = [
        *CONV,
        node("Mul", "r three", "a"),
        node("Conv", "a w", "b", **SAME),
        node("Softmax", "b", "s", axis=1),
        node("Exp", "s", "d"),
        node("Add", "d b", "e"),
        node("Reshape", "e rows", "f"),
        node("Transpose", "f", "g", perm=[0, 2, 1]),
        node("LayerNormalization", "g n", "y"),
    ]
    net = network.load(model(nodes, {**STORED, "rows": np.array([0, 8, -1]), "n": random(8)}))
    assert parts(net) == [["Exp", "Add", "Reshape", "Transpose", "LayerNormalization"]]
    assert [step.node.op for step in net.operators if isinstance(step, Operator)] == ["Conv", "Mul", "Conv", "Softmax"]
    assert str(net.layers).splitlines()[-2].startswith("d") or "by ONNX Runtime" in str(net.layers)


def test_a_small_product_goes_where_its_inputs_come_from() -> None:
    """A large one is worth a part that ends before it, or begins behind it."""
    before, behind = node("Erf", "x", "e"), node("Erf", "p", "y")
    for columns, nodes, left in (
        (30, [before, node("MatMul", "e w", "y")], [["Erf", "MatMul"]]),
        (30, [before, node("Gemm", "e w", "y")], [["Erf", "Gemm"]]),
        (4000, [before, node("MatMul", "e w", "y")], [["Erf"]]),
        (30, [node("MatMul", "x w", "p"), behind], [["MatMul", "Erf"]]),
        (4000, [node("MatMul", "x w", "p"), behind], [["Erf"]]),
        (
            30,
            [node("MatMul", "x w", "p"), node("Erf", "p", "e"), node("Relu", "p", "z"), node("Add", "e z", "y")],
            [["Erf", "Add"]],
        ),
    ):
        proto = model(nodes, {"w": random(20, columns)}, (1, 20))
        net = network.load(proto)
        assert parts(net) == left
        assert_close(net.run(random(1, 20)), runtime(proto, random(1, 20)))


def test_what_only_a_later_part_reads_waits_for_it() -> None:
    nodes = [node("Erf", "x", "e"), *CONV, node("Neg", "e", "n"), node("PRelu", "n r", "y")]
    proto = model(nodes, STORED, (1, 8, 5, 5))
    net = network.load(proto)
    assert parts(net) == [["Erf", "Neg", "PRelu"]]
    assert_close(net.run(random(1, 8, 5, 5)), runtime(proto, random(1, 8, 5, 5)))
    read_before = [*nodes[:1], node("Conv", "e w", "c", **SAME), *nodes[2:]]
    assert parts(network.load(model(read_before, STORED, (1, 8, 5, 5)))) == [["Erf"], ["Neg", "PRelu"]]


def test_a_part_between_the_kernels_reads_and_writes_where_they_do() -> None:
    net = network.load(model([*CONV, node("Erf", "r", "e"), node("Conv", "e w", "y", **SAME)], STORED, (1, 8, 5, 5)))
    (part,) = (step for step in net.operators if isinstance(step, RuntimePart))
    x, y = random(1, 8, 5, 5), np.zeros((1, 8, 5, 5), np.float32)
    run = part.bind([x], [y])
    for _ in range(2):
        run()
        assert_close([y], part.run(x))
        x[:] *= 2
    with pytest.raises(Exception, match="imension"):
        part.bind([x], [y[:, :, :4].copy()])()


def test_most_multiply_adds_of_a_network_stay_native() -> None:
    nodes = [
        *CONV,
        node("Softsign", "r", "h"),
        node("Conv", "h w", "d", **SAME),
        node("GlobalAveragePool", "d", "g"),
        node("Flatten", "g", "f"),
        node("MatMul", "f head", "y"),
    ]
    net = network.load(model(nodes, {**STORED, "head": random(8, 10)}))
    profile = net.profile(random(1, 8, 12, 12), seconds=0)
    native = sum(n for n, row in zip(profile.row_macs, profile.layers.rows, strict=True) if row.native)
    assert native == profile.macs == 2 * 12 * 12 * 8 * 8 * 9 + 80
    assert [row.work for row in net.layers.fallbacks] == ["Softsign, by ONNX Runtime"]
