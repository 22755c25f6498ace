"""`workbook bench networks`: every figure is there, beside the peers that are installed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from workbook.benchmarks import networks
from workbook.cli import main
from workbook.measuring.others import Others
from workbook.measuring.timing import Timing
from workbook.peers import whole_networks


def test_command_writes_and_prints_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "SECONDS", 0.2)
    monkeypatch.setattr(networks, "PEERS", {"onnxruntime": whole_networks.onnxruntime})
    path = tmp_path / "bench.json"
    arguments = ["bench", "networks", "--network", "squeezenet", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "whole networks, batch 1, float32, 1 thread; onnxruntime" in " ".join(result.output.split())
    report = json.loads(path.read_text())
    (row,) = report["rows"]
    assert row["network"] == "squeezenet"
    assert row["macs"] == 349_151_936  # of SqueezeNet 1.1, rounded 0.35 billion
    assert sum(row["shares"].values()) == pytest.approx(1)
    assert row["shares"]["conv"] > 0.5
    assert row["times"].keys() == row["memory"].keys() == {"ours", "onnxruntime"}
    ratio = row["times"]["onnxruntime"]["median"] / row["times"]["ours"]["median"]
    assert report["speedup"] == pytest.approx(ratio)
    weights = 1_248_424 * 4
    assert weights < row["memory"]["ours"] <= row["memory"]["onnxruntime"]
    largest = 4 * (64 * 111 * 111 + 64 * 55 * 55)  # what the first pool reads and writes
    assert largest <= row["arena"] < 2 * largest


def test_a_network_that_a_peer_cannot_run_has_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ncnn")
    monkeypatch.setattr(networks, "PEERS", {name: networks.PEERS[name] for name in ("onnxruntime", "ncnn")})
    monkeypatch.setattr(networks, "resident", lambda *_: 1)
    report = networks.run(["shufflenet"], seconds=0.2)
    (row,) = report.rows
    assert row.times.keys() == {"ours", "onnxruntime"}
    assert row.beside("ncnn") == ("-", "-")
    assert report.peers.keys() == {"onnxruntime", "ncnn"}
    assert [list(column.cells)[-1] for column in report.table().columns[-4:]][2:] == ["-", "-"]


def test_int8_has_a_table_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "SECONDS", 0.2)
    monkeypatch.setattr(networks, "PEERS", {"onnxruntime": whole_networks.onnxruntime})
    path = tmp_path / "bench.json"
    arguments = ["bench", "networks", "--network", "squeezenet", "--dtype", "int8", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "whole networks, batch 1, int8, 1 thread; onnxruntime" in " ".join(result.output.split())
    report = json.loads(path.read_text())
    (row,) = report["rows"]
    assert report["dtype"] == "int8"
    assert row["macs"] == 349_151_936
    assert row["shares"]["conv"] > 0.5
    assert row["shares"]["pool"] > 0


def test_unknown_network_lists_the_known() -> None:
    result = CliRunner().invoke(main, ["bench", "networks", "--network", "lenet"])
    assert result.exit_code == 1
    assert "no network 'lenet'; there are bvlc_alexnet, densenet121" in result.output


def test_a_peer_that_differs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(file: Path, x: object, threads: int) -> object:
        return lambda: np.zeros((1, 1000, 1, 1), np.float32)

    monkeypatch.setattr(networks, "PEERS", {"onnxruntime": wrong})
    monkeypatch.setattr(networks, "resident", lambda *_: 1)
    with pytest.raises(ArithmeticError, match=r"squeezenet: onnxruntime's output differs from ours by 1.0e"):
        networks.run(["squeezenet"])


def test_bytes_that_a_peer_lets_saturate_have_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ONNX Runtime's on x86 without VNNI: the others are timed, and the table says why."""

    def wrong(file: Path, x: object, threads: int) -> object:
        return lambda: np.zeros((1, 1000, 1, 1), np.float32)

    monkeypatch.setattr(networks, "PEERS", {"onnxruntime": wrong})
    monkeypatch.setattr(networks, "resident", lambda *_: 1)
    report = networks.run(["squeezenet"], dtype="int8", seconds=0.2)
    (row,) = report.rows
    assert row.times.keys() == row.memory.keys() == {"ours"}
    assert row.beside("onnxruntime") == ("-", "-")
    assert "squeezenet: onnxruntime's output differs from ours by 1.0e" in str(report.table().caption)
    assert report.as_dict()["speedup"] is None


def test_the_mean_is_over_the_fastest_peer_of_each_network() -> None:
    def row(**seconds: float) -> networks.Row:
        return networks.Row("net", 1, {name: Timing.of([time]) for name, time in seconds.items()}, {}, {}, 0)

    rows = row(ours=1, a=2, b=3), row(ours=1, a=16, b=8)
    report = networks.Report(None, 1, {"a": "1", "b": "1"}, rows, Others(0.0, 1))  # type: ignore[arg-type]
    assert report.speedup == pytest.approx(4)
    assert math.isnan(row(ours=1).speedup_over_fastest)
