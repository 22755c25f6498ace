"""Nodes that make a byte of each byte are one table, whose bits are those of the nodes one by one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from graphs import model, node, random
from test_network import runtime

from workbook import network
from workbook.graphs.operators.byte_table import ByteTable
from workbook.network import Network

EVERY_BYTE = np.arange(256, dtype=np.uint8).reshape(1, 8, 4, 8)
STEPS = {
    "sx": np.float32(0.05),
    "zx": np.uint8(120),
    "sy": np.float32(0.03),
    "zy": np.uint8(9),
    "sg": np.float32(1 / 256),
    "zg": np.uint8(0),
    "low": np.float32(-1),
    "high": np.float32(3),
    "center": np.float32(0),
}
SILU = [node("DequantizeLinear", "x sx zx", "d"), node("Sigmoid", "d", "g"), node("Mul", "d g", "m")]
ROUNDED_BETWEEN = [
    *SILU[:2],
    node("QuantizeLinear", "g sg zg", "gq"),
    node("DequantizeLinear", "gq sg zg", "gd"),
    node("Mul", "d gd", "m"),
]
CLIPPED = [node("DequantizeLinear", "x sx zx", "d"), node("Clip", "d low high", "m")]
END = node("QuantizeLinear", "m sy zy", "y")


def written(nodes: list[onnx.NodeProto], outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    return model([*nodes, END], STEPS, EVERY_BYTE.shape, outputs, x_dtype=np.uint8)


def tables(net: Network) -> list[list[str]]:
    """The operators of each table."""
    return [[one.op for one in step.nodes] for step in net.operators if isinstance(step, ByteTable)]


@pytest.mark.parametrize("nodes", [SILU, ROUNDED_BETWEEN, CLIPPED, CLIPPED[:1]], ids=len)
def test_a_table_has_the_bits_of_its_nodes(nodes: list[onnx.NodeProto]) -> None:
    if len(nodes) == 1:
        nodes = [node("DequantizeLinear", "x sx zx", "m")]
    net = network.load(written(nodes))
    assert tables(net) == [[*(one.op_type for one in nodes), "QuantizeLinear"]]
    one_by_one = network.load(written(nodes, ("y", "m")))  # whose floats are asked for
    assert tables(one_by_one) == []
    expected, _ = one_by_one.run(EVERY_BYTE)
    np.testing.assert_array_equal(net(EVERY_BYTE), expected)
    (theirs,) = runtime(written(nodes), EVERY_BYTE)
    assert np.abs(expected.astype(int) - theirs).max() <= 1  # its sigmoid is rounded otherwise
    traced = {name: y for one, y in net.trace(EVERY_BYTE) for name in one.writes}
    assert list(traced) == [one.output[0] for one in (*nodes, END)]
    np.testing.assert_array_equal(traced["y"], expected)
    assert str(net.layers).count("by a table") == 1


def test_what_reads_another_array_or_a_number_of_each_channel_is_no_table() -> None:
    of_two = [*CLIPPED[:1], node("GlobalAveragePool", "d", "p"), node("Mul", "d p", "m")]
    assert tables(network.load(written(of_two))) == []
    by_channel = model([*CLIPPED[:1], node("Mul", "d c", "m"), END], {**STEPS, "c": random(8, 1, 1)}, EVERY_BYTE.shape,
                       x_dtype=np.uint8)  # fmt: skip
    of_none = model([node("QuantizeLinear", "low sy zy", "q"), node("Max", "x q", "y")], STEPS, EVERY_BYTE.shape,
                    x_dtype=np.uint8)  # fmt: skip
    assert tables(network.load(of_none)) == []
    net = network.load(by_channel)
    assert tables(net) == []
    np.testing.assert_array_equal(net(EVERY_BYTE), runtime(by_channel, EVERY_BYTE)[0])


def test_a_byte_that_has_no_result_counts_where_it_occurs() -> None:
    """0 / 0 is a NaN, which no byte stands for; without zeros the network runs."""
    net = network.load(written([*CLIPPED[:1], node("Div", "d d", "m")]))
    assert tables(net) == []
    ones = net(np.full_like(EVERY_BYTE, 7))
    assert (ones == round(1 / 0.03) + 9).all()
    with pytest.raises(network.ModelError, match="holds a NaN"):
        net(EVERY_BYTE)


def test_the_kernels_network_on_bytes_has_a_table_for_silu() -> None:
    nodes = [
        node("Conv", "x w", "c"),
        node("Sigmoid", "c", "g"),
        node("Mul", "c g", "s"),
        node("Conv", "s v", "y"),
    ]
    proto = model(nodes, {"w": random(8, 8, 3, 3), "v": random(8, 8, 1, 1)}, (1, 8, 9, 9))
    x = random(1, 8, 9, 9)
    net = network.load(proto).quantize(x)
    assert tables(net) == [["DequantizeLinear", "Sigmoid", "Mul", "QuantizeLinear"]]
    assert np.abs(net(x) - runtime(proto, x)[0]).max() <= 0.05 * np.abs(net(x)).max()
