"""The image for a class: Dockerfile, Binder and CI take the same steps, from the same files."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from workbook.cli import main

ROOT = Path(__file__).resolve().parent.parent
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def arguments_of(instruction: str) -> list[str]:
    return [arguments for name, arguments in INSTRUCTIONS if name == instruction]


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file from the build; a pattern with ** holds at any depth, another at the root."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert not any(pattern.startswith("!") for pattern in patterns)
    parts = PurePosixPath(path).parts
    for pattern in patterns:
        if pattern.startswith("**/"):
            if any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts):
                return True
        elif fnmatch.fnmatchcase(parts[0], pattern):
            return True
    return False


@pytest.mark.parametrize("file", ["Dockerfile", ".binder/postBuild", ".ci/run"])
def test_everyone_takes_the_same_steps(file: str) -> None:
    text = (ROOT / file).read_text()
    assert len(re.findall(r"\bmake image PYTHON=", text)) == 1
    assert not re.search(r"\bpip\b|\bmeson\b", text)


def test_steps_of_the_image() -> None:
    steps = subprocess.run(
        ["make", "--no-print-directory", "-n", "image", "PYTHON=python3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    python = shutil.which("python3")
    assert [step.replace(f"'{python}'", "python") for step in steps] == [
        "python -m pip install --no-cache-dir .",
        "python -P -m workbook doctor",
    ]


def test_dockerfile_copies_the_whole_clone_and_nothing_of_it_is_ignored() -> None:
    assert ". /source" in arguments_of("COPY")
    assert "/source" in arguments_of("WORKDIR")
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no clone, or there is no git to ask")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    assert [path for path in tracked if is_ignored(path)] == []
    for path in (".git/config", ".venv/bin/python", "my-workbook/a.ipynb", "kernels/__pycache__/a.pyc", "a/b.so"):
        assert is_ignored(path)


def test_what_git_ignores_is_ignored_here_too() -> None:
    for pattern in (ROOT / ".gitignore").read_text().split():
        assert is_ignored(pattern.replace("*", "x").rstrip("/")), pattern


def test_packages_for_the_build_are_the_ones_that_binder_installs() -> None:
    assert ".binder/apt.txt /tmp/" in arguments_of("COPY")
    packages = (ROOT / ".binder" / "apt.txt").read_text().split()
    assert packages == ["gcc", "libc6-dev", "make"]
    assert any("xargs -a /tmp/apt.txt apt-get install" in arguments for arguments in arguments_of("RUN"))


def test_class_starts_without_a_compiler_and_not_as_root() -> None:
    assert len(arguments_of("FROM")) == 2  # what is installed for the build stays in the first
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "apt-get" not in last
    assert "make" not in last
    assert last.index("USER learner") < last.index("RUN workbook start")


def test_command_is_one_that_there_is() -> None:
    command, name, *options = json.loads(arguments_of("CMD")[0])
    assert command == "workbook"
    assert name in main.commands
    main.commands[name].make_context(name, options)


def test_python_is_one_that_the_project_takes() -> None:
    versions = [text.split("-")[1] for text in (ROOT / ".binder" / "runtime.txt").read_text().split()]
    versions += re.findall(r"python:([\d.]+)-slim", " ".join(arguments_of("FROM")))
    assert len(versions) == 3
    assert all(tuple(map(int, version.split("."))) >= (3, 11) for version in versions)


def test_post_build_can_be_run() -> None:
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
