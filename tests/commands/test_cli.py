"""Every command: what it prints, what it leaves, and that an obstacle is one line and an exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import nbformat
import pytest
from command_line import COMMAND, assert_one_line_error, run
from interrupting import PATIENCE
from yesterday import FIRST, SECOND, answer, change, lay_yesterday

import workbook
from workbook.cli import main
from workbook.lessonkit.catalog import LESSONS
from workbook.measuring import topologies
from workbook.tools import render
from workbook.tools.lab import can_show_browser, serving
from workbook.tools.notebook_versions import installed
from workbook.tools.start import shipped

NAMES = [name for name, _ in shipped()]


def notebook_of(folder: Path, code: str) -> Path:
    path = folder / "small one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    return path


def test_help_names_every_command() -> None:
    text = run("--help").output
    assert all(name in text for name in main.commands)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_command_has_help(command: str) -> None:
    assert run(command, "--help").output.startswith(f"Usage: main {command}")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_console_of_another_encoding_gets_all_lines(encoding: str) -> None:
    """A dash that it lacks becomes a question mark; nothing is lost behind it."""
    code = "from workbook.cli import main\n@main.command()\ndef dash(): print('1\\u20132'); print('3')"
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", f"{code}\nmain(['dash'])"]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.split() in ([b"1?2", b"3"], ["1\u20132".encode("cp1252"), b"3"])


def test_module_and_command_are_the_same() -> None:
    version = subprocess.run([COMMAND, "--version"], capture_output=True, text=True).stdout
    assert version.split()[-1] == installed()
    assert subprocess.run([sys.executable, "-m", "workbook", "--version"], capture_output=True, text=True).stdout


class TestStart:
    def test_tells_what_it_wrote_and_what_it_kept(self, tmp_path: Path) -> None:
        folder = tmp_path / "my workbook"
        assert run("start", folder).output == f"written   {', '.join(NAMES)} in {folder}\n"
        assert run("start", folder).output == f"kept      {folder}, as shipped\n"
        (folder / NAMES[0]).write_text("mine")
        assert f"kept      {NAMES[0]}: not as shipped" in run("start", folder).output

    def test_default_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        run("start")
        assert (tmp_path / "my-workbook" / NAMES[0]).exists()

    def test_json(self, tmp_path: Path) -> None:
        nothing: dict[str, object] = {"updated": [], "beside": {}, "edited": [], "same": [], "older": []}
        expected = {"folder": str(tmp_path), "version": installed(), "written": NAMES, **nothing}
        assert json.loads(run("start", tmp_path, "--json").output) == expected

    def test_update_has_a_line_for_each_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "my workbook"
        lay_yesterday(folder)
        change(folder / FIRST, answer)
        run("start", folder)
        newer = f"{FIRST}, {SECOND}: version {installed()} is there; to get it: workbook start '{folder}' --update"
        assert run("start", folder).output.splitlines() == [
            f"kept      {FIRST}: not as shipped; delete one to get it afresh",
            f"newer     {newer}",
        ]
        beside = f"{FIRST.removesuffix('.ipynb')} (version {installed()}).ipynb"
        assert run("start", folder, "--update").output.splitlines() == [
            f"updated   {SECOND}: version {installed()}; you had not changed it, run it again for your own outputs",
            f"kept      {FIRST}: you have changed it; take your answers over to {beside!r}, or delete that",
        ]
        assert run("start", folder, "--update").output == (
            f"kept      {FIRST}: not as shipped; delete one to get it afresh\n"
        )

    def test_json_of_an_update(self, tmp_path: Path) -> None:
        lay_yesterday(tmp_path)
        assert json.loads(run("start", tmp_path, "--json").output)["older"] == [FIRST, SECOND]
        assert json.loads(run("start", tmp_path, "--update", "--json").output)["updated"] == [FIRST, SECOND]

    def test_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert_one_line_error(run("start", tmp_path / "file" / "folder"), "file", "Not a directory")

    def test_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        result = run("start", tmp_path / "file")
        assert result.exit_code == 2
        assert "is a file" in result.stderr

    def test_read_only_folder(self, tmp_path: Path) -> None:
        read_only = Path("/proc/self/fdinfo")
        assert_one_line_error(run("start", read_only), str(read_only / NAMES[0]))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_folder_without_permission(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        assert_one_line_error(run("start", tmp_path), NAMES[0], "Permission denied")


class TestLab:
    @pytest.fixture
    def lab(self, tmp_path: Path):
        command = [COMMAND, "lab", str(tmp_path / "my workbook"), "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            yield process
            process.kill()

    def test_serves_the_copy_on_loopback_and_ends_at_ctrl_c(self, lab, tmp_path: Path) -> None:
        assert lab.stdout.readline().startswith("written ")
        address = lab.stdout.readline().split()[1]
        assert address.startswith("http://127.0.0.1:")
        root, token = address.split("lab/tree/")[0], address.split("?token=")[1]
        fetch = build_opener(ProxyHandler({})).open
        assert NAMES[0] in fetch(f"{root}api/contents?token={token}").read().decode()
        page = fetch(address).read().decode()
        assert "JupyterLab" in page
        with pytest.raises(HTTPError, match="403"):
            fetch(f"{root}api/contents")
        settings = json.loads(
            fetch(f"{root}lab/api/settings/@jupyterlab/apputils-extension:notification?token={token}").read()
        )
        assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"
        lab.send_signal(signal.SIGINT)
        out, err = lab.communicate(timeout=PATIENCE)
        assert lab.returncode == 0
        assert out.strip() == f"ended     your work is in {tmp_path / 'my workbook'}"
        assert err == ""
        with pytest.raises(OSError, match="refused"):
            fetch(root)

    def test_everywhere_still_prints_an_address_of_this_machine(self, tmp_path: Path) -> None:
        with serving(tmp_path, port=0, everywhere=True) as server:
            assert server.url.startswith("http://127.0.0.1:")
            port = urlsplit(server.url).port
            assert port is not None
            socket.create_connection(("127.0.0.2", port)).close()  # another address than the one that is printed

    def test_taken_port(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            result = run("lab", tmp_path, "--no-browser", "--port", taken.getsockname()[1])
        assert_one_line_error(result, "JupyterLab ended with exit code 1")

    @pytest.mark.parametrize(("display", "uid", "shows"), [("", 1000, False), (":0", 0, False), (":0", 1000, True)])
    def test_browser_only_where_it_can_be_seen(
        self, display: str, uid: int, shows: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: uid)
        monkeypatch.setattr(Path, "exists", lambda path: False)
        assert can_show_browser() is shows

    def test_no_browser_in_a_container(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/.dockerenv")
        assert not can_show_browser()


class TestList:
    def test_names_every_lesson(self) -> None:
        text = run("list").output
        assert all(lesson.title in text for lesson in LESSONS)

    def test_json(self) -> None:
        lessons = json.loads(run("list", "--json").output)
        assert [lesson["notebook"] for lesson in lessons] == [f"{lesson.name}.ipynb" for lesson in LESSONS]


class TestRender:
    def test_fills_in_the_outputs(self, tmp_path: Path) -> None:
        path = notebook_of(tmp_path, "print(6 * 7)")
        assert_one_line_error(run("render", "--check", path), "Not in the normal form", path.name)
        assert run("render", path).output == f"rendered  {path}\n"
        assert nbformat.read(path, as_version=4).cells[0].outputs[0].text == "42\n"
        assert run("render", "--check", path).exit_code == 0

    def test_cell_that_raises(self, tmp_path: Path) -> None:
        path = notebook_of(tmp_path, "1 / 0")
        before = path.read_bytes()
        assert_one_line_error(run("render", path), str(path), "ZeroDivisionError: division by zero")
        assert path.read_bytes() == before

    def test_file_that_is_no_notebook(self, tmp_path: Path) -> None:
        path = tmp_path / "a.ipynb"
        path.write_text("{")
        assert_one_line_error(run("render", path), str(path))

    def test_nothing_to_render(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert_one_line_error(run("render"), "There is no notebooks/*.ipynb here")

    def test_interrupted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        path = notebook_of(tmp_path, "1")
        before = path.read_bytes()
        monkeypatch.setattr(render, "normal_text", interrupt)
        result = run("render", path)
        assert result.exit_code == 1
        assert "Aborted" in result.stderr
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


class TestValidate:
    def test_tells_same_from_different(self, tmp_path: Path) -> None:
        path = notebook_of(tmp_path, "print(6 * 7, '[machine] any')")
        run("render", path)
        same = subprocess.run([COMMAND, "validate", path], capture_output=True, text=True)
        assert same.returncode == 0
        assert "1 passed" in same.stdout
        path.write_text(path.read_text().replace("42 ", "43 "))
        different = subprocess.run([COMMAND, "validate", path], capture_output=True, text=True)
        assert different.returncode == 1
        assert "1 failed" in different.stdout

    def test_takes_the_shipped_notebooks_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def nbval(root: Path, notebooks: list[Path]) -> int:
            seen.extend(path.name for path in notebooks)
            assert [path.read_bytes() for path in notebooks] == [source.read_bytes() for _, source in shipped()]
            assert (root / "conftest.py").exists()
            assert (root / "nbval_sanitize.cfg").exists()
            return 0

        monkeypatch.setattr("workbook.tools.validate.run_nbval", nbval)
        assert run("validate").exit_code == 0
        assert seen == [name for name in NAMES if name.endswith(".ipynb")]

    def test_without_nbval(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workbook.tools.validate.find_spec", lambda name: None)
        assert_one_line_error(run("validate"), "nbval is not installed: pip install nbval")


class TestBench:
    def test_writes_every_figure(self, tmp_path: Path) -> None:
        layer = topologies.distinct(topologies.resnet50())[-1].shape
        result = run("bench", "--layers", layer, "--no-peers", "--json", tmp_path / "bench.json")
        assert result.exit_code == 0
        rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
        assert [row["layer"]["name"] for row in rows]

    @pytest.mark.parametrize("name", ["a.svg", "new folder/a.png"])
    def test_draws_a_figure(self, tmp_path: Path, name: str) -> None:
        options = ("--layers", "g960", "--dtype", "int8", "--threads", 2, "--no-peers")
        assert run("bench", *options, "--figure", tmp_path / name).exit_code == 0
        assert (tmp_path / name).stat().st_size > 1000

    def test_figure_in_another_format(self, tmp_path: Path) -> None:
        result = run("bench", "--layers", "g960", "--figure", tmp_path / "a.gif")
        assert_one_line_error(result, "a.gif: the name must end in .svg or .png")

    def test_layer_that_is_not_there(self) -> None:
        assert_one_line_error(run("bench", "--layers", "13x13"), "no layer contains '13x13'")


class TestForeignKernels:
    """The name `kernels` is also a package on PyPI."""

    @staticmethod
    def found(monkeypatch: pytest.MonkeyPatch, spec: ModuleSpec | None) -> None:
        monkeypatch.setattr(workbook, "find_spec", lambda name: spec)

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found(monkeypatch, None)
        with pytest.raises(ImportError, match="is not installed: run make lab"):
            workbook.check_kernels()

    def test_another_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "__init__.py"
        path.write_text("raise ImportError('torch')")
        self.found(monkeypatch, spec_from_file_location("kernels", path))
        with pytest.raises(ImportError, match=r"is not this workbook's\. Remove it \(pip uninstall kernels"):
            workbook.check_kernels()

    def test_folder_without_code(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = ModuleSpec("kernels", None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path)]
        self.found(monkeypatch, spec)
        with pytest.raises(ImportError, match=str(tmp_path)):
            workbook.check_kernels()

    def test_ours(self) -> None:
        workbook.check_kernels()

    def test_ours_and_another(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "kernels-0.9.0.dist-info").mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.warns(UserWarning, match=r"^kernels-0\.9\.0 is installed too\. .* pip uninstall kernels edge-ai"):
            workbook.check_kernels()


def test_instruction_set_that_there_is_not_is_one_line() -> None:
    environment = {**os.environ, "KERNELS_ISA": "v9"}
    command = [COMMAND, "bench", "--no-peers", "--layers", "7x7"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: KERNELS_ISA='v9' is no instruction set of the kernels.")
    assert result.stderr.count("\n") == 1
