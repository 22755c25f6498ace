"""What has no kernel is computed by ONNX Runtime: in parts of neighbouring nodes, right in every form, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from graphs import BN1, READS_BN1, SAME, W33, Stored, model, node, random
from onnx import TensorProto, helper
from test_network import assert_close, runtime

from workbook import network
from workbook.graphs.graph import Node
from workbook.graphs.protos import node_proto
from workbook.graphs.runtime_part import RuntimePart
from workbook.network import ModelError, Network

Array = npt.NDArray[Any]
MICROSOFT = "com.microsoft"


def several(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node of several outputs, named like the first."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), name=outputs.split()[0], **attributes)


def branch(output: str, *nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])


def parts(net: Network) -> list[list[str]]:
    """The operators of each part."""
    return [[n.op for n in step.nodes] for step in net.operators if isinstance(step, RuntimePart)]


CONV = [node("Conv", "x w", "c", **SAME), node("Relu", "c", "r")]
CHOICE = [node("ReduceMean", "r", "mean", keepdims=0), node("Greater", "mean three", "large")]
LOOP = helper.make_graph(
    [node("Add", "sum r", "more"), node("Identity", "go", "on"), node("Mul", "more three", "seen")],
    "body",
    [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, None),
    ],
    [
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("more", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("seen", TensorProto.FLOAT, None),
    ],
)
INNER = branch(
    "z",
    node("ReduceMax", "c", "most", keepdims=0),
    node("Less", "most three", "small"),
    node(
        "If",
        "small",
        "z",
        then_branch=branch("zz", node("Conv", "r w", "zz", **SAME)),
        else_branch=branch("neg", node("Neg", "c", "neg")),
    ),
)
STORED = {"w": W33, "three": np.float32(3), "zero": np.float32(0)}

# name: nodes, what they store, outputs, operator set, and the parts that are left to ONNX Runtime
FORMS: dict[str, tuple[list[onnx.NodeProto], Stored, tuple[str, ...], int, list[list[str]]]] = {
    "a GELU between convolutions": (
        [
            *CONV,
            node("Div", "r three", "a"),
            node("Erf", "a", "b"),
            node("Add", "b three", "d"),
            node("Mul", "r d", "e"),
            node("Conv", "e w", "y", **SAME),
        ],
        STORED,
        ("y",),
        17,
        [["Erf", "Add", "Mul"]],
    ),
    "two parts that wait for each other": (
        [
            *CONV,
            node("HardSigmoid", "r", "s", beta=0.4),
            node("Conv", "s w", "d", **SAME),
            node("Erf", "d", "e"),
            node("Mul", "e s", "y"),
        ],
        STORED,
        ("y",),
        17,
        [["HardSigmoid"], ["Erf", "Mul"]],
    ),
    "an If whose branches capture": (
        [
            *CONV,
            *CHOICE,
            node(
                "If",
                "large",
                "y",
                then_branch=branch("t", node("Mul", "r three", "t")),
                else_branch=branch("e", node("Sub", "r c", "e")),
            ),
        ],
        STORED,
        ("y",),
        17,
        [["ReduceMean", "Greater", "If"]],
    ),
    "an If within an If, and an Identity that is captured": (
        [
            *CONV,
            node("Identity", "r", "same"),
            *CHOICE,
            node(
                "If",
                "large",
                "y",
                then_branch=branch("t", node("Neg", "same", "t")),
                else_branch=INNER,
            ),
        ],
        STORED,
        ("y",),
        17,
        [["ReduceMean", "Greater", "If"]],
    ),
    "a Loop": (
        [*CONV, several("Loop", "n - r", "last y", body=LOOP)],
        {**STORED, "n": np.array(3)},
        ("y", "last"),
        17,
        [["Loop"]],
    ),
    "an LSTM of which all outputs are read": (
        [
            node("ReduceMean", "x", "m", axes=[2], keepdims=0),
            node("Transpose", "m", "t", perm=[2, 0, 1]),
            several("LSTM", "t in rec", "s h k", hidden_size=4),
            node("Concat", "h k", "y", axis=2),
        ],
        {"in": random(1, 16, 8), "rec": random(1, 16, 4)},
        ("y", "s"),
        17,
        [["ReduceMean", "Transpose", "LSTM", "Concat"]],
    ),
    "the second output of two": (
        [*CONV, several("TopK", "r k", "v i", axis=1), node("Cast", "i", "y", to=TensorProto.FLOAT)],
        {**STORED, "k": np.array([2])},
        ("y",),
        17,
        [["TopK", "Cast"]],
    ),
    "a Split of which one part is read": (
        [*CONV, several("Split", "r sizes", "a b d", axis=1), node("Neg", "b", "y")],
        {**STORED, "sizes": np.array([3, 4, 1])},
        ("y",),
        17,
        [["Neg"]],
    ),
    "shapes that follow from the numbers": (
        [*CONV, node("NonZero", "r", "nz"), node("Cast", "nz", "f", to=TensorProto.FLOAT), node("Relu", "f", "y")],
        STORED,
        ("y",),
        17,
        [["NonZero", "Cast", "Relu"]],
    ),
    "three dimensions": (
        [
            node("Unsqueeze", "x two", "z"),
            node("Conv", "z v", "c", pads=[1, 0, 1, 1, 0, 1]),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "m", kernel_shape=[1, 2, 2]),
            node("AveragePool", "m", "y", kernel_shape=[1, 2, 1]),
        ],
        {"two": np.array([2]), "v": random(4, 8, 3, 2, 3)},
        ("y",),
        17,
        [["Conv", "Relu", "MaxPool", "AveragePool"]],
    ),
    "GridSample of before operator set 20": (
        [node("GridSample", "x at", "y", mode="bilinear", align_corners=1)],
        {"at": np.tanh(random(2, 5, 4, 2))},
        ("y",),
        16,
        [["GridSample"]],
    ),
    "Gelu and GroupNormalization of today": (
        [node("Gelu", "x", "g"), node("GroupNormalization", "g s b", "y", num_groups=2)],
        {"s": random(8), "b": random(8, seed=1)},
        ("y",),
        21,
        [["Gelu", "GroupNormalization"]],
    ),
    "a slice backwards from below": (
        [node("Slice", "x from to axis step", "y")],
        {key: np.array([n]) for key, n in {"from": -20, "to": -30, "axis": 2, "step": -1}.items()},
        ("y",),
        17,
        [["Slice"]],
    ),
    "an operator of ONNX Runtime's own": (
        [*CONV, node("Gelu", "r", "g", domain=MICROSOFT), node("Conv", "g w", "y", **SAME)],
        STORED,
        ("y",),
        17,
        [["com.microsoft.Gelu"]],
    ),
    "an attribute with a name of ours": (
        [node("FusedConv", "x w", "c", domain=MICROSOFT, activation="Relu", **SAME), node("Neg", "c", "y")],
        STORED,
        ("y",),
        17,
        [["com.microsoft.FusedConv", "Neg"]],
    ),
    "a mean that counts what auto_pad adds, rounded up": (
        [
            node(
                "AveragePool",
                "x",
                "y",
                kernel_shape=[3, 3],
                strides=[2, 2],
                auto_pad="SAME_UPPER",
                ceil_mode=1,
                count_include_pad=1,
            )
        ],
        {},
        ("y",),
        19,
        [["AveragePool"]],
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_equal_to_onnx_runtime_on_the_whole_model(name: str) -> None:
    nodes, stored, outputs, opset, left = FORMS[name]
    proto = model(nodes, stored, (2, 8, 9, 7), outputs, opset)
    for end in proto.graph.output:
        end.ClearField("type")
    net = network.load(proto)
    assert parts(net) == left
    for seed in (0, 1):
        x = random(2, 8, 9, 7, seed=seed)
        expected = runtime(proto, x)
        assert_close(net.run(x), expected)
        seen = {name: y for n, y in net.trace(x) for name in n.writes}
        assert_close([seen[name] for name in outputs], expected)
        profile = net.profile(x, seconds=0)
        assert len(profile.times) == len(net.layers.rows) == len(net.operators)


ONE_ROW: dict[str, tuple[list[onnx.NodeProto], Stored, bool]] = {
    "a convolution with all that is fused": (
        [
            node("Conv", "z w b", "c", pads=[1, 1]),
            node("BatchNormalization", f"c {READS_BN1}", "n"),
            node("Add", "n z", "a"),
            node("Relu", "a", "y"),
        ],
        {"w": random(8, 8, 3), "b": random(8), **BN1},
        True,
    ),
    "groups, strides and auto_pad": (
        [node("Conv", "z w", "y", auto_pad="SAME_LOWER", strides=[3], group=4)],
        {"w": random(8, 2, 4)},
        True,
    ),
    "uneven padding and dilation": (
        [node("Conv", "z w", "y", pads=[0, 3], dilations=[2])],
        {"w": random(4, 8, 3)},
        True,
    ),
    "a maximum with SAME_LOWER": (
        [node("MaxPool", "z", "y", kernel_shape=[3], strides=[2], auto_pad="SAME_LOWER")],
        {},
        False,
    ),
    "a maximum with uneven padding": ([node("MaxPool", "z", "y", kernel_shape=[3], pads=[1, 0])], {}, False),
    "a transposed convolution in groups": (
        [node("ConvTranspose", "z w", "y", group=2, strides=[2], output_shape=[126])],
        {"w": random(8, 3, 2)},
        False,
    ),
    "a mean of all": ([node("GlobalAveragePool", "z", "y")], {}, False),
}


@pytest.mark.parametrize("name", ONE_ROW)
def test_one_dimension(name: str) -> None:
    """Convolutions run on the kernels, as images of one row; what is fused into them is not lost."""
    nodes, stored, native = ONE_ROW[name]
    proto = model([node("Reshape", "x rows", "z"), *nodes], {"rows": np.array([0, 8, -1]), **stored}, (2, 8, 9, 7))
    net, x = network.load(proto), random(2, 8, 9, 7)
    assert_close(net.run(x), runtime(proto, x))
    assert (net.layers.fallbacks == ()) == native
    if native:
        assert [n.op for n in net.graph.nodes] == ["Reshape", "Conv"]


def test_integers_keep_their_type() -> None:
    nodes = [node("ReduceMean", "x", "a", axes=[1]), node("ReduceSum", "x axis", "b"), node("Add", "a b", "y")]
    proto = model(nodes, {"axis": np.array([1])}, (2, 3), ("y", "a", "b"), 13, np.int32)
    y, a, b = network.load(proto).run(np.array([[1, 2, 4], [3, 5, 9]], np.int32))
    assert (y.dtype, a.dtype, b.dtype) == (np.int32,) * 3
    assert a.tolist() == [[2], [5]]
    assert y.tolist() == [[9], [22]]


def test_a_function_within_the_model() -> None:
    nodes = [helper.make_node("Conv", ["a", "b"], ["q"], pads=[1] * 4), helper.make_node("Relu", ["q"], ["o"])]
    function = helper.make_function("own", "block", ["a", "b"], ["o"], nodes, [helper.make_opsetid("", 13)])
    proto = model([node("block", "x w", "y", domain="own")], {"w": W33}, functions=[function])
    net = network.load(proto)
    assert [row.work for row in net.layers.rows] == ["Conv + relu"]
    assert_close(net.run(random(2, 8, 5, 5)), runtime(proto, random(2, 8, 5, 5)))


def test_a_function_of_an_operator_set_with_another_form() -> None:
    nodes = [helper.make_node("Unsqueeze", ["a"], ["o"], "grow", axes=[0])]
    function = helper.make_function("own", "block", ["a"], ["o"], nodes, [helper.make_opsetid("", 11)])
    with pytest.raises(ModelError, match=r"function 'block' is of operator set 11, and its node 'grow' \(Unsqueeze\)"):
        network.load(model([node("block", "x", "y", domain="own")], {}, functions=[function]))


def test_gelu_by_hand() -> None:
    x = np.array([-1, 0, 2, 3], np.float32)
    y = network.load(model([node("Gelu", "x", "y")], {}, (4,), opset=20))(x)
    assert np.allclose(y, [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([node("Conv", "x w", "y", zork=3)], "node 'y' (Conv)"),
        ([node("Relu", "x", "y", alpha=3.0)], "node 'y' (Relu)"),
        ([node("Conv", "x w", "y", activation="relu")], "node 'y' (Conv) has the attribute 'activation'"),
        ([node("BatchNormalization", f"x {READS_BN1}", "y", training_mode=1)], "node 'y' (BatchNormalization)"),
        ([node("Identity", "x", "z"), node("Conv", "z w", "y", domain="com.acme")], "node 'y' (com.acme.Conv)"),
    ],
)
def test_what_is_not_understood_is_refused(nodes: list[onnx.NodeProto], said: str) -> None:
    with pytest.raises(ModelError) as refused:
        network.load(model(nodes, {"w": W33, **BN1}))
    assert said in str(refused.value)


def test_what_fails_in_a_run_names_its_node() -> None:
    nodes = [node("Relu", "x", "r"), node("Exp", "r", "e"), node("Gather", "e far", "y", axis=1)]
    net = network.load(model(nodes, {"far": np.array([100])}, ("N", "C", "H", "W")))
    with pytest.raises(ModelError, match=r"node 'y' \(Gather\): ONNX Runtime cannot compute it"):
        net(random(1, 8, 3, 3))


def test_what_was_fused_is_never_lost() -> None:
    """A fused node that has no kernel becomes its parts again; as a node of ONNX's it cannot be written."""
    graph = network.load(model([*CONV[:1], node("Add", "c x", "s"), node("Relu", "s", "y")], {"w": W33})).graph
    (conv,) = graph.nodes
    with pytest.raises(ModelError, match=r"node 'c' \(Conv\): its residual and activation have no form in ONNX"):
        node_proto(conv)
    unknown = Node(
        conv.name, conv.op, conv.inputs, conv.outputs, {**conv.attributes, "kernel_shape": (3, 3), "zork": 1}
    )
    with pytest.raises(ModelError, match="zork"):  # it went to ONNX Runtime, which does not know it either
        Network(network.Graph((unknown,), graph.constants, graph.inputs, graph.outputs))
