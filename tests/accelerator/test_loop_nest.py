"""The closed form of tiles and ports is what a walk through all loops counts; the compiled sweep is the closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import datapaths, layers, on_chips

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.loop_nest import walk
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.on_chip_traffic import rounds, traffic
from workbook.accelerator.tiles import INDICES, LOOPS, ORDERS, Pieces, Shape, Tile, cut, tiles, visits
from workbook.accelerator.workload import Layer, resnet50, vgg16

LAYER = Layer("layer", C=64, H=56, W=56, K=64, P=56, Q=56, R=3, S=3)


@st.composite
def small_layers(draw: st.DrawFn) -> Layer:
    """Layers of a few thousand multiply-adds, through DRAM, some with padding."""
    layer = draw(layers())
    if draw(st.booleans()) and layer.R > 1 and layer.H > 2:
        layer = replace(layer, H=layer.H - 2, W=max(1, layer.W - 2))  # a row of padding on each side
    return replace(
        layer, C=layer.groups * min(4, layer.C // layer.groups), K=layer.groups * min(4, layer.K // layer.groups),
        P=min(layer.P, 5), Q=min(layer.Q, 4), N=min(layer.N, 2), input_on_chip=False, output_on_chip=False,
    )  # fmt: skip


@given(small_layers(), datapaths, on_chips, st.sampled_from([1, 2, 4]), st.data())
def test_formula_counts_what_a_walk_counts(
    layer: Layer, datapath: Datapath, on_chip: OnChip, m: int, data: st.DataObject
) -> None:
    if m > 1:
        layer = replace(
            layer, C=layer.C // layer.groups, K=layer.K // layer.groups, groups=1, R=3, S=3, stride=(1, 1),
            H=layer.P + 2, W=layer.Q + 2,
        )  # fmt: skip
    shape = Shape(layer, m)
    sizes = data.draw(
        st.tuples(
            st.integers(1, layer.groups),
            st.integers(1, layer.K // layer.groups),
            st.integers(1, layer.C // layer.groups),
            st.one_of(st.integers(1, shape.down.number), st.integers(1, layer.N).map(lambda n: n * shape.down.number)),
            st.integers(1, shape.across.number),
        )
    )
    order = data.draw(st.sampled_from(ORDERS))
    growth = data.draw(st.sampled_from([1, 16 / 9]))
    tile = Tile(order, *sizes, dram_bytes=math.nan)
    cuts = {
        "K": cut(layer.K // layer.groups, tile.K).number,
        "C": cut(layer.C // layer.groups, tile.C).number,
        "lines": shape.cut_lines(tile.lines).number,
        "columns": cut(shape.across.number, tile.columns).number,
    }
    through = rounds(shape, tile, datapath, rows=on_chip.rows)
    for way in traffic(shape, tile, datapath, on_chip):
        counted = walk(shape, tile, way.stay, datapath, on_chip, growth)
        assert counted.rounds == through.all
        assert counted.ports["inputs"] == way.inputs
        assert counted.ports["weights"] == way.weights
        assert counted.ports["sums_read"] == way.sums_read
        assert counted.ports["sums_written"] == pytest.approx(way.sums_written, rel=1e-12)
    read = layer.N * layer.C * shape.down.read(tile.lines) * shape.across.read(tile.columns)
    assert counted.dram["inputs"] == read * visits(order, "inputs", cuts)
    assert counted.dram["weights"] == pytest.approx(layer.weight_bytes * growth * visits(order, "weights", cuts))
    again = 2 * on_chip.sum_size * layer.N * layer.K * layer.P * layer.Q
    assert counted.dram["sums"] == again * (visits(order, "sums", cuts) - 1)


@given(small_layers(), st.sampled_from([0.05, 0.2, 0.5, 2]), on_chips, st.sampled_from([1, 2]))
def test_tiles_move_what_a_walk_counts_and_fit(layer: Layer, sram_kb: float, on_chip: OnChip, m: int) -> None:
    """Every tile that is offered; the best of them moves no more than any other power of two that fits."""
    if m > 1:
        layer = replace(
            layer, C=layer.C // layer.groups, K=layer.K // layer.groups, groups=1, R=3, S=3, stride=(1, 1),
            H=layer.P + 2, W=layer.Q + 2,
        )  # fmt: skip
    shape = Shape(layer, m)
    offered = tiles(layer, m, 1.0, sram_kb, on_chip)
    room = sram_kb * 1024 / (2 if on_chip.double else 1)
    least = shape.across.number if on_chip.rows else 1
    for tile in offered[:3]:
        counted = walk(shape, tile, "outputs", Datapath(), on_chip)
        assert tile.dram_bytes == sum(counted.dram.values()) + layer.output_bytes * (1 + layer.added)
    assert [tile.dram_bytes for tile in offered] == sorted(tile.dram_bytes for tile in offered)
    for tile in offered:
        rows = shape.down.most(tile.lines) * max(1, tile.lines // shape.down.number)
        held = tile.group * (
            tile.C * rows * shape.across.most(tile.columns) + tile.K * tile.C * layer.R * layer.S
            + tile.K * tile.lines * tile.columns * shape.positions * on_chip.sum_size
        )  # fmt: skip
        assert held <= room or (tile.group, tile.K, tile.C, tile.lines, tile.columns) == (1, 1, 1, 1, least)


def test_orders_by_hand() -> None:
    """2 x 4 x 8 tiles of k, c and pixels: what each order moves how often, however the 8 are lines and columns."""
    for lines, columns in ((8, 1), (1, 8), (2, 4)):
        cuts = {"K": 2, "C": 4, "lines": lines, "columns": columns}
        times = {order: tuple(visits(order, name, cuts) for name in ("weights", "inputs", "sums")) for order in ORDERS}
        assert times == {"weights": (1, 2, 4), "outputs": (8, 2, 1), "inputs": (8, 1, 4)}
        whole = {**cuts, "K": 1, "C": 1}
        assert all(visits(order, tensor, whole) == 1 for order in ORDERS for tensor in INDICES)
    assert all(sorted(LOOPS[order]) == ["C", "K", "columns", "lines"] for order in ORDERS)


def test_halo_by_hand() -> None:
    """56 lines of 3x3 with padding in tiles of 8: the first and the last read 9 rows, those between 10."""
    assert Shape(LAYER, 1).down.read(8) == 9 + 5 * 10 + 9 == Shape(LAYER, 1).across.read(8)
    assert Shape(LAYER, 1).down.read(56) == 56
    assert Shape(replace(LAYER, R=1, S=1), 1).down.read(8) == 56


def test_a_square_tile_reads_less_halo() -> None:
    """64 pixels of a 3x3 layer need 100 inputs as 8 x 8, and 56 of a line 168: tiles of whole lines move more."""
    shape = Shape(LAYER, 1)
    assert shape.down.most(8) * shape.across.most(8) == 100
    assert shape.down.most(1) * shape.across.most(56) == 3 * 56
    free, whole_lines = (tiles(LAYER, 1, 1.0, 2, OnChip(double=False, rows=rows))[0] for rows in (False, True))
    assert free.columns < 56 == whole_lines.columns
    assert free.dram_bytes < whole_lines.dram_bytes


def test_pieces_by_hand() -> None:
    assert cut(10, 4) == Pieces(2, 4, 1, 2)
    assert cut(10, 4).rounds(3) == 2 * 2 + 1
    assert Shape(replace(LAYER, N=5), 1).cut_lines(2 * 56) == Pieces(2, 112, 1, 56)
    assert Shape(replace(LAYER, N=5), 1).cut_lines(32) == Pieces(5, 32, 5, 24)


@pytest.mark.parametrize("layer", [*resnet50().layers[:8], *vgg16().layers[4:9]], ids=lambda layer: layer.name)
def test_more_memory_moves_less(layer: Layer) -> None:
    moved = [tiles(layer, 1, 1.0, kb, OnChip())[0].dram_bytes for kb in (8, 32, 128, 512, 2048, 1e6)]
    assert moved == sorted(moved, reverse=True)
    once = layer.input_bytes + layer.weight_bytes + layer.output_bytes * (1 + layer.added)
    assert moved[-1] == once


def test_half_of_the_memory_is_loaded_meanwhile() -> None:
    alone, double = (tiles(LAYER, 1, 1.0, kb, OnChip(double=double)) for kb, double in ((64, False), (128, True)))
    assert alone == double
