"""The schedule is the best there is: against trying all, on random and on real networks; pruning changes nothing."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import machines, workloads

from kernels import datapath_search
from workbook.accelerator.datapath_table import Table, evaluate
from workbook.accelerator.machine import Machine, Reconfiguration
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import (
    best_frame,
    fixed,
    leave_seconds,
    load_seconds,
    oracle,
    reconfigured,
    reconfigured_once,
    relayout_seconds,
    switch_seconds,
    undominated,
)
from workbook.accelerator.workload import WORKLOADS, Workload, mobilenet_v2, resnet50

X1 = PRESETS["x1"]
EXACT = 1e-12


def total(chosen, seconds, leave, relayout, layouts, places) -> float:
    """What a sequence takes, added up as the definition says."""
    time = sum(seconds[place, u] for place, u in zip(places, chosen, strict=True))
    for i, (u, v) in enumerate(itertools.pairwise(chosen)):
        if u != v:
            time += leave[places[i], u] + (relayout[places[i]] if layouts[u] != layouts[v] else 0)
    return time


def round_total(chosen, seconds, leave, relayout, layouts, places) -> float:
    """The same, and the switch back to the first datapath."""
    back = leave[places[len(places) - 1], chosen[-1]] if chosen[-1] != chosen[0] else 0.0
    return total(chosen, seconds, leave, relayout, layouts, places) + back


problems = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))


@given(problems)
def test_search_finds_what_trying_all_finds(problem: tuple[int, int, int, int]) -> None:
    L, D, U, seed = problem
    rng = np.random.default_rng(seed)
    # Small whole numbers: ties are frequent, and sums are exact.
    seconds, leave = rng.integers(0, 9, (D, U)) * 1.0, rng.integers(0, 9, (D, U)) * 1.0
    relayout, layouts, places = rng.integers(0, 5, D) * 1.0, rng.integers(0, 3, U), rng.integers(0, D, L)
    if seed % 4 == 0:
        leave[:] = math.inf
    chosen = datapath_search.cheapest(seconds, leave, relayout, layouts, places)
    problem_of = (seconds, leave, relayout, layouts, places)
    best = min(total(sequence, *problem_of) for sequence in itertools.product(range(U), repeat=L))
    assert total(chosen, *problem_of) == best
    stream = datapath_search.ring(*problem_of)
    best = min(round_total(sequence, *problem_of) for sequence in itertools.product(range(U), repeat=L))
    assert round_total(stream, *problem_of) == best


@given(problems, st.integers(1, 40))
def test_pruning_keeps_one_that_dominates_each(problem: tuple[int, int, int, int], U: int) -> None:
    rows, _, _, seed = problem
    rng = np.random.default_rng(seed)
    costs, layouts = rng.integers(0, 4, (rows, U)) * 1.0, rng.integers(0, 3, U)
    kept = datapath_search.undominated(costs, layouts)
    assert list(kept) == sorted(set(kept))
    for u in range(U):
        assert any(layouts[v] == layouts[u] and (costs[:, v] <= costs[:, u]).all() for v in kept)
    for u, v in itertools.permutations(kept, 2):
        assert layouts[u] != layouts[v] or (costs[:, v] > costs[:, u]).any()


@given(workloads, machines(macs=4), st.booleans())
def test_the_model_schedules_as_well_as_trying_all(workload: Workload, machine: Machine, overlap: bool) -> None:
    """With layouts, shadow contexts and loads from DRAM, on all datapaths: the sum is checked layer by layer too."""
    workload = Workload("short", workload.layers[:3])
    table = evaluate(workload, machine, overlap=overlap)
    found = reconfigured(table)
    problem = table.seconds, leave_seconds(table), relayout_seconds(table), table.layouts, table.places
    every = itertools.product(range(len(table.datapaths)), repeat=len(workload.layers))
    every = list(every)
    assert found.seconds == pytest.approx(min(round_total(sequence, *problem) for sequence in every), rel=EXACT)
    taken = [table.datapaths.index(d) for d in found.datapaths]
    assert found.seconds == pytest.approx(round_total(taken, *problem), rel=EXACT)
    assert found.frame_seconds == pytest.approx(total(taken, *problem), rel=EXACT)
    once = reconfigured_once(table)
    assert once.frame_seconds == pytest.approx(min(total(sequence, *problem) for sequence in every), rel=EXACT)
    assert best_frame(table) == (pytest.approx(found.seconds, rel=EXACT), found.switches)


def without_pruning(table: Table) -> float:
    problem = table.seconds, leave_seconds(table), relayout_seconds(table), table.layouts, table.places
    return float(round_total(datapath_search.ring(*problem), *problem))


REAL = [
    X1,
    X1.but(reconfiguration__contexts=2),
    X1.but(reconfiguration__contexts=2, reconfiguration__source="dram", dram_gbs=2.0),
    X1.but(reconfiguration__layout_bytes_per_cycle=64.0),
    PRESETS["dpu_kv260"],
    PRESETS["efpga_40"],
]


@pytest.mark.parametrize("machine", REAL, ids=lambda machine: machine.name)
@pytest.mark.parametrize("name", ["resnet50", "vgg16", "mobilenet_v2"])
def test_pruning_changes_nothing_on_real_networks(name: str, machine: Machine) -> None:
    table = evaluate(WORKLOADS[name](), machine)
    assert len(undominated(table)) < len(table.datapaths) / 2
    assert reconfigured(table).seconds == pytest.approx(without_pruning(table), rel=EXACT)


def test_search_refuses_what_does_not_fit_together() -> None:
    seconds, relayout, layouts, places = np.ones((2, 3)), np.zeros(2), np.zeros(3, np.int64), np.zeros(4, np.int64)
    assert list(datapath_search.cheapest(seconds, seconds, relayout, layouts, places)) == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="seconds and leave must be"):
        datapath_search.cheapest(seconds, seconds[:, :2].copy(), relayout, layouts, places)
    with pytest.raises(ValueError, match="places must name distinct layers"):
        datapath_search.cheapest(seconds, seconds, relayout, layouts, places + 2)
    with pytest.raises(ValueError, match="places must name distinct layers"):
        datapath_search.ring(seconds, seconds, relayout, layouts, places[:0])
    with pytest.raises(ValueError, match="costs must be"):
        datapath_search.undominated(seconds, layouts[:2].copy())


@given(workloads, machines())
def test_order_of_the_lines(workload: Workload, machine: Machine) -> None:
    """Oracle <= reconfigured <= best fixed <= any fixed."""
    table = evaluate(workload, machine)
    lines = [oracle(table), reconfigured(table), fixed(table), fixed(table, 0)]
    seconds = [line.seconds for line in lines]
    assert all(a <= b * (1 + EXACT) for a, b in itertools.pairwise(seconds))
    assert fixed(table).switches == 0


@given(workloads, machines())
def test_a_free_switch_equals_the_oracle(workload: Workload, machine: Machine) -> None:
    free = machine.but(
        reconfiguration__bits=0, reconfiguration__contexts=1, reconfiguration__drain_cycles=0,
        reconfiguration__fill_cycles=0, reconfiguration__layout_bytes_per_cycle=math.inf,
    )  # fmt: skip
    table = evaluate(workload, free)
    assert reconfigured(table).seconds == pytest.approx(oracle(table).seconds, rel=EXACT)


@given(workloads, machines())
def test_an_endless_switch_equals_the_best_fixed(workload: Workload, machine: Machine) -> None:
    for endless in (machine.but(reconfiguration=None), machine.but(reconfiguration__bits=1e30)):
        table = evaluate(workload, endless)
        found = reconfigured(table)
        assert found.switches == 0
        assert found.seconds == pytest.approx(fixed(table).seconds, rel=EXACT)


@given(workloads, machines(), st.sampled_from(["bits", "drain_cycles", "fill_cycles"]))
def test_a_dearer_switch_is_never_faster(workload: Workload, machine: Machine, field: str) -> None:
    now = getattr(machine.reconfiguration, field)
    dearer = machine.but(**{f"reconfiguration__{field}": 3 * now + 100})
    before, after = (reconfigured(evaluate(workload, m)).seconds for m in (machine, dearer))
    assert after >= before * (1 - EXACT)


@given(workloads, machines())
def test_a_shadow_context_on_the_chip_is_never_slower(workload: Workload, machine: Machine) -> None:
    on_chip = machine.but(reconfiguration__source="chip", reconfiguration__swap_cycles=0)
    serial, shadow = (reconfigured(evaluate(workload, on_chip.but(reconfiguration__contexts=n))) for n in (1, 2))
    assert shadow.seconds <= serial.seconds * (1 + EXACT)


@given(workloads, machines())
def test_a_longer_layout_change_is_never_faster(workload: Workload, machine: Machine) -> None:
    free, dear = (machine.but(reconfiguration__layout_bytes_per_cycle=rate) for rate in (math.inf, 0.5))
    assert reconfigured(evaluate(workload, free)).seconds <= reconfigured(evaluate(workload, dear)).seconds * (
        1 + EXACT
    )


class TestShadow:
    """By hand: two contexts, a load of 10 us, and what of it a layer hides."""

    machine = replace(X1, reconfiguration=Reconfiguration(1e6, port_bits=1e5, port_mhz=1, contexts=2))

    def test_a_layer_longer_than_the_load_hides_all_of_it(self) -> None:
        table = evaluate(resnet50(), self.machine)
        assert load_seconds(Reconfiguration(1e6, port_bits=1e5, port_mhz=1), self.machine) == pytest.approx(10e-6)
        exposed = leave_seconds(table)
        swap = 1 / self.machine.clock_hz
        assert exposed == pytest.approx(np.maximum(10e-6 - table.seconds, 0) + swap)
        assert (exposed == pytest.approx(swap)) == (table.seconds >= 10e-6).all()

    def test_a_load_from_dram_takes_of_its_bandwidth(self) -> None:
        from_dram = self.machine.but(reconfiguration__source="dram")
        table = evaluate(resnet50(), from_dram)
        bound = table.seconds > table.cycles / from_dram.clock_hz  # the layer waits for DRAM: the load makes it longer
        longer = 1e6 / 8 / (from_dram.dram_gbs * 1e9)
        swap = 1 / from_dram.clock_hz
        enough = bound & (table.seconds + longer > 10e-6)
        assert enough.any()
        assert leave_seconds(table)[enough] == pytest.approx(longer + swap)


def test_energy_of_loads_is_small_beside_the_frame() -> None:
    """320,000 bits: 0.5 uJ from a large memory on the chip, 6.4 uJ from DRAM at 20 pJ a bit."""
    for source, joules in (("chip", 0.5e-6), ("dram", 6.4e-6)):
        found = reconfigured(evaluate(mobilenet_v2(), X1.but(reconfiguration__source=source, dram_gbs=1e3)))
        assert found.switches > 0
        assert found.load_joules / found.switches == pytest.approx(joules)
        assert found.load_joules < found.joules / 10


def test_a_schedule_adds_up() -> None:
    table = evaluate(mobilenet_v2().with_batch(2), X1.but(energy__leakage_w=1.0))
    found = reconfigured(table)
    assert len(found.costs) == len(found.datapaths) == len(found.workload.layers)
    assert [cost.layer for cost in found.costs] == list(found.workload.layers)
    assert found.seconds == pytest.approx(sum(c.seconds for c in found.costs) + sum(found.switch_seconds))
    assert found.fps == pytest.approx(2 / found.seconds)
    assert found.leakage_joules == pytest.approx(found.seconds)
    assert sum(paid > 0 for paid in found.switch_seconds) == found.switches
    assert found.band[0] == pytest.approx(found.seconds)
    assert found.band[0] < found.band[1]
    assert 0 < found.utilisation < 1
    assert 0 < found.dram_bound <= 1
    assert found.mj_per_image == pytest.approx(found.joules / 2 * 1e3)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2"])
def test_a_stream_is_a_frame_after_the_other(name: str) -> None:
    """Ten frames unrolled into one network: the best schedule of that is ten rings but for both ends."""
    network, machine = WORKLOADS[name](), X1.but(dram_gbs=math.inf)
    frames = 10
    unrolled = reconfigured_once(evaluate(Workload("unrolled", network.layers * frames), machine))
    one = reconfigured(evaluate(network, machine))
    assert one.switches >= 2
    assert one.frame_seconds < one.seconds
    switch = switch_seconds(machine)
    assert unrolled.frame_seconds <= frames * one.seconds * (1 + EXACT)
    assert unrolled.frame_seconds >= frames * one.seconds - 2 * switch - max(one.switch_seconds)


def test_a_switch_that_one_frame_pays_for_may_cost_a_stream_too_much() -> None:
    """By hand: 5 + 9 or 9 + 5 fixed, 10 with both best. A switch of 3 saves 1 in a frame; a stream pays it twice."""
    seconds, leave, none = np.array([[5.0, 9.0], [9.0, 5.0]]), np.full((2, 2), 3.0), np.zeros(2)
    problem = seconds, leave, none, np.zeros(2, np.int64), np.arange(2)
    assert list(datapath_search.cheapest(*problem)) == [0, 1]
    assert list(datapath_search.ring(*problem)) == [0, 0]
    assert list(datapath_search.ring(seconds, leave / 2, *problem[2:])) == [0, 1]


def test_switch_of_the_small_efpga_by_hand() -> None:
    """240,000 bits through 32 bits at 100 MHz: 75 us, and 32 cycles of 400 MHz to drain and fill."""
    assert switch_seconds(PRESETS["efpga_40"]) == pytest.approx(75e-6 + 32 / 400e6)
