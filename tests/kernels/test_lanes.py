"""Images in lanes: which layers take them, what `auto` makes of them, and what is refused."""

import itertools

import numpy as np
import pytest
from layers import IN_LANES

import kernels
from kernels import from_lanes, to_lanes

FORMS = [(True, False), (False, True), (True, True)]  # of x, of y
PLAIN = ("naive", "im2col")  # know no lanes


def plan_of(layer, algorithm, threads=1):
    _, weight, bias, _ = layer.arrays()
    options = {"activation": layer.activation, "algorithm": algorithm, "threads": threads}
    return kernels.Conv2d(weight, bias, **layer.window, **options)


def forms_of(layer, algorithm):
    plan = plan_of(layer, algorithm)
    return [forms for forms in FORMS if plan.takes(*forms)]


def test_forms_there_and_back():
    x = np.arange(2 * 32 * 3 * 5, dtype=np.float32).reshape(2, 32, 3, 5)
    y = to_lanes(x)
    assert y.shape == (2, 32 // kernels.LANES, 3, 5, kernels.LANES)
    n, c, h, w = 1, 17, 2, 3
    assert y[n, c // kernels.LANES, h, w, c % kernels.LANES] == x[n, c, h, w]
    assert np.array_equal(from_lanes(y), x)


def test_layers_try_every_form():
    tried = {(name, forms) for layer in IN_LANES for name in layer.algorithms for forms in forms_of(layer, name)}
    assert tried == set(itertools.product(("direct", "winograd_f2", "winograd_f4", "winograd_f6"), FORMS))


@pytest.mark.parametrize("layer", IN_LANES, ids=str)
def test_automatic_choice_and_what_explains_it(layer):
    plan = plan_of(layer, "auto", threads=2)
    arrays = layer.arrays()
    for x_lanes, y_lanes in forms_of(layer, "auto"):
        x = to_lanes(arrays[0]) if x_lanes else arrays[0]
        explained = plan.explain(x.shape, lanes=y_lanes)
        assert all(option.obstacle == "it knows no lanes" for option in explained.options if option.algorithm in PLAIN)
        able = {option.algorithm: option.seconds for option in explained.options if not option.obstacle}
        assert explained.algorithm == min(able.keys() - {"winograd_f6"}, key=able.get)
        y = plan(x, lanes=y_lanes)
        layer.check("auto", from_lanes(y) if y_lanes else y, *arrays)


def test_an_empty_batch():
    plan = kernels.Conv2d(np.ones((16, 16, 3, 3), np.float32), padding=1)
    y = plan(to_lanes(np.ones((0, 16, 4, 5), np.float32)), lanes=True)
    assert y.shape == (0, 16 // kernels.LANES, 4, 5, kernels.LANES)
    assert from_lanes(y).shape == (0, 16, 4, 5)


def test_bad_input():
    weight = np.ones((16, 32, 3, 3), np.float32)
    x = np.ones((1, 32, 6, 6), np.float32)
    plan = kernels.Conv2d(weight, threads=1)
    with pytest.raises(ValueError, match=rf"in lanes {kernels.LANES} as a fifth, not shape \(1, 1, 6, 6, 32\)"):
        plan(x.reshape(1, 1, 6, 6, 32))
    with pytest.raises(
        ValueError, match=r"residual must have the output's shape \(1, \d+, 4, 4, \d+\), not \(1, 16, 4"
    ):
        plan(to_lanes(x), residual=np.ones((1, 16, 4, 4), np.float32), lanes=True)
    with pytest.raises(ValueError, match="18 channels are no multiple of the"):
        to_lanes(np.ones((1, 18, 2, 2), np.float32))
    with pytest.raises(
        ValueError, match=r"'im2col' cannot run this layer: it knows no lanes. Those that can: direct, wi"
    ):
        kernels.Conv2d(weight, algorithm="im2col")(to_lanes(x))
    with pytest.raises(ValueError, match=r"cannot run this layer: 2 channels of a group are no.*Those that can: none"):
        kernels.Conv2d(weight[:, :2], groups=16)(to_lanes(x))
    with pytest.raises(ValueError, match="x must be contiguous"):
        plan.bind(x[..., ::-1], np.ones((1, 16, 4, 4), np.float32))
    assert plan(x[..., ::-1]).shape == (1, 16, 4, 4)  # a call copies it
