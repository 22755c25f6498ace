"""`workbook sweep`: the same rows from one process, from several and from a cluster; interrupted, killed, resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from cluster import PATIENCE, cluster
from interrupting import ended, interrupt_another_thread, started, until
from onnx import TensorProto, helper

from workbook.accelerator import sweep_workers
from workbook.accelerator.five_lines import five_lines
from workbook.accelerator.machine_file import save
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.sweep_rows import Row, Task, compute, machines, table, tasks, workloads
from workbook.accelerator.workload import resnet50, yolov3
from workbook.cli import main

COMMAND = Path(sys.executable).with_name("workbook")
SMALL = ("nvdla_64", "efpga_40", "--network", "resnet50", "--network", "mobilenet_v2")
ROWS, LONG = 16, ("x1", "--network", "resnet50", "--vary", f"dram_gbs={','.join(map(str, range(1, 17)))}")


def run(*arguments: object) -> Result:
    """Run the command in this process; an exception that is not an exit is a failure of the command."""
    result = CliRunner().invoke(main, ["sweep", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def assert_one_line_error(result: Result, *parts: str) -> None:
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr


def long_tasks() -> list[Task]:
    return tasks(machines(["x1"], {"dram_gbs": range(1, 17)}), workloads(["resnet50"]))


@pytest.fixture(scope="module")
def long_rows() -> list[Row]:
    """What the long sweep must give, computed here, one after the other."""
    return [compute(task) for task in long_tasks()]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def keys(path: Path) -> list[str]:
    return [json.loads(line)["key"] for line in lines(path)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "of" / "machines"
    result = run(*SMALL, "--output", folder)
    *shown, table, figure = result.output.splitlines()
    assert [table, figure] == [f"written   {folder / 'table.csv'}", f"written   {folder / 'pareto.png'}"]
    assert max(map(len, shown)) <= 80
    assert all(any(line.startswith(row.split(",")[0]) for line in shown) for row in lines(folder / "table.csv")[1:])
    return folder


class TestCommand:
    def test_leaves_three_files_and_nothing_half_written(self, folder: Path) -> None:
        assert sorted(path.name for path in folder.iterdir()) == ["pareto.png", "rows.jsonl", "table.csv"]

    def test_table_has_what_the_five_lines_say(self, folder: Path) -> None:
        with (folder / "table.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["machine"], row["network"]) for row in rows] == [
            (machine, network) for machine in ("nvdla_64", "efpga_40") for network in ("resnet50", "mobilenet_v2")
        ]
        expected = five_lines(resnet50(), PRESETS["nvdla_64"])
        first = rows[0]
        assert list(first) == [field.name for field in fields(Row)]
        for line in expected:
            assert float(first[f"{line.name}_ms"]) == 1e3 * line.seconds
        assert float(first["gain"]) == expected.gain()
        assert float(first["images_per_second"]) == expected.reconfigured.fps
        assert float(first["mj_per_image"]) == expected.reconfigured.mj_per_image
        assert (first["macs"], first["dram_gbs"], first["type"], first["overlap"]) == ("64", "1", "int8", "True")

    def test_processes_and_one_process_give_the_same(self, folder: Path, tmp_path: Path) -> None:
        assert run(*SMALL, "--output", tmp_path, "--jobs", 1).exit_code == 0
        for name in ("table.csv", "pareto.png"):
            assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()

    def test_options_reach_the_model(self, folder: Path, tmp_path: Path) -> None:
        machine = tmp_path / "mine.toml"
        save(PRESETS["nvdla_64"].but(name="mine", rates={"int8": 1.0, "int16": 0.5}), machine)
        options = ("--batch", 2, "--type", "int16", "--no-overlap", "--fused", "--vary", "clock_mhz=500")
        assert run(machine, "--network", "resnet50", *options, "--output", tmp_path, "--jobs", 1).exit_code == 0
        with (tmp_path / "table.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        varied = PRESETS["nvdla_64"].but(clock_mhz=500, rates={"int8": 1.0, "int16": 0.5})
        workload = resnet50().with_batch(2).with_type("int16").fused(128)
        expected = five_lines(workload, varied, overlap=False).reconfigured
        assert float(row["images_per_second"]) == expected.fps
        assert (row["machine"], row["batch"], row["type"]) == ("mine clock_mhz=500", "2", "int16")

    def test_an_image_has_the_size_that_is_asked_for(self, tmp_path: Path) -> None:
        model = tmp_path / "open.onnx"
        nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
        weights = helper.make_tensor("w", TensorProto.FLOAT, (8, 3, 3, 3), [0.0] * 216)
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, channels, "height", "width"))
            for name, channels in (("x", 3), ("y", 8))
        ]
        onnx.save(helper.make_model(helper.make_graph(nodes, "open", ends[:1], ends[1:], [weights])), model)
        (network,) = workloads([str(model)], size=(24, 40))
        assert [(layer.P, layer.Q) for layer in network.layers] == [(24, 40)]
        assert workloads(["yolov3_416"], size=(64, 96)) == [yolov3(64, 96)]
        done = run("nvdla_64", "--network", model, "--size", 24, 40, "--output", tmp_path / "out", "--jobs", 1)
        assert done.exit_code == 0

    def test_a_machine_without_the_default_type_computes_in_its_own(self) -> None:
        (task,) = tasks([PRESETS["eyeriss"]], [resnet50()])
        assert {layer.type for layer in task.workload.layers} == {"int16"}


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            (["x1", "--network", "resnet51"], ["no network 'resnet51'", "resnet50", ".onnx"]),
            (["x1", "--network", "missing.onnx"], ["There is no file missing.onnx"]),
            (["x1", "--network", "resnet50", "--size", "64", "64"], ["--size does not fit resnet50", "YOLOv3"]),
            (["x2"], ["no machine 'x2'", "x1", ".toml"]),
            (["missing.toml"], ["There is no file missing.toml"]),
            (["x1", "--type", "int7"], ["no type 'int7'", "int8"]),
            (["eyeriss", "--type", "int8"], ["eyeriss has no int8", "int16"]),
            (["x1", "--vary", "dram_gbs"], ["--vary 'dram_gbs' is not FIELD=NUMBER"]),
            (["x1", "--vary", "dram_gbs=fast"], ["--vary 'dram_gbs=fast' is not FIELD=NUMBER"]),
            (["x1", "--vary", "dram_gbs=0"], ["x1 dram_gbs=0: dram_gbs must be above 0, not 0"]),
            (["x1", "--vary", "macs=4096.5"], ["macs must be a whole number, not 4096.5"]),
            (["x1", "--vary", "macs=64"], ["array", "4096 multipliers, but macs is 64"]),
            (["x1", "--vary", "speed=2"], ["unknown field speed", "clock_mhz"]),
            (["x1", "--vary", "macs.speed=2"], ["macs.speed: macs is a value, not a table"]),
            (["x1", "--vary", "name=2"], ["name must be a text, not 2"]),
            (["nvdla_64", "--vary", "reconfiguration.contexts=2"], ["reconfiguration.bits is missing"]),
            (["x1", "--vary", "macs=1", "--vary", "macs=2"], ["--vary names a field twice: macs=1, macs=2"]),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_word_that_is_none(self, arguments: list[str], parts: list[str], tmp_path: Path) -> None:
        output = tmp_path / "sweep"
        assert_one_line_error(run(*arguments, "--output", output), *parts)
        assert not output.exists()

    def test_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        read_only = Path("/proc/self/fdinfo")
        assert_one_line_error(run(*SMALL, "--output", read_only), str(read_only / "rows.jsonl"))
        (tmp_path / "file").touch()
        assert_one_line_error(run(*SMALL, "--output", tmp_path / "file" / "folder"), "Not a directory")

    def test_file_of_rows_that_is_another_file(self, tmp_path: Path) -> None:
        (tmp_path / "rows.jsonl").write_text("[1]\n")
        assert_one_line_error(run(*SMALL, "--output", tmp_path), "rows.jsonl is no file of a sweep: move it away")
        assert (tmp_path / "rows.jsonl").read_text() == "[1]\n"

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "http://127.0.0.1:8786", "tls://127.0.0.1:1"])
    def test_scheduler_that_does_not_answer(
        self, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep_workers, "CONNECT_SECONDS", 1)
        assert_one_line_error(run(*SMALL, "--output", tmp_path, "--scheduler", address), "no Dask scheduler", address)

    def test_dask_that_is_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "dask.distributed", None)
        result = run(*SMALL, "--output", tmp_path, "--scheduler", "tcp://127.0.0.1:8786")
        assert_one_line_error(result, "--scheduler needs Dask: pip install 'edge-ai-workbook[cluster]'")


class TestInterruptAndResume:
    def test_ctrl_c_loses_nothing_and_nothing_is_computed_again(self, tmp_path: Path, long_rows: list[Row]) -> None:
        kept = tmp_path / "rows.jsonl"
        command = [COMMAND, "sweep", *LONG, "--output", tmp_path, "--jobs", "2"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
            end = time.monotonic() + PATIENCE
            while len(lines(kept)) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process gets it
            _, complaint = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert complaint.strip() == "Aborted!"
        before = lines(kept)
        assert 3 <= len(before) < ROWS
        assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]  # no table of a part
        assert run(*LONG, "--output", tmp_path).exit_code == 0
        assert lines(kept)[: len(before)] == before
        assert len(keys(kept)) == len(set(keys(kept))) == ROWS  # each was computed once
        assert (tmp_path / "table.csv").read_text() == table(long_rows)

    def test_more_machines_compute_only_what_is_new(self, tmp_path: Path) -> None:
        run("efpga_40", "--network", "resnet50", "--output", tmp_path, "--jobs", 1)
        (first,) = lines(tmp_path / "rows.jsonl")
        run(*SMALL, "--output", tmp_path, "--jobs", 1)
        assert lines(tmp_path / "rows.jsonl")[0] == first
        assert len(set(keys(tmp_path / "rows.jsonl"))) == len(lines(tmp_path / "rows.jsonl")) == 4

    def test_a_row_that_a_crash_cut_off_is_computed_again(self, tmp_path: Path) -> None:
        pairs = tasks(machines(["nvdla_64", "efpga_40"]), workloads(["resnet50"]))
        kept, counted = tmp_path / "rows.jsonl", []
        whole = sweep_workers.run(pairs, kept, jobs=1)
        before = lines(kept)
        kept.write_text("\n".join(before)[:-20])
        assert sweep_workers.run(pairs, kept, jobs=1, on_row=lambda: counted.append(1)) == whole
        assert lines(kept) == before
        assert len(counted) == 2

    def test_rows_of_another_version_are_computed_again(self, tmp_path: Path) -> None:
        pairs = tasks(machines(["efpga_40"]), workloads(["resnet50"]))
        kept = tmp_path / "rows.jsonl"
        kept.write_text(json.dumps({"key": pairs[0].key, "machine": "efpga_40"}) + "\n")
        assert sweep_workers.run(pairs, kept, jobs=1) == [compute(pairs[0])]
        assert sweep_workers.run(pairs, kept, jobs=1) == [compute(pairs[0])]
        assert len(lines(kept)) == 2

    def test_what_comes_twice_is_computed_once(self, tmp_path: Path) -> None:
        pairs = tasks(machines(["efpga_40", "efpga_40"]), workloads(["resnet50"]))
        counted: list[int] = []
        first, second = sweep_workers.run(pairs, tmp_path / "rows.jsonl", jobs=2, on_row=lambda: counted.append(1))
        assert first == second
        assert (len(lines(tmp_path / "rows.jsonl")), len(counted)) == (1, 2)

    def test_a_process_that_dies_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep_workers, "compute", _die)
        result = run(*SMALL, "--output", tmp_path, "--jobs", 2)
        assert_one_line_error(result, "A process of the sweep died", "run it again to resume")


def _die(task: Task) -> Row:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class TestCluster:
    def test_same_rows_though_a_worker_is_killed_midway(self, tmp_path: Path, long_rows: list[Row]) -> None:
        from dask.distributed import Client

        with cluster(tmp_path, 2) as (address, processes), Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
            seen = 0

            def kill_a_busy_one() -> None:
                nonlocal seen
                seen += 1
                if seen == 3:
                    at = {info["name"]: client.processing()[where] for where, info in workers_of(client).items()}
                    assert all(at.values()), "both have work to do"
                    processes["worker-0"].kill()

            rows = sweep_workers.run(long_tasks(), tmp_path / "rows.jsonl", scheduler=address, on_row=kill_a_busy_one)
            assert rows == long_rows
            assert seen == ROWS
            assert processes["worker-0"].wait(PATIENCE) == -signal.SIGKILL
            assert [info["name"] for info in workers_of(client).values()] == ["worker-1"]
            assert len(set(keys(tmp_path / "rows.jsonl"))) == ROWS

            command = run(*SMALL, "--output", tmp_path / "by command", "--scheduler", address)
            assert command.exit_code == 0
            assert len(lines(tmp_path / "by command" / "table.csv")) == 5

    def test_ctrl_c_while_there_is_no_worker(self, tmp_path: Path) -> None:
        with cluster(tmp_path, 0) as (address, _):
            command = [COMMAND, "sweep", *SMALL, "--output", tmp_path / "out", "--scheduler", address]
            with started(*command) as process:
                until(lambda: "Receive client connection" in (tmp_path / "scheduler.log").read_text(), process)
                interrupt_another_thread(process)
                assert ended(process, []) == (1, "", "Aborted!")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["rows.jsonl"]

    def test_a_scheduler_without_workers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep_workers, "JOIN_SECONDS", 1)
        with cluster(tmp_path, 0) as (address, _):
            result = run(*SMALL, "--output", tmp_path, "--scheduler", address)
        assert_one_line_error(result, "has no workers", f"dask worker {address}")


def workers_of(client):
    return client.scheduler_info()["workers"]
