"""What is compiled for 64-bit ARM: no instruction above its level, and hot loops as short as they can be.

`make arm` compiles it, and names the folder in ARM_BUILD.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from functools import cache
from pathlib import Path

import pytest

EM_AARCH64 = 183  # ELF's number of the machine
BUILD = Path(os.environ.get("ARM_BUILD", ""))
pytestmark = pytest.mark.skipif("ARM_BUILD" not in os.environ, reason="make arm compiles for ARM, and runs this")

# What a level adds, by the instructions that only CPUs with it have.
FOUND = {
    "dotprod": re.compile(r"\t[su]dot\t"),
    "fp16": re.compile(r"\tf(mla|mul|add|sub|cvt\w*)\tv\d+\.[48]h, v\d+\.[48]h|\tf(madd|mul|add|sub)\th"),
    "i8mm": re.compile(r"\t(us|su)dot\t|\t(us|s|u)mmla\t"),
}
ALLOWED = {"baseline": set(), "dotprod": {"dotprod"}, "fp16": {"dotprod", "fp16"}, "i8mm": set(FOUND)}
ANY_CPU = {"call", "cpu", "datapath_costs", "datapath_search", "faults", "thread_pool"}


@cache
def objects() -> dict[str, Path]:
    return {path.name.partition(".")[0]: path for path in BUILD.glob("kernels/*.so")}


@cache
def code(name: str) -> str:
    command = ["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", str(objects()[name])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def level_of(name: str) -> str:
    return next((level for level in ALLOWED if name.endswith(f"_{level}")), "baseline")


def test_every_module_is_there() -> None:
    compiled = runpy.run_path(str(BUILD / "kernels" / "levels.py"))["COMPILED"]
    modules = {f"{name}_{level}" for name, levels in compiled.items() for level in levels}
    assert {"bytes_plain_dotprod", "bytes_lanes_i8mm", "half_fp16"} < modules
    assert objects().keys() == modules | ANY_CPU
    for name, path in objects().items():
        assert int.from_bytes(path.read_bytes()[18:20], "little") == EM_AARCH64, name


def test_no_instruction_is_above_its_level() -> None:
    for name in objects():
        above = {level for level, instruction in FOUND.items() if instruction.search(code(name))}
        assert above <= ALLOWED[level_of(name)], name


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("bytes_plain_dotprod", "dotprod"),
        ("bytes_depthwise_dotprod", "dotprod"),
        ("half_fp16", "fp16"),
        ("bytes_lanes_i8mm", "i8mm"),
        ("bytes_depthwise_i8mm", "i8mm"),
    ],
)
def test_a_level_is_used(name: str, level: str) -> None:
    assert FOUND[level].search(code(name))


def test_halves_become_floats_a_vector_at_a_time() -> None:
    """And back."""
    for instruction in ("fcvtl", "fcvtn"):
        assert f"\t{instruction}\t" in code("half_fp16")


def loops(name: str, function: str) -> list[list[tuple[str, str]]]:
    """Return the innermost loops of a function as lists of (mnemonic, operands)."""
    found = []
    for text in re.findall(rf"<{function}(?:\.\w+)*>:\n(.*?)\n\n", code(name) + "\n\n", re.DOTALL):
        lines = [re.match(r" *([0-9a-f]+):\t(\S+)\t?(.*)", line) for line in text.splitlines()]
        body = [(int(m[1], 16), m[2], m[3]) for m in lines if m]
        place = {address: i for i, (address, _, _) in enumerate(body)}
        jumps = []
        for i, (address, mnemonic, operands) in enumerate(body):
            target = re.search(r"\b([0-9a-f]+) <", operands) if mnemonic.startswith(("b.", "cb", "tb")) else None
            if target and int(target[1], 16) <= address and int(target[1], 16) in place:
                jumps.append((place[int(target[1], 16)], i))
        for start, end in jumps:
            if not any(start <= first and last < end for first, last in jumps):
                found.append([line[1:] for line in body[start : end + 1]])
    return found


# The hand count of a tile of 12 x 8: 24 multiply-adds, and five vectors in three loads, 27 instructions; with a step's
# pointer and a fourth of the loop, 29. ncnn 1.0.20261020 has 108 a 96 in float32, 56 a 48 in float16, 36 a 32 on bytes.
@pytest.mark.parametrize(
    ("name", "function", "multiplies", "of_ncnn", "sums"),
    [
        ("direct_baseline", "tile", "fmla", 108 / 96, 24),
        ("direct_baseline", "tile_of_lanes", "fmla", 108 / 96, 22),
        ("half_fp16", "half_tile", "fmla", 56 / 48, 24),
        ("bytes_plain_dotprod", "dot_tile", "sdot", 36 / 32, 24),
        ("bytes_plain_i8mm", "dot_tile", "usdot", 36 / 32, 24),
        ("bytes_lanes_dotprod", "dot_tile_of_lanes", "sdot", 36 / 32, 24),
    ],
)
def test_hot_loops_are_within_a_tenth_of_ncnn(
    name: str, function: str, multiplies: str, of_ncnn: float, sums: int
) -> None:
    """By instructions a multiply-add; a loop has the sums of a tile in registers, and neither store nor broadcast."""
    tiles = []
    for loop in loops(name, function):
        made = [operands.partition(",")[0] for mnemonic, operands in loop if mnemonic == multiplies]
        if len(set(made)) == sums and len(made) % sums == 0:  # it may be unrolled
            tiles.append(len(loop) / len(made))
            assert not [line for line in loop if line[0].startswith("st") or line[0] in ("ld1r", "dup")]
    assert min(tiles) <= 1.1 * of_ncnn
