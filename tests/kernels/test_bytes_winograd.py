"""Winograd on bytes is exact: no bit differs from the sums of products; beyond its bound it is refused."""

from dataclasses import replace

import numpy as np
import pytest
from bytes_layer import MIXES, Case, moderate
from child import guarded, in_child
from layers import Layer

import kernels
from kernels import LANES, bytes_filters, bytes_winograd, from_lanes, to_lanes
from kernels.bytes_choice import WINOGRAD

on_both = pytest.mark.parametrize("algorithm", WINOGRAD)

# Around the sizes of tiles, vectors and blocks; channels that are multiples of 16 have lanes in every instruction set.
LAYERS = [
    Layer(C=16, K=32, H=12, W=13, padding=1),
    Layer(C=3, K=5, H=7, W=9, padding=(0, 1, 2, 3), N=2),
    Layer(C=48, K=16, H=1, W=1, padding=1),
    Layer(C=1, K=1, H=3, W=3, bias=False),
    Layer(C=64, K=80, H=28, W=28, padding=1),
    Layer(C=70, K=33, H=9, W=30, padding=4),
    Layer(C=32, K=16, H=3, W=300, padding=1),  # pieces of a row
    Layer(C=256, K=48, H=15, W=14, padding=1, N=2),  # V does not stay in the cache
]


CASES = [moderate(Case.of(layer, MIXES[i % 8], i)) for i, layer in enumerate(LAYERS)]
on_every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))


@on_both
@on_every_case
def test_no_bit_differs(case, algorithm):
    for threads in (1, 2, 7):
        np.testing.assert_array_equal(case.plan(algorithm=algorithm, threads=threads)(case.x), case.expected)
        np.testing.assert_array_equal(case.integers(algorithm, threads), case.sums)


@on_both
def test_every_mix_of_types_and_every_size_of_a_tile(algorithm):
    for seed in range(80):
        random = np.random.default_rng(seed)
        layer = Layer(
            C=int(random.integers(1, 40)),
            K=int(random.integers(1, 70)),
            H=int(random.integers(3, 16)),
            W=int(random.integers(3, 40)),
            padding=tuple(int(side) for side in random.integers(0, 4, 4)),
        )
        case = moderate(Case.of(layer, MIXES[seed % 8], seed))
        np.testing.assert_array_equal(case.plan(algorithm=algorithm, threads=1 + seed % 3)(case.x), case.expected)


@on_both
@on_every_case
@pytest.mark.parametrize("activation", ["relu6", ("leaky_relu", 0.1)])
def test_the_same_in_lanes(case, algorithm, activation):
    plan = case.plan(activation, algorithm, threads=2)
    expected = case.activated(activation)
    for forms in ((True, False), (False, True), (True, True)):
        able = all(n % LANES == 0 for n, lanes in zip((case.layer.C, case.layer.K), forms, strict=True) if lanes)
        assert plan.takes(*forms) == able
        if able:
            y = plan(to_lanes(case.x) if forms[0] else case.x, lanes=forms[1])
            np.testing.assert_array_equal(from_lanes(y) if forms[1] else y, expected)


def at_the_bound(m, more=0):
    """A filter whose 255 * sum |w| is the largest below 2**bits, or `more` beyond; positive, then negative channels."""
    most = (2 ** bytes_winograd.BITS[m] - 1) // 255 + more
    C = -(-most // (9 * 127))
    w = np.zeros((2, C * 9), np.int8)
    w[0, : most // 127] = 127
    w[0, most // 127] = most % 127
    w[1] = -w[0]
    return w.reshape(2, C, 3, 3)


@pytest.mark.parametrize("m", [4])  # F(2 x 2) would take 470 MB of filters
@pytest.mark.parametrize("x_zero", [0, 100, 255])
def test_both_ends_of_the_interval(m, x_zero):
    """All x at either end of their range: sums reach both ends of the interval that the remainder is counted in."""
    w = at_the_bound(m)
    x = np.stack([np.full((w.shape[1], 4, 5), byte, np.uint8) for byte in (0, 255)])
    y = kernels.conv_integer(x, w, x_zero, algorithm=f"winograd_f{m}")
    np.testing.assert_array_equal(y, kernels.conv_integer(x, w, x_zero, algorithm="direct"))
    assert y.max() - y.min() >= 255 * np.abs(w[0].astype(int)).sum()


def test_a_filter_beyond_the_bound_is_refused_with_its_channel():
    w = at_the_bound(4, more=1)
    w[0, 0, 0, 0] = 0
    x = np.zeros((1, w.shape[1], 4, 4), np.uint8)
    what = r"winograd_f4 cannot compute this layer exactly: 255 \* sum of \|w - w_zero_point\| of output channel 1 is "
    with pytest.raises(ValueError, match=rf"{what}67109115, and must be below 2\*\*26"):
        kernels.conv_integer(x, w, algorithm="winograd_f4")
    kernels.conv_integer(x, w, algorithm="winograd_f2")


@on_both
def test_differences_beyond_16_bits_are_refused(algorithm):
    x, w = np.zeros((1, 1, 4, 4), np.uint8), np.full((2, 1, 3, 3), 20, np.uint8)
    w[1, 0, 1, 1] = 255
    kernels.conv_integer(x, w, 0, np.uint8(28), algorithm=algorithm)
    what = r"output channel 1 has \|w - w_zero_point\| = 228, more than 227"
    with pytest.raises(ValueError, match=what):
        kernels.conv_integer(x, w, 0, np.uint8(27), algorithm=algorithm)


@on_both
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stride": 2}, r"its stride is \(2, 2\), not 1"),
        ({"dilation": 2}, r"its dilation is \(2, 2\), not 1"),
        ({"groups": 2}, "it has 2 groups of channels, not 1"),
        ({"R": 1}, "its filter is 1x3, not 3x3"),
    ],
)
def test_other_layers_are_refused(algorithm, change, why):
    case = Case.of(Layer(C=4, K=4, **change), MIXES[0], 0)
    assert algorithm not in kernels.algorithms(case.x.shape, case.w.shape, dtype="uint8", **case.layer.window)
    with pytest.raises(ValueError, match=f"{algorithm} cannot run this layer: {why}"):
        case.plan(algorithm=algorithm)


def test_auto_is_exact_too_and_passes_over_what_is_not():
    """Channels enough for Winograd to pay; one filter beyond its bound leaves the definition, with the same bits."""
    case = moderate(Case.of(Layer(C=128, K=128, H=28, W=28, padding=1), (np.uint8, np.int8, np.uint8), 3, "symmetric"))
    x, plan = case.x, case.plan()
    assert plan.bind(x, np.empty_like(case.expected)).algorithm in WINOGRAD
    np.testing.assert_array_equal(plan(x), case.expected)
    large = replace(case, w=np.full((128, 128, 3, 3), 127, np.int8), x=x[:, :, :6, :6], bias=None)
    large = replace(large, w=np.concatenate([large.w] * 8, axis=1), x=np.concatenate([large.x] * 8, axis=1))
    large = replace(large, layer=replace(case.layer, C=1024, H=6, W=6, bias=False))
    bound = large.plan().bind(np.ascontiguousarray(large.x), np.empty_like(large.expected))
    assert bound.algorithm != "winograd_f4"
    np.testing.assert_array_equal(large.plan()(large.x), large.expected)


def test_algorithms_lists_them():
    assert kernels.algorithms((1, 8, 9, 9), (4, 8, 3, 3), dtype="int8") == ("direct", "saturating", *WINOGRAD)


def test_algorithms_asked_with_the_filters_lists_those_that_are_exact():
    w, zero = at_the_bound(4, more=1), np.int8(0)
    shapes = (1, w.shape[1], 4, 4), w.shape
    assert kernels.algorithms(*shapes, dtype="uint8", weight=at_the_bound(4)) == kernels.algorithms(*shapes, dtype="u1")
    assert kernels.algorithms(*shapes, dtype="uint8", weight=w) == ("direct", "saturating", "winograd_f2")
    far = np.full((2, 1, 3, 3), 255, np.uint8)  # the zero point decides: 228 is too far for 16 bits
    for zero, able in ((28, ("direct", "saturating", *WINOGRAD)), (27, ("direct", "saturating"))):
        assert kernels.algorithms((1, 1, 4, 4), far.shape, dtype="int8", weight=far, w_zero_point=zero) == able
    with pytest.raises(ValueError, match=r"weight must have the shape that is asked about, \(2, 1, 3, 3\), not \(1,"):
        kernels.algorithms((1, 1, 4, 4), far.shape, dtype="int8", weight=far[:1])
    with pytest.raises(TypeError, match="weight tells something about layers on bytes only, not of float32"):
        kernels.algorithms((1, 1, 4, 4), far.shape, weight=far)


def test_explain_says_what_is_taken_and_why_the_others_are_not():
    case = moderate(Case.of(Layer(C=128, K=128, H=28, W=28, padding=1), (np.uint8, np.int8, np.uint8), 3, "symmetric"))
    for x, lanes in ((case.x, False), (to_lanes(case.x), True)):
        told = case.plan().explain(x.shape, lanes=lanes)
        y = to_lanes(case.expected) if lanes else case.expected
        assert told.algorithm == case.plan().bind(x, np.empty_like(y)).algorithm == "winograd_f4"
        assert told.chosen.seconds == min(option.seconds for option in told.options) > 0
        assert [option.algorithm for option in told.options] == ["direct", *WINOGRAD]
        assert told.bytes == case.x.size + case.w.size + case.expected.size
    assert "winograd_f4" in str(told)
    assert "exact  chosen" in str(told)

    w = at_the_bound(4, more=1)
    told = kernels.ConvInteger(w, padding=1).explain((1, w.shape[1], 28, 28))
    assert told.algorithm != "winograd_f4"
    why = next(option.obstacle for option in told.options if option.algorithm == "winograd_f4")
    assert why.endswith("output channel 0 is 67109115, and must be below 2**26")
    assert f"winograd_f4  cannot run: {why}" in str(told)
    with pytest.raises(ValueError, match=r"winograd_f4 cannot compute this layer exactly: 255 \* sum"):
        kernels.ConvInteger(w, algorithm="winograd_f4").explain((1, w.shape[1], 28, 28))
    small = kernels.ConvInteger(w, algorithm="saturating").explain((1, w.shape[1], 28, 28))
    assert small.algorithm == "saturating"
    assert np.isnan(small.chosen.error)
    with pytest.raises(ValueError, match=r"an empty batch takes no time: the shape is \(0,"):
        kernels.ConvInteger(w).explain((0, w.shape[1], 28, 28))


def test_a_compact_plan_takes_memory_only_for_time(monkeypatch):
    w = np.ones((512, 512, 3, 3), np.int8)
    plan = kernels.QLinearConv(
        w, 1.0, 0, x_scale=1.0, x_zero_point=0, y_scale=1.0, y_zero_point=np.uint8(0), padding=1, compact=True
    )
    monkeypatch.setattr(bytes_filters, "_WORTH", 0.0)
    told = plan.explain((1, 512, 56, 56))
    assert told.options[2].obstacle == (
        "its packed filters would take more than 8 MiB, and save less than a quarter of time"
    )
    assert told.algorithm != "winograd_f4"
    monkeypatch.undo()
    assert plan.explain((1, 512, 56, 56)).algorithm == "winograd_f4"


def compute_between_guards(case, algorithm):
    plan = case.plan(algorithm=algorithm)
    for at, poison in (("start", 1e30), ("end", np.nan)):
        x, y = guarded(case.x, at), guarded(case.expected * 0, at)
        bound = plan.bind(x, y)
        bound(guarded(np.full(bound.scratch, poison, np.float32), at))
        assert y.tobytes() == case.expected.tobytes()


@on_both
@on_every_case
def test_nothing_beyond_the_arrays_is_touched_nor_scratch_read(case, algorithm):
    in_child(compute_between_guards, case, algorithm)


def test_stored_filters_are_read_once():
    case, asked = CASES[4], []
    stored = kernels.Stored(case.w.shape, case.w.dtype, lambda: asked.append(1) or case.w)
    plan = replace(case, w=stored).plan(algorithm="winograd_f4")
    for x in (case.x, to_lanes(case.x)) * 2:
        np.testing.assert_array_equal(plan(x), case.expected)
    assert len(asked) == 1
