"""Every kernel compiles for 64-bit ARM with the flags of kernels/meson.build, which a cross compiler can tell."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EM_AARCH64 = 183  # ELF's number of the machine
DOTPROD = {"bytes_plain_dotprod", "bytes_lanes_dotprod", "bytes_depthwise_dotprod", "probe_dotprod"}
ANY_CPU = {"cpu", "datapath_costs", "datapath_search", "thread_pool"}


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
    compiled = runpy.run_path(str(build / "kernels" / "levels.py"))["COMPILED"]
    modules = {f"{name}_{level}" for name, levels in compiled.items() for level in levels}
    assert modules > DOTPROD
    assert objects.keys() == modules | ANY_CPU
    for name, path in objects.items():
        assert int.from_bytes(path.read_bytes()[18:20], "little") == EM_AARCH64, name
        multiplies_bytes = "\tsdot\t" in run("aarch64-linux-gnu-objdump", "-d", path)
        assert multiplies_bytes == (name in DOTPROD), name  # a CPU without it runs the others
