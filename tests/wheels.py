"""Build the sdist and the wheels into dist/, and try them where there is no compiler: python tests/wheels.py [--all]

The native wheel takes the kernels that .venv has compiled. On x86-64 there is one for 64-bit ARM too: the same files
with what `make arm` compiles. A wheel is for every Python from the one that kernels/meson.build names on. It is tried
in a fresh environment with nothing else on the PATH: installed, the first lesson run by nbclient, and a panel moved by
the oldest ipywidgets that will do. --all tries it on every Python that is here, and the one for ARM emulated.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arm

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BUILD = ROOT / "build" / "wheels"
COMPILED = ROOT / "build" / f"cp{sys.version_info.major}{sys.version_info.minor}"  # where pip --editable compiles
GLIBC = 34  # after the point, of the newest C library that may be needed: Debian 12, Ubuntu 22.04, Raspberry Pi OS 12
MOST = 12 << 20  # bytes
SOON = 60  # seconds from the end of the installation to the end of the first lesson, with its first measured numbers
PANEL = """
from workbook.lessons import convolution
panel = convolution.explore()
panel.set(row=30)
assert panel.error is None and panel.readout.startswith("row 30"), panel.readout
"""
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def made(folder: Path, pattern: str) -> Path:
    """Return the one file in a folder that matches."""
    (path,) = folder.glob(pattern)
    return path


def build() -> Path:
    """Build the sdist, and the native wheel of the kernels that are compiled; return the wheel."""
    tool = [sys.executable, "-m", "build", "--no-isolation"]
    arm.run(*tool, "--sdist", "--outdir", DIST)
    arm.run(*tool, "--wheel", "--outdir", BUILD, f"-Cbuild-dir={COMPILED}")
    return made(BUILD, "*.whl")


def swap(wheel: Path, site: Path) -> Path:
    """Return the wheel of another machine: what was compiled is taken from where the package is installed for it."""
    arm.run(sys.executable, "-m", "wheel", "unpack", "--dest", BUILD / "unpacked", wheel)
    folder = made(BUILD / "unpacked", "*")
    for old in folder.glob("kernels/*.so"):
        old.unlink()
    for new in [*site.glob("kernels/*.so"), site / "kernels" / "levels.py"]:
        shutil.copy(new, folder / "kernels")
    (BUILD / "other").mkdir()
    arm.run(sys.executable, "-m", "wheel", "pack", "--dest-dir", BUILD / "other", folder)
    tags = ["--remove", "--platform-tag=linux_aarch64"]  # until auditwheel has looked
    arm.run(sys.executable, "-m", "wheel", "tags", *tags, made(BUILD / "other", "*.whl"))
    return made(BUILD / "other", "*.whl")


def tagged(wheel: Path, machine: str) -> Path:
    """Let auditwheel see what a wheel needs of a system, and write into its name that it runs on any since GLIBC."""
    arm.run(sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "--wheel-dir", DIST, wheel)
    repaired = made(DIST, f"*{machine}.whl")
    if min(int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", repaired.name)) > GLIBC:
        sys.exit(f"{repaired.name} needs a newer C library than 2.{GLIBC}")
    return repaired


def check(files: list[Path]) -> None:
    """Stop unless the package index would take the files, and they are small enough."""
    arm.run(sys.executable, "-m", "twine", "check", "--strict", *files)
    for path in files:
        print(f"{path.name}: {path.stat().st_size / (1 << 20):.1f} MB")
        if path.stat().st_size > MOST:
            sys.exit(f"{path.name} is larger than {MOST >> 20} MB")


def learn(python: Path, folder: Path, **environment: str) -> None:
    """Run the first lesson in a folder, with nothing on the PATH but this Python, and no compiler."""
    alone = {"PATH": str(python.parent), "CC": "/nonexistent", "PYTHONPATH": "", **environment}
    start = time.monotonic()
    arm.learn(python, folder, **alone)
    took = time.monotonic() - start
    print(f"{python}: the first lesson was done {took:.0f} s after the installation")
    if took > SOON and python != arm.PYTHON:
        sys.exit(f"That is more than {SOON} s")


def try_here(wheel: Path, name: str) -> None:
    """Install a wheel for one Python, and learn."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder, "venv")
        arm.run(name, "-m", "venv", venv)
        python = venv / "bin" / "python"
        arm.run(python, "-m", "pip", "install", "-q", "--only-binary=:all:", wheel)
        learn(python, Path(folder, "copy"))
        (oldest,) = (need for need in arm.PROJECT["dependencies"] if need.startswith("ipywidgets>="))
        arm.run(python, "-m", "pip", "install", "-q", f"{oldest.replace('>=', '==')}.*")
        arm.run(python, "-P", "-c", PANEL)


def try_emulated(wheel: Path) -> None:
    """Lay a wheel for ARM, and what it needs, in a folder, and learn."""
    folder = BUILD / "emulated"
    arm.lay_packages(folder, (str(wheel), *arm.UNDER_QEMU))
    learn(arm.PYTHON, BUILD / "copy", PYTHONPATH=str(folder), PATH=f"{arm.PYTHON.parent}:{os.defpath}")


def pythons() -> list[str]:
    """Return the Pythons of this machine for which the wheel is made."""
    there = [name for name in PYTHONS if shutil.which(name)]  # a version manager lays names that lead nowhere, too
    return [name for name in there if subprocess.run([name, "-c", ""], capture_output=True).returncode == 0]


def main() -> None:
    """Build, check, and try."""
    everything = "--all" in sys.argv
    for folder in (DIST, BUILD):
        shutil.rmtree(folder, ignore_errors=True)
    native = build()
    machine = "aarch64" if arm.NATIVE else "x86_64"
    wheels = {machine: tagged(native, machine)}
    if not arm.NATIVE:
        wheels["aarch64"] = tagged(swap(native, arm.set_up()), "aarch64")
    check([made(DIST, "*.tar.gz"), *wheels.values()])
    for name in pythons() if everything else [sys.executable]:
        try_here(wheels[machine], name)
    if everything and not arm.NATIVE:
        try_emulated(wheels["aarch64"])


if __name__ == "__main__":
    main()
