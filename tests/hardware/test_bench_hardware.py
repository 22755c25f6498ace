"""`workbook bench hardware`: every figure is there, the targets are met, other models say something or why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbook.cli import main
from workbook.hardware import bench, peers
from workbook.hardware.systolic import weight_stationary_cycles
from workbook.measure import Timing


def test_command_writes_and_prints_every_figure(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "bench.json"
    arguments = ["bench", "hardware", "--no-peers", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(path.read_text())
    assert report["machine"]["cpu"]
    assert list(report["times"]) == list(bench.cases())
    assert all(name in result.output for name in report["times"])
    for timing in report["times"].values():
        assert 0 < timing["first_quartile"] <= timing["median"] <= timing["third_quartile"]
        assert timing["rounds"] >= 3
    assert report["evaluations"] == 23 * 3316  # distinct layers of ResNet-50, datapaths of 4096 lanes
    assert report["evaluations_a_second"] == report["evaluations"] / report["times"][bench.EVALUATED]["median"]
    assert report["kept"] == {bench.EVALUATED: True, bench.SCHEDULED: True}


def test_a_target_that_is_missed_is_said() -> None:
    slow = dict.fromkeys(bench.cases(), Timing(1.0, 1.0, 1.0, 3, 0.0))
    report = bench.Report(bench.measure.machine(), 4_999_999, slow, [])
    assert report.kept == {bench.EVALUATED: False, bench.SCHEDULED: False}
    assert [*report.tables()[0].columns[5].cells][:2] == ["missed", "missed"]


@pytest.mark.parametrize("name", peers.MODELS)
def test_a_model_that_is_not_there_is_a_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "version", lambda name: None)
    peer = bench._peer(name)
    assert (peer.version, peer.seconds, peer.problem) == (None, None, "not installed")
    report = bench.Report(bench.measure.machine(), 1, dict.fromkeys(bench.cases(), Timing.of([1.0])), [peer])
    assert "not installed" in [*report.tables()[1].columns[1].cells]


def test_a_package_that_does_not_import_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "version", lambda name: "0")
    monkeypatch.setattr(peers, "_RUN_ZIGZAG", "import no_such_package")
    peer = bench._peer("zigzag")
    assert peer.seconds is None
    assert peer.problem == "ModuleNotFoundError: No module named 'no_such_package'"


@pytest.mark.parametrize("name", peers.MODELS)
def test_against_the_package(name: str) -> None:
    if peers.version(name) is None:
        pytest.skip(f"{name} is not installed")
    peer = bench._peer(name)
    if peer.cycles is None:
        pytest.skip(f"{name} does not run here: {peer.problem}")
    layer, array = bench._LAYER, bench.MACHINE.array
    expected = weight_stationary_cycles(array.C, array.K, layer.P * layer.Q, layer.C * 9, layer.K)
    assert peer.cycles == pytest.approx(expected, rel={"scalesim": 0, "zigzag": 1}[name])
