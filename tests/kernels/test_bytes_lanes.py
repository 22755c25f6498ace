"""Layers on bytes in lanes: the same bits as of plain images, with every activation."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from bytes_layer import Case
from layers import IN_LANES, LAYERS, Layer

import kernels
from kernels import LANES, bytes_filters, from_lanes, to_lanes

FORMS = [(True, False), (False, True), (True, True)]  # of x, of y
TYPES = [(np.uint8, np.int8, np.uint8), (np.int8, np.int8, np.int8)]  # w has no zero point in lanes

CASES = [Case.of(layer, TYPES[i % 2], i, "symmetric") for i, layer in enumerate(IN_LANES)]
on_every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))


def forms_of(plan):
    return [forms for forms in FORMS if plan.takes(*forms)]


def test_forms_there_and_back():
    x = np.arange(2 * 32 * 3 * 5, dtype=np.uint8).reshape(2, 32, 3, 5)
    y = to_lanes(x)
    assert y.shape == (2, 32 // LANES, 3, 5, LANES)
    assert y.dtype == np.uint8
    assert np.array_equal(from_lanes(y), x)


def test_every_form_is_tried():
    assert {forms for case in CASES for forms in forms_of(case.plan())} == set(FORMS)


@on_every_case
@pytest.mark.parametrize("activation", [None, "relu", ("leaky_relu", 0.1)])
def test_same_bits_as_plain(case, activation):
    expected = case.plan(activation)(case.x)
    if activation is None:
        np.testing.assert_array_equal(expected, case.expected)
    plan = case.plan(activation, threads=2)
    for x_lanes, y_lanes in forms_of(plan):
        y = plan(to_lanes(case.x) if x_lanes else case.x, lanes=y_lanes)
        np.testing.assert_array_equal(from_lanes(y) if y_lanes else y, expected)


# A patch of whole rows, one of pieces of a row, and rows that are picked far apart.
PLAIN = [
    *(layer for layer in LAYERS if layer.groups == 1),
    Layer(C=512, K=9, H=4, W=300, stride=2, padding=1),
    Layer(C=500, K=33, H=1, W=700, R=1, S=3),
    Layer(C=20, K=40, H=9, W=200, R=2, S=1, stride=(3, 70)),
]


@pytest.mark.parametrize("form", ["plain", "lanes"])
@pytest.mark.parametrize("layer", PLAIN, ids=str)
def test_plain_images_by_either_kernel(layer, form, monkeypatch):
    """Whichever the prices find faster."""
    monkeypatch.setattr(bytes_filters.Filters, "_form", lambda *_, **__: form)
    for i, types in enumerate(TYPES):
        case = Case.of(layer, types, i, "symmetric")
        plan = case.plan(algorithm="direct", threads=1 + 2 * i)
        np.testing.assert_array_equal(plan(case.x), case.expected)
        assert list(plan._filters._packed) == [form]


def test_every_number_of_channels_and_pixels():
    """Around the sizes of tiles and vectors."""
    for K, width in itertools.product((16, 32, 48, 64), (1, 5, 6, 7, 13, 14, 15, 28, 29)):
        case = Case.of(Layer(C=16, K=K, H=3, W=width, padding=1), TYPES[K // 16 % 2], K * width, "symmetric")
        y = case.plan()(to_lanes(case.x), lanes=True)
        np.testing.assert_array_equal(from_lanes(y), case.expected)


def test_x_stays_and_may_be_read_only():
    case = CASES[0]
    x = to_lanes(case.x)
    x.flags.writeable = False
    plan, y = case.plan(), np.empty_like(to_lanes(case.expected))
    bound = plan.bind(x, y)
    for _ in range(2):
        bound(np.empty(bound.scratch, np.float32))
        np.testing.assert_array_equal(from_lanes(y), case.expected)


def test_bad_input():
    x = np.zeros((1, 32, 4, 4), np.uint8)

    def plan(groups=1, zero=0, channels=32, **options):
        w = np.ones((48, channels // groups, 1, 1), np.int8)
        return kernels.QLinearConv(
            w,
            1.0,
            np.int8(zero),
            x_scale=1.0,
            x_zero_point=0,
            y_scale=1.0,
            y_zero_point=np.uint8(0),
            groups=groups,
            **options,
        )

    for other in (plan(groups=2), plan(zero=3), plan(algorithm="saturating")):
        assert not other.takes(True, True)
        assert other.takes(False, False)
        with pytest.raises(ValueError, match=r"cannot be computed in lanes: .*plain images only"):
            other(to_lanes(x))
    with pytest.raises(ValueError, match="x must be contiguous"):
        plan().bind(x[..., ::2], np.empty((1, 48, 4, 2), np.uint8))
    with pytest.raises(ValueError, match=r"out must have the output's shape \(1, 48, 4, 4\)"):
        plan().bind(x, np.empty((1, 48, 4, 2), np.uint8))
    assert not plan(channels=33).takes(True, False)
    assert plan()(to_lanes(x[:0]), lanes=True).shape == (0, 48 // LANES, 4, 4, LANES)


def test_stored_filters_are_read_once_a_form(monkeypatch):
    monkeypatch.setattr(
        bytes_filters.Filters, "_form", lambda _self, _shape, x_lanes, *_, **__: "lanes" if x_lanes else "plain"
    )
    case, asked = CASES[0], []
    stored = kernels.Stored(case.w.shape, case.w.dtype, lambda: asked.append(1) or case.w)
    plan = replace(case, w=stored).plan()
    for x in (case.x, to_lanes(case.x)) * 2:
        np.testing.assert_array_equal(plan(x), case.expected)
    assert len(asked) == 2
