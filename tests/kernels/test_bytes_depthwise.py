"""Depthwise layers on bytes: exact in every form of image, and nothing beyond the arrays is touched."""

import itertools

import numpy as np
import pytest
from bytes_layer import MIXES, Case
from child import guarded, in_child
from layers import Layer

from kernels import LANES, from_lanes, to_lanes

SIZES = [(3, 3), (5, 5), (7, 2), (1, 4)]  # the first two have loops of their own
LAYERS = [
    Layer(C=C, K=C, groups=C, R=R, S=S, H=13, W=17, stride=stride, padding=padding, dilation=dilation)
    for (R, S), stride, (padding, C, dilation) in itertools.product(
        SIZES, (1, 2, 3), (((1, 2, 0, 3), 32, 1), (2, 19, 1), (6, 3, (1, 2)), (0, 16, 1))
    )
] + [
    Layer(C=144, K=144, groups=144, H=56, W=56, padding=1, stride=2),  # several blocks of rows
    Layer(C=16, K=16, groups=16, H=3, W=600, padding=1, N=2),
    Layer(C=48, K=48, groups=48, H=1, W=1, padding=1),
]
CASES = [Case.of(layer, MIXES[i % 8], i, "symmetric") for i, layer in enumerate(LAYERS)]
CASES = [case for case in CASES if not (case.w.dtype == np.uint8 and case.w_zero_point.any())]
on_every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))


@on_every_case
@pytest.mark.parametrize("activation", [None, "relu6", ("leaky_relu", 0.1)])
def test_exact_in_every_form(case, activation):
    expected = case.activated(activation)
    for threads in (1, 3):
        plan = case.plan(activation, threads=threads)
        np.testing.assert_array_equal(plan(case.x), expected)
        for x_lanes, y_lanes in ((True, False), (False, True), (True, True)):
            assert plan.takes(x_lanes, y_lanes) == (case.w.dtype == np.int8 and case.layer.C % LANES == 0)
            if plan.takes(x_lanes, y_lanes):
                y = plan(to_lanes(case.x) if x_lanes else case.x, lanes=y_lanes)
                np.testing.assert_array_equal(from_lanes(y) if y_lanes else y, expected)


def compute_between_guards(case):
    plan = case.plan()
    for at, poison in (("start", 1e30), ("end", np.nan)):
        x, y = guarded(case.x, at), guarded(case.expected * 0, at)
        bound = plan.bind(x, y)
        bound(guarded(np.full(bound.scratch, poison, np.float32), at))
        assert y.tobytes() == case.expected.tobytes()


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: str(case.layer))
def test_nothing_beyond_the_arrays_is_touched_nor_scratch_read(case):
    in_child(compute_between_guards, case)
