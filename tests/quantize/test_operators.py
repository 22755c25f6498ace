"""Operators on bytes against ONNX Runtime: convolutions to the last bit, sums and means to one step."""

import numpy as np
import onnx
import pytest
from graphs import CASES, random
from nets import images, mobile
from onnx import TensorProto, helper, numpy_helper

from workbook import network
from workbook.graphs.graph import ModelError, Node
from workbook.graphs.operators import prepare
from workbook.graphs.operators.operator import NotNativeError, Settings
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

onnxruntime = pytest.importorskip("onnxruntime")


def exported(graph):
    """The graph as ONNX. A relu fused into a node needs no mention: bytes without a sign end at 0."""
    nodes, stored = [], {name: numpy_helper.from_array(np.asarray(a), name) for name, a in graph.constants.items()}
    for node in graph.nodes:
        *domain, op = node.op.rsplit(".", 1)
        attributes = {key: value for key, value in node.attributes.items() if key != "activation"}
        assert node.attributes.get("activation") in (None, "relu", "relu6")
        nodes.append(helper.make_node(op, node.inputs, node.outputs, domain=".".join(domain), **attributes))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in graph.outputs]
    seen = [
        helper.make_tensor_value_info(node.outputs[0], TensorProto.UINT8, None)
        for node in graph.nodes
        if node.outputs[0].endswith("in bytes")
    ]
    port = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, "int8", [port], [*ends, *seen], list(stored.values()))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def runtime(graph, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    proto = exported(graph)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in proto.graph.output], session.run(None, {"x": x}), strict=True))


# 7 bits: without VNNI, ONNX Runtime's sums of larger products are cut off.
@pytest.mark.parametrize("scheme", [Scheme(reduce_range=True), Scheme(reduce_range=True, per_channel=False)])
@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_a_network_in_onnx_runtime(activation, scheme):
    net, x = mobile(activation), images()
    int8 = quantize(net, x, scheme)
    theirs = runtime(int8.graph, x)
    for node, ours in int8.trace(x):
        same = node.op in ("QuantizeLinear", "QLinearConv", "MaxPool")
        difference = np.abs(ours.astype(np.float64) - theirs[node.outputs[0]]).max()
        if node.op != "DequantizeLinear":
            assert difference <= (0 if same else 1), node.op


@pytest.mark.parametrize("name", ["two convolutions added", "a sum with a third", "residual after relu"])
def test_sums_in_onnx_runtime(name):
    """A sum that another layer reads: the network's own outputs are added in float32."""
    graph = CASES[name][0].graph
    proto = onnx.ModelProto()
    proto.CopyFrom(CASES[name][0])
    proto.graph.node.append(helper.make_node("MaxPool", ["y"], ["z"], "z", kernel_shape=[2, 2]))
    proto.graph.output[0].name = "z"
    assert graph.output[0].name == "y"
    net, x = network.load(proto), random(4, 8, 9, 8)
    int8 = quantize(net, x, Scheme(reduce_range=True))
    sums = [node for node in int8.graph.nodes if node.op == "com.microsoft.QLinearAdd"]
    assert sums
    theirs = runtime(int8.graph, x)
    for node, ours in int8.trace(x):
        if node in sums:
            assert np.abs(ours.astype(int) - theirs[node.outputs[0]]).max() <= 1


def test_what_qgemm_does_not_take():
    node = Node("g", "com.microsoft.QGemm", ("a", *"bcdefghi"), ("y",), {"transA": 1})
    with pytest.raises(ModelError, match="a turned first factor"):
        prepare(node, {}, Settings())


def test_scales_must_be_stored():
    with pytest.raises(NotNativeError, match="its scale 's' is computed in the network"):
        prepare(Node("q", "QuantizeLinear", ("x", "s", "z"), ("y",)), {}, Settings())
    total = Node("q", "com.microsoft.QLinearAdd", ("a", "s", "z", "b", "s", "z", "s", "z"), ("y",))
    with pytest.raises(ModelError, match="its input 1 's' is computed in the network"):
        prepare(total, {}, Settings())
