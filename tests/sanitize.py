"""Run the tests of the kernels with sanitizers: python tests/sanitize.py [--slice]

AddressSanitizer and UndefinedBehaviorSanitizer watch all kernels of the instruction sets that this CPU runs, in a build
of their own. ThreadSanitizer watches the thread pool in a C program of its own, as Python is not made for it. What they
report ends the process, and so fails the test. --slice takes the tests that meet every kernel once, for CI.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import kernels
from kernels.levels import COMPILED

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "kernels"
BUILD = ROOT / "build" / "sanitize"
PACKAGE = BUILD / "site" / "kernels"
COMPILER = shlex.split(os.environ.get("CC", "")) or ["cc"]  # as Meson chooses
ADDR_NO_RANDOMIZE = 0x0040000  # of personality(2)

# Every algorithm and every type, each on the layers of layers.py or on cases of its own.
SLICE = [
    "test_layers.py::test_within_the_error_bound",
    "test_memory.py::test_neither_scratch_nor_what_lies_around_out_matters",
    "test_pooling_layers.py::test_is_the_definition_in_every_form",
    "test_half.py::test_within_the_bound",
    "test_bytes_conv.py::test_every_geometry_is_exact",
    "test_bytes_conv.py::test_saturating_is_exact_on_small_numbers",
    "test_bytes_lanes.py::test_same_bits_as_plain",
    "test_bytes_winograd.py::test_no_bit_differs",
    "test_bytes_winograd.py::test_the_same_in_lanes",
    "test_bytes_depthwise.py",
    "test_bytes_elementwise.py",
    "test_elementwise.py",
    "test_stair.py",
    "test_probe.py",
]
# They look at the machine code, which is another here, and at all instruction sets in turn, as is done here.
LEFT_OUT = ["test_objects.py", "test_instruction_sets.py"]

# Faults that must be reported: a write beyond scratch, and a size that overflows.
FAULTS = {
    "heap-buffer-overflow": """
import numpy, kernels
x, weight, y = (numpy.ones(shape, "f4") for shape in ((1, 8, 9, 9), (8, 8, 3, 3), (1, 8, 7, 7)))
kernels.Conv2d(weight, algorithm="direct", threads=1).bind(x, y)(numpy.empty(1, "f4"))
""",
    "signed integer overflow": """
from kernels import direct, geometry
layer = geometry.geometry_of((1, 8, 9, 9), (8, 8, 3, 3), geometry.Window((1, 1), (0, 0, 0, 0), (1, 1), 1)).compiled()
direct.scratch_size({**layer, "C": 2**62}, 1)
""",
}


def run(*command: str | Path, **environment: str) -> None:
    """Run a command, and stop if it fails."""
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode
    if code:
        sys.exit(f"{Path(command[0]).name} failed ({code}): {' '.join(map(str, command))}")


def output(*command: str | Path) -> str:
    """Return what a command prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def build() -> None:
    """Compile the kernels with both sanitizers, and lay them beside the Python files of the package in PACKAGE."""
    folder = BUILD / "address"
    if not (folder / "build.ninja").exists():
        # Little is optimised: it compiles in half of the time, and what the source says is looked at before.
        options = ["-Doptimization=1", "-Db_sanitize=address,undefined", "-Db_lundef=false"]
        run("meson", "setup", folder, *options, "-Dc_args=-g1 -fno-sanitize-recover=all")
    beyond_this_cpu = {f"{name}_{level}" for name in COMPILED for level in set(COMPILED[name]) - set(kernels.isas())}
    targets = json.loads(output("meson", "introspect", "--targets", folder))
    modules = [
        Path(target["filename"][0])
        for target in targets
        if target["type"] == "shared module" and target["name"].partition(".")[0] not in beyond_this_cpu
    ]
    run("ninja", "-C", folder, *(str(module.relative_to(folder)) for module in modules))
    shutil.rmtree(PACKAGE, ignore_errors=True)
    PACKAGE.mkdir(parents=True)
    made = folder / "kernels" / "levels.py"
    for path in [*modules, made, *(path for path in ROOT.glob("kernels/*") if path.is_file())]:
        (PACKAGE / path.name).symlink_to(path)


def watched() -> dict[str, str]:
    """Return the environment in which Python takes the kernels from PACKAGE, and the sanitizers watch them."""
    libraries = [output(*COMPILER, f"-print-file-name={name}").strip() for name in ("libasan.so", "libubsan.so")]
    return {
        "LD_PRELOAD": " ".join(libraries),
        # Python leaks on purpose; tests ask for more memory than there is, and their guard pages mean to end a process.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:handle_segv=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1",  # pytest says which test is aborted
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(PACKAGE.parent),
        "MESONPY_EDITABLE_SKIP": os.pathsep.join(str(file.parent) for file in ROOT.glob("build/*/build.ninja")),
    }


def check_that_faults_are_reported(environment: dict[str, str]) -> None:
    """Stop unless each of FAULTS ends with its report: a watch that sees nothing is worth nothing."""
    for report, fault in FAULTS.items():
        done = subprocess.run(
            [sys.executable, "-P", "-c", fault], env={**os.environ, **environment}, capture_output=True, text=True
        )
        if done.returncode == 0 or report not in done.stderr:
            sys.exit(f"Nothing reported a {report} that was made on purpose:\n{done.stdout}{done.stderr}")


def run_tests(arguments: list[str], environment: dict[str, str]) -> None:
    """Run tests of the kernels on every instruction set of this CPU."""
    for level in kernels.isas():
        here = {**environment, "KERNELS_ISA": level}
        check_that_faults_are_reported(here)
        # The root's conftest.py would put the sources, which are not compiled there, in front of PACKAGE.
        pytest = [sys.executable, "-P", "-m", "pytest", "--confcutdir=tests", "-p", "no:cacheprovider", "-q"]
        pytest += ["-n", "logical", "--maxprocesses", "4"]
        pytest += ["--capture=sys"]  # what pytest captures deeper is lost when a report ends the process
        run(*pytest, *arguments, **here)


def race() -> None:
    """Let callers compete for the thread pool while ThreadSanitizer watches."""
    program = BUILD / "thread_pool_races"
    source = BUILD / "address" / "kernels"  # Cython has left thread_pool.c there
    options = ["-std=gnu17", "-O2", "-g", "-fsanitize=thread", f"-I{source}", f"-I{sysconfig.get_path('include')}"]
    # What is never called, and needs Python, is left out of the program.
    options += ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wno-unused-function"]
    run(*COMPILER, *options, TESTS / "thread_pool_races.c", "-o", program)
    run(program, TSAN_OPTIONS="die_after_fork=0")


def main() -> None:
    """Build, then run what is asked for."""
    # GCC's sanitizers expect the address space as it was laid out before Linux spread it over 32 bits.
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
    build()
    race()
    if sys.argv[1:] == ["--slice"]:
        run_tests([str(TESTS / name) for name in SLICE], watched())
    else:
        run_tests([str(TESTS), *(f"--ignore={TESTS / name}" for name in LEFT_OUT)], watched())


if __name__ == "__main__":
    main()
