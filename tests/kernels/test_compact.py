"""Filters that Winograd keeps as they are and transforms in each call, in parts of the input channels."""

import numpy as np
import pytest
from layers import LAYERS, WINOGRAD, Layer

import kernels
from kernels import from_lanes, to_lanes

DEEP = Layer(C=1100, K=70, H=9, W=10, padding=1, groups=2, residual=True)  # several parts on every instruction set
FIT = [layer for layer in (*LAYERS, DEEP) if set(WINOGRAD) <= set(layer.algorithms)]


@pytest.mark.parametrize("algorithm", WINOGRAD)
@pytest.mark.parametrize("layer", FIT, ids=str)
def test_within_the_error_bound(layer, algorithm):
    arrays = layer.arrays()
    layer.check(algorithm, layer.run(algorithm, *arrays, compact=True, threads=2), *arrays)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_nothing_left_in_scratch_reaches_the_result(algorithm):
    x, weight, bias, _ = DEEP.arrays()
    plan = kernels.Conv2d(weight, bias, padding=1, groups=2, algorithm=algorithm, compact=True)
    expected = plan(x)
    plan._arenas.free[0][:] = np.nan
    assert np.array_equal(plan(x), expected)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_every_depth(algorithm):
    for C in range(1, 140):
        Layer(C=C, K=4, H=4, W=5).check_integers(algorithm, compact=True)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_every_form_and_number_of_threads_gives_the_same_bits(algorithm):
    layer = Layer(C=160, K=96, H=13, W=12, padding=1, N=2, bias=False)
    x, weight, _, _ = layer.arrays()
    plans = [
        kernels.Conv2d(weight, padding=1, algorithm=algorithm, threads=threads, compact=True) for threads in (1, 2, 5)
    ]
    expected = plans[0](x)
    for plan in plans:
        assert np.array_equal(plan(x), expected)
        assert np.array_equal(from_lanes(plan(to_lanes(x), lanes=True)), expected)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_memory_of_the_filters_alone(algorithm):
    weight = np.ones((64, 48, 3, 3), np.float32)  # of whole vectors on every instruction set
    compact, whole = (
        kernels.Conv2d(weight, algorithm=algorithm, compact=compact).packed_bytes for compact in (True, False)
    )
    n = int(algorithm[-1]) + 2
    assert compact == weight.nbytes
    assert whole == weight.nbytes * n * n // 9
