"""Arguments of a wrong type or value: the integer kernels' errors name them."""

import re

import numpy as np
import pytest

import kernels

X, W = np.zeros((1, 3, 6, 6), np.uint8), np.zeros((4, 3, 3, 3), np.int8)
SCALES = {"x_scale": 0.1, "x_zero_point": 3, "y_scale": 0.1, "y_zero_point": np.uint8(0)}


def call(**changed):
    """Build and run a plan with some arguments changed."""
    options = {"x": X, "w": W, "w_scale": 0.1, "w_zero_point": 0, **SCALES, **changed}
    x, w, w_scale, w_zero_point = (options.pop(name) for name in ("x", "w", "w_scale", "w_zero_point"))
    out = options.pop("out", None)
    return kernels.QLinearConv(w, w_scale, w_zero_point, **options)(x, out=out)


BAD = [
    ({"x": X.astype(np.float32)}, TypeError, "x has dtype float32, not uint8 or int8"),
    ({"x": X.tolist()}, TypeError, "x must be a NumPy array, not list"),
    ({"x": X[0]}, ValueError, "x must have four dimensions"),
    ({"x": X[:, :2]}, ValueError, "x has 2 channels"),
    ({"w": W.astype(np.int16)}, TypeError, "w has dtype int16"),
    ({"w": W[0]}, ValueError, "weight must have four dimensions"),
    ({"w_scale": -1.0}, ValueError, "w_scale must be at least 0, not -1.0"),
    ({"w_scale": np.nan}, ValueError, "w_scale must be finite"),
    ({"w_scale": np.ones(3, np.float32)}, ValueError, "one for each of the 4 output channels, not of shape (3,)"),
    ({"x_scale": np.inf}, ValueError, "x_scale must be finite"),
    ({"x_scale": np.ones(4, np.float32)}, ValueError, "x_scale must be one number, not of shape (4,)"),
    ({"y_scale": 0}, ValueError, "y_scale must be above 0"),
    ({"x_scale": 1e-30, "w_scale": 1e-30}, ValueError, "leaves the range of float32"),
    ({"x_zero_point": 256}, ValueError, "x_zero_point must be in the range of uint8, 0 to 255, not 256"),
    ({"x_zero_point": -1}, ValueError, "x_zero_point must be in the range of uint8, 0 to 255, not -1"),
    ({"x_zero_point": 0.5}, TypeError, "x_zero_point must be an integer, not 0.5"),
    ({"w_zero_point": 200}, ValueError, "w_zero_point must be in the range of int8, -128 to 127, not 200"),
    ({"w_zero_point": np.zeros(3, np.int8)}, ValueError, "w_zero_point must be one integer, or one for each of the 4"),
    ({"y_zero_point": 0}, TypeError, "y_zero_point must be a numpy.uint8 or numpy.int8"),
    ({"y_zero_point": np.int32(0)}, TypeError, "y_zero_point must be a numpy.uint8 or numpy.int8"),
    ({"bias": np.zeros(4, np.float32)}, TypeError, "bias has dtype float32, not int32"),
    ({"bias": np.zeros(3, np.int32)}, ValueError, "bias must have shape (4,)"),
    (
        {"algorithm": "im2col"},
        ValueError,
        "'im2col' is unknown; choose auto, direct, saturating, ",
    ),
    ({"threads": 0}, ValueError, "threads must be at least 1, not 0"),
    ({"groups": 3}, ValueError, "groups=3 does not divide the 4 output channels"),
    ({"activation": "tanh"}, ValueError, "activation must be"),
    ({"out": np.zeros((1, 4, 4, 4), np.int8)}, TypeError, "out has dtype int8, not uint8"),
    ({"out": np.zeros((1, 4, 4, 3), np.uint8)}, ValueError, "out must have the output's shape (1, 4, 4, 4)"),
]


@pytest.mark.parametrize(("changed", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_argument(changed, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call(**changed)


def test_the_arguments_beside_the_bad_ones_are_good():
    assert call().shape == (1, 4, 4, 4)


def test_empty_batch():
    assert call(x=X[:0]).shape == (0, 4, 4, 4)
    assert kernels.conv_integer(X[:0], W).shape == (0, 4, 4, 4)


def test_conv_integer_names_its_arguments():
    with pytest.raises(ValueError, match="x_zero_point must be in the range of uint8"):
        kernels.conv_integer(X, W, 300)
    with pytest.raises(TypeError, match="x has dtype float32"):
        kernels.conv_integer(X.astype(np.float32), W)
    assert kernels.conv_integer(X, W).dtype == np.int32


@pytest.mark.parametrize("dtype", ["uint8", np.int8])
def test_algorithms_of_bytes(dtype):
    names = ("direct", "saturating", "winograd_f2", "winograd_f4")
    assert kernels.algorithms(X.shape, W.shape, dtype=dtype) == names
