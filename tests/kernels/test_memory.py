"""Where the kernels read and write: never outside of the arrays, and nothing that an earlier call left in scratch.

These tests know two attributes of a plan: _arenas, whose list `free` is its scratch, and _packed, its weights by
algorithm.
"""

import ctypes
import faulthandler
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from child import guarded, in_child
from layers import ALGORITHMS, LAYERS, WINOGRAD, Layer, on_every

import kernels

RESIDUAL_LAYERS = [replace(layer, residual=True) for layer in LAYERS]


def plan_of(layer, algorithm, weight, bias, threads, compact=False):
    return kernels.Conv2d(weight, bias, **layer.window, algorithm=algorithm, threads=threads, compact=compact)


def compute_between_guards(layer, algorithm, compact=False):
    x, weight, bias, residual = layer.arrays()
    plan = plan_of(layer, algorithm, weight, bias, threads=1, compact=compact)
    expected = plan(x, residual=residual)
    for at in ("start", "end"):
        (arena,) = plan._arenas.free = [guarded(free, at) for free in plan._arenas.free]
        plan._packed = {name: guarded(np.asarray(packed), at) for name, packed in plan._packed.items()}
        plan._bias = guarded(plan._bias, at)
        y = plan(guarded(x, at), out=guarded(expected * 0, at), residual=guarded(residual, at))
        assert y.tobytes() == expected.tobytes()
        assert plan._arenas.free[0] is arena  # the call used the guarded scratch


@on_every(RESIDUAL_LAYERS)
def test_nothing_beyond_the_arrays_is_touched(layer, algorithm):
    """Images, packed weights, bias, residual, output and scratch lie against pages that end the process if touched."""
    in_child(compute_between_guards, layer, algorithm)


@pytest.mark.parametrize("algorithm", WINOGRAD)
@pytest.mark.parametrize("layer", [layer for layer in RESIDUAL_LAYERS if "winograd_f4" in layer.algorithms], ids=str)
def test_nothing_beyond_the_arrays_is_touched_by_compact_filters(layer, algorithm):
    in_child(compute_between_guards, layer, algorithm, True)


def read_beside_guarded(at, beyond):
    faulthandler.disable()  # this crash is wanted
    ctypes.string_at(guarded(np.zeros(3, np.float32), at).ctypes.data + beyond, 1)


@pytest.mark.parametrize(("at", "beyond"), [("start", -1), ("end", 12)])
def test_guard_ends_the_process(at, beyond):
    """The test above is worth nothing if a guard lets a read pass."""
    with pytest.raises(pytest.fail.Exception, match="SIGSEGV"):
        in_child(read_beside_guarded, at, beyond)


@on_every(RESIDUAL_LAYERS)
def test_memory_around_out_stays(layer, algorithm):
    """As above for several threads: out lies within a larger buffer of NaNs."""
    x, weight, bias, residual = layer.arrays()
    plan = plan_of(layer, algorithm, weight, bias, threads=3)
    expected = plan(x, residual=residual)
    margin = 100
    buffer = np.full(expected.size + 2 * margin, np.nan, np.float32)
    before = buffer.tobytes()
    out = buffer[margin:-margin].reshape(expected.shape)
    assert plan(x, out=out, residual=residual) is out
    assert out.tobytes() == expected.tobytes()
    out[:] = np.nan
    assert buffer.tobytes() == before


@on_every(LAYERS)
def test_nothing_left_in_scratch_reaches_the_result(layer, algorithm):
    x, weight, bias, _ = layer.arrays()
    plan = plan_of(layer, algorithm, weight, bias, threads=2)
    expected = plan(x)
    assert len(plan._arenas.free) == 1
    for poison in (np.nan, np.inf, 1e30):
        plan._arenas.free[0][:] = poison
        assert plan(x).tobytes() == expected.tobytes()


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_inputs_stay(algorithm):
    arrays = Layer(padding=1, residual=True).arrays()
    before = [array.tobytes() for array in arrays]
    Layer(padding=1).run(algorithm, *arrays, threads=2)
    assert [array.tobytes() for array in arrays] == before


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
def test_second_call_allocates_nothing(algorithm):
    layer = Layer(C=16, K=32, H=64, W=64, padding=1, residual=True)
    x, weight, bias, residual = layer.arrays()
    plan = plan_of(layer, algorithm, weight, bias, threads=2)
    out = plan(x, residual=residual)
    tracemalloc.start()
    try:
        plan(x, out=out, residual=residual)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4096  # Python's own objects; the smallest array of the layer has 64 numbers, the output 131,072
