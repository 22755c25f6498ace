"""Compile the kernels for 64-bit ARM, and run their tests on it: python tests/arm.py [--all]

On an ARM machine that is what this Python and its compiler do. Elsewhere a cross compiler compiles, QEMU runs, and what
runs is Debian's Python for ARM with packages from the index, all below build/arm: nothing is installed. What is there
already is not made again, so an interrupted run goes on. QEMU tells whether results are right, and nothing about time.
The first notebook runs there, too. --all takes every test of the kernels on every level.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TESTS = Path("tests", "kernels")
BUILD = ROOT / "build" / "arm"
SYSTEM = BUILD / "system"  # Debian's packages, unpacked
PACKAGES = BUILD / "packages"  # the index's
PYTHON = BUILD / "python"
NEEDED = ("python3", "libpython3-dev", "libc6-dev", "libstdc++6", "libgomp1")
TESTS_IMPORT = ("pytest", "hypothesis")
UNDER_QEMU = ("onnxruntime<1.24",)  # QEMU 7.2 ends in a fault while it loads 1.32's library
FIRST_LESSON = "00_start_here.ipynb"

# What a program is in, for those who have to install it.
PROGRAMS = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "aarch64-linux-gnu-objdump": "binutils-aarch64-linux-gnu",
    "qemu-aarch64": "qemu-user",
    "apt-get": "apt",
    "dpkg": "dpkg",
}

# Tiles, tails and layouts of every kernel, for the best level; then what other levels have compiled for themselves.
BYTES = [
    "test_bytes_conv.py::test_every_geometry_is_exact",
    "test_bytes_depthwise.py::test_exact_in_every_form",
    "test_bytes_lanes.py::test_same_bits_as_plain",
]
HALVES = ["test_half.py"]
FLOATS = ["test_tails.py::test_every_depth", "test_layers.py::test_within_the_error_bound", "test_lanes.py"]
BEST = [*FLOATS, *HALVES, *BYTES, "test_bytes_winograd.py::test_no_bit_differs"]
OTHERS = {"baseline": BYTES, "dotprod": BYTES, "fp16": HALVES}
NATIVE = platform.machine() == "aarch64"
# QEMU 7.2 ends in an assertion of its own where a forked child starts threads; what these test is no kernel's.
FORK_THREADS = ("test_thread_pool.py", "test_threads.py::test_interrupt_between_calls")
HANGS = 1800  # seconds: a program that takes longer under QEMU will not end


def run(*command: str | Path, meaning: str = "", limit: float | None = None, **environment: str) -> None:
    """Run a command, and stop if it fails; `meaning` says what that means."""
    name = Path(command[0]).name
    try:
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, timeout=limit).returncode
    except subprocess.TimeoutExpired:
        sys.exit(f"{name} did not end within {limit} s: {' '.join(map(str, command))}")
    if code:
        sys.exit(f"{meaning or f'{name} failed'} ({code}): {' '.join(map(str, command))}")


def output(*command: str | Path, **environment: str) -> str:
    """Return what a command prints."""
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout


def check_programs() -> None:
    """Stop, and say what is missing, before anything is made."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"make arm needs {', '.join(missing)}; on Debian and Ubuntu: apt install {' '.join(missing)}")


def is_laid(folder: Path, wanted: tuple[str, ...]) -> bool:
    """Say whether a folder holds what is wanted, all of it; if not, it is removed."""
    stamp = folder.with_suffix(".txt")
    if stamp.exists() and stamp.read_text().split() == list(wanted):
        return True
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return False


def lay_system() -> None:
    """Unpack Debian's Python for ARM; apt keeps what it knows of that machine here, apart from this one's."""
    if is_laid(SYSTEM, NEEDED):
        return
    apt = BUILD / "apt"
    shutil.rmtree(apt / "archives", ignore_errors=True)  # of other packages, perhaps
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    places = {"Dir::State": apt, "Dir::State::status": apt / "status", "Dir::Cache": apt}
    settings = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Install-Recommends": "false"}
    settings |= {"APT::Sandbox::User": "root", "Acquire::Languages": "none"}
    settings |= {"Acquire::Retries": "3", "APT::Update::Error-Mode": "any"}
    options = [f"-o{key}={value}" for key, value in {**places, **settings}.items()]
    offline = "make arm needs Debian's packages for ARM once, and apt cannot reach them"
    run("apt-get", "-qq", *options, "update", meaning=offline)
    run("apt-get", "-qq", "-y", "--download-only", *options, "install", *NEEDED, meaning=offline)
    for package in sorted(apt.glob("archives/*.deb")):
        run("dpkg", "-x", package, SYSTEM)
    # Named so that Python, and what it starts, finds this file as its own name.
    PYTHON.write_text(f'#!/bin/sh\nexec qemu-aarch64 -L "{SYSTEM}" -0 "$0" "{SYSTEM}/usr/bin/python3" "$@"\n')
    PYTHON.chmod(0o755)
    SYSTEM.with_suffix(".txt").write_text(" ".join(NEEDED))


def lay_packages(folder: Path, wheels: tuple[str, ...]) -> None:
    """Install wheels for that Python, and what they need, in a folder: named, from the index, or files."""
    if is_laid(folder, wheels):
        return
    version = output(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    platforms = [f"--platform=manylinux{name}_aarch64" for name in ("_2_34", "_2_28", "_2_27", "_2_17", "2014")]
    wanted = ["--only-binary=:all:", f"--python-version={version}", "--implementation=cp", *platforms]
    offline = "make arm needs the packages of Python for ARM once, and pip cannot reach them"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", f"--target={folder}"]
    run(*pip, *wanted, *wheels, meaning=offline)
    folder.with_suffix(".txt").write_text(" ".join(wheels))


def needed() -> tuple[str, ...]:
    """Return what the tests of the kernels, and the notebooks, import: a server is not among it."""
    return (
        *(name for name in PROJECT["dependencies"] if not name.startswith("jupyterlab")),
        *TESTS_IMPORT,
        *UNDER_QEMU,
    )


def learn(python: str | Path, folder: Path, **environment: str) -> None:
    """Lay a learner's copy of the notebooks in a folder, and run the first lesson; stop if a cell of it fails."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-P", "-m", "workbook", "start", folder, **environment)
    limits = [f"--timeout={HANGS}", f"--startup_timeout={HANGS}"]
    execute = [python, "-P", "-c", "from nbclient.cli import main; main()", *limits, folder / FIRST_LESSON]
    run(*execute, meaning=f"{FIRST_LESSON} did not run", WORKBOOK_QUICK="1", **environment)


def compile_kernels() -> Path:
    """Compile the package for that Python; return the folder that holds it."""
    cross = BUILD / "cross.ini"
    plain = (ROOT / "tests" / "aarch64.ini").read_text()
    cross.write_text(plain.replace("[binaries]", f"[binaries]\npython = '{PYTHON}'"))
    folder, site = BUILD / "kernels", BUILD / "site"
    if not (folder / "build.ninja").exists():
        # Debian's Python.h includes a folder of the machine's name from there.
        headers = next(SYSTEM.glob("usr/include/python3.*"))
        include = f"-Dc_args=-I{headers.parent} -I{headers}"
        run("meson", "setup", folder, "--cross-file", cross, f"--prefix={site}", include)
    run("ninja", "-C", folder)
    run("meson", "install", "--quiet", "--no-rebuild", "-C", folder)
    packages = next(site.glob("lib/python3*/*-packages"))
    name, version = PROJECT["name"], PROJECT["version"]
    info = packages / f"{name.replace('-', '_')}-{version}.dist-info"  # pip would write it
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return packages


def set_up() -> Path:
    """Lay that Python, and compile the package for it; return the folder that holds it."""
    check_programs()
    BUILD.mkdir(parents=True, exist_ok=True)
    lay_system()
    return compile_kernels()


def main() -> None:
    """Set up, compile, and run."""
    pytest = ["-P", "-m", "pytest", "--confcutdir=tests", "-p", "no:cacheprovider", "-q"]
    environment = {}
    if NATIVE:
        python: str | Path = sys.executable
    else:
        site = set_up()
        lay_packages(PACKAGES, needed())
        environment["PYTHONPATH"] = os.pathsep.join([str(site), str(PACKAGES)])
        run(sys.executable, "-m", "pytest", "-q", "tests/test_aarch64.py", ARM_BUILD=str(BUILD / "kernels"))
        python = PYTHON
    ask = "import kernels; print(*kernels.isas())"
    *others, best = output(python, "-P", "-c", ask, **environment).split()
    everything = "--all" in sys.argv
    for level in [best, *reversed(others)]:
        chosen = [""] if everything else BEST if level == best else OTHERS[level]
        alone = [f"--ignore={TESTS / name}" for name in ("test_instruction_sets.py", "test_objects.py")]
        alone += [] if NATIVE else [f"--deselect={TESTS / name}" for name in FORK_THREADS]
        run(
            python,
            *pytest,
            *alone,
            *(str(TESTS / name) for name in chosen),
            limit=None if everything else HANGS,
            KERNELS_ISA=level,
            **environment,
        )
    learn(python, BUILD / "copy", **environment)


if __name__ == "__main__":
    main()
