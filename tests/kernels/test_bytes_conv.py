"""The integer kernels are exact: no difference to integer arithmetic, to ONNX Runtime, and to ONNX's own tests."""

import itertools

import numpy as np
import onnx
import onnx.backend.test.case.node.convinteger
import onnx.backend.test.case.node.qlinearconv  # registers their node tests
import pytest
from bytes_layer import CASES, MIXES, RUNTIME_IS_EXACT, Case
from layers import Layer
from onnx.backend.test.case.node import _NodeTestCases as NODE_CASES
from test_onnx_cases import arguments

import kernels
from kernels import probe


def drawn(random):
    """Draw a small layer of any geometry."""
    groups = int(random.choice([1, 1, 1, 2, 3, 7]))
    R, S, dilation = (int(random.integers(1, most)) for most in (5, 8, 4))
    padding = tuple(int(side) for side in random.integers(0, 4, 4))
    return Layer(
        N=int(random.integers(1, 3)),
        C=groups * int(random.integers(1, 10 if groups < 7 else 2)),
        K=groups * int(random.integers(1, 20 if groups < 7 else 3)),
        H=max(1, (R - 1) * dilation + 1 - padding[0] - padding[2]) + int(random.integers(0, 9)),
        W=max(1, (S - 1) * dilation + 1 - padding[1] - padding[3]) + int(random.integers(0, 40)),
        R=R,
        S=S,
        stride=tuple(int(step) for step in random.integers(1, 4, 2)),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bool(random.integers(2)),
    )


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: "-".join(dtype.__name__ for dtype in mix))
def test_random_cases_are_exact(mix):
    """7 times 800 cases in all: every one has bytes, zero points, ties and sizes of its own."""
    for seed in range(700):
        random = np.random.default_rng([seed, *map(ord, str(mix))])
        zeros = ("any", "symmetric", "one")[seed % 3]
        Case.of(drawn(random), mix, random, zeros).check(threads=1 + seed % 3)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))
@pytest.mark.parametrize("threads", [1, 4])
def test_every_geometry_is_exact(case, threads):
    case.check(threads)


@pytest.mark.parametrize("mix", MIXES)
def test_sums_beyond_32_bits_wrap(mix):
    """70,000 products of 255 times 255 are more than 2**32."""
    layer = Layer(C=70_000, H=1, W=3, K=2, R=1, S=1, bias=False)
    case = Case.of(layer, mix, 0)
    x, w = (np.full_like(array, np.iinfo(array.dtype).max) for array in (case.x, case.w))
    lowest = [array.dtype.type(np.iinfo(array.dtype).min) for array in (x, w)]
    y = kernels.conv_integer(x, w, *lowest)
    np.testing.assert_array_equal(y, np.full_like(y, np.int64(70_000 * 255 * 255).astype(np.int32)))


def test_every_number_of_channels_and_pixels():
    """Around the sizes of tiles and words."""
    for K, width in itertools.product((1, 2, 5, 6, 7, 13, 14, 15, 29), (1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 65)):
        Case.of(Layer(C=5, K=K, H=3, W=width, padding=1), MIXES[(K + width) % 8], K * width).check()


@pytest.mark.parametrize("groups", [1, 3])
def test_every_depth_and_filter_width(groups):
    """Words of four channels, or of four neighbours where channels are few."""
    for depth, S in itertools.product(range(1, 10), range(1, 10)):
        layer = Layer(C=groups * depth, K=groups * 2, H=4, W=14, R=2, S=S, stride=(1, 1 + S % 3), groups=groups)
        Case.of(layer, MIXES[(depth + S) % 8], depth * S).check()


def onnxruntime_result(case):
    ort = pytest.importorskip("onnxruntime")
    layer, helper = case.layer, onnx.helper
    top, left, bottom, right = (*layer.padding, *layer.padding)[:4] if isinstance(layer.padding, tuple) else (0,) * 4
    pair = [value if isinstance(value, tuple) else (value, value) for value in (layer.stride, layer.dilation)]
    node = helper.make_node(
        "QLinearConv",
        ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", *(["b"] if layer.bias else [])],
        ["y"],
        kernel_shape=case.w.shape[2:],
        strides=pair[0],
        dilations=pair[1],
        pads=[top, left, bottom, right],
        group=layer.groups,
    )
    constants = {
        "xs": case.x_scale,
        "xz": case.x_zero_point,
        "w": case.w,
        "ws": case.w_scale,
        "wz": case.w_zero_point,
        "ys": case.y_scale,
        "yz": case.y_zero_point,
        "b": case.bias,
    }
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(case.x.dtype), case.x.shape)],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(case.y_zero_point.dtype), None)],
        [
            onnx.numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()
            if value is not None
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": case.x})[0]


@pytest.mark.skipif(not RUNTIME_IS_EXACT, reason="without VNNI ONNX Runtime's sums saturate")
@pytest.mark.parametrize(
    "mix", [(np.uint8, np.uint8, np.uint8), (np.uint8, np.int8, np.uint8), (np.int8, np.int8, np.int8)]
)
def test_equal_to_onnxruntime(mix):
    """The types that it implements; filters have one zero point for all, which must be 0 where they are int8."""
    for seed in range(150):
        random = np.random.default_rng(seed)
        case = Case.of(drawn(random), mix, random, "symmetric" if mix[1] is np.int8 else "one")
        np.testing.assert_array_equal(case.plan()(case.x), onnxruntime_result(case), err_msg=str(case.layer))


NODES = [
    (case.name, node, inputs, outputs)
    for case in NODE_CASES
    for node in case.model.graph.node
    if node.op_type in ("QLinearConv", "ConvInteger")
    for inputs, outputs in case.data_sets
]


def test_onnx_cases_were_found():
    assert {"test_qlinearconv", "test_convinteger_without_padding"} <= {name for name, *_ in NODES}


@pytest.mark.parametrize(("name", "node", "inputs", "outputs"), NODES, ids=[name for name, *_ in NODES])
def test_onnx_case(name, node, inputs, outputs):
    if node.op_type == "ConvInteger":
        y = kernels.conv_integer(*inputs, **arguments(node, inputs[0].shape, inputs[1].shape))
    else:
        y = kernels.qlinear_conv(*inputs, **arguments(node, inputs[0].shape, inputs[3].shape))
    assert y.dtype == outputs[0].dtype
    np.testing.assert_array_equal(y, outputs[0])


@pytest.mark.parametrize("y_type", [np.uint8, np.int8])
@pytest.mark.parametrize("activation", ["relu", "relu6", ("leaky_relu", 0.1), ("leaky_relu", -0.5)])
def test_activations(activation, y_type):
    layer = Layer(C=6, K=9, padding=1)
    random = np.random.default_rng(3)
    case = Case.of(layer, (np.uint8, np.int8, y_type), random, "symmetric")
    zero = y_type(7)
    case = Case(**{**vars(case), "y_zero_point": zero, "y_scale": np.float32(0.04), "x_scale": np.float32(1e-4)})
    assert (case.expected < zero).any()
    np.testing.assert_array_equal(case.plan(activation)(case.x), case.activated(activation))


@pytest.mark.parametrize("case", CASES[:20], ids=lambda case: str(case.layer))
def test_saturating_is_exact_on_small_numbers(case):
    """Two products of at most 127 * 64 stay within 16 bits."""
    unsigned = Case(**{**vars(case), "x": case.x.view(np.uint8) % np.uint8(128), "x_zero_point": np.uint8(0)})
    small = Case(**{**vars(unsigned), "w": case.w.view(np.int8) % np.int8(64), "w_zero_point": np.int8(0)})
    np.testing.assert_array_equal(small.integers("saturating"), small.integers("direct"))


def test_saturating_cuts_off_pairs():
    """2 * 255 * 127 = 64,770 is cut off at 32,767, for the first pair of channels and for the second."""
    x, w = np.full((1, 4, 1, 1), 255, np.uint8), np.full((1, 4, 1, 1), 127, np.int8)
    assert kernels.conv_integer(x, w, algorithm="saturating").item() == 2 * 32_767
    assert kernels.conv_integer(x, -w - np.int8(1), algorithm="saturating").item() == 2 * -32_768
    assert kernels.conv_integer(x, w, algorithm="direct").item() == 4 * 255 * 127


def test_packed_weights_take_a_byte_each():
    """A quarter of float32; two bytes where the instruction set does not multiply bytes. K fills whole tiles."""
    case = Case.of(Layer(C=16, K=32), MIXES[2], 0, "symmetric")
    plan = case.plan(algorithm="direct")
    plan(case.x)
    per_word, _ = probe.operands()
    assert plan.packed_bytes == 4 // per_word * 32 * 16 * 3 * 3
