"""What a newcomer meets before anything is installed: each obstacle is one line that says what to do."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbook import bootstrap

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["lab", "report", "book", "test", "sanitize", "arm", "wheels", "bench", "image", "clean"]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its path and only what the bootstrap reads; the module works there."""
    folder = tmp_path / "a clone"
    (folder / "workbook").mkdir(parents=True)
    for name in ("workbook/bootstrap.py", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("ROOT", "VENV", "PYTHON", "BUILD", "STAMP", "LOG"):
        monkeypatch.setattr(bootstrap, name, folder / getattr(bootstrap, name).relative_to(ROOT))
    return folder


@pytest.fixture
def calls(clone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the bootstrap had done, without the minutes that it takes, where no compiler was named."""
    monkeypatch.delenv("CC", raising=False)
    done: list[str] = []

    def make_venv(*_: object) -> None:
        done.append("venv")
        bootstrap.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        bootstrap.PYTHON.touch()

    def pip(*arguments: str, **variables: str) -> None:
        done.append(f"pip {arguments[-1]}")
        done.extend(f"{name}={value}" for name, value in variables.items() if value != "cc")
        bootstrap.BUILD.mkdir(exist_ok=True)

    monkeypatch.setattr(bootstrap, "make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "pip", pip)
    return done


def run(clone: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a clone with an environment that holds nothing but this."""
    clean = {"PATH": os.defpath, "HOME": str(clone), "PIP_CONFIG_FILE": os.devnull, **environment}
    return subprocess.run(command, cwd=clone, env=clean, capture_output=True, text=True, timeout=1200)


def fake_compiler(folder: Path, script: str) -> str:
    path = folder / "my-cc"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_any_python_3_can_read_the_file() -> None:
    ast.parse((ROOT / "workbook" / "bootstrap.py").read_text(), feature_version=(3, 7))


def test_old_python_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "python3.12" else None)
    assert bootstrap.too_old("3.9") == (
        "Python 3.11 or newer is needed, this is 3.9; set PYTHON, for example: make lab PYTHON=python3.12"
    )


def test_real_old_python(clone: Path) -> None:
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [
        name
        for name in names
        if shutil.which(name) and not subprocess.run([name, "-V"], capture_output=True).returncode
    ]
    if not found:
        pytest.skip("no Python from 3.6 to 3.10 on this machine")
    for old in found:
        result = subprocess.run([old, "-I", "workbook/bootstrap.py"], cwd=clone, capture_output=True, text=True)
        assert result.returncode == 1
        assert result.stderr.startswith(
            f"Python 3.11 or newer is needed, this is {old.removeprefix('python')}; set PYTHON"
        )
        assert result.stderr.count("\n") == 1


def test_no_python_at_all(clone: Path) -> None:
    result = run(clone, "make", "lab", "PYTHON=/nowhere/python3")
    assert "There is no /nowhere/python3: install Python 3.11 or newer" in result.stderr
    assert result.returncode == 2


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_missing_venv_module(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(bootstrap.SetupError, match=r"^Python's venv module is missing; .* apt install python3.*-venv$"):
        bootstrap.check_python()


def test_missing_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(bootstrap.SetupError, match=r"^Python's headers \(Python\.h\) are missing; .*-dev$"):
        bootstrap.check_python()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 9 __clang_major__", "GCC 11 or clang 14 or newer is needed, but the compiler .*my-cc is GCC 9; "),
        ("echo 4 13", "GCC 11 or clang 14 or newer is needed, but the compiler .*my-cc is clang 13; "),
        ("[ $1 = -E ] && echo 12 __clang_major__", "The C compiler .*my-cc cannot compile an empty program; "),
    ],
)
def test_compiler_that_will_not_do(script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", fake_compiler(tmp_path, script))
    with pytest.raises(bootstrap.SetupError, match=message):
        bootstrap.find_compiler()


@pytest.mark.parametrize("says", ["11 __clang_major__", "4 14"])
def test_gcc_and_clang_will_do(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = fake_compiler(tmp_path, f"case $* in *-E*) echo {says};; esac")
    monkeypatch.setenv("CC", f"'{name}' -pipe")
    assert bootstrap.find_compiler() == [name, "-pipe"]


def test_this_machine_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    bootstrap.check_python()
    bootstrap.find_compiler()


@pytest.mark.parametrize("installed", [True, False])
def test_the_first_compiler_that_will_do_is_taken(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it is ziglang's, if that is installed: the system's compiler is too old."""
    Path(fake_compiler(tmp_path, "echo 9 __clang_major__")).rename(tmp_path / "cc")
    checked: list[str] = []
    check = bootstrap.check_compiler

    def check_all_but_ziglangs(command: list[str], otherwise: str) -> None:
        checked.append(command[-1])
        if not command[-1].endswith("zig_cc.py"):
            check(command, otherwise)

    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: installed)
    monkeypatch.setattr(bootstrap, "check_compiler", check_all_but_ziglangs)
    if installed:
        assert bootstrap.find_compiler() == [sys.executable, "-P", str(bootstrap.ZIG_CC)]
        assert checked == ["cc", str(bootstrap.ZIG_CC)]
    else:
        told = r"the compiler cc is GCC 9; .* apt install gcc libc6-dev; .* pip install 'edge-ai-workbook\[compiler\]'$"
        with pytest.raises(bootstrap.SetupError, match=told):
            bootstrap.find_compiler()


def test_free_threaded_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    with pytest.raises(bootstrap.SetupError, match=r"^This is the free-threaded Python .* PYTHON=python3\.\d+$"):
        bootstrap.check_python()


def test_missing_compiler(clone: Path) -> None:
    result = run(clone, sys.executable, "-I", "workbook/bootstrap.py", CC="/nonexistent")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "There is no C compiler /nonexistent; on Debian and Ubuntu: apt install gcc libc6-dev; "
        "or name another one in CC\n"
    )


def test_without_a_compiler_the_extra_brings_one(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None)
    monkeypatch.setattr(bootstrap, "check_compiler", lambda command, _: calls.append(" ".join(command)))
    bootstrap.bootstrap(set())
    assert calls[1].startswith("pip ziglang")
    assert calls[2:] == [
        f"{bootstrap.PYTHON} -P {bootstrap.ZIG_CC}",
        "pip .[compiler]",
        f"AR='{bootstrap.PYTHON}' -m ziglang ar",
        f"CC='{bootstrap.PYTHON}' -P {bootstrap.ZIG_CC}",
    ]
    assert "compiler  ziglang's. There is no C compiler\n" in capsys.readouterr().out
    done = calls.copy()
    bootstrap.bootstrap(set())
    assert calls == done


def test_no_network(clone: Path) -> None:
    result = run(clone, sys.executable, "-I", "workbook/bootstrap.py", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["venv", "tools"]
    assert result.stderr == (
        "The package index cannot be reached: check the network, or name a mirror in PIP_INDEX_URL. "
        "All that was said is in .venv/install.log\n"
    )
    assert "127.0.0.1:9" in (clone / ".venv" / "install.log").read_text()


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("WARNING: Retrying ... ReadTimeoutError(...)\nERROR: No matching distribution", "The package index does not"),
        (
            "FAILED: direct.c\na/direct.pyx:3:4: Expected ')'\nninja: build stopped",
            "The kernels do not compile. a/direct.pyx:3",
        ),
        ("ERROR: Package 'x' requires a different Python", "Package 'x' requires a different Python"),
        ("", "That failed."),
    ],
)
def test_what_pip_says_becomes_one_line(output: str, meaning: str) -> None:
    assert bootstrap.explain(output).startswith(meaning)


def test_second_call_does_nothing(calls: list[str]) -> None:
    bootstrap.bootstrap(set())
    first = calls.copy()
    assert first[0] == "venv"
    assert first[-1] == "pip ."
    bootstrap.bootstrap(set())
    assert calls == first


def test_what_changed_is_compiled(calls: list[str], clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ninja(command: list[str]) -> str:
        calls.append(" ".join(command[1:]))
        return "[1/1] direct"

    monkeypatch.setattr(bootstrap, "run", ninja)
    bootstrap.bootstrap(set())
    (bootstrap.BUILD / "cp311").mkdir()
    (bootstrap.BUILD / "cp311" / "build.ninja").touch()
    bootstrap.bootstrap(set())
    assert calls[-2:] == [f"-C {clone}/build/cp311 -n", f"-C {clone}/build/cp311"]


def test_another_compiler_makes_all_again(calls: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "check_compiler", lambda command, _: None)
    monkeypatch.setenv("CC", "")
    bootstrap.bootstrap(set())
    made = bootstrap.BUILD / "cp311"
    for compiler, again in (("clang", True), ("", False), ("clang", False), ("gcc", True)):
        made.mkdir(exist_ok=True)
        calls.clear()
        monkeypatch.setenv("CC", compiler)
        bootstrap.bootstrap(set())
        assert made.exists() != again
        assert calls[-2:] == (["pip .", f"CC={compiler}"] if again else [])
        assert "venv" not in calls


def test_extras_add_up(calls: list[str]) -> None:
    bootstrap.bootstrap({"test"})
    bootstrap.bootstrap(set())
    assert calls.count("venv") == 1
    assert calls[-1] == "pip .[test]"
    bootstrap.bootstrap({"peers"})
    assert calls[-1] == "pip .[peers,test]"
    assert calls.count("venv") == 1


def test_changed_project_is_installed_again(calls: list[str], clone: Path) -> None:
    bootstrap.bootstrap(set())
    with (clone / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    calls.clear()
    bootstrap.bootstrap(set())
    assert "venv" not in calls
    assert calls[-1] == "pip ."


@pytest.mark.parametrize("gone", ["PYTHON", "BUILD", "STAMP"])
def test_what_was_deleted_is_made_again(calls: list[str], gone: str) -> None:
    bootstrap.bootstrap(set())
    calls.clear()
    path = getattr(bootstrap, gone)
    path.rmdir() if path.is_dir() else path.unlink()
    bootstrap.bootstrap(set())
    assert calls[0] == "venv"


def test_interrupted_install_goes_on(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.bootstrap(set())
    bootstrap.bootstrap(set())
    assert calls[-1] == "pip ."


def test_moved_folder_gets_a_new_environment(calls: list[str], clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.bootstrap(set())
    calls.clear()
    monkeypatch.setattr(bootstrap, "ROOT", clone.parent / "moved")
    shutil.copytree(clone, bootstrap.ROOT)
    bootstrap.bootstrap(set())
    assert calls[0] == "venv"


def test_removing_a_moved_environment_is_said(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = {"folder": str(clone)}
    bootstrap.VENV.mkdir()
    bootstrap.BUILD.mkdir()
    bootstrap.make_venv({"folder": "/somewhere/else"}, here)
    assert capsys.readouterr().out.splitlines()[0] == "moved     this folder was /somewhere/else; .venv is made again"
    assert not bootstrap.BUILD.exists()
    assert bootstrap.PYTHON.exists()


def test_help_is_the_default_target(clone: Path) -> None:
    result = run(clone, "make")
    assert result.returncode == 0
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("make")] == TARGETS
