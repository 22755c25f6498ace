"""Where the integer kernels read and write, threads, and a fork: as test_memory.py and test_threads.py for floats."""

import numpy as np
import pytest
from bytes_layer import CASES, MIXES, Case
from child import guarded, in_child
from layers import Layer

import kernels
from kernels import thread_pool

on_every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))


def compute_between_guards(case):
    plan, expected = case.plan(), case.expected
    plan(case.x)
    filters = plan._filters
    for at in ("start", "end"):
        filters._arenas.free = [guarded(free, at) for free in filters._arenas.free]
        filters._packed = {form: guarded(np.asarray(packed), at) for form, packed in filters._packed.items()}
        plan._scale = guarded(plan._scale, at)
        y = plan(guarded(case.x, at), out=guarded(expected * 0, at))
        assert y.tobytes() == expected.tobytes()


@on_every_case
def test_nothing_beyond_the_arrays_is_touched(case):
    in_child(compute_between_guards, case)


@on_every_case
def test_nothing_left_in_scratch_reaches_the_result(case):
    plan = case.plan(threads=2)
    expected = plan(case.x).tobytes()
    for poison in (-1, 0x7F7F7F7F, 0):
        plan._filters._arenas.free[0][:] = poison
        assert plan(case.x).tobytes() == expected


@on_every_case
def test_memory_around_out_stays(case):
    expected, margin = case.expected, 100
    buffer = np.full(expected.size + 2 * margin, 77, expected.dtype)
    out = buffer[margin:-margin].reshape(expected.shape)
    assert case.plan(threads=3)(case.x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    out[:] = 77
    assert (buffer == 77).all()


@on_every_case
def test_same_bits_for_every_number_of_threads(case):
    alone = case.plan()(case.x).tobytes()
    for threads in (2, 3, 7, None):
        assert case.plan(threads=threads)(case.x).tobytes() == alone


def test_inputs_stay_and_may_be_views():
    case = Case.of(Layer(C=6, K=7, padding=1), MIXES[1], 1)
    wide = np.repeat(case.x, 2, axis=3)
    before = wide.tobytes()
    np.testing.assert_array_equal(case.plan()(wide[..., ::2]), case.expected)
    assert wide.tobytes() == before


def call_in_child(plan, case):
    assert thread_pool.helpers() == 0
    np.testing.assert_array_equal(plan(case.x), case.expected)
    assert thread_pool.helpers() == 1


def test_child_computes_with_threads():
    case = Case.of(Layer(C=8, K=70, H=24, W=24, padding=1), MIXES[1], 0)
    plan = case.plan(threads=2)
    plan(case.x)
    assert thread_pool.helpers() > 0
    in_child(call_in_child, plan, case)


def test_what_does_not_depend_on_x_is_summed_once_however_many_plans_there_are():
    x, plans = np.zeros((1, 4, 5, 5), np.uint8), []
    for _ in range(6):
        plan = kernels.QLinearConv(
            np.ones((8, 4, 3, 3), np.int8), 1.0, 0, x_scale=1.0, x_zero_point=7, y_scale=1.0, y_zero_point=np.uint8(0)
        )
        plan(x)
        plans.append(plan)
    kept = [plan._filters._offset(7) for plan in plans]
    for plan, offset in zip(plans, kept, strict=True):
        plan(x)
        assert plan._filters._offset(7) is offset
