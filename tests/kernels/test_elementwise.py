"""Activations and products with a number a channel, number by number, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from contract import SIZES

import kernels
from kernels import from_lanes, to_lanes

SLOPE = np.float32(0.2)
DEFINITIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    ("leaky_relu", SLOPE.item()): lambda x: np.where(x < 0, np.float64(SLOPE) * x, x),
    ("hard_sigmoid", SLOPE.item()): lambda x: np.clip(np.float64(SLOPE) * x + 0.5, 0, 1),
}
NEAR = 8 * 2.0**-24  # e^x is off by a few units in the last place; so is a sum that nearly vanishes


@pytest.mark.parametrize("activation", DEFINITIONS, ids=str)
def test_activation(activation: object) -> None:
    for size in SIZES:
        x = 10 * np.random.default_rng(size).standard_normal(size, np.float32)
        expected = DEFINITIONS[activation](x.astype(np.float64))  # type: ignore[index]
        for threads in (1, 3):
            y = kernels.Activate(activation, threads=threads)(x)  # type: ignore[arg-type]
            assert (np.abs(y - expected) <= NEAR * np.maximum(np.abs(expected), np.abs(x) * 2.0**-3)).all()


@pytest.mark.parametrize("activation", DEFINITIONS, ids=str)
def test_far_numbers(activation: object) -> None:
    x = np.float32([-3e38, -1e4, -200, -88, 0, 88, 200, 1e4, np.nan])
    y = kernels.Activate(activation)(x)  # type: ignore[arg-type]
    assert np.isnan(y[-1])
    with np.errstate(over="ignore"):
        expected = DEFINITIONS[activation](x[1:-1].astype(np.float64))  # type: ignore[index]
    np.testing.assert_allclose(y[1:-1], expected, rtol=1e-6, atol=2e-34)


@pytest.mark.parametrize(
    "shape", [(1, 16, 7, 7), (2, 32, 5, 9), (3, 16, 1, 1), (1, 3, 130, 130), (1, 0, 2, 2)], ids=str
)
def test_scale(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    x, factor = draw.standard_normal(shape, np.float32), draw.standard_normal((*shape[:2], 1, 1), np.float32)
    for threads in (1, 3):
        scale = kernels.ScaleChannels(threads=threads)
        np.testing.assert_array_equal(scale(x, factor), x * factor)
        if shape[1] and shape[1] % kernels.LANES == 0:
            np.testing.assert_array_equal(from_lanes(scale(to_lanes(x), to_lanes(factor))), x * factor)


@pytest.mark.parametrize("shape", [(1, 16, 7, 7), (2, 32, 5, 9), (1, 3, 130, 130)], ids=str)
def test_scale_below_zero(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    x, factor = draw.standard_normal(shape, np.float32), draw.standard_normal((*shape[:2], 1, 1), np.float32)
    x[0, 0, 0, :4] = -0.0, np.nan, np.inf, -np.inf
    expected = np.where(x < 0, x * factor, x)
    for threads in (1, 3):
        scale = kernels.ScaleChannels(below_zero=True, threads=threads)
        np.testing.assert_array_equal(scale(x, factor), expected)
        if shape[1] % kernels.LANES == 0:
            np.testing.assert_array_equal(from_lanes(scale(to_lanes(x), to_lanes(factor))), expected)


@pytest.mark.parametrize("shape", [(1,), (3, 16), (2, 5, 17), (40, 1000), (2, 0), (0, 3)], ids=str)
def test_softmax(shape: tuple[int, ...]) -> None:
    x = 10 * np.random.default_rng(1).standard_normal(shape, np.float32)
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    for threads in (1, 3):
        y = kernels.Softmax(threads=threads)(x)
        np.testing.assert_allclose(y, e / e.sum(axis=-1, keepdims=True), rtol=3e-6, atol=1e-30)


def test_softmax_of_far_numbers() -> None:
    x = np.float32([[-np.inf, 0, 0], [-3e38, 3e38, 1], [np.nan, 0, 1], [np.inf, 0, 1]])
    y = kernels.Softmax()(x)
    np.testing.assert_allclose(y[:2], [[0, 0.5, 0.5], [0, 1, 0]], atol=1e-30)
    assert np.isnan(y[2]).all()
    assert np.isnan(y[3, 0])
    with pytest.raises(ValueError, match="x must have an axis"):
        kernels.Softmax()(np.zeros((), np.float32))


def test_what_does_not_fit() -> None:
    x = np.zeros((1, 4, 3, 3), np.float32)
    with pytest.raises(
        ValueError, match=r"one number for each channel of x, \(1, 4, 3, 3\), not the shape \(1, 3, 1, 1\)"
    ):
        kernels.ScaleChannels()(x, np.zeros((1, 3, 1, 1), np.float32))
    with pytest.raises(ValueError, match="activation must be one of None, 'relu', 'relu6'"):
        kernels.Activate("tanh")  # type: ignore[arg-type]
    steps = np.float32(1), np.uint8(0)
    with pytest.raises(ValueError, match="a layer on bytes has no activation 'silu'"):
        kernels.QLinearAdd(*steps, *steps, *steps, activation="silu")
