"""Sums, conversions, tables and pools of bytes against NumPy, to the bit."""

import itertools

import numpy as np
import pytest
from contract import SIZES
from definitions import POOLS, added, pooled_bytes, steps_of, steps_of_pool, to_bytes

import kernels
from kernels import LANES, from_lanes, to_lanes

TYPES = (np.uint8, np.int8)


def drawn(seed, dtype, shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8).view(dtype)


@pytest.mark.parametrize("types", list(itertools.product(TYPES, repeat=3)))
@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
def test_add(types, activation):
    a_zero, b_zero, y_zero = (dtype(zero) for dtype, zero in zip(types, (5, 100, 20), strict=True))
    scales = np.float32([0.021, 0.013, 0.03])
    for size in SIZES:
        a, b = drawn(size, types[0], size), drawn(size + 1, types[1], size)
        steps = scales[0], a_zero, scales[1], b_zero, scales[2], y_zero
        expected = added(a, b, *steps, activation)
        for threads in (1, 3):
            add = kernels.QLinearAdd(*steps, activation=activation, threads=threads)
            np.testing.assert_array_equal(add(a, b), expected)


def test_sums_are_divided_as_numpy_divides():
    """All pairs of bytes, with scales whose quotients are often halves, any, and beyond what a correction takes."""
    rng, zeros = np.random.default_rng(0), (np.uint8(3), np.uint8(250), np.uint8(128))
    a, b = (np.ascontiguousarray(q.astype(np.uint8).ravel()) for q in np.indices((256, 256)))
    trios = [(1, 1, 2), (0.5, 1, 4), (3, 5, 2), (1, 3, 6), (1, 2**-22, 2)]
    trios += [2.0 ** rng.uniform(-3, 3, 3) for _ in range(60)]
    trios += [np.multiply((3, 5, 7), 2.0**power) for power in (-120, -41, -39, 36, 60, 110)]
    for trio in trios:
        scales = np.float32(trio)
        steps = [part for pair in zip(scales, zeros, strict=True) for part in pair]
        np.testing.assert_array_equal(kernels.QLinearAdd(*steps)(a, b), added(a, b, *steps, None))


@pytest.mark.parametrize("scale", np.float32([0.037, 0.5, 3, 2.0**-39, 2.0**-60, 2.0**39, 2.0**60]))
def test_numbers_are_divided_as_numpy_divides(scale):
    rng = np.random.default_rng(1)
    near = (rng.integers(-260, 261, 5000) + 0.5).astype(np.float32) * scale
    x = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    ends = np.float32([0, -0.0, 1e-45, -1e-45, 1.2e-38, 3.4e38, -3.4e38, np.inf, -np.inf])
    x = np.concatenate([x, rng.standard_normal(5000).astype(np.float32) * 100 * scale, ends])
    with np.errstate(all="ignore"):
        expected = to_bytes(x / scale, np.uint8(100))
    np.testing.assert_array_equal(kernels.QuantizeLinear(scale, np.uint8(100))(x), expected)


@pytest.mark.parametrize("dtype", TYPES)
def test_quantize_and_dequantize(dtype):
    zero, scale = dtype(3), np.float32(0.037)
    for size in SIZES:
        x = np.random.default_rng(size).standard_normal(size).astype(np.float32) * 4
        x[: size // 2] = np.rint(x[: size // 2] / scale / 2) * scale / 2  # halves, nearly
        x[-1] = np.inf if size % 2 else -np.inf
        for threads in (1, 3):
            q = kernels.QuantizeLinear(scale, zero, threads=threads)(x)
            np.testing.assert_array_equal(q, to_bytes(x / scale, zero))
            y = kernels.DequantizeLinear(scale, zero, threads=threads)(q)
            np.testing.assert_array_equal(y, scale * steps_of(q, zero))


def test_a_nan_is_no_byte():
    with pytest.raises(ValueError, match="holds a NaN"):
        kernels.QuantizeLinear(0.1, np.uint8(0))(np.float32([1, np.nan, 2]))


def test_look_up():
    table = drawn(0, np.int8, 256)
    for shape in (1, 31, 64, 256, (3, 1000), 100_001):
        x = drawn(1, np.int8, shape)
        for threads in (1, 3):
            np.testing.assert_array_equal(kernels.LookUp(table, threads=threads)(x), table[x.view(np.uint8)])


@pytest.mark.parametrize(
    ("kind", "shape", "options", "dtype"),
    [(kind, *pool, dtype) for kind in ("maximum", "mean") for pool in POOLS for dtype in TYPES],
)
def test_pools_are_the_definition_in_every_form(kind, shape, options, dtype):
    x, steps = drawn(7, dtype, shape), steps_of_pool(kind, dtype)
    expected = pooled_bytes(kind, x, *steps.values(), **options)
    pool = kernels.QLinearPool(kind, **options, **steps, threads=2)
    np.testing.assert_array_equal(pool(x), expected)
    if shape[1] % LANES == 0:
        np.testing.assert_array_equal(from_lanes(pool(to_lanes(x))), expected)


def test_empty_arrays_and_read_only_ones():
    steps = np.float32(0.5), np.uint8(7)
    assert kernels.QuantizeLinear(*steps)(np.empty((0, 3), np.float32)).shape == (0, 3)
    pool = kernels.QLinearPool("mean", None, *steps, *steps)
    assert pool(np.empty((0, 3, 4, 5), np.uint8)).shape == (0, 3, 1, 1)
    q = drawn(0, np.uint8, 40)
    q.flags.writeable = False
    expected = to_bytes(2 * steps_of(q, steps[1]), steps[1])
    np.testing.assert_array_equal(kernels.QLinearAdd(*steps, *steps, *steps)(q, q), expected)


def test_bad_input():
    steps = np.float32(0.5), np.uint8(7)
    x = np.zeros((1, 2, 3, 3), np.uint8)
    with pytest.raises(TypeError, match=r"x_zero_point must be a numpy.uint8 or numpy.int8, not 7"):
        kernels.DequantizeLinear(0.5, 7)
    with pytest.raises(ValueError, match=r"a_scale must be above 0, not -1"):
        kernels.QLinearAdd(-1.0, *steps[1:], *steps, *steps)
    with pytest.raises(ValueError, match=r"no activation \('leaky_relu', 0.1\); it knows relu and relu6"):
        kernels.QLinearAdd(*steps, *steps, *steps, activation=("leaky_relu", 0.1))
    with pytest.raises(ValueError, match=r"b must have the shape of a, \(1, 2, 3, 3\), not \(1, 2, 3, 1\)"):
        kernels.QLinearAdd(*steps, *steps, *steps)(x, x[..., :1])
    with pytest.raises(TypeError, match="a has dtype int8"):
        kernels.QLinearAdd(*steps, *steps, *steps)(x.view(np.int8), x)
    with pytest.raises(ValueError, match="kind must be 'maximum' or 'mean', not 'median'"):
        kernels.QLinearPool("median", 2, *steps, *steps)
    with pytest.raises(ValueError, match="a maximum has the scale and zero point of x"):
        kernels.QLinearPool("maximum", 2, *steps, 0.25, np.uint8(7))
    with pytest.raises(ValueError, match="table must have 256 bytes, not the shape"):
        kernels.LookUp(x)
    with pytest.raises(ValueError, match="x must be contiguous"):
        kernels.LookUp(np.zeros(256, np.uint8)).bind(x[..., ::2], np.zeros((1, 2, 3, 2), np.uint8))
