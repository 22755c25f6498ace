"""The five lines, the break-even time and the Gantt chart: orders that must hold, and the shape that is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import machines, workloads

from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.five_lines import best_for_suite, break_even, five_lines, pay_area, with_switch_time
from workbook.accelerator.machine import Machine
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import fixed, reconfigured, switch_seconds
from workbook.accelerator.timeline import timeline, totals
from workbook.accelerator.workload import WORKLOADS, Workload, mobilenet_v2, resnet50, vgg16, yolov3

X1 = PRESETS["x1"]
COMPUTE = X1.but(dram_gbs=math.inf, winograd=None, on_chip=OnChip())  # memory never waits
CLOSE = 1 + 1e-12


@given(workloads, machines())
def test_the_lines_are_in_order(workload: Workload, machine: Machine) -> None:
    lines = five_lines(workload, machine, [workload, workload.with_batch(2)])
    assert lines.oracle.seconds <= lines.reconfigured.seconds * CLOSE
    assert lines.reconfigured.seconds <= lines.fixed.seconds * CLOSE
    assert lines.fixed.seconds <= min(lines.suite.seconds, lines.textbook.seconds) * CLOSE
    assert lines.gain() <= lines.bound() * CLOSE
    assert all(line.name in str(lines) for line in lines)


# What reconfiguration may gain at most over the best fixed datapath of the same network, and over 64 x 64.
@pytest.mark.parametrize(
    ("workload", "bound", "over_textbook"),
    [(resnet50(), 1.014, 1.05), (vgg16(), 1.008, 1.008), (yolov3(), 1.005, 1.025), (mobilenet_v2(), 1.96, 33.0)],
    ids=lambda value: value.name if isinstance(value, Workload) else None,
)
def test_a_large_gain_needs_a_weak_opponent(workload: Workload, bound: float, over_textbook: float) -> None:
    lines = five_lines(workload, COMPUTE)
    assert lines.bound() == pytest.approx(bound, rel=0.005)
    assert lines.bound("textbook") == pytest.approx(over_textbook, rel=0.005)
    assert lines.gain() <= lines.bound()


def test_switching_at_every_layer_is_slower_than_a_fixed_datapath() -> None:
    """ResNet-50, each layer on its best datapath, 4 us for each change, or for each layer."""
    lines = five_lines(resnet50(), COMPUTE)
    assert lines.oracle.seconds + lines.oracle.switches * switch_seconds(COMPUTE) > lines.fixed.seconds
    assert lines.oracle.seconds + len(lines.oracle.costs) * switch_seconds(COMPUTE) > 1.1 * lines.fixed.seconds
    assert lines.gain() > 1.005  # the schedule switches twice and keeps a part


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "mobilenet_v2", "yolov3_416"])
def test_milliseconds_never_pay(name: str) -> None:
    assert break_even(WORKLOADS[name](), COMPUTE, [4e-6]).seconds < 2.5e-3
    slow = with_switch_time(COMPUTE, 2.5e-3)
    assert reconfigured(evaluate(WORKLOADS[name](), slow)).switches == 0


def test_a_network_that_waits_for_memory_gains_nothing() -> None:
    """ResNet-50, batch 1, with the X1's own DRAM and every tensor sent through it."""
    lines = five_lines(resnet50(), X1)
    assert lines.fixed.dram_bound > 0.9
    assert lines.bound() < 1.001


class TestBreakEven:
    @settings(max_examples=20)
    @given(workloads, machines(), st.booleans())
    def test_below_it_pays_and_above_it_does_not(self, workload: Workload, machine: Machine, overlap: bool) -> None:
        found = break_even(workload, machine, [1e-7, 1e-5], overlap=overlap)
        at = found.seconds

        def gain(seconds: float) -> float:
            return 1 - reconfigured(evaluate(workload, with_switch_time(machine, seconds), overlap=overlap)).seconds / (
                found.fixed_seconds
            )

        if at == 0:
            assert gain(0) == pytest.approx(0, abs=1e-9)
        elif at == math.inf:
            assert gain(found.fixed_seconds) > 0
        else:
            assert gain(at * 0.999) > 0
            assert gain(at * 1.001) == pytest.approx(0, abs=1e-9)

    def test_curve_rises_from_the_oracle_to_the_best_fixed(self) -> None:
        found = break_even(mobilenet_v2(), COMPUTE)
        curve = found.reconfigured_seconds
        assert all(a <= b * CLOSE for a, b in itertools.pairwise(curve))
        assert found.oracle_seconds < curve[0] < found.oracle_seconds * 1.01
        assert curve[-1] == pytest.approx(found.fixed_seconds)
        assert found.switches[0] > found.switches[-1] == 0
        pays = np.array(found.switch_seconds) < found.seconds
        assert (np.array(found.switches) > 0).tolist() == pays.tolist()

    def test_one_switch_by_hand(self) -> None:
        """A switch and the way back pay if they take less than they gain: half of the gain is the break-even."""
        two = Workload("two", (mobilenet_v2().layers[1], vgg16().layers[8]))  # depthwise, then 512 -> 512
        table = evaluate(two, COMPUTE)
        gain = fixed(table).seconds - table.seconds.min(axis=1).sum()
        assert break_even(two, COMPUTE, [1e-6]).seconds == pytest.approx(gain / 2)

    def test_a_batch_makes_switches_worth_more(self) -> None:
        """Less than N times as much: more pixels fill the multipliers too, so the fixed datapath gets better."""
        for workload in (resnet50(), mobilenet_v2()):
            once, often = (break_even(workload.with_batch(n), COMPUTE, [1e-6]).seconds for n in (1, 16))
            assert once < often < 16 * once

    def test_a_switch_that_is_free_or_that_there_is_none(self) -> None:
        assert switch_seconds(with_switch_time(X1, 0)) == 0
        assert switch_seconds(with_switch_time(PRESETS["nvdla_2048"], 5e-6)) == pytest.approx(5e-6)


class TestArea:
    def test_paid_in_clock_or_in_multipliers(self) -> None:
        assert pay_area(X1, 0.25).clock_mhz == pytest.approx(933 / 1.25)
        fewer = pay_area(X1, 0.25, "macs")
        assert (fewer.macs, fewer.array.multipliers) == (3276, 1)
        with pytest.raises(ValueError, match=r"overhead must be 0 or more, not -0\.1"):
            pay_area(X1, -0.1)

    @pytest.mark.parametrize("paid_in", ["clock", "macs"])
    def test_flexible_lines_pay_and_fixed_ones_do_not(self, paid_in: str) -> None:
        free = five_lines(resnet50(), COMPUTE)
        paid = five_lines(resnet50(), COMPUTE, overhead=0.1, paid_in=paid_in)  # type: ignore[arg-type]
        assert paid.fixed.seconds == free.fixed.seconds
        assert paid.textbook.seconds == free.textbook.seconds
        assert paid.oracle.seconds > free.oracle.seconds
        assert paid.gain() < 1 < free.gain()  # a tenth of the clock is more than ResNet-50 gains


def test_suite_datapath_has_the_smallest_geometric_mean() -> None:
    suite = [resnet50(), mobilenet_v2()]
    chosen = best_for_suite(X1, suite)
    tables = [evaluate(workload, X1) for workload in suite]
    means = np.prod([table.fixed_seconds for table in tables], axis=0)
    assert means[tables[0].datapaths.index(chosen)] == means.min()


@given(workloads, machines(), st.booleans())
def test_bars_fill_the_frame(workload: Workload, machine: Machine, overlap: bool) -> None:
    schedule = reconfigured(evaluate(workload, machine, overlap=overlap))
    bars = timeline(schedule)
    spent = totals(bars)
    assert spent["configuration"] == pytest.approx(sum(schedule.switch_seconds))
    assert spent["compute"] + spent["configuration"] + spent["stall"] == pytest.approx(schedule.seconds)
    assert spent["DRAM"] == pytest.approx(sum(cost.dram_seconds for cost in schedule.costs))
    assert max(bar.end for bar in bars) == pytest.approx(schedule.seconds)
    chip = sorted((bar for bar in bars if bar.kind != "DRAM"), key=lambda bar: (bar.start, bar.end))
    assert all(a.end <= b.start * CLOSE + 1e-18 for a, b in itertools.pairwise(chip))
