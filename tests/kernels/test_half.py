"""Half precision against its bound on the error, and what it refuses."""

import re
from dataclasses import replace

import numpy as np
import pytest
from half_layer import AVAILABLE, SMALL, bound, halves
from layers import Layer

import kernels
from kernels import registry

if not AVAILABLE:
    pytest.skip("no float16 arithmetic here, nor x86-64-v3 to emulate it", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("half_precision")
MORE = [replace(layer, residual=True, activation=("leaky_relu", 0.25)) for layer in SMALL[::5]]


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
    with pytest.raises(TypeError, match=r"weight has dtype float16: .* No float16 arithmetic here"):
        kernels.conv2d(x, weight)
