"""Every kernel compiles for 64-bit ARM with the flags of kernels/meson.build, which a cross compiler can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from kernels.isa import _COMPILED

ROOT = Path(__file__).resolve().parent.parent
EM_AARCH64 = 183  # ELF's number of the machine
LEVELS = ("baseline", "dotprod")
MODULES = {f"{name}_{level}" for name, compiled in _COMPILED.items() for level in LEVELS if level in compiled}
ANY_CPU = {"cpu", "pool", "schedule", "sweep"}


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


# In CI it must run: without the cross compiler it fails there.
@pytest.mark.skipif(
    shutil.which("aarch64-linux-gnu-gcc") is None and not os.environ.get("CI"),
    reason="the cross compiler is missing: apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
)
def test_every_kernel_compiles(tmp_path: Path) -> None:
    # Debian's Python.h looks for its pyconfig.h there; what this machine's says holds for any 64-bit Linux.
    headers = Path("/usr/include", sysconfig.get_config_var("MULTIARCH") or "")
    (tmp_path / "aarch64-linux-gnu").symlink_to(headers)
    build = tmp_path / "build"
    run("meson", "setup", build, "--cross-file", ROOT / "tests" / "aarch64.ini", f"-Dc_args=-I{tmp_path}")
    run("ninja", "-C", build)
    objects = {path.name.partition(".")[0]: path for path in build.glob("kernels/*.so")}
    assert objects.keys() == MODULES | ANY_CPU
    for name, path in objects.items():
        assert int.from_bytes(path.read_bytes()[18:20], "little") == EM_AARCH64, name
        multiplies_bytes = "\tsdot\t" in run("aarch64-linux-gnu-objdump", "-d", path)
        assert multiplies_bytes == name.endswith("_dotprod"), name  # a CPU without it runs the others
