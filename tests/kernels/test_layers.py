"""Every algorithm against the definition in float64, on layers chosen to be different."""

import numpy as np
import pytest
from layers import ALGORITHMS, LAYERS, ROUNDING, WINOGRAD, Layer, on_every

import kernels


@on_every(LAYERS)
def test_within_the_error_bound(layer, algorithm):
    arrays = layer.arrays()
    layer.check(algorithm, layer.run(algorithm, *arrays, threads=2), *arrays)


@pytest.mark.parametrize(
    ("algorithm", "usual"),
    [
        *((name, 4.3e-7) for name in ALGORITHMS),
        ("winograd_f2", 3.1e-7),  # its sums are 9 times shorter
        ("winograd_f4", 8.6e-7),
        ("winograd_f6", 3.5e-6),
    ],
)
def test_usual_error(algorithm, usual):
    """The root of the mean squared error, relative, on 128 channels of a network: the worst case is 1000 times it."""
    layer = Layer(C=128, K=32, H=28, W=28, padding=1, bias=False)
    x, weight, _, _ = layer.arrays()
    x, weight = np.maximum(x, 0), weight / np.float32(24)  # after a ReLU; with He's variance, 2 / (128 * 9)
    exact = layer.reference(x, weight, None, None)
    error = layer.run(algorithm, x, weight, None, None) - exact
    assert usual / 3 < np.sqrt((error**2).mean() / (exact**2).mean()) < usual * 1.3


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_automatic_choice(layer):
    arrays = layer.arrays()
    layer.check("auto", layer.run("auto", *arrays), *arrays)


@on_every(LAYERS)
def test_small_integers_are_exact(layer, algorithm):
    layer.check_integers(algorithm)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_small_integers_give_the_same_bits(layer):
    arrays = layer.arrays(integers=True)
    results = {layer.run(name, *arrays).tobytes() for name in layer.algorithms if name not in ROUNDING}
    assert len(results) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_conv2d_is_conv2d_planned(algorithm):
    layer = Layer(C=4, K=6, groups=2, stride=2, padding=(0, 1, 2, 1), dilation=2, activation="relu")
    x, weight, bias, _ = layer.arrays()
    y = kernels.conv2d(x, weight, bias, **layer.window, activation="relu", algorithm=algorithm, threads=1)
    assert y.tobytes() == layer.run(algorithm, x, weight, bias, None).tobytes()


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
def test_empty_batch(algorithm):
    layer = Layer(N=0, padding=1, residual=True)
    y = layer.run(algorithm, *layer.arrays())
    assert y.shape == (0, 5, 10, 11)
    assert y.dtype == np.float32


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_padding_of_two_and_four_numbers(algorithm):
    """(2, 1) is (top and bottom, left and right); ONNX's order of four is (top, left, bottom, right)."""
    x, weight, _, _ = Layer().arrays()
    short = kernels.conv2d(x, weight, padding=(2, 1), algorithm=algorithm)
    assert short.tobytes() == kernels.conv2d(x, weight, padding=(2, 1, 2, 1), algorithm=algorithm).tobytes()
    by_hand = np.pad(x, ((0, 0), (0, 0), (1, 3), (2, 4)))
    y = kernels.conv2d(x, weight, padding=(1, 2, 3, 4), algorithm=algorithm)
    assert y.tobytes() == kernels.conv2d(by_hand, weight, algorithm=algorithm).tobytes()
