"""Images in lanes: the same bits as of plain ones, in the same bounds of memory, on every number of threads."""

import itertools

import numpy as np
import pytest
from child import guarded, in_child
from layers import Layer, on_every

import kernels
from kernels import from_lanes, to_lanes

FORMS = [(True, False), (False, True), (True, True)]  # of x, of y
PLAIN = ("naive", "im2col")  # know no lanes

# Channels are multiples of 16, the lanes of the widest instruction set.
LAYERS = [
    Layer(C=32, K=48, H=6, W=7, R=1, S=1, N=2),  # x is read where it lies
    Layer(C=16, K=16, H=9, W=40, R=3, S=2),  # this one too
    Layer(C=16, K=32, H=8, W=9, R=1, S=1, stride=2),
    Layer(C=48, K=16, H=13, W=12, padding=1, N=2),
    Layer(C=32, K=64, H=11, W=14, padding=(0, 2, 1, 0), groups=2),
    Layer(C=16, K=48, H=12, W=19, R=5, S=3, stride=(2, 3), padding=(1, 4, 2, 3), dilation=(2, 1)),
    Layer(C=16, K=16, H=5, W=6, padding=4, stride=7),  # whole outputs are nothing but bias
    Layer(C=32, K=32, H=10, W=90, padding=1, groups=32, N=2),  # depthwise
    Layer(C=16, K=16, H=9, W=7, R=5, S=5, stride=2, padding=2, groups=16),
    Layer(C=256, K=80, H=40, W=40, padding=1),  # more than one block of pixels
    Layer(C=3, K=32, H=17, W=18, padding=1),  # only y has lanes
    Layer(C=32, K=5, H=8, W=8, padding=1, activation=("leaky_relu", 0.1)),  # only x has lanes
]


def plan_of(layer, algorithm, threads=1):
    _, weight, bias, _ = layer.arrays()
    options = {"activation": layer.activation, "algorithm": algorithm, "threads": threads}
    return kernels.Conv2d(weight, bias, **layer.window, **options)


def turned(layer, x_lanes, y_lanes):
    """Return x and a residual in these forms; the residual is 1/8 of an output's numbers, drawn anew."""
    x, weight, _, _ = layer.arrays()
    shape = kernels.conv2d(x, weight, **layer.window).shape
    residual = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    return to_lanes(x) if x_lanes else x, to_lanes(residual) if y_lanes else residual


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
    tried = {(name, forms) for layer in LAYERS for name in layer.algorithms for forms in forms_of(layer, name)}
    assert tried == set(itertools.product(("direct", "winograd_f2", "winograd_f4", "winograd_f6"), FORMS))


@on_every(LAYERS)
def test_same_bits_as_plain(layer, algorithm):
    plan = plan_of(layer, algorithm)
    x, residual = turned(layer, False, False)
    expected = plan(x, residual=residual)
    for x_lanes, y_lanes in forms_of(layer, algorithm):
        x, residual = turned(layer, x_lanes, y_lanes)
        y = plan(x, residual=residual, lanes=y_lanes)
        assert (from_lanes(y) if y_lanes else y).tobytes() == expected.tobytes()
        out = np.full(y.shape, np.nan, np.float32)
        for threads in (2, 3, 7):
            again = plan_of(layer, algorithm, threads)(x, out, residual)
            assert again is out
            assert out.tobytes() == y.tobytes()


def compute_between_guards(layer, algorithm):
    plan = plan_of(layer, algorithm)
    for x_lanes, y_lanes in forms_of(layer, algorithm):
        x, residual = turned(layer, x_lanes, y_lanes)
        expected = plan(x, residual=residual, lanes=y_lanes)
        for at in ("start", "end"):
            arrays = guarded(x, at), guarded(expected * 0, at), guarded(residual, at)
            bound = plan.bind(*arrays)
            bound(guarded(np.full(bound.scratch, np.nan, np.float32), at))
            assert arrays[1].tobytes() == expected.tobytes()


@on_every(LAYERS)
def test_nothing_beyond_the_arrays_is_touched(layer, algorithm):
    """Scratch is poisoned too."""
    in_child(compute_between_guards, layer, algorithm)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
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
