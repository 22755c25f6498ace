"""The batch sweep: every batch computes the same images, and the model counts what the loops read."""

import numpy as np
import pytest

from workbook.lessons.streaming.batch_cases import TILE_COLS
from workbook.lessons.streaming.batches import BATCHES, CASES, Case, sweep
from workbook.measuring import this_machine
from workbook.measuring.topologies import ConvLayer

SMALL = (
    Case("float", ConvLayer("a", 16, 8, 8, 24, 3, 3, padding=1), "direct", "images"),
    Case("winograd", ConvLayer("a", 16, 8, 8, 24, 3, 3, padding=1), "winograd_f4", "channels"),
    Case("int8", ConvLayer("a", 16, 8, 8, 24, 3, 3, padding=1), "int8", "images"),
    Case("row", ConvLayer("b", 96, 1, 1, 40), "direct", "weights"),
    Case("bytes in a row", ConvLayer("b", 96, 1, 1, 40), "int8", "weights"),
)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_a_batch_computes_what_its_images_would_alone(case):
    plan, images = case.plan(), case.images(5)
    together = case.compute(plan, images)
    assert together.shape == (5, case.layer.K, case.layer.P, case.layer.Q)
    alone = np.concatenate([case.compute(plan, images[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(together, alone)
    out = np.empty_like(together)
    assert case.compute(plan, images, out) is out
    np.testing.assert_array_equal(out, together)
    assert len(np.unique(together)) > 50  # neither zeros nor cut off


def test_weights_are_read_once_a_batch_or_again_for_each_image():
    layer = ConvLayer("large", 512, 4, 4, 640, 3, 3, padding=1)
    once, again = sweep([Case("", layer, "direct", "weights"), Case("", layer, "direct", "images")], (1, 4), seconds=0)
    assert [point.memory_bytes * point.batch for point in once.points] == [once.packed_bytes] * 2
    assert {point.cache_bytes for point in once.points} == {0}
    one, four = again.points
    assert one.memory_bytes == once.packed_bytes
    behind_l2 = again.packed_bytes > this_machine.caches().get("L2", 0)
    assert (four.memory_bytes + four.cache_bytes == again.packed_bytes) is behind_l2


def test_sweep_is_a_table_of_all_batches():
    sweeps = sweep(SMALL, (1, 3), seconds=0)
    assert [one.case for one in sweeps] == list(SMALL)
    for one in sweeps:
        first, last = one.points
        assert (first.batch, last.batch) == (1, 3)
        assert last.latency == last.timing.median == pytest.approx(3 * last.per_image)
        assert last.throughput * last.per_image == pytest.approx(1)
        assert one.gain >= 1
        assert first.arithmetic <= last.arithmetic <= 3 * first.arithmetic * (1 + 1e-9)
        assert first.predicted == max(first.arithmetic, first.reading)
        lines = str(one).splitlines()
        assert [line.count("[measured]") for line in lines[2:4]] == [4, 4]
        assert all(line.startswith("[machine]") for line in lines[4:])


def test_a_fully_connected_layer_is_bound_by_its_weights_at_batch_1():
    peak, memory = this_machine.peak_gmacs(), this_machine.bandwidth_gbs(this_machine.MEMORY)
    case = next(case for case in CASES if case.connected and case.algorithm == "direct")
    reading = 4 * case.layer.weight_numbers / memory  # ns: 4 bytes a weight
    assert reading > case.layer.macs / peak
    assert case.tile_macs(32) >= 32 * case.layer.macs
    assert case.tile_macs(1) >= case.layer.macs


@pytest.mark.parametrize("batches", [(), (0,), (4, -1)])
def test_batches_that_mean_nothing(batches):
    with pytest.raises(ValueError, match="batch sizes of 1 or more"):
        sweep(SMALL[:1], batches)


def test_the_cases_fit_their_kernels():
    assert BATCHES[0] == 1
    assert BATCHES[-1] == 32
    for case in CASES:
        assert case.tile_macs(4) > 0
        assert str(case).startswith(case.name)


def test_what_lies_between_two_images_depends_on_the_order_of_loops():
    layer = ConvLayer("", 16, 8, 8, 4 * TILE_COLS, 3, 3, padding=1)
    orders = ("images", "channels", "weights")
    assert [Case("", layer, "direct", outer).between(1000) for outer in orders] == [1000, 250, 0]
    narrow = ConvLayer("", 16, 8, 8, 1, 3, 3, padding=1)
    assert Case("", narrow, "direct", "channels").between(1000) == 1000
