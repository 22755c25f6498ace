"""Cycles, bytes and energy of one layer: against counting by hand, against the compiled sweep, and as properties."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import datapaths as small_datapaths
from strategies import layers, machines, workloads

from kernels import datapath_costs
from workbook.accelerator.datapath import (
    Datapath,
    cycles,
    datapaths,
    mappings,
    products,
    suits_winograd,
    winograd_positions,
)
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.layer_cost import cost, mapped_cost, winograd_tile
from workbook.accelerator.machine import Machine, Winograd
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.tiles import Shape, tiles, visits
from workbook.accelerator.workload import Layer, Workload, resnet50

X1 = PRESETS["x1"]
LAYER = Layer("layer", C=64, H=56, W=56, K=64, P=56, Q=56, R=3, S=3)


@given(layers(), small_datapaths)
def test_every_multiply_add_finds_a_round_of_its_own_multiplier(layer: Layer, datapath: Datapath) -> None:
    """Deal all multiply-adds to rounds as the datapath would; count the rounds, and the multipliers that each needs."""
    C, K = layer.C // layer.groups, layer.K // layer.groups
    pixels = layer.N * layer.P * layer.Q
    if layer.macs > 20_000:
        layer = replace(layer, N=1, C=layer.groups, K=layer.groups)
        C, K, pixels = 1, 1, layer.P * layer.Q
    ranges = [range(n) for n in (C, K, pixels, layer.groups, layer.R * layer.S)]
    along = (datapath.C, datapath.K, datapath.pixel, datapath.group, datapath.tap)
    rounds = Counter(tuple(i // u for i, u in zip(index, along, strict=True)) for index in itertools.product(*ranges))
    assert sum(rounds.values()) == layer.macs
    assert max(rounds.values()) <= datapath.multipliers
    assert cycles(layer, datapath) == len(rounds) + datapath.fill


def test_winograd_needs_as_many_products_as_its_definition_says() -> None:
    assert products(LAYER, 2) == 64 * 64 * 28 * 28 * 16
    assert products(LAYER) / products(LAYER, 2) == 2.25
    assert products(LAYER) / products(LAYER, 4) == 4
    ragged = replace(LAYER, P=55, Q=54)  # the last row of tiles is half empty
    assert winograd_positions(ragged, 2) == 28 * 27 * 16


@pytest.mark.parametrize("changes", [{"stride": (2, 2)}, {"R": 1, "S": 1}, {"groups": 64}, {"R": 3, "S": 1}])
def test_winograd_is_for_3x3_stride_1_without_groups(changes: dict[str, object]) -> None:
    assert suits_winograd(LAYER)
    other = replace(LAYER, **changes)  # type: ignore[arg-type]
    assert not suits_winograd(other)
    with pytest.raises(ValueError, match=r"cannot run as Winograd on x1"):
        cost(other, Datapath(64, 64), X1, mode="winograd")


def test_winograd_is_for_the_types_that_the_machine_has_it_for() -> None:
    assert cost(LAYER, Datapath(64, 64), X1).mode == "winograd"
    assert cost(replace(LAYER, type="int16"), Datapath(64, 64), X1).mode == "direct"


def test_more_multipliers_or_another_type_than_the_machine_has() -> None:
    with pytest.raises(ValueError, match="128 C x 64 K needs 8192 multipliers, but x1 has 4096"):
        cost(LAYER, Datapath(128, 64), X1)
    with pytest.raises(ValueError, match="needs 8192 multipliers"):
        evaluate(resnet50(), X1, (Datapath(128, 64),))
    with pytest.raises(ValueError, match="x1 has no fp32"):
        evaluate(resnet50().with_type("fp32"), X1)


@given(workloads, machines(), st.booleans())
def test_compiled_sweep_is_the_formula(workload: Workload, machine: Machine, overlap: bool) -> None:
    """The same numbers to the last bit, for every layer and datapath, its rows taking what is best for the layer."""
    table = evaluate(workload, machine, overlap=overlap)
    for i, layer in enumerate(workload.distinct[0]):
        for u, datapath in enumerate(table.datapaths):
            every = [cost(layer, mapping, machine, overlap=overlap) for mapping in mappings(datapath)]
            one = min(every, key=lambda cost: (cost.seconds, cost.cycles))
            assert not overlap or one == mapped_cost(layer, datapath, machine)
            assert (one.cycles, one.seconds) == (table.cycles[i, u], table.seconds[i, u])
            assert one.datapath == table.mapping(i, u)
            assert (one.mode == "winograd") == table.winograd[i, u]
            assert one.dram_bytes == table.dram_bytes[i, u]


def test_compiled_sweep_refuses_arrays_of_other_shapes() -> None:
    begins, pieces, shapes = np.array([0, 1, 2]), np.ones((2, 20), np.int64), np.ones((2, 8), np.int64)
    amounts, values, units = np.ones((2, 8)), np.ones((5, 1), np.int64), np.zeros((4, 6), np.int64)
    rest = (np.ones(4), 1.0, False, True)
    assert datapath_costs.evaluate(begins, pieces, shapes, amounts, values, units, *rest)[0].shape == (2, 4)
    for wrong in (
        (begins, pieces[:, :5].copy(), shapes, amounts, values, units),
        (begins, pieces, shapes[:1], amounts, values, units),
        (begins, pieces, shapes, amounts, values[:4].copy(), units),
        (begins, pieces, shapes, amounts, values, units[:, :3].copy()),
    ):
        with pytest.raises(ValueError, match=r"pieces must be \(candidates, 20\)"):
            datapath_costs.evaluate(*wrong, *rest)
    for wrong in (
        (begins + 1, pieces, shapes, amounts, values, units),
        (begins, pieces, shapes, amounts, values, units + 1),
        (begins, pieces, shapes, amounts, values - 1, units),
    ):
        with pytest.raises(ValueError, match="begins must count the candidates"):
            datapath_costs.evaluate(*wrong, *rest)


@given(layers(), machines())
def test_cost_is_what_it_is_made_of(layer: Layer, machine: Machine) -> None:
    for datapath in datapaths(machine.macs)[::7]:
        found, apart = cost(layer, datapath, machine), cost(layer, datapath, machine, overlap=False)
        assert 0 < found.utilisation <= 1 + 1e-12
        assert found.seconds == found.band[0] == max(found.compute_seconds, found.dram_seconds)
        assert apart.seconds == apart.band[1] == apart.compute_seconds + apart.dram_seconds
        assert found.stall_seconds == found.seconds - found.compute_seconds >= 0
        assert (found.bound == "DRAM") == (found.stall_seconds > 0)
        assert (found.idle_cycles > 0) or found.bound != "ports"
        assert found.joules > 0
        tile = winograd_tile(layer, machine)
        least = min(products(layer), products(layer, tile))
        assert found.cycles >= least / (machine.macs * machine.rate(layer.type))  # no machine beats its peak


class TestDram:
    def test_what_fits_moves_once(self) -> None:
        all_of_it = LAYER.input_bytes + LAYER.weight_bytes + LAYER.output_bytes
        assert moved(LAYER, 1e9) == all_of_it
        assert moved(replace(LAYER, added=True), 1e9) == all_of_it + LAYER.output_bytes
        assert moved(replace(LAYER, input_on_chip=True, output_on_chip=True), 1e9) == LAYER.weight_bytes
        assert moved(replace(LAYER, output_on_chip=True), 1e9) == LAYER.input_bytes + LAYER.weight_bytes
        assert moved(LAYER, 1e9, 16 / 9) == all_of_it + LAYER.weight_bytes * 7 / 9

    def test_what_does_not_fit_is_read_again(self) -> None:
        """By hand, 40,000 bytes: 8 channels and lines in 10 rows, 4,480 bytes of inputs; see the tile's own sum."""
        best = tiles(LAYER, 1, 1.0, 40_000 / 1024, OnChip(double=False))[0]
        inputs = min(56, best.lines + 2) * min(56, best.columns + 2)
        held = best.C * inputs + best.K * best.C * 9 + 4 * best.K * best.lines * best.columns
        assert held <= 40_000
        lines, columns = -(-56 // best.lines), -(-56 // best.columns)
        cuts = {"K": 64 // best.K, "C": 64 // best.C, "lines": lines, "columns": columns}
        shape = Shape(LAYER, 1)
        pixels = shape.down.read(best.lines) * shape.across.read(best.columns)
        read = 64 * pixels * visits(best.order, "inputs", cuts)
        weights = LAYER.weight_bytes * visits(best.order, "weights", cuts)
        again = 8 * LAYER.output_bytes * (visits(best.order, "sums", cuts) - 1)
        assert best.dram_bytes == read + weights + again + LAYER.output_bytes

    @given(layers(), st.floats(64, 1e6), st.floats(1, 16))
    def test_more_memory_never_moves_more(self, layer: Layer, buffer: float, growth: float) -> None:
        least = moved(layer, 1e12)
        assert moved(layer, buffer) >= moved(layer, growth * buffer) >= least


def moved(layer: Layer, buffer: float, growth: float = 1) -> float:
    """The fewest bytes through DRAM with a memory of so many bytes, all of it in use."""
    return tiles(layer, 1, growth, buffer / 1024, OnChip(double=False))[0].dram_bytes


class TestPorts:
    def test_a_port_that_is_too_narrow_is_the_bound(self) -> None:
        """By hand: a depthwise layer on 64 pixels reads 64 bytes in a round; a port of 16 takes four cycles for it."""
        layer = Layer("depthwise", C=64, H=58, W=58, K=64, P=56, Q=56, R=3, S=3, groups=64)
        path, wide = Datapath(pixel=64), X1.but(dram_gbs=math.inf, on_chip=OnChip())
        rounds = 64 * 9 * 49
        assert cost(layer, path, wide).cycles == rounds
        narrow = cost(layer, path, wide.but(on_chip=OnChip(input_bytes=16)))
        assert (narrow.cycles, narrow.idle_cycles, narrow.bound) == (4 * rounds, 3 * rounds, "ports")

    def test_an_array_that_shares_inputs_needs_a_narrow_port(self) -> None:
        wide = X1.but(dram_gbs=math.inf, winograd=None, on_chip=OnChip())
        narrow = wide.but(on_chip=OnChip(input_bytes=64, sum_bytes=256))
        assert cost(LAYER, Datapath(64, 64), narrow).cycles == cost(LAYER, Datapath(64, 64), wide).cycles
        assert cost(LAYER, Datapath(pixel=4096), narrow).cycles > 40 * cost(LAYER, Datapath(pixel=4096), wide).cycles

    def test_what_stays_is_what_moves_least(self) -> None:
        """On one multiplier outputs stay; where sums are wide and few channels are added up, so they do too."""
        one = cost(replace(LAYER, P=1, Q=1, H=3, W=3), Datapath(), X1)
        assert one.traffic.stay == "outputs"
        many_pixels = cost(replace(LAYER, R=1, S=1, C=4), Datapath(C=4, K=64), X1)
        assert many_pixels.traffic.stay == "weights"
        fully = cost(Layer.fully_connected("fc", 2048, 1000), Datapath(C=64), X1)
        assert fully.traffic.weights == fully.layer.weight_bytes

    @given(layers(), machines(), st.sampled_from(["input_bytes", "weight_bytes", "sum_bytes"]))
    def test_a_wider_port_is_never_slower(self, layer: Layer, machine: Machine, port: str) -> None:
        workload = Workload("one", (layer,))
        narrow, wide = (evaluate(workload, machine.but(on_chip=OnChip(**{port: width}))).seconds for width in (1, 16))
        assert (wide <= narrow).all()


class TestEnergy:
    def test_by_hand_on_one_multiplier(self) -> None:
        """One multiplier reads an input and a weight for each product and keeps the sum: 2 bytes a multiply-add."""
        small = replace(LAYER, P=1, Q=1, H=3, W=3)
        assert on_chip_bytes(small, Datapath()) == small.macs * 2 + small.K

    def test_lanes_that_share_a_number_read_it_once(self) -> None:
        one, many = on_chip_bytes(LAYER, Datapath()), on_chip_bytes(LAYER, Datapath(C=16, K=16, pixel=16))
        assert many < one / 10

    def test_published_energies(self) -> None:
        """Horowitz, ISSCC 2014: an int8 product and sum 0.23 pJ, DRAM 20 pJ a bit."""
        found = cost(LAYER, Datapath(64, 64), X1, mode="direct")
        assert found.mac_joules == pytest.approx(LAYER.macs * 0.23e-12)
        assert found.dram_joules == pytest.approx(found.dram_bytes * 160e-12)
        assert cost(LAYER, Datapath(64, 64), X1, mode="winograd").mac_joules == pytest.approx(found.mac_joules / 2.25)


def on_chip_bytes(layer: Layer, datapath: Datapath) -> float:
    return cost(layer, datapath, X1, mode="direct").traffic.bytes


def test_weights_transformed_beforehand_move_more() -> None:
    offline = replace(X1, winograd=Winograd(weights="transformed"))
    there, here = (cost(LAYER, Datapath(64, 64), machine, mode="winograd").dram_bytes for machine in (offline, X1))
    assert there - here == pytest.approx(LAYER.weight_bytes * 7 / 9)


def test_without_winograd() -> None:
    table = evaluate(resnet50(), X1, winograd=False)
    assert not table.winograd.any()
    assert (evaluate(resnet50(), X1).seconds <= table.seconds).all()


@given(layers(), machines(), st.sampled_from([1.5, 4, math.inf]))
def test_more_bandwidth_or_clock_is_never_slower(layer: Layer, machine: Machine, factor: float) -> None:
    workload = Workload("one", (layer,))
    for overlap in (True, False):
        before = evaluate(workload, machine, overlap=overlap).seconds
        wider = machine.but(dram_gbs=factor * machine.dram_gbs)
        assert (evaluate(workload, wider, overlap=overlap).seconds <= before).all()
        faster = machine.but(clock_mhz=min(factor, 100) * machine.clock_mhz)
        assert (evaluate(workload, faster, overlap=overlap).seconds <= before).all()
