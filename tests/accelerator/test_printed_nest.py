"""A choice as a loop nest, and as the files of ZigZag and Timeloop: the loops make all multiply-adds of the layer."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import datapaths, layers, machines

from workbook.accelerator import other_cost_models, published_results, timeloop_files, zigzag_files
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import LayerCost, cost
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

    def test_images_have_a_loop_of_their_own(self) -> None:
        chosen = cost(replace(LAYER, N=2), Datapath(64, 64), X1)
        ordering = zigzag_files.mapping(chosen, X1)["temporal_ordering"]
        assert ordering == [["OX", 14], ["OY", 14], ["B", 2], ["FX", 3], ["FY", 3], ["K", 2]]

    @pytest.mark.parametrize(
        ("layer", "path", "says"),
        [
            (LAYER, Datapath(7, 64, tap=9), "rows of taps are not written"),
            (LAYER, Datapath(8, 8, 64), "64 pixels are no whole lines and columns of 14 x 14"),
            (replace(LAYER, K=96), Datapath(16, 16), "do not divide P"),
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


class Tagged(yaml.SafeLoader):
    """YAML whose nodes carry Timeloop's tags, !Container and !Component."""


Tagged.add_multi_constructor("!", lambda loader, _, node: loader.construct_mapping(node, deep=True))


def timeloop(chosen: LayerCost, machine: Machine, folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """Write a choice, and read sizes by letter, nodes by name and the levels of the mapping."""
    timeloop_files.write(chosen, machine, folder)
    read: dict[str, Any] = {}
    for file in folder.glob("*.yaml"):
        read |= yaml.load(file.read_text(encoding="ascii"), Tagged)
    return read["problem"]["instance"], {one["name"]: one for one in read["architecture"]["nodes"]}, read["mapping"]


def factors(levels: list[Any], *targets: str) -> dict[str, int]:
    """Multiply the factors of some levels, by letter."""
    product = dict.fromkeys("NGKCPQRS", 1)
    for level in levels:
        for factor in level.get("factors", ()) if level["target"] in targets else ():
            letter, times = factor.split("=")
            product[letter] *= int(times)
    return product


def whole_layers() -> st.SearchStrategy[Layer]:
    """Layers of powers of two, which multipliers divide: Timeloop has no remainders."""
    two = st.sampled_from([1, 2, 4])

    def made(G: int, C: int, K: int, P: int, Q: int, N: int, side: int, stride: int) -> Layer:
        H, W = stride * (P - 1) + side, stride * (Q - 1) + side
        return Layer("layer", G * C, H, W, G * K, P, Q, side, side, (stride, stride), G, N)

    return st.builds(
        made, two, two, two, two, two, st.sampled_from([1, 2]), st.sampled_from([1, 3]), st.sampled_from([1, 2])
    )


few = st.sampled_from([1, 2, 4])
whole_paths = st.builds(Datapath, few, few, st.sampled_from([1, 2]), few, st.sampled_from([1, 1, 3]))


class TestTimeloop:
    """By Timeloop's rules, applied to what was written."""

    @given(whole_layers(), machines(192), whole_paths)
    @settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
    def test_what_is_written_is_the_choice(self, layer: Layer, machine: Machine, path: Datapath) -> None:
        machine = machine.but(winograd=None)
        chosen = cost(layer, path, machine)
        with tempfile.TemporaryDirectory() as folder:
            try:
                sizes, nodes, levels = timeloop(chosen, machine, Path(folder))
            except ValueError:
                assume(False)
        names = [name for name in nodes if name not in ("chip", "multiplier")]
        every = factors(levels, *names)
        assert every == {letter: sizes[letter] for letter in every}
        assert math.prod(every.values()) == layer.macs
        assert [level["target"] for level in levels if "factors" in level] == names
        assert all(sorted(level["permutation"]) == sorted(every) for level in levels if "factors" in level)

        printed = nest(chosen, machine)
        in_time = math.prod(factors(levels, "dram", "sram").values())
        assert in_time == math.prod(number for _, number, _ in printed.rounds)
        assert math.prod(factors(levels, "dram").values()) == math.prod(number for _, number, _ in printed.tiles)

        meshes = 1
        for level in levels:
            if level.get("type") == "spatial":
                mesh, first = nodes[level["target"]]["spatial"], level["permutation"][0]
                beside = factors([level], level["target"])
                assert beside.pop(first) <= mesh["meshX"]
                assert math.prod(beside.values()) <= mesh["meshY"]
                meshes *= mesh["meshX"] * mesh["meshY"]
        assert meshes == path.multipliers <= machine.macs

        tile, sram = factors(levels, *names[1:]), nodes["sram"]["attributes"]
        high, wide = (
            (tile[p] - 1) * sizes[step] + tile[r] for p, step, r in (("P", "down", "R"), ("Q", "across", "S"))
        )
        inputs = tile["N"] * tile["G"] * tile["C"] * high * wide
        weights, outputs = (math.prod(tile[letter] for letter in own) for own in ("GKCRS", "NGKPQ"))
        entries = sram["depth"] * sram["width"] // sram["datawidth"]
        assert inputs + weights + outputs <= entries // sram["multiple_buffering"]
        assert entries * layer.bits / 8 <= 1024 * machine.sram_kb

    def test_loops_begin_with_the_innermost(self, tmp_path: Path) -> None:
        """Weights stay, so pixels are innermost; and a tile's loops stand in DRAM's level."""
        machine = X1.but(sram_kb=32)
        chosen = cost(replace(LAYER, P=16, Q=16, H=16, W=16), Datapath(16, 16), machine)
        _, nodes, levels = timeloop(chosen, machine, tmp_path)
        assert chosen.traffic.stay == "weights"
        assert "".join(levels[1]["permutation"]) == "QPNSRCKG"
        letters = {"lines": "P", "columns": "Q"}
        loops = [letters.get(name, name) for name, _, _ in nest(chosen, machine).tiles]
        assert levels[0]["permutation"][-len(loops) :] == loops[::-1]
        assert nodes["sram"]["attributes"]["read_bandwidth"] == 256 + 256 + 256 / 4
        assert nodes["dram"]["attributes"]["shared_bandwidth"] * machine.clock_hz == pytest.approx(
            machine.dram_gbs * 1e9
        )

    @pytest.mark.parametrize(
        ("layer", "path", "machine", "says"),
        [
            (replace(LAYER, K=96), Datapath(64, 64), X1, "64 multipliers do not divide 96 along K"),
            (LAYER, Datapath(8, 8, 64), X1, "64 pixels are no whole lines and columns of 14 x 14"),
            (replace(LAYER, H=56, W=56, P=56, Q=56), Datapath(64, 64), PRESETS["x1"], "no Winograd mode"),
            (replace(LAYER, C=512, K=8), Datapath(64, 8), X1.but(sram_kb=300), "with its padding"),
        ],
    )
    def test_what_it_cannot_be_told_is_named(self, layer: Layer, path: Datapath, machine: Machine, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            timeloop_files.mapping(cost(layer, path, machine), machine)


def test_outputs_that_stay_stream_the_depth() -> None:
    """One fold of a 4 x 4 array, 10 products deep: 4 + 4 + 10 - 2 cycles, counted from 0; and SCALE-Sim's own."""
    assert output_stationary_cycles(4, 4, 4, 10, 4) == 15
    for T, depth, columns, cycles in published_results.SCALE_SIM_OUTPUTS:
        assert output_stationary_cycles(64, 64, T, depth, columns) == cycles
