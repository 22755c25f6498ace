"""Half precision. This CPU may lack its instructions: the same source, compiled to emulate them, is tested instead.

Bound: a sum of SPILL = 32 products is rounded at each step to 11 bits, u = 2**-11, so it is off by at most 32 u times
the sum of the products' sizes; sums of such sums are in float32. The output is rounded once more.
"""

import importlib
import importlib.util
import re
from dataclasses import replace

import numpy as np
import pytest
from child import guarded, in_child
from layers import LAYERS, Layer

import kernels
from kernels import registry

if importlib.util.find_spec("kernels.half_v3") is None:
    pytest.skip("the compiler does not know AVX512-FP16", allow_module_level=True)

SMALL = [layer for layer in LAYERS if layer.C * layer.H * layer.W * layer.K * layer.R * layer.S < 2e7]
MORE = [replace(layer, residual=True, activation=("leaky_relu", 0.25)) for layer in SMALL[::5]]


@pytest.fixture(autouse=True)
def half_precision(monkeypatch):
    """Use what the CPU runs: its own instructions, or the emulation, which needs x86-64-v3."""
    if not registry.HALF:
        if "v3" not in kernels.isas():
            pytest.skip("the emulation needs x86-64-v3")
        monkeypatch.setattr(registry, "HALF", {"direct": importlib.import_module("kernels.half_v3")})


def halves(layer):
    """Return the layer's arrays, rounded to halves; filters so that outputs are as large as inputs."""
    x, weight, bias, residual = layer.arrays()
    weight = weight / np.sqrt(np.prod(weight.shape[1:]))
    return [None if array is None else array.astype(np.float16) for array in (x, weight, bias, residual)]


def bound(layer, x, weight, bias, residual):
    plain = replace(layer, activation=None)
    size = plain.reference(*(None if array is None else np.abs(array) for array in (x, weight, bias, residual)))
    u = 2.0**-11
    return 33 * u * size + u * np.abs(layer.reference(x, weight, bias, residual)) + 2.0**-24


@pytest.mark.parametrize("layer", [*SMALL, *MORE], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
def test_within_the_bound(layer, threads):
    arrays = halves(layer)
    y = layer.run("direct", *arrays, threads=threads)
    assert y.dtype == np.float16
    assert (np.abs(y - layer.reference(*arrays)) <= bound(layer, *arrays)).all()


def test_integers_are_exact():
    """Sums below 2**11 have no rounding."""
    layer = Layer(C=5, K=20, padding=1)
    x, weight, bias, _ = layer.arrays(integers=True)
    y = layer.run("auto", *(array.astype(np.float16) for array in (x, weight, bias)), None)
    np.testing.assert_array_equal(y, layer.reference(x, weight, bias, None))


@pytest.mark.parametrize("C", [8, 64, 256])
def test_error_is_within_twice_of_what_is_expected(C):
    layer = Layer(C=C, K=16, H=8, W=8, padding=1, bias=False)
    x, weight, _, _ = halves(layer)
    plan = kernels.Conv2d(weight, padding=1)
    (option,) = plan.explain(x.shape).options
    exact = layer.reference(x, weight, None, None)
    error = np.sqrt(((plan(x) - exact) ** 2).mean() / (exact**2).mean())
    assert 0.5 < error / option.error < 2
    assert option.seconds > 0


def compute_between_guards(layer):
    arrays = halves(layer)
    plan = kernels.Conv2d(arrays[1], arrays[2], **layer.window, threads=1)
    expected = plan(arrays[0], residual=arrays[3])
    for at in ("start", "end"):
        plan._arenas.free = [guarded(free, at) for free in plan._arenas.free]
        plan._packed = {name: guarded(packed, at) for name, packed in plan._packed.items()}
        x, residual = guarded(arrays[0], at), guarded(arrays[3], at)
        assert plan(x, out=guarded(expected * 0, at), residual=residual).tobytes() == expected.tobytes()


@pytest.mark.parametrize("layer", [replace(layer, residual=True) for layer in SMALL[::3]], ids=str)
def test_nothing_beyond_the_arrays_is_touched(layer):
    in_child(compute_between_guards, layer)


@pytest.mark.parametrize("layer", SMALL[::3], ids=str)
def test_nothing_left_in_scratch_reaches_the_result(layer):
    x, weight, bias, _ = halves(layer)
    plan = kernels.Conv2d(weight, bias, **layer.window, threads=2)
    expected = plan(x).tobytes()
    for poison in (np.nan, np.inf, -1):
        plan._arenas.free[0][:] = poison
        assert plan(x).tobytes() == expected


def test_all_arrays_have_one_dtype():
    x, weight, bias, _ = halves(Layer())
    for arrays, message in (
        ((x.astype(np.float32), weight, bias), "x has dtype float32, not float16"),
        ((x, weight.astype(np.float32), bias), "bias has dtype float16"),
        ((x, weight, bias.astype(np.float32)), "bias has dtype float32, not float16"),
    ):
        with pytest.raises(TypeError, match=re.escape(message)):
            kernels.conv2d(*arrays)
    with pytest.raises(ValueError, match="'winograd_f4' is unknown; choose auto, direct"):
        kernels.conv2d(x, weight, bias, algorithm="winograd_f4")
    assert kernels.algorithms(x.shape, weight.shape, dtype="float16") == ("direct",)


def test_without_the_instructions_it_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "HALF", {})
    x, weight, _, _ = halves(Layer())
    with pytest.raises(TypeError, match=r"weight has dtype float16: .* This CPU has no AVX512-FP16"):
        kernels.conv2d(x, weight)
