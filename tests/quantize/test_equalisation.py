"""Equalisation changes no bit of the float32 network, and makes channels alike in range."""

import numpy as np
import pytest
from graphs import CASES, random
from nets import images, mobile, sqnr

from workbook import network
from workbook.network import Network
from workbook.quantize.equalisation import equalise, factors, pairs, rescale, spread
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("algorithm", ["naive", "direct", "im2col", "auto"])
def test_not_one_bit_of_the_result_changes(activation, algorithm):
    net = Network(mobile(activation, spread=2.0).graph, algorithm=algorithm)
    x, y = images(), net(images())
    for change in (equalise, spread, lambda graph: equalise(spread(equalise(graph), seed=5))):
        changed = Network(change(net.graph), algorithm=algorithm)
        assert any(
            not np.array_equal(a, b)
            for a, b in zip(net.graph.constants.values(), changed.graph.constants.values(), strict=False)
        )
        np.testing.assert_array_equal(changed(x), y)


@pytest.mark.parametrize("name", CASES)
def test_every_graph_keeps_its_result(name):
    """Those that nothing can be done for stay as they are."""
    net = network.load(CASES[name][0])
    x = random(2, 8, 9, 8)
    for change in (equalise, spread):
        for found, exact in zip(Network(change(net.graph)).run(x), net.run(x), strict=True):
            np.testing.assert_array_equal(found, exact)


def test_pairs_of_a_network():
    found = [(pair.first, pair.second, pair.groups) for pair in pairs(mobile().graph)]
    assert found == [("c1", "c2", 8), ("c2", "c3", 1), ("c3", "y", 1)]


def test_ranges_are_alike_afterwards():
    """Of each pair: a channel's range in both layers is the same within the factor of 2 that powers of 2 leave."""
    graph = equalise(mobile(spread=3.0).graph)
    weights = {node.name: graph.constants[node.inputs[1]] for node in graph.nodes if len(node.inputs) > 2}
    w1, w2, w3, w4 = (np.abs(weights[name]) for name in ("c1", "c2", "c3", "y"))
    for outgoing, incoming in (
        (w1.max(axis=(1, 2, 3)), w2.max(axis=(1, 2, 3))),
        (w2.max(axis=(1, 2, 3)), w3.max(axis=(0, 2, 3))),
        (w3.max(axis=(1, 2, 3)), w4.max(axis=0)),
    ):
        assert (np.abs(np.log2(outgoing / incoming)) <= 1).all()


def test_factors_are_powers_of_two():
    for s in factors(mobile(spread=2.0).graph).values():
        assert (np.frexp(s)[0] == 0.5).all()
        assert len(np.unique(s)) > 2


def test_one_scale_for_all_channels_needs_it():
    net, x = mobile(spread=2.0), images()
    exact = net(x)
    plain, equalised = (quantize(net, x, Scheme(per_channel=False, equalise=e)) for e in (False, True))
    assert sqnr(equalised(x), exact) > sqnr(plain(x), exact) + 10


def test_channels_of_zeros_are_left_alone():
    net = mobile()
    constants = {name: array.copy() for name, array in net.graph.constants.items()}
    constants["w1"][3] = 0
    constants["w3"][:, 5] = 0
    graph = type(net.graph)(net.graph.nodes, constants, net.graph.inputs, net.graph.outputs)
    assert factors(graph)["c1"][3] == 1
    assert factors(graph)["c2"][5] == 1
    np.testing.assert_array_equal(Network(equalise(graph))(images()), Network(graph)(images()))


def test_what_is_refused():
    graph = mobile().graph
    with pytest.raises(ValueError, match="'y' cannot be rescaled; those that can: c1, c2, c3"):
        rescale(graph, {"y": np.ones(10)})
    with pytest.raises(ValueError, match="'c1' must be finite and above 0"):
        rescale(graph, {"c1": np.zeros(8)})
