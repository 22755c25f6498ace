"""The compiled objects: no instruction that their CPU may lack, and a hot loop of multiply-adds without spills."""

import importlib
import importlib.util
import platform
import re
import shutil
import subprocess
from bisect import bisect
from functools import cache

import numpy as np
import pytest

import kernels

pytestmark = [
    pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not installed"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the instructions of x86-64 only"),
]

NAMES = [
    "naive",
    "direct",
    "depthwise",
    "im2col",
    "winograd",
    "elementwise",
    "pooling",
    "bytes_plain",
    "bytes_lanes",
    "bytes_depthwise",
    "bytes_elementwise",
    "bytes_pooling",
    "probe",
]
ANY_CPU = ["call", "cpu", "thread_pool", *(f"{name}_baseline" for name in NAMES)]
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t(?:lock |rep[a-z]* |bnd |\{vex\} |notrack |data16 )*(\S+) *(.*)")


@cache
def disassemble(name):
    """Disassemble kernels.<name> into (functions, instructions).

    functions holds the address where each begins and its name; an instruction is (address, mnemonic, operands), with
    the operands in AT&T's order, the destination last.
    """
    path = importlib.util.find_spec(f"kernels.{name}").origin
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout
    functions = [(int(address, 16), name) for address, name in re.findall(r"^([0-9a-f]+) <(.+)>:$", text, re.MULTILINE)]
    found = [(int(m[1], 16), m[2], m[3]) for m in map(INSTRUCTION.match, text.splitlines()) if m]
    assert len(found) > 500
    return functions, found


def instructions(name):
    return disassemble(name)[1]


def innermost_loops(name):
    """Yield (function, instructions) from the target of each backward jump to the jump, if no other pair is inside."""
    functions, code = disassemble(name)
    index = {address: i for i, (address, _, _) in enumerate(code)}
    jumps = []
    for i, (address, mnemonic, operands) in enumerate(code):
        if mnemonic.startswith("j") and (target := re.match(r"([0-9a-f]+) <", operands)):
            start = int(target[1], 16)
            if start <= address and start in index:
                jumps.append((index[start], i))
    for start, end in jumps:
        if not any(start <= inner and last < end for inner, last in jumps):
            yield functions[bisect(functions, (code[start][0], "\uffff")) - 1][1], code[start : end + 1]


def multiply_adds(loop, register):
    """Return the destinations of its multiply-adds on vectors of that width."""
    return [i[2].split(",")[-1] for i in loop if i[1].startswith("vfmadd") and register in i[2]]


@pytest.mark.parametrize("name", ANY_CPU)
def test_baseline_has_no_avx(name):
    """AVX names its registers ymm and zmm, and its instructions on xmm begin with v."""
    wrong = [i for i in instructions(name) if re.search(r"%[yz]mm|%k[0-7]", i[2]) or re.match(r"v(?!er[rw])", i[1])]
    assert wrong == []


@pytest.mark.parametrize("name", [*(f"{name}_v3" for name in NAMES), "bytes_plain_v3_vnni", "probe_v3_vnni"])
def test_v3_has_no_avx512(name):
    """AVX-512 adds zmm, the mask registers k, and the upper sixteen of xmm and ymm."""
    wide = re.compile(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])")
    assert [i for i in instructions(name) if wide.search(i[2])] == []
    assert any("%ymm" in i[2] for i in instructions(name))


@pytest.mark.parametrize(
    ("algorithm", "tile"),
    [
        ("direct", "tile"),
        ("direct", "tile_of_lanes"),
        ("im2col", "tile"),
        ("winograd", "tile_of_lanes"),
        ("probe", "tile"),
    ],
)
@pytest.mark.parametrize(("level", "register", "lanes"), [("v3", "%ymm", 8), ("v4", "%zmm", 16)])
def test_hot_loop_keeps_its_sums_in_registers(algorithm, tile, level, register, lanes):
    """The loop of a tile (simd.h) with the most sums has a register for each vector of a tile, and no store."""
    if level not in kernels.isas():
        pytest.skip(f"this CPU cannot run {level}, so nobody tells its tile's size")
    rows, columns = importlib.import_module(f"kernels.probe_{level}").tile_shape()
    loops = [loop for function, loop in innermost_loops(f"{algorithm}_{level}") if function.split(".")[0] == tile]
    hot = max(loops, key=lambda loop: len(set(multiply_adds(loop, register))))
    sums = multiply_adds(hot, register)
    assert len(set(sums)) == rows * columns // lanes
    assert len(sums) % len(set(sums)) == 0  # the loop may be unrolled
    stores = [i for i in hot if re.search(r"%[xyz]mm", i[2]) and i[2].endswith(")")]
    assert stores == []
    assert [i for i in hot if "(%rsp" in i[2]] == []
    assert [i for i in hot if i[1].startswith(("vmul", "vadd", "call"))] == []  # all of it was contracted


@pytest.mark.parametrize(
    ("name", "function", "instruction", "sums"),
    [
        ("bytes_plain_v3", "dot_tile", "vpmaddwd", 12),
        ("bytes_plain_v3_vnni", "dot_tile", "vpdpbusd", 12),
        ("bytes_plain_v4_vnni", "dot_tile", "vpdpbusd", 28),
        ("half_v4_fp16", "half_tile", "vfmadd", 28),
        ("bfloat_v4_bf16", "half_tile", "vdpbf16ps", 28),
    ],
)
def test_hot_loops_of_bytes_and_halves_keep_their_sums_in_registers(name, function, instruction, sums):
    """Whether or not this CPU runs them: as many multiply-adds as a tile has vectors, and no vector is stored."""
    if importlib.util.find_spec(f"kernels.{name}") is None:
        pytest.skip("the compiler does not know its instructions")
    loops = [loop for found, loop in innermost_loops(name) if found.split(".")[0] == function]
    loops = [loop for loop in loops if all(i[1] != "vpmaddubsw" for i in loop)]  # that saturates, for the lesson
    hot = max(loops, key=lambda loop: sum(i[1].startswith(instruction) for i in loop))
    multiplied = [i[2].split(",")[-1] for i in hot if i[1].startswith(instruction)]
    assert len(multiplied) % sums == 0
    assert len(multiplied) >= sums
    assert [i for i in hot if re.search(r"%[yz]mm", i[2]) and i[2].endswith(")")] == []


def test_halves_become_floats_a_vector_at_a_time():
    """And back; but for the probe, whose chains end in one number each."""
    if importlib.util.find_spec("kernels.half_v4_fp16") is None:
        pytest.skip("the compiler does not know its instructions")
    conversions = [i[1] for i in instructions("half_v4_fp16") if i[1].startswith("vcvt")]
    assert {"vcvtph2ps", "vcvtps2phx"} <= set(conversions)
    assert conversions.count("vcvtsh2ss") <= 12


@pytest.mark.parametrize(("level", "register"), [("v3", "%ymm"), ("v4", "%zmm")])
def test_read_loop_only_loads_and_adds(level, register):
    """Eight registers, to each of which vectors are added from memory, as often a round; no store, no spill."""

    def loads(loop):
        return [i[2].split(",")[-1] for i in loop if i[1] == "vaddps" and "(%" in i[2] and register in i[2]]

    hot = max((loop for _, loop in innermost_loops(f"probe_{level}")), key=lambda loop: len(loads(loop)))
    assert len(set(loads(hot))) == 8
    assert len(loads(hot)) % 8 == 0  # the loop may be unrolled
    assert [i for i in hot if re.search(r"%[xyz]mm", i[2]) and i[2].endswith(")")] == []
    assert [i for i in hot if "(%rsp" in i[2]] == []


def test_importing_the_kernels_keeps_subnormals():
    """-ffast-math at link time would set flush-to-zero for the whole process."""
    assert (np.full(100, 1e-42, np.float32) * np.float32(1.0) > 0).all()
    assert kernels.isa() in kernels.isas()
