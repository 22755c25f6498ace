"""`workbook bench hardware`: every figure is there, the targets are met, other models say something or why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbook.accelerator import other_cost_models
from workbook.accelerator.systolic import weight_stationary_cycles
from workbook.benchmarks import cost_model
from workbook.cli import main
from workbook.measuring.timing import Timing


def test_command_writes_and_prints_every_figure(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "bench.json"
    arguments = ["bench", "hardware", "--no-peers", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(path.read_text())
    assert report["machine"]["cpu"]
    assert list(report["times"]) == list(cost_model.cases())
    assert all(name in result.output for name in report["times"])
    for timing in report["times"].values():
        assert 0 < timing["first_quartile"] <= timing["median"] <= timing["third_quartile"]
        assert timing["rounds"] >= 3
    assert report["evaluations"] == 23 * 3316  # distinct layers of ResNet-50, datapaths of 4096 multipliers
    assert report["evaluations_a_second"] == report["evaluations"] / report["times"][cost_model.EVALUATED]["median"]
    assert report["kept"] == {cost_model.EVALUATED: True, cost_model.SCHEDULED: True}


def test_a_target_that_is_missed_is_said() -> None:
    slow = dict.fromkeys(cost_model.cases(), Timing(1.0, 1.0, 1.0, 3, 0.0))
    report = cost_model.Report(cost_model.this_machine.machine(), 4_999_999, slow, [])
    assert report.kept == {cost_model.EVALUATED: False, cost_model.SCHEDULED: False}
    assert [*report.tables()[0].columns[5].cells][:2] == ["missed", "missed"]


@pytest.mark.parametrize("name", other_cost_models.MODELS)
def test_a_model_that_is_not_there_is_a_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_cost_models, "version", lambda name: None)
    peer = cost_model.compare(name)
    assert (peer.version, peer.seconds, peer.problem) == (None, None, "not installed")
    report = cost_model.Report(
        cost_model.this_machine.machine(), 1, dict.fromkeys(cost_model.cases(), Timing.of([1.0])), [peer]
    )
    assert "not installed" in [*report.tables()[1].columns[1].cells]


def test_a_package_that_does_not_import_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_cost_models, "version", lambda name: "0")
    monkeypatch.setattr(other_cost_models, "RUN_ZIGZAG", "import no_such_package")
    peer = cost_model.compare("zigzag")
    assert peer.seconds is None
    assert peer.problem == "ModuleNotFoundError: No module named 'no_such_package'"


@pytest.mark.parametrize("name", other_cost_models.MODELS)
def test_against_the_package(name: str) -> None:
    if other_cost_models.version(name) is None:
        pytest.skip(f"{name} is not installed")
    peer = cost_model.compare(name)
    if peer.cycles is None:
        pytest.skip(f"{name} does not run here: {peer.problem}")
    layer, array = cost_model.LAYER, cost_model.MACHINE.array
    expected = weight_stationary_cycles(array.C, array.K, layer.P * layer.Q, layer.C * 9, layer.K)
    assert peer.cycles == pytest.approx(expected, rel={"scalesim": 0, "zigzag": 1}[name])
