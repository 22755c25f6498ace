"""The rows of a sweep that no other betters, and their figure."""

from __future__ import annotations

import re
from dataclasses import fields, replace

from workbook.accelerator.presets import PRESETS
from workbook.accelerator.sweep_figure import pareto_figure
from workbook.accelerator.sweep_rows import Row, compute, pareto, tasks
from workbook.accelerator.workload import mobilenet_v2, resnet50
from workbook.drawing import look

NETWORKS = [mobilenet_v2(), resnet50()]
ROWS = [compute(task) for task in tasks([PRESETS["x1"], PRESETS["nvdla_256"], PRESETS["efpga_40"]], NETWORKS)]
BASE = ROWS[0]


def row(name: str, images_per_second: float, mj_per_image: float) -> Row:
    return replace(BASE, machine=name, images_per_second=images_per_second, mj_per_image=mj_per_image)


def test_best_rows_by_hand() -> None:
    rows = [
        row("fast", 100, 10),
        row("thrifty", 10, 1),
        row("slow", 50, 10),
        row("dear", 100, 11),
        row("twin", 100, 10),
    ]
    assert [best.machine for best in pareto(rows)] == ["fast", "thrifty", "twin"]
    other = replace(row("alone", 1, 1000), network="another network")
    assert other in pareto([*rows, other])  # networks are not compared with each other


def test_every_other_row_is_bettered_by_one_of_the_best() -> None:
    best = pareto(ROWS)
    assert {found.network for found in best} == {network.name for network in NETWORKS}
    for found in (found for found in ROWS if found not in best):
        assert any(
            better.network == found.network
            and better.images_per_second >= found.images_per_second
            and better.mj_per_image <= found.mj_per_image
            for better in best
        )


def test_figure_numbers_and_names_the_best_of_each_network() -> None:
    rows = [row("fast", 900, 9), row("frugal", 10, 1), row("worse", 1, 99)]
    rows.append(replace(row("alone", 5, 5), network="vgg16"))
    with look():
        first, second = pareto_figure(rows).axes
    assert [axes.get_title("left") for axes in (first, second)] == [BASE.network, "vgg16"]
    assert [text.get_text() for text in first.texts] == ["1  fast\n2  frugal", "1", "2"]
    assert [text.get_text() for text in second.texts] == ["1  alone", "1"]
    every, best = first.lines
    assert len(every.get_xdata()) == 3
    assert [*zip(*best.get_data(), strict=True)] == [(9, 900), (1, 10)]
    assert first.get_xlabel() == "energy (mJ an image)"
    assert first.get_ylabel() == "images a second"


def test_marks_that_are_near_share_a_label_and_names_that_do_not_fit_are_counted() -> None:
    with look():
        (axes,) = pareto_figure([row(f"m{i}", 100 + i, 10 + i / 1e3) for i in range(12)]).axes
    names, *numbers = (text.get_text() for text in axes.texts)
    assert names.splitlines()[::9] == ["1  m11", "and 3 more"]
    assert len(numbers) < 12
    assert re.fullmatch(r"1-\d+", numbers[0])


def test_nothing_is_written_off_the_page() -> None:
    """Names of varied machines are long; a frame is as wide as they need."""
    long = [replace(found, machine=f"{found.machine} dram_gbs=16 clock_mhz=900 sram_kb=13312") for found in ROWS]
    with look():
        figure = pareto_figure(long)
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    assert all(axes.get_position().width > 0.3 for axes in figure.axes)


def test_a_row_has_the_five_lines_in_order() -> None:
    times = [field.name for field in fields(Row) if field.name.endswith("_ms")]
    assert times == ["textbook_ms", "fixed_ms", "suite_ms", "oracle_ms", "reconfigured_ms", "first_ms"]
    for found in ROWS:
        assert found.first_ms <= found.reconfigured_ms
        assert found.oracle_ms <= found.reconfigured_ms <= found.fixed_ms <= min(found.suite_ms, found.textbook_ms)
        assert found.gain == found.fixed_ms / found.reconfigured_ms or abs(found.gain - 1) < 1e-9
