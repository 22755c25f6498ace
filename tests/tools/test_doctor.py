"""`workbook doctor`: each check with its fault simulated, and on a machine without one."""

from __future__ import annotations

import errno
import json
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import run
from yesterday import FIRST, SECOND, lay_yesterday

import kernels
from workbook.tools import doctor
from workbook.tools.doctor import CHECKS, LEAST_FREE, Finding, diagnose


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor, "cores_of_process", lambda: 4)


def assert_advice(finding: Finding, status: str, *parts: str) -> None:
    assert finding.status == status
    assert finding.why
    assert finding.todo
    for part in parts:
        assert part in f"{finding.what} {finding.todo}"


def test_no_check_fails_here(tmp_path: Path) -> None:
    found = diagnose(tmp_path)
    assert [finding for finding in found if finding.status == "fail"] == []
    assert len({finding.name for finding in found}) == len(CHECKS)
    for finding in found:
        assert (finding.status == "ok") == (finding.why == finding.todo == "")


@pytest.mark.parametrize(("package", "says"), [("ipywidgets", "ipywidgets 7.8.1"), ("jupyterlab", "jupyterlab 3.6")])
def test_wrong_major(package: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"jupyterlab": "4.2.0", "ipywidgets": "8.1", "jupyterlab_widgets": "3.0", package: says.split()[1]}
    monkeypatch.setattr(doctor, "version", versions.get)
    assert_advice(doctor.widgets(tmp_path), "fail", says, "pip install")


def test_missing_widgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", missing)
    assert_advice(doctor.widgets(tmp_path), "fail", "jupyterlab_widgets is missing", "'ipywidgets==8.*'")


def test_missing_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert_advice(doctor.widget_extension(tmp_path), "fail", "jupyterlab-manager is not in", "--force-reinstall")


def test_server_of_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/elsewhere/bin/jupyter")
    assert_advice(doctor.server(tmp_path), "warn", "/elsewhere/bin/jupyter", "workbook lab")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert doctor.server(tmp_path).status == "ok"


@pytest.mark.parametrize("python", ["/elsewhere/bin/python3", None])
def test_kernel_of_another_environment(python: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_kernel_spec(_: object, name: str) -> SimpleNamespace:
        if python is None:
            raise doctor.NoSuchKernel(name)
        return SimpleNamespace(argv=[python])

    monkeypatch.setattr(doctor.KernelSpecManager, "get_kernel_spec", get_kernel_spec)
    assert_advice(doctor.kernel(tmp_path), "fail", python or "missing", "ipykernel install --sys-prefix")


def test_real_kernelspec_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/elsewhere/python"], "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert_advice(doctor.kernel(tmp_path), "fail", "/elsewhere/python")


@pytest.mark.parametrize("name", ["kernels.py", "workbook/__init__.py", "numpy.py"])
def test_file_that_hides_a_package(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert_advice(doctor.shadows(tmp_path), "fail", name, "rename")


def test_missing_compiler_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    found = doctor.compiler(tmp_path)
    assert found.status == "ok"
    assert "There is no C compiler (/nonexistent)" in found.what


@pytest.mark.parametrize("value", ["5", "0", "many", "-1"])
def test_oversubscribed_threads(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    advice = f"OPENBLAS_NUM_THREADS={value}", "4 cores", "unset OPENBLAS_NUM_THREADS"
    assert_advice(doctor.threads(tmp_path), "warn", *advice)


@pytest.mark.parametrize(
    ("files", "limited"),
    [
        ({}, False),
        ({"cpu.max": "max 100000\n"}, False),
        ({"cpu.max": "400000 100000\n"}, False),
        ({"cpu.max": "150000 100000\n"}, True),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, False),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, True),
    ],
)
def test_container_limit(files: dict[str, str], limited: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = doctor.cpu_limit(tmp_path, tmp_path)
    if limited:
        assert_advice(found, "warn", "1.5 cores, though 4", "threads=1")
    else:
        assert found.status == "ok"


def test_slower_instruction_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "isas", lambda: ("baseline", "v9"))
    assert_advice(doctor.instruction_set(tmp_path), "warn", "runs v9", "unset KERNELS_ISA")


def test_numpy_for_another_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert_advice(doctor.numpy_core(tmp_path), "warn", "OPENBLAS_CORETYPE=Prescott")


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert_advice(doctor.writable(tmp_path / "file"), "fail", "Not a directory", "workbook start FOLDER")

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert_advice(doctor.writable(tmp_path), "fail", "No space left on device")


def test_notebooks_of_an_earlier_version(tmp_path: Path) -> None:
    assert doctor.notebooks(tmp_path / "not there").status == "ok"
    lay_yesterday(tmp_path)
    assert_advice(doctor.notebooks(tmp_path), "warn", FIRST, SECOND, f"workbook start {tmp_path} --update")


def test_notebook_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FIRST).mkdir()
    assert_advice(doctor.notebooks(tmp_path), "fail", str(tmp_path / FIRST), "Is a directory")


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE - 1))
    assert_advice(doctor.disk(tmp_path / "not" / "there"), "warn", "199 MB free", "200 MB")


class TestCommand:
    def test_a_line_for_each_check(self, tmp_path: Path) -> None:
        result = run("doctor", tmp_path)
        assert result.exit_code == 0
        assert len([line for line in result.output.splitlines() if line.split()[0] in ("ok", "warn")]) == len(CHECKS)

    def test_a_warning_says_why_and_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
        result = run("doctor")
        assert result.exit_code == 0
        lines = result.output.splitlines()
        place = lines.index("warn      NumPy: OPENBLAS_CORETYPE=Prescott")
        assert lines[place + 1].split()[0] == "why:"
        assert lines[place + 2].split(maxsplit=1) == ["do:", "unset OPENBLAS_CORETYPE"]

    def test_a_failure_is_exit_code_1(self, tmp_path: Path) -> None:
        (tmp_path / "kernels.py").touch()
        result = run("doctor", tmp_path, "--json")
        assert result.exit_code == 1
        (failed,) = [finding for finding in json.loads(result.output) if finding["status"] == "fail"]
        assert set(failed) == {"name", "status", "what", "why", "todo"}
