"""`workbook doctor`: each check with its fault simulated, and on a machine without one."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import run
from yesterday import FIRST, SECOND, lay_yesterday

import kernels
from workbook.tools import doctor, lab
from workbook.tools.doctor import CHECKS, LEAST_FREE, Finding, diagnose
from workbook.tools.host import HOSTS
from workbook.tools.lab import Server


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(name, raising=False)
    for host in HOSTS:
        for sign in host.signs:
            monkeypatch.delenv(sign.partition("=")[0], raising=False)
    monkeypatch.setattr(doctor, "visible_cores", lambda: 4)


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


TOGETHER = {"jupyterlab": "4.2.0", "ipywidgets": "8.1", "jupyterlab_widgets": "3.0"}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"ipywidgets": "6.0"}, "ipywidgets 6.0"),
        ({"ipywidgets": "7.7.5"}, "jupyterlab_widgets 3.0"),
        ({"jupyterlab": "3.6"}, "jupyterlab 3.6"),
    ],
)
def test_wrong_major(other: dict[str, str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", {**TOGETHER, **other}.get)
    assert_advice(doctor.widgets(tmp_path), "fail", says, "pip install")


def test_ipywidgets_7_with_its_half_of_jupyterlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", {**TOGETHER, "ipywidgets": "7.7.5", "jupyterlab_widgets": "1.1.11"}.get)
    assert doctor.widgets(tmp_path).status == "ok"


@pytest.mark.parametrize(
    ("signs", "name", "todo"),
    [
        ({"COLAB_RELEASE_TAG": "x"}, "Google Colab", "ipywidgets"),
        ({"BINDER_LAUNCH_HOST": "x", "JUPYTERHUB_USER": "x"}, "Binder", "download"),
        ({"VSCODE_PID": "1"}, "VS Code", "workbook lab"),
        ({"TERM_PROGRAM": "vscode"}, "VS Code", "workbook lab"),
    ],
)
def test_host_and_what_it_cannot_do(
    signs: dict[str, str], name: str, todo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sign, value in signs.items():
        monkeypatch.setenv(sign, value)
    assert_advice(doctor.host(tmp_path), "warn", name, todo)


@pytest.mark.parametrize(
    ("signs", "name"),
    [
        ({"JUPYTERHUB_USER": "x", "JPY_SESSION_NAME": "x"}, "JupyterHub"),
        ({"JPY_SESSION_NAME": "x"}, "Jupyter"),
        ({"TERM_PROGRAM": "xterm"}, "none, but a terminal"),
    ],
)
def test_host_that_lacks_nothing(
    signs: dict[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sign, value in signs.items():
        monkeypatch.setenv(sign, value)
    assert doctor.host(tmp_path) == Finding("host", "ok", name)


def test_a_host_with_pages_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    monkeypatch.setattr(doctor, "version", {"ipywidgets": "8.1.8"}.get)
    assert_advice(doctor.widgets(tmp_path), "fail", "ipywidgets 8.1.8", "'ipywidgets==7.*'")
    monkeypatch.setattr(doctor, "version", {"ipywidgets": "7.7.1"}.get)
    assert doctor.widgets(tmp_path).status == "ok"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert doctor.widget_extension(tmp_path).status == "ok"


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


def test_another_package_of_the_kernels_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels-0.9.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    said = "kernels-0.9.0 is installed too", "pip uninstall kernels edge-ai-workbook"
    assert_advice(doctor.shadows(tmp_path), "warn", *said)


def test_missing_compiler_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    found = doctor.compiler(tmp_path)
    assert found.status == "ok"
    assert "There is no C compiler /nonexistent; " in found.what


@pytest.mark.parametrize("value", ["5", "0", "many", "-1"])
def test_oversubscribed_threads(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    advice = f"OPENBLAS_NUM_THREADS={value}", "4 cores", "unset OPENBLAS_NUM_THREADS"
    assert_advice(doctor.threads(tmp_path), "warn", *advice)


def test_container_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (None, 4.0):
        monkeypatch.setattr(doctor, "time_limit", lambda limit=limit: limit)
        assert doctor.cpu_limit(tmp_path).status == "ok"
    monkeypatch.setattr(doctor, "time_limit", lambda: 1.5)
    monkeypatch.setattr(doctor, "cores", lambda: 1)
    assert_advice(doctor.cpu_limit(tmp_path), "warn", "1.5 cores, though 4", "kernels take 1 core", "OMP_NUM_THREADS=1")


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
    def test_lab_says_what_keeps_panels_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        @contextmanager
        def serving(*_: object, **__: object) -> Iterator[Server]:
            with subprocess.Popen([sys.executable, "-c", ""]) as process:
                yield Server("http://127.0.0.1/", "token", process)

        monkeypatch.setattr(lab, "serving", serving)
        assert "fail" not in run("lab", tmp_path).output
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        lines = run("lab", tmp_path).output.splitlines()
        said = next(place for place, text in enumerate(lines) if text.startswith("fail"))
        assert "widget extension: jupyterlab-manager is not in" in lines[said]
        assert lines[said + 2].split()[0] == "do:"

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
