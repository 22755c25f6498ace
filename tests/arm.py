"""Compile the kernels for 64-bit ARM, and run their tests on it: python tests/arm.py [--all]

On an ARM machine that is what this Python and its compiler do. Elsewhere a cross compiler compiles, QEMU runs, and what
runs is Debian's Python for ARM with packages from the index, all below build/arm: nothing is installed. QEMU tells
whether results are right, and nothing about time. --all takes every test of the kernels on every level.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = Path("tests", "kernels")
BUILD = ROOT / "build" / "arm"
SYSTEM = BUILD / "system"  # Debian's packages, unpacked
PACKAGES = BUILD / "packages"  # the index's
PYTHON = BUILD / "python"
NEEDED = ("python3", "libpython3-dev", "libc6-dev", "libstdc++6", "libgomp1")
WHEELS = ("numpy", "ml_dtypes", "onnx", "pytest", "hypothesis")  # what the tests of the kernels import

# What a program is in, for those who have to install it.
PROGRAMS = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "aarch64-linux-gnu-objdump": "binutils-aarch64-linux-gnu",
    "qemu-aarch64": "qemu-user",
    "apt-get": "apt",
    "dpkg": "dpkg",
}

# Tiles, tails and layouts of every kernel, for the best level; then what differs on the others.
BEST = [
    "test_tails.py",
    "test_layers.py::test_within_the_error_bound",
    "test_lanes.py",
    "test_half.py::test_within_the_bound",
    "test_bytes_conv.py::test_every_geometry_is_exact",
    "test_bytes_lanes.py",
    "test_bytes_winograd.py::test_no_bit_differs",
    "test_probe.py",
]
OTHERS = ["test_tails.py", "test_bytes_lanes.py::test_same_bits_as_plain"]
NATIVE = platform.machine() == "aarch64"


def run(*command: str | Path, **environment: str) -> None:
    """Run a command, and stop if it fails."""
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode
    if code:
        sys.exit(f"{Path(command[0]).name} failed ({code}): {' '.join(map(str, command))}")


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


def lay_system() -> None:
    """Unpack Debian's Python for ARM; apt keeps what it knows of that machine here, apart from this one's."""
    if PYTHON.exists():
        return
    apt = BUILD / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    places = {"Dir::State": apt, "Dir::State::status": apt / "status", "Dir::Cache": apt}
    settings = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Install-Recommends": "false"}
    settings |= {"APT::Sandbox::User": "root", "Acquire::Languages": "none"}
    options = [f"-o{key}={value}" for key, value in {**places, **settings}.items()]
    run("apt-get", "-qq", *options, "update")
    run("apt-get", "-qq", "-y", "--download-only", *options, "install", *NEEDED)
    for package in sorted(apt.glob("archives/*.deb")):
        run("dpkg", "-x", package, SYSTEM)
    # Named so that Python, and what it starts, finds this file as its own name.
    PYTHON.write_text(f'#!/bin/sh\nexec qemu-aarch64 -L "{SYSTEM}" -0 "$0" "{SYSTEM}/usr/bin/python3" "$@"\n')
    PYTHON.chmod(0o755)


def lay_packages() -> None:
    """Install wheels for that Python from the index."""
    if PACKAGES.exists():
        return
    version = output(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    platforms = [f"--platform=manylinux{name}_aarch64" for name in ("_2_28", "_2_27", "_2_17", "2014")]
    wanted = ["--only-binary=:all:", f"--python-version={version}", "--implementation=cp", *platforms]
    run(sys.executable, "-m", "pip", "install", "-q", "--no-compile", f"--target={PACKAGES}", *wanted, *WHEELS)


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
    return next(site.glob("lib/python3*/*-packages"))


def main() -> None:
    """Set up, compile, and run."""
    pytest = ["-P", "-m", "pytest", "--confcutdir=tests", "-p", "no:cacheprovider", "-q"]
    environment = {}
    if NATIVE:
        python: str | Path = sys.executable
    else:
        check_programs()
        BUILD.mkdir(parents=True, exist_ok=True)
        lay_system()
        lay_packages()
        environment["PYTHONPATH"] = os.pathsep.join([str(compile_kernels()), str(PACKAGES)])
        run(sys.executable, "-m", "pytest", "-q", "tests/test_aarch64.py", ARM_BUILD=str(BUILD / "kernels"))
        python = PYTHON
    ask = "import kernels; print(*kernels.isas())"
    *others, best = output(python, "-P", "-c", ask, **environment).split()
    everything = "--all" in sys.argv
    for level in [best, *reversed(others)]:
        chosen = [""] if everything else BEST if level == best else OTHERS
        alone = [f"--ignore={TESTS / name}" for name in ("test_instruction_sets.py", "test_objects.py")]
        run(python, *pytest, *alone, *(str(TESTS / name) for name in chosen), KERNELS_ISA=level, **environment)


if __name__ == "__main__":
    main()
