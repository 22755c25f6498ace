"""A choice as a loop nest, and as ZigZag's files: the loops make all multiply-adds and count as the model does."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from strategies import datapaths, layers, machines

from workbook.accelerator import other_cost_models, published_results, zigzag_files
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.machine import Machine
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.printed_nest import nest
from workbook.accelerator.systolic import output_stationary_cycles
from workbook.accelerator.validation import zigzag_case
from workbook.accelerator.workload import Layer

X1 = PRESETS["x1"].but(winograd=None)
LAYER = Layer("layer", C=64, H=14, W=14, K=128, P=14, Q=14, R=3, S=3)


class TestNest:
    @given(layers(), machines(), datapaths)
    def test_loops_times_what_lies_side_by_side_hold_all_products(
        self, layer: Layer, machine: Machine, path: Datapath
    ) -> None:
        if path.multipliers > machine.macs:
            return
        found = cost(layer, path, machine)
        printed = nest(found, machine)
        rounds = math.prod(number for _, number, _ in printed.rounds)
        assert rounds / machine.rate(layer.type) + found.idle_cycles + path.fill == pytest.approx(found.cycles)
        if found.mode == "direct":
            assert rounds * path.multipliers >= layer.macs
        assert all(times >= 1 for times in printed.moved.values())

    def test_by_hand(self) -> None:
        """Two rounds along K, nine taps, 196 pixels; a weight that was read serves all pixels, an input 64 filters."""
        chosen = cost(LAYER, Datapath(64, 64), X1)
        lines = str(nest(chosen, X1)).splitlines()
        assert lines[0] == f"layer, 64->128 @14 3x3, direct: weight-stationary, {chosen.cycles:,.0f} cycles"
        assert [line.strip() for line in lines[4:7]] == [
            "for K in 2 rounds of 64", "for tap in 9 rounds of 1", "for pixel in 196 rounds of 1"
        ]  # fmt: skip
        uses = nest(chosen, X1).uses
        assert (uses["inputs"], uses["weights"]) == (64, 196)
        assert uses["sums"] == LAYER.macs / (128 * 196 * (1 + 2 * 8))
        assert lines[-1].endswith("4096 of 4096 processing elements")

    def test_a_layer_that_does_not_fit_has_loops_over_tiles(self) -> None:
        small = X1.but(sram_kb=32)
        printed = nest(cost(LAYER, Datapath(16, 16), small), small)
        assert printed.tiles
        assert f"in {printed.tiles[0][1]} tiles of {printed.tiles[0][2]}" in str(printed)


class TestZigzag:
    def test_every_loop_is_there(self, tmp_path: Path) -> None:
        chosen = cost(LAYER, Datapath(16, 32, 7), X1)
        zigzag_files.write(chosen, X1, tmp_path)
        mapping, hardware, workload = (
            json.loads((tmp_path / f"{name}.yaml").read_text()) for name in ("mapping", "hardware", "workload")
        )
        assert hardware["operational_array"]["sizes"] == [32, 16, 7, 1]
        side = math.prod(int(one.split(", ")[1]) for loops in mapping[0]["spatial_mapping"].values() for one in loops)
        assert side * math.prod(size for _, size in mapping[0]["temporal_ordering"]) == LAYER.macs
        assert math.prod(workload[0]["loop_sizes"]) == LAYER.macs

    def test_tiles_are_the_outer_loops(self) -> None:
        small = X1.but(sram_kb=32)
        chosen = cost(replace(LAYER, P=16, Q=16, H=16, W=16), Datapath(16, 16), small)
        ordering = zigzag_files.mapping(chosen, small)["temporal_ordering"]
        tiles = [number for _, number, _ in nest(chosen, small).tiles]
        assert isinstance(ordering, list)
        assert [size for _, size in ordering[-len(tiles) :]] == tiles[::-1]

    @pytest.mark.parametrize(
        ("layer", "path", "says"),
        [
            (LAYER, Datapath(7, 64, tap=9), "rows of taps are not written"),
            (LAYER, Datapath(8, 8, 64), "64 pixels are no whole lines and columns of 14 x 14"),
            (replace(LAYER, K=96), Datapath(16, 16), "do not divide lines"),
        ],
    )
    def test_what_it_cannot_be_told_is_named(self, layer: Layer, path: Datapath, says: str) -> None:
        machine = X1.but(sram_kb=24) if layer.K == 96 else X1
        with pytest.raises(ValueError, match=says):
            zigzag_files.mapping(cost(layer, path, machine), machine)

    @pytest.mark.skipif(not other_cost_models.version("zigzag"), reason="zigzag-dse is not installed")
    def test_zigzag_says_what_is_published(self) -> None:
        name = "conv4_2.expand"
        answer = other_cost_models.zigzag_choice(*zigzag_case(name))
        assert answer.cycles == published_results.ZIGZAG_CYCLES[name]


def test_outputs_that_stay_stream_the_depth() -> None:
    """One fold of a 4 x 4 array, 10 products deep: 4 + 4 + 10 - 2 cycles, counted from 0; and SCALE-Sim's own."""
    assert output_stationary_cycles(4, 4, 4, 10, 4) == 15
    for T, depth, columns, cycles in published_results.SCALE_SIM_OUTPUTS:
        assert output_stationary_cycles(64, 64, T, depth, columns) == cycles
