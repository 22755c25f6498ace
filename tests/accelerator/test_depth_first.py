"""Depth-first stacks, weights that stay, weights fetched ahead, and the textbook's array: by hand, by walking."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import machines, workloads

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.depth_first import depth_first, line_buffers, schedule_stacks, source, stack, stacks
from workbook.accelerator.machine import Machine
from workbook.accelerator.prefetch import ahead_seconds
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import fixed
from workbook.accelerator.workload import WORKLOADS, Layer, Workload, mobilenet_v2, resnet50

X1 = PRESETS["x1"]
CHAIN = tuple(Layer(f"conv{i}", 8, 32, 32, 8, 32, 32, 3, 3) for i in range(3))


def rows_alive(layers: tuple[Layer, ...], band: int) -> list[int]:
    """Walk a frame band by band; the most rows of each layer's input that are there and wanted, without padding."""
    most = [0] * len(layers)
    made = [layers[0].H] + [0] * len(layers)  # rows of each tensor so far; the first is read as it is wanted
    for end in range(band, layers[-1].P + band, band):
        wanted = min(end, layers[-1].P)
        needs = []
        for layer in reversed(layers):
            low = (made[layers.index(layer) + 1]) * layer.stride[0] - layer.R // 2
            high = min(layer.H, (wanted - 1) * layer.stride[0] + layer.R - layer.R // 2)
            needs.append((max(0, low), high))
            wanted = high
        for i, (low, high) in enumerate(reversed(needs)):
            most[i] = max(most[i], high - low)
            if i:
                made[i] = high
        made[-1] = min(end, layers[-1].P)
    return most


class TestLineBuffers:
    def test_a_chain_by_hand(self) -> None:
        """Four rows out of each band: a 3x3 layer keeps 4 + 2 rows of 8 x 32 bytes; the ends are double."""
        assert line_buffers(CHAIN, 4) == (2 * 4 + 3 * 6 + 4) * 8 * 32

    def test_a_stride_takes_twice_the_rows(self) -> None:
        strided = Layer("stride", 8, 32, 32, 8, 16, 16, 3, 3, stride=(2, 2))
        assert line_buffers((strided,), 4) == 2 * 4 * 8 * 16 + (8 + 1) * 8 * 32 + 8 * 8 * 32

    @pytest.mark.parametrize("band", [1, 2, 4, 8])
    def test_no_more_rows_are_wanted_at_once(self, band: int) -> None:
        """In the walk the first band of a deeper layer takes the rows of the padding too, so it may need more."""
        steady = [min(32, band + 2)] * 3
        alive = rows_alive(CHAIN, band)
        assert alive[-1] <= steady[-1]
        whole = line_buffers(CHAIN, 32) - line_buffers(CHAIN, band)
        assert whole > 0


class TestStacks:
    def test_a_chain_that_fits_reads_its_ends_only(self) -> None:
        (found,) = stacks(Workload("chain", CHAIN), 64)
        assert found.dram_bytes == CHAIN[0].input_bytes + CHAIN[-1].output_bytes + sum(x.weight_bytes for x in CHAIN)
        assert sum(x.weight_bytes for x in CHAIN) + found.buffer_bytes <= 64 * 1024

    def test_without_room_each_layer_runs_alone(self) -> None:
        network = Workload("chain", CHAIN)
        assert [one.end - one.first for one in stacks(network, 2)] == [1, 1, 1]

    def test_a_tensor_that_others_want_is_written_and_read(self) -> None:
        added = (*CHAIN[:2], replace(CHAIN[2], added=True))
        assert source(added, 2) == 0
        inside, split = stack(added, 0, 3, 64), stack(added, 1, 3, 64)
        assert inside is not None
        assert split is not None
        assert inside.dram_bytes == sum(x.weight_bytes for x in added) + 2 * CHAIN[0].input_bytes
        assert split.dram_bytes == sum(x.weight_bytes for x in added[1:]) + 2 * CHAIN[0].input_bytes
        early = stack((*CHAIN, replace(CHAIN[2], added=True)), 0, 3, 64)  # conv2's output is added by conv4
        assert early is not None
        assert early.dram_bytes == sum(x.weight_bytes for x in CHAIN) + 3 * CHAIN[0].input_bytes

    def test_only_what_one_layer_passes_to_the_next_is_stacked(self) -> None:
        other = Layer("other", 4, 32, 32, 8, 32, 32)
        assert stack((CHAIN[0], other), 0, 2, 1e6) is None

    @pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50"])
    def test_a_network_is_cut_into_all_its_layers(self, name: str) -> None:
        network = WORKLOADS[name]()
        found = stacks(network, X1.sram_kb)
        assert [one.first for one in found[1:]] == [one.end for one in found[:-1]]
        assert (found[0].first, found[-1].end) == (0, len(network.layers))
        layer_by_layer = sum(cost.dram_bytes for cost in fixed(evaluate(network, X1, (X1.array,))).costs)
        weights = sum(layer.weight_bytes for layer in network.layers)
        moved = sum(one.dram_bytes for one in found)
        assert weights < moved < layer_by_layer

    def test_a_switch_stands_between_stacks_only(self) -> None:
        network = mobilenet_v2()
        found = stacks(network, 512)
        table = evaluate(depth_first(network, found), X1.but(sram_kb=512))
        best = schedule_stacks(table, found)
        assert best.switches <= len(found)
        assert best.reconfigured_seconds <= best.fixed_seconds
        free = replace(table, machine=X1.but(sram_kb=512, reconfiguration__bits=0))
        assert schedule_stacks(free, found).reconfigured_seconds <= best.reconfigured_seconds
        assert best.fixed_seconds >= best.dram_bytes / (X1.dram_gbs * 1e9)


class TestResident:
    def test_what_fits_never_comes_again(self) -> None:
        network = mobilenet_v2().resident(X1.sram_kb)
        assert all(layer.weights_on_chip for layer in network.layers)
        kept, fused = (
            sum(cost.dram_bytes for cost in fixed(evaluate(found, X1)).costs)
            for found in (network, mobilenet_v2().fused(X1.sram_kb))
        )
        assert fused - kept == sum(layer.weight_bytes for layer in network.layers)

    def test_the_fully_connected_layer_comes_first(self) -> None:
        network = resnet50().resident(X1.sram_kb)
        kept = [layer for layer in network.layers if layer.weights_on_chip]
        assert 0 < len(kept) < len(network.layers)
        assert network.layers[-1] in kept
        assert sum(layer.weight_bytes for layer in kept) < 1024 * X1.sram_kb

    def test_layers_that_come_in_tiles_leave_no_room(self) -> None:
        assert not any(layer.weights_on_chip for layer in mobilenet_v2().resident(256).layers)


class TestAhead:
    @given(workloads, machines(), st.booleans())
    def test_never_later_and_never_sooner_than_dram(self, workload: Workload, machine: Machine, overlap: bool) -> None:
        schedule = fixed(evaluate(workload, machine, overlap=overlap))
        taken = ahead_seconds(schedule)
        assert taken <= schedule.seconds * (1 + 1e-9)
        moved = math.fsum(cost.dram_seconds for cost in schedule.costs)
        computed = math.fsum(cost.compute_seconds for cost in schedule.costs)
        assert taken >= max(moved, computed) * (1 - 1e-9)

    def test_two_layers_by_hand(self) -> None:
        """One computes for long and the other waits for its weights: they come while the first computes."""
        long, heavy = Layer("long", 16, 64, 64, 16, 64, 64, 3, 3), Layer("heavy", 65536, 1, 1, 64, 1, 1)
        schedule = fixed(evaluate(Workload("two", (long, heavy)), X1.but(winograd=None), (Datapath(16, 16),)))
        first, second = schedule.costs
        assert second.dram_seconds > second.compute_seconds
        idle = first.compute_seconds - first.dram_seconds
        assert ahead_seconds(schedule) == pytest.approx(schedule.seconds - idle, rel=1e-9)
