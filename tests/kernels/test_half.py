"""Floats of 16 bits against their bounds on the error, bfloat16 to the bit, and what they refuse."""

import importlib
import re
from dataclasses import replace

import numpy as np
import pytest
from half_layer import AVAILABLE, EMULATED, SMALL, bound, emulation, halves, type_of, wide
from layers import Layer

import kernels
from kernels import registry

if not AVAILABLE:
    pytest.skip("no arithmetic of 16-bit floats here, nor x86-64-v3 to emulate it", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("half_precision")
MORE = [replace(layer, residual=True, activation=("leaky_relu", 0.25)) for layer in SMALL[::5]]
of_both = pytest.mark.parametrize("dtype", AVAILABLE)
of_bfloat16 = pytest.mark.skipif("bfloat16" not in AVAILABLE, reason="no bfloat16 here, nor x86-64-v3 to emulate it")


@pytest.mark.parametrize("layer", [*SMALL, *MORE], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
@of_both
def test_within_the_bound(layer, threads, dtype):
    arrays = halves(layer, dtype)
    y = layer.run("direct", *arrays, threads=threads)
    assert y.dtype.name == dtype
    assert (np.abs(y.astype(float) - layer.reference(*wide(arrays))) <= bound(layer, *arrays)).all()


@of_both
def test_integers_are_exact(dtype):
    """Sums below 2**11 have no rounding; of bfloat16 the sums are right, and what is written is rounded to 8 bits."""
    layer = Layer(C=5, K=20, padding=1)
    x, weight, bias, _ = layer.arrays(integers=True)
    y = layer.run("auto", *(array.astype(type_of(dtype)) for array in (x, weight, bias)), None)
    np.testing.assert_array_equal(y, layer.reference(x, weight, bias, None).astype(type_of(dtype)))


@pytest.mark.parametrize("C", [8, 64, 256])
@of_both
def test_error_is_within_twice_of_what_is_expected(C, dtype):
    layer = Layer(C=C, K=16, H=8, W=8, padding=1, bias=False)
    x, weight, _, _ = halves(layer, dtype)
    plan = kernels.Conv2d(weight, padding=1)
    (option,) = plan.explain(x.shape).options
    exact = layer.reference(*wide((x, weight, None, None)))
    error = np.sqrt(((plan(x).astype(float) - exact) ** 2).mean() / (exact**2).mean())
    assert 0.5 < error / option.error < 2
    assert option.seconds > 0


@of_both
def test_all_arrays_have_one_dtype(dtype):
    x, weight, bias, _ = halves(Layer(), dtype)
    for arrays, message in (
        ((x.astype(np.float32), weight, bias), f"x has dtype float32, not {dtype} as weight has"),
        ((x, weight.astype(np.float32), bias), f"bias has dtype {dtype}"),
        ((x, weight, bias.astype(np.float32)), f"bias has dtype float32, not {dtype}"),
    ):
        with pytest.raises(TypeError, match=re.escape(message)):
            kernels.conv2d(*arrays)
    with pytest.raises(ValueError, match="'winograd_f4' is unknown; choose auto, direct"):
        kernels.conv2d(x, weight, bias, algorithm="winograd_f4")
    assert kernels.algorithms(x.shape, weight.shape, dtype=x.dtype) == ("direct",)


@of_both
def test_without_the_instructions_it_is_refused(monkeypatch, dtype):
    monkeypatch.setattr(registry, "SHORT", {})
    x, weight, _, _ = halves(Layer(), dtype)
    with pytest.raises(TypeError, match=rf"weight has dtype {dtype}: .* No {dtype} arithmetic here"):
        kernels.conv2d(x, weight)


@of_both
def test_peak_counts_the_multiply_adds(dtype):
    """Twelve vectors in a round, with as many products as 16-bit numbers fit into them."""
    module = emulation()[dtype]["direct"]
    lanes = 16 if module.__name__.rpartition("_")[2].startswith(("bf16", "fp16")) else 8
    assert module.multiply_adds(100) in (12 * 2 * lanes * 100, 12 * 8 * 100)


@of_bfloat16
@pytest.mark.parametrize("C", [1, 2, 7, 64, 333])
@pytest.mark.parametrize("spread", [0, 6])
def test_bfloat16_is_the_instruction_to_the_bit(monkeypatch, C, spread):
    """Where the CPU has the instruction it and its emulation are held against NumPy's account of it."""
    layer = Layer(C=C, K=40, H=1, W=1, R=1, S=1, N=3, bias=False, spread=spread)
    x, weight, _, _ = halves(layer, "bfloat16")
    expected = pairs(*wide((x[:, None, :, 0, 0], weight[None, :, :, 0, 0])))
    for algorithms in (emulation()["bfloat16"], {"direct": importlib.import_module(EMULATED["bfloat16"])}):
        monkeypatch.setattr(registry, "SHORT", {"bfloat16": algorithms})
        np.testing.assert_array_equal(float32_sums(x, weight), expected)


def float32_sums(x, weight):
    """Return the sums (N, K) in float32 that the output is rounded from: what each rounding left is asked for again."""
    found = []
    for n in range(len(x)):
        first = kernels.conv2d(x[n : n + 1], weight)
        second = kernels.conv2d(x[n : n + 1], weight, -first[0, :, 0, 0])
        third = kernels.Conv2d(weight, -first[0, :, 0, 0])(x[n : n + 1], residual=-second)
        found.append(sum(part.astype(float) for part in (first, second, third))[0, :, 0, 0])
    return np.float32(found)


def pairs(x, w):
    """Return sums of products over the last axis as vdpbf16ps makes them: of each pair the second number first."""
    shape = np.broadcast_shapes(x.shape, w.shape)
    more = [(0, 0), (0, 0), (0, shape[-1] % 2)]
    x, w, total = np.pad(x, more), np.pad(w, more), np.zeros(shape[:-1], np.float32)
    for c in range(0, shape[-1], 2):
        total = fused(fused(total, x[..., c + 1], w[..., c + 1]), x[..., c], w[..., c])
    return total


def fused(total, x, w):
    """Return total + x*w, rounded once to float32. The sum in float64 is made odd where it is not exact: so its own
    rounding cannot meet a tie of float32."""
    product, term = x.astype(float) * w, total.astype(float)
    y = product + term
    lost = (product - (y - (y - product))) + (term - (y - product))
    even = y.view(np.int64) % 2 == 0
    y = np.where((lost != 0) & even, np.nextafter(y, np.copysign(np.inf, lost)), y).astype(np.float32)
    return np.where(np.abs(y) < 2.0**-126, np.copysign(np.float32(0), y), y)


@of_bfloat16
@pytest.mark.parametrize(("x", "w"), [(2.0**-130, 2.0**100), (2.0**100, 2.0**-130), (2.0**-70, 2.0**-60)])
def test_subnormal_numbers_and_products_are_zero_in_bfloat16(x, w):
    """A float32 would hold each of the products."""
    x, w = (np.full((1, 2, 1, 1), number, np.float32).astype(type_of("bfloat16")) for number in (x, w))
    assert x.all()
    assert w.all()
    assert not kernels.conv2d(x, w).any()


@of_bfloat16
def test_infinities_and_nans_stay_what_they_are():
    x = np.float32([np.inf, -np.inf, np.nan, 1]).reshape(1, 1, 1, 4).astype(type_of("bfloat16"))
    y = kernels.conv2d(x, np.ones((1, 1, 1, 1), x.dtype)).astype(np.float32)
    np.testing.assert_array_equal(y, np.float32([np.inf, -np.inf, np.nan, 1]).reshape(1, 1, 1, 4))
