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
from workbook.accelerator.datapath import Datapath, cycles, datapaths, products, suits_winograd, winograd_positions
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.dram_traffic import dram_bytes, inputs_again, weights_again
from workbook.accelerator.layer_cost import cost, mode_bytes, sram_bytes, winograd_tile
from workbook.accelerator.machine import Machine, Winograd
from workbook.accelerator.presets import PRESETS
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
    """The same numbers to the last bit, for every layer and datapath."""
    table = evaluate(workload, machine, overlap=overlap)
    for i, layer in enumerate(workload.distinct[0]):
        for u, datapath in enumerate(table.datapaths):
            one = cost(layer, datapath, machine, overlap=overlap)
            assert (one.cycles, one.seconds) == (table.cycles[i, u], table.seconds[i, u])
            assert (one.mode == "winograd") == table.winograd[i, u]
            assert one.dram_bytes == table.dram_bytes[i, u]


def test_compiled_sweep_refuses_arrays_of_other_shapes() -> None:
    sizes, costs, paths = np.ones((2, 6), np.int64), np.ones((2, 3)), np.ones((4, 6), np.int64)
    assert datapath_costs.evaluate(sizes, costs, paths, 1.0, True)[0].shape == (2, 4)
    for wrong in ((sizes[:, :5].copy(), costs, paths), (sizes, costs[:1], paths), (sizes, costs, paths[:, :3].copy())):
        with pytest.raises(ValueError, match=r"sizes must be \(layers, 6\)"):
            datapath_costs.evaluate(*wrong, 1.0, True)


@given(layers(), machines())
def test_cost_is_what_it_is_made_of(layer: Layer, machine: Machine) -> None:
    for datapath in datapaths(machine.macs)[::7]:
        found, apart = cost(layer, datapath, machine), cost(layer, datapath, machine, overlap=False)
        assert 0 < found.utilisation <= 1 + 1e-12
        assert found.seconds == found.band[0] == max(found.compute_seconds, found.dram_seconds)
        assert apart.seconds == apart.band[1] == apart.compute_seconds + apart.dram_seconds
        assert found.stall_seconds == found.seconds - found.compute_seconds >= 0
        assert (found.bound == "DRAM") == (found.stall_seconds > 0)
        assert found.joules > 0
        tile = winograd_tile(layer, machine)
        least = min(products(layer), products(layer, tile))
        assert found.cycles >= least / (machine.macs * machine.rate(layer.type))  # no machine beats its peak


class TestDram:
    def test_what_fits_moves_once(self) -> None:
        all_of_it = LAYER.input_bytes + LAYER.weight_bytes + LAYER.output_bytes
        assert dram_bytes(LAYER, 1e9) == all_of_it
        assert dram_bytes(replace(LAYER, added=True), 1e9) == all_of_it + LAYER.output_bytes
        assert dram_bytes(replace(LAYER, input_on_chip=True, output_on_chip=True), 1e9) == LAYER.weight_bytes
        assert dram_bytes(LAYER, 1e9, 16 / 9) == all_of_it + LAYER.weight_bytes * 7 / 9

    def test_what_does_not_fit_is_read_again(self) -> None:
        """By hand: 200,704 bytes of inputs, 36,864 of weights, 32 filters of 576 bytes or 3 rows of inputs in use."""
        inputs, weights = 200_704, 36_864
        assert (LAYER.input_bytes, LAYER.weight_bytes) == (inputs, weights)
        assert weights_again(inputs, weights, 32 * 576, 40_000) == 10 * weights + inputs
        assert inputs_again(inputs, weights, 3 * 56 * 64, 40_000) == 2 * inputs + weights
        assert dram_bytes(LAYER, 40_000) == 2 * inputs + weights + LAYER.output_bytes
        assert dram_bytes(LAYER, 60_000) == inputs + weights + LAYER.output_bytes  # all weights beside 3 rows

    @given(layers(), st.floats(64, 1e6), st.floats(1, 16))
    def test_more_memory_never_moves_more(self, layer: Layer, buffer: float, growth: float) -> None:
        least = dram_bytes(layer, 1e12)
        assert dram_bytes(layer, buffer) >= dram_bytes(layer, growth * buffer) >= least


class TestEnergy:
    def test_by_hand_on_one_multiplier(self) -> None:
        """One multiplier reads an input and a weight for each product and keeps the sum: 2 bytes a multiply-add."""
        small = replace(LAYER, P=1, Q=1, H=3, W=3)
        assert sram_bytes(small, Datapath()) == small.macs * 2 + small.K

    def test_lanes_that_share_a_number_read_it_once(self) -> None:
        one, many = sram_bytes(LAYER, Datapath()), sram_bytes(LAYER, Datapath(C=16, K=16, pixel=16))
        assert many < one / 10

    def test_published_energies(self) -> None:
        """Horowitz, ISSCC 2014: an int8 product and sum 0.23 pJ, DRAM 20 pJ a bit."""
        found = cost(LAYER, Datapath(64, 64), X1, mode="direct")
        assert found.mac_joules == pytest.approx(LAYER.macs * 0.23e-12)
        assert found.dram_joules == pytest.approx(found.dram_bytes * 160e-12)
        assert cost(LAYER, Datapath(64, 64), X1, mode="winograd").mac_joules == pytest.approx(found.mac_joules / 2.25)


def test_weights_transformed_beforehand_move_more() -> None:
    offline = replace(X1, winograd=Winograd(weights="transformed"))
    weights = LAYER.weight_bytes
    assert mode_bytes(LAYER, offline, "winograd") - mode_bytes(LAYER, X1, "winograd") == pytest.approx(weights * 7 / 9)


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
