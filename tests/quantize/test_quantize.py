"""Networks on bytes: near their float32 selves for every choice, in bytes from layer to layer; degenerate input."""

import numpy as np
import pytest
from graphs import CASES, SAME, model, node, random
from nets import images, mobile, sqnr

from workbook import network
from workbook.network import Network
from workbook.quantize.affine import Affine
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

CHOICES = {
    "default": Scheme(),
    "s8s8, symmetric": Scheme(activations="int8", symmetric_activations=True),
    "s8s8": Scheme(activations="int8"),
    "u8u8": Scheme(weights="uint8", symmetric_weights=False),
    "u8s8, symmetric": Scheme(symmetric_activations=True),
    "weights with zero points": Scheme(symmetric_weights=False),
    "per tensor": Scheme(per_channel=False),
    "percentile": Scheme(calibrator="percentile", percent=99.99),
    "mse": Scheme(calibrator="mse"),
    "7 bits": Scheme(reduce_range=True),
    "equalised": Scheme(per_channel=False, equalise=True),
    "corrected": Scheme(bias_correction=True),
    "all": Scheme(calibrator="mse", equalise=True, bias_correction=True, reduce_range=True),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("choice", ["default", "s8s8, symmetric", "all"])
def test_every_graph(name, choice):
    """8 bits over a range of 8 standard deviations are 30 dB; a network of few layers loses little of that."""
    net, x = network.load(CASES[name][0]), random(4, 8, 9, 8)
    int8 = quantize(net, x, CHOICES[choice])
    for found, exact in zip(int8.run(x), net.run(x), strict=True):
        assert found.shape == exact.shape
        assert found.dtype == exact.dtype
        if not np.array_equal(found, exact):
            assert sqnr(found, exact) > 22


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_every_choice(choice, activation):
    net, x = mobile(activation), images(32)
    assert sqnr(quantize(net, x, CHOICES[choice])(x), net(x)) > 22


def test_bytes_stay_bytes_from_layer_to_layer():
    int8 = quantize(mobile(), images())
    assert [node.op for node in int8.graph.nodes] == [
        "QuantizeLinear",
        "QLinearConv",
        "QLinearConv",
        "MaxPool",
        "QLinearConv",
        "com.microsoft.QLinearGlobalAveragePool",
        "Flatten",
        "com.microsoft.QGemm",
        "DequantizeLinear",
    ]
    dtypes = [y.dtype for _, y in int8.trace(images())]
    assert dtypes == [np.uint8] * 8 + [np.float32]


def residual_block():
    nodes = [
        node("Conv", "x w", "a", **SAME),
        node("Relu", "a", "r"),
        node("Conv", "r v", "b", **SAME),
        node("Add", "b r", "s"),
        node("Relu", "s", "t"),
        node("Conv", "t w", "y", **SAME),
    ]
    return network.load(model(nodes, {"w": random(8, 8, 3, 3) / 8, "v": random(8, 8, 3, 3, seed=2) / 8}))


@pytest.mark.parametrize("choice", CHOICES)
def test_residuals_are_added_in_bytes(choice):
    net, x = residual_block(), random(8, 8, 9, 8)
    int8 = quantize(net, x, CHOICES[choice])
    assert [node.op for node in int8.graph.nodes][3] == "com.microsoft.QLinearAdd"
    assert sqnr(int8(x), net(x)) > 25


def test_a_residual_in_float32():
    net, x = residual_block(), random(8, 8, 9, 8)
    int8 = quantize(net, x, Scheme(exclude=("b",)))
    assert [node.op for node in int8.graph.nodes if "Linear" not in node.op] == ["Conv"]
    assert sqnr(int8(x), net(x)) > 25


def test_one_convolution_by_hand():
    """x and w are whole steps of their scales: the only rounding is that of the output."""
    x = np.array([0, 51, 102, 255], np.float32).reshape(1, 1, 2, 2) / 255
    net = network.load(model([node("Conv", "x w", "y")], {"w": np.full((1, 1, 1, 1), -0.5, np.float32)}, (1, 1, 2, 2)))
    int8 = quantize(net, x)
    constants = int8.graph.constants
    assert constants["y weight"].item() == -127
    assert constants["x scale"] == np.float32(1 / 255)
    of_y = Affine.of_range(-0.5, 0)
    np.testing.assert_array_equal(int8(x), of_y.rounded(-x / 2))


def test_excluded_layers_run_in_float32():
    net, x = mobile(), images()
    int8 = quantize(net, x, Scheme(exclude=("c2",)))
    ops = {node.name: node.op for node in int8.graph.nodes}
    assert (ops["c1"], ops["c2"], ops["c3"]) == ("QLinearConv", "Conv", "QLinearConv")
    assert sqnr(int8(x), net(x)) > 22
    nothing = quantize(net, x, Scheme(exclude=tuple(node.name for node in net.graph.nodes)))
    np.testing.assert_array_equal(nothing(x), net(x))


def test_overridden_layers_differ():
    int8 = quantize(mobile(), images(), Scheme(override={"c1": {"per_channel": False, "weights": "uint8"}}))
    constants = int8.graph.constants
    assert (constants["c1 weight"].dtype, constants["c1 weight scale"].shape) == (np.uint8, ())
    assert (constants["c3 weight"].dtype, constants["c3 weight scale"].shape) == (np.int8, (8,))


def test_names_of_layers_are_checked():
    for scheme in (Scheme(exclude=("conv9",)), Scheme(override={"conv9": {}})):
        with pytest.raises(ValueError, match="no layer 'conv9'; it has c1, c2"):
            quantize(mobile(), images(), scheme)


def test_seven_bits_are_exact_on_a_cpu_without_vnni():
    net, x = mobile(), images()
    scheme = Scheme(reduce_range=True)
    np.testing.assert_array_equal(quantize(net, x, scheme)(x), quantize(net, x, scheme, algorithm="saturating")(x))
    assert not np.array_equal(
        quantize(net, 20 * x, Scheme())(20 * x), quantize(net, 20 * x, Scheme(), algorithm="saturating")(20 * x)
    )


def test_threads_change_nothing():
    net, x = mobile(), images()
    np.testing.assert_array_equal(quantize(net, x, threads=1)(x), quantize(net, x, threads=3)(x))


def changed(net, **constants):
    graph = net.graph
    return Network(type(graph)(graph.nodes, {**graph.constants, **constants}, graph.inputs, graph.outputs))


@pytest.mark.parametrize("choice", CHOICES)
def test_one_image(choice):
    net, x = mobile(), images(1)
    assert sqnr(quantize(net, x, CHOICES[choice])(x), net(x)) > 20


@pytest.mark.parametrize("choice", CHOICES)
def test_constant_and_dead_channels(choice):
    """Weights of nothing but zeros: the channel is its bias, which is kept as well as any number of its array."""
    net = mobile("relu")
    w1, w3 = net.graph.constants["w1"].copy(), net.graph.constants["w3"].copy()
    w1[2], w3[4], w3[:, 5] = 0, 0, 0
    net = changed(net, w1=w1, w3=w3)
    assert sqnr(quantize(net, images(), CHOICES[choice])(images()), net(images())) > 20


@pytest.mark.parametrize("choice", CHOICES)
def test_a_network_of_zeros(choice):
    net = mobile("relu")
    net = changed(net, **{name: np.zeros_like(array) for name, array in net.graph.constants.items()})
    assert not quantize(net, images(), CHOICES[choice])(images()).any()


@pytest.mark.parametrize("choice", CHOICES)
def test_images_of_zeros(choice):
    """The range of x is nothing but 0; what follows are the biases."""
    net, x = mobile("relu"), np.zeros((2, 3, 12, 12), np.float32)
    assert sqnr(quantize(net, x, CHOICES[choice])(x), net(x)) > 20


def test_weights_far_smaller_than_their_bias():
    """In units of x_scale * w_scale the bias would not fit 32 bits; the weights get larger steps."""
    net, x = mobile("relu"), images()
    w1 = net.graph.constants["w1"].copy()
    w1[3] *= np.float32(1e-12)
    net = changed(net, w1=w1)
    int8 = quantize(net, x)
    assert np.abs(int8.graph.constants["c1 bias"][3]) == pytest.approx(2**30, rel=1e-6)
    assert sqnr(int8(x), net(x)) > 22


def test_numbers_beyond_the_calibration_are_cut_off():
    net, x = mobile("relu"), images()
    y = quantize(net, x)(1000 * x)
    assert np.isfinite(y).all()
    with pytest.raises(ValueError, match="holds a NaN"):
        quantize(net, x)(np.full_like(x, np.nan))


def test_an_activation_that_bytes_lack_in_a_network_of_an_old_operator_set(tmp_path):
    """Its parts are of today's set; Unsqueeze had its axes as an attribute."""
    nodes = [
        node("Conv", "x w", "c", **SAME),
        node("Sigmoid", "c", "g"),
        node("Mul", "c g", "s"),
        node("Unsqueeze", "s", "y", axes=[0]),
    ]
    net = network.load(model(nodes, {"w": random(8, 8, 3, 3)}, opset=11))
    x = random(4, 8, 9, 9)
    small = quantize(net, x)
    small.save(tmp_path / "small.onnx")
    assert sqnr(net(x), small(x)) > 30
    assert np.array_equal(network.load(tmp_path / "small.onnx")(x), small(x))


def heads(joined):
    """Two layers of one map, boxes a thousand times as large as scores, and what joins them."""
    weights = {"w1": random(8, 3, 3, 3), "w2": 500 * random(4, 8, 1, 1), "w3": random(6, 8, 1, 1)}
    nodes = [
        node("Conv", "x w1", "c", **SAME),
        node("Conv", "c w2", "boxes"),
        node("Conv", "c w3", "scores"),
        *joined,
    ]
    return network.load(model(nodes, weights, x_shape=("N", 3, "H", "W")))


@pytest.mark.parametrize("ends", ["layers", "activations"])
def test_boxes_and_scores_that_leave_the_network_share_no_scale(ends):
    """A byte for both would have steps wider than any score: all of them would be 0."""
    halves = [node("Softplus", "boxes", "b"), node("Sigmoid", "scores", "s")] if ends == "activations" else []
    net = heads([*halves, node("Concat", "b s" if halves else "boxes scores", "y", axis=1)])
    int8, x = net.quantize(images()), images(4, seed=1)
    found, exact = int8(x), net(x)
    assert sqnr(found[:, :4], exact[:, :4]) > 25
    assert sqnr(found[:, 4:], exact[:, 4:]) > 25
    assert [n.op for n in int8.graph.nodes].count("com.microsoft.QLinearConcat") == 0


def test_parts_on_bytes_are_joined_on_bytes_between_layers():
    joined = [node("Concat", "boxes scores", "t", axis=1), node("Conv", "t w4", "y")]
    nodes = [node("Conv", "x w1", "c", **SAME), node("Conv", "c w2", "boxes"), node("Conv", "c w3", "scores"), *joined]
    weights = {"w1": random(8, 3, 3, 3), "w2": random(4, 8, 1, 1), "w3": random(6, 8, 1, 1), "w4": random(3, 10, 1, 1)}
    int8 = network.load(model(nodes, weights, x_shape=("N", 3, "H", "W"))).quantize(images())
    ops = [n.op for n in int8.graph.nodes]
    assert ops.count("com.microsoft.QLinearConcat") == 1
    assert ops.count("QuantizeLinear") == ops.count("DequantizeLinear") == 1
