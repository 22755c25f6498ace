"""ziglang's compiler, as the workbook calls it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import kernels
from workbook import bootstrap, zig_cc


@pytest.mark.parametrize(
    ("option", "spelled"),
    [
        ("-march=x86-64", "-march=x86_64"),
        ("-march=x86-64-v4", "-march=x86_64_v4"),
        ("-march=armv8.2-a+dotprod", "-mcpu=generic+v8_2a+dotprod"),
        ("-march=armv8.2-a+dotprod+fp16+i8mm", "-mcpu=generic+v8_2a+dotprod+fullfp16+i8mm"),
        ("-mavx512vnni", "-mavx512vnni"),
        ("-std=gnu17", "-std=gnu17"),
    ],
)
def test_processors_are_spelled_as_zig_does(option: str, spelled: str) -> None:
    assert zig_cc.spelled(option) == spelled


@pytest.mark.parametrize(
    ("target", "options", "defines"),
    [
        ("x86_64-linux-gnu", ["-march=x86-64"], {"VLEN": 4, "EXACT_PER_WORD": 2}),
        ("x86_64-linux-gnu", ["-march=x86-64-v4", "-mavx512vnni"], {"VLEN": 16, "EXACT_PER_WORD": 4}),
        ("aarch64-linux-gnu", ["-march=armv8.2-a+dotprod+fp16+i8mm"], {"EXACT_LESS": 0, "EXACT_PER_WORD": 4}),
        ("aarch64-linux-gnu", [], {"EXACT_LESS": 0, "EXACT_PER_WORD": 2}),
        ("aarch64-macos", ["-march=armv8.2-a+dotprod"], {"EXACT_LESS": 128, "EXACT_PER_WORD": 4}),
    ],
)
def test_the_compiler_takes_the_options_of_every_level(
    target: str, options: list[str], defines: dict[str, int], tmp_path: Path
) -> None:
    pytest.importorskip("ziglang", reason="the extra [compiler] is not installed")
    folder = kernels.source_file("bytes.h").parent
    asserts = "\n".join(f'_Static_assert({name} == {value}, "{name}");' for name, value in defines.items())
    (tmp_path / "a.c").write_text(f'#include "bytes.h"\n{asserts}\n')
    command = [sys.executable, "-P", str(bootstrap.ZIG_CC), "-target", target, *options, "-std=gnu17", "-c"]
    command += ["-I", str(folder), str(tmp_path / "a.c"), "-o", str(tmp_path / "a.o")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["cpu", "faults", "thread_pool"])
def test_what_asks_the_system_compiles_for_a_mac_too(name: str, tmp_path: Path) -> None:
    """The kernels themselves ask it nothing; what they include is compiled above."""
    pytest.importorskip("ziglang", reason="the extra [compiler] is not installed")
    if "unknown multiarch location" in Path(sysconfig.get_config_h_filename()).read_text():
        pytest.skip("Debian's headers of Python are for Linux alone")
    source, c = kernels.source_file(f"{name}.pyx"), tmp_path / f"{name}.c"
    command = [sys.executable, "-P", "-m", "cython", "-3", "-I", str(source.parent.parent), str(source), "-o", str(c)]
    subprocess.run(command, check=True)
    command = [sys.executable, "-P", str(bootstrap.ZIG_CC), "-target", "aarch64-macos", "-std=gnu17", "-c", str(c)]
    command += ["-I", str(source.parent), "-I", sysconfig.get_path("include"), "-DPy_LIMITED_API=0x030b0000"]
    done = subprocess.run([*command, "-o", str(tmp_path / "a.o")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
