"""The rows of a sweep that no other betters, and their figure."""

from __future__ import annotations

from dataclasses import fields, replace

from workbook.drawing import look
from workbook.hardware.figures import clusters, pareto_figure
from workbook.hardware.presets import PRESETS
from workbook.hardware.sweep import Row, compute, pareto, tasks
from workbook.hardware.workload import mobilenet_v2, resnet50

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


def test_labels_that_would_lie_on_each_other_are_one() -> None:
    rows = [row("a", 100, 1.0), row("b", 110, 1.1), row("c", 900, 9.0)]
    assert [[found.machine for found in together] for together in clusters(rows)] == [["a", "b"], ["c"]]


def test_figure_names_networks_units_and_the_best_machines() -> None:
    with look():
        figure = pareto_figure(ROWS)
        (axes,) = figure.axes
        words = " ".join(text.get_text() for text in axes.texts)
        drawn = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert drawn == {network.name for network in NETWORKS}
    assert all(found.machine in words for found in pareto(ROWS))
    assert axes.get_xlabel() == "energy (mJ an image)"
    assert axes.get_ylabel() == "images a second"


def test_a_row_has_the_five_lines_in_order() -> None:
    times = [field.name for field in fields(Row) if field.name.endswith("_ms")]
    assert times == ["textbook_ms", "fixed_ms", "suite_ms", "oracle_ms", "reconfigured_ms"]
    for found in ROWS:
        assert found.oracle_ms <= found.reconfigured_ms <= found.fixed_ms <= min(found.suite_ms, found.textbook_ms)
        assert found.gain == found.fixed_ms / found.reconfigured_ms or abs(found.gain - 1) < 1e-9
