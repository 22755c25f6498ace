"""Every instruction set of this CPU passes all the other tests of this folder; KERNELS_ISA never runs a missing one."""

import importlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kernels
from kernels.levels import COMPILED

HERE = Path(__file__)
OF_X86 = ("baseline", "v3", "v3_vnni", "v4", "v4_vnni", "v4_bf16", "v4_fp16")  # the best last
OF_ARM = ("baseline", "dotprod", "fp16", "i8mm")
LEVELS = OF_ARM if platform.machine() == "aarch64" else OF_X86

# Stand in for the module that asks the CPU, as on a machine that runs nothing better than `runnable`.
ON_A_CPU_WITH = """
import sys, types
cpu = sys.modules["kernels.cpu"] = types.ModuleType("kernels.cpu")
cpu.runnable = lambda: {runnable}
import kernels
print(kernels.isa(), kernels.isas(), *sorted(name for name in sys.modules if name.startswith("kernels.direct_")))
"""


def python(*arguments, level):
    environment = {**os.environ, "KERNELS_ISA": level}
    command = [sys.executable, "-P", *arguments]  # -P: an installed package, not the folder of its sources
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)


@pytest.mark.parametrize("level", [level for level in kernels.isas() if level != kernels.isa()])
def test_all_kernel_tests_pass_on(level):
    others = [f"--ignore={HERE}", f"--ignore={HERE.with_name('test_objects.py')}"]  # these see all levels from any
    done = python("-m", "pytest", str(HERE.parent), *others, "-p", "no:cacheprovider", "--color=no", level=level)
    assert done.returncode == 0, done.stdout[-8000:]
    assert f"kernels: {level} of" in done.stdout  # conftest.py prints kernels.isa()
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 500


@pytest.mark.parametrize("level", kernels.isas())
def test_kernels_isa_chooses(level):
    done = python("-c", "import kernels; print(kernels.isa(), kernels.isas())", level=level)
    assert done.stdout.split("\n")[0] == f"{level} {kernels.isas()}", done.stderr


@pytest.mark.parametrize("name", COMPILED)
def test_modules_are_those_of_the_instruction_set(name):
    """The best that was compiled and is not above it: only what multiplies bytes is compiled for VNNI too."""
    levels = [level for level in kernels.isas()[: kernels.isas().index(kernels.isa()) + 1] if level in COMPILED[name]]
    if not levels:
        assert name in ("half", "bfloat")
        return
    chosen = importlib.import_module(f"kernels.{name}")
    assert chosen is getattr(kernels, name)
    assert chosen is importlib.import_module(f"kernels.{name}_{levels[-1]}")


def test_the_best_is_the_default():
    done = python("-c", "import kernels; print(kernels.isa())", level="")
    assert done.stdout.strip() == kernels.isas()[-1]


@pytest.mark.parametrize("level", ["v5", "V3", " v3", "avx2", "../v3", "v3,v4", "v3\n"])
def test_unknown_level_is_an_import_error(level):
    done = python("-c", "import kernels", level=level)
    assert done.returncode == 1
    assert f"ImportError: KERNELS_ISA={level!r} is no instruction set of the kernels" in done.stderr
    assert "baseline, dotprod, fp16, i8mm, v3, v3_vnni, v4, v4_vnni, v4_bf16, v4_fp16" in done.stderr


@pytest.mark.parametrize("runnable", [LEVELS[:1], LEVELS[:2], LEVELS[:4]])
def test_missing_level_is_an_import_error(runnable):
    for level in set(LEVELS) - set(runnable):
        done = python("-c", ON_A_CPU_WITH.format(runnable=runnable), level=level)
        assert done.returncode == 1
        runs = ", ".join(runnable)
        assert f"ImportError: KERNELS_ISA={level!r} cannot run on this CPU, which runs {runs}." in done.stderr


@pytest.mark.skipif(kernels.isas() == ("baseline",), reason="this CPU has nothing better to leave out")
def test_nothing_better_than_the_cpu_is_loaded():
    """Loading a module runs its code: even that could be an illegal instruction."""
    done = python("-c", ON_A_CPU_WITH.format(runnable=LEVELS[:1]), level="")
    assert done.stdout.strip() == "baseline ('baseline',) kernels.direct_baseline", done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the levels of x86-64 only")
@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="Linux lists the CPU's features there")
def test_runnable_levels_are_those_of_the_psabi():
    """The x86-64 psABI's lists; -march=x86-64-v3 lets the compiler use every feature of the level."""
    flags = set(re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[1].split())
    v3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"} <= flags
    v4 = v3 and {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags
    runs = {"v3": v3, "v3_vnni": v3 and "avx_vnni" in flags, "v4": v4, "v4_vnni": v4 and "avx512_vnni" in flags}
    runs["v4_bf16"] = runs["v4_vnni"] and "avx512_bf16" in flags
    runs["v4_fp16"] = runs["v4_vnni"] and "avx512_fp16" in flags
    assert kernels.isas() == ("baseline", *(level for level in LEVELS[1:] if runs[level]))


@pytest.mark.skipif(platform.machine() != "aarch64", reason="knows the levels of 64-bit ARM only")
def test_runnable_levels_are_those_that_the_kernel_tells():
    features = re.search(r"^Features\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if features is None:
        pytest.skip("an emulator shows the features of another machine")
    names = {"dotprod": "asimddp", "fp16": "asimdhp", "i8mm": "i8mm"}
    has = [name in features[1].split() for name in names.values()]
    assert kernels.isas() == OF_ARM[: 1 + [*has, False].index(False)]
