"""The kernels that the learner writes in lesson 1: several sums under way, then a tile that stays in registers."""

from __future__ import annotations

from pathlib import Path

from workbook.lessonkit.kernel_exercise import KernelExercise, KernelMistake
from workbook.lessonkit.listing import Listing

_TASK = Path(__file__).with_name("stair_task.py")

_FRAME = """\
from kernels.blocks cimport ceil_div
from kernels.simd cimport VLEN, broadcast, load, store, vf
from kernels.stair cimport Sizes


def least():
    return {least}


def run(size_t x, size_t weight, size_t tap, size_t y,
        Py_ssize_t K, Py_ssize_t P, Py_ssize_t Q, Py_ssize_t W, Py_ssize_t taps):
    cdef Sizes n = Sizes(K, P, Q, W, taps, <const Py_ssize_t*>tap)
    with nogil:
        {kernel}(n, <const float*>x, <const float*>weight, <float*>y)


"""


def rung(name: str) -> str:
    """Return the text of a rung, as it was compiled."""
    return Listing.of_kernel(name).text


# 1.4 Several sums under way

_SIGNATURE = "Sizes n, const float* x, const float* weight, float* y) noexcept nogil:"
_FOUR = rung("four_chains")
_ZEROS = "total = [0, 0, 0, 0]"
_KEPT = _FOUR.replace(f"                {_ZEROS}\n", "").replace("    for block", f"    {_ZEROS}\n    for block")

CHAINS = KernelExercise(
    id="1.4",
    stub=f"""\
cdef void four_chains({_SIGNATURE}
    cdef Py_ssize_t block, k, p, q, t, i
    cdef float total[4]
    for block in range(ceil_div(n.K, 4)):
        k = min(block * 4, n.K - 4)
        for p in range(n.P):
            for q in range(n.Q):
                ...  # the outputs of the filters k, k + 1, k + 2 and k + 3 at this pixel""",
    solution=_FOUR,
    head=_FRAME.format(least=(4, 1), kernel="four_chains"),
    task=_TASK,
    what="layers",
    before="one_chain",
    ours="direct",
    gain=1.5,
    too_slow="does each addition still wait for the one before it?",
    hints=(
        "begin with the loop over t of `one_chain`; inside, a loop over i adds to total[i], for the filter k + i",
        "set the four sums to 0 for each pixel: total = [0, 0, 0, 0]; each step adds one product to each of them",
        "the weight of filter k + i is weight[(k + i) * n.taps + t], its output y[((k + i) * n.P + p) * n.Q + q]",
    ),
    mistakes=(
        KernelMistake("a filter is forgotten", _FOUR.replace("i in range(4)", "i in range(3)"), "never written"),
        KernelMistake("sums of the pixel before", _KEPT, "the definition gives"),
        KernelMistake("blocks that do not overlap", _FOUR.replace(", n.K - 4)", ", n.K)"), "it reads weight["),
        KernelMistake(
            "one chain again",
            rung("one_chain").replace("one_chain", "four_chains"),
            "less than 1.5 x",
        ),
    ),
)


# 1.5 A tile in registers

_ENUM = """\
cdef enum:
    ROWS = {rows}
    VECS = {vecs}


"""
_TILE = _ENUM.format(rows=6, vecs=2) + rung("in_registers")

TILE = KernelExercise(
    id="1.5",
    stub=f"""\
cdef enum:
    ROWS = ...  # filters of a tile
    VECS = ...  # vectors of pixels of a tile


cdef void in_registers({_SIGNATURE}
    # x, weight and y begin at the tile: its first pixel, its first filter, its first output
    cdef Py_ssize_t t, i, j
    cdef vf total[ROWS][VECS]
    ...""",
    solution=_TILE,
    head=_FRAME.format(least="ROWS, VECS * VLEN", kernel="tile") + rung("tile") + "\n\n\n",
    task=_TASK,
    what="layers",
    before="vector",
    ours="direct",
    gain=2.5,
    too_slow="are there as many sums as latency times throughput asks for, and as registers can hold?",
    hints=(
        "begin with `vector`: its loop over t, but with a total for each of ROWS filters and VECS vectors of pixels",
        "below the table of the stair stands how many sums must be in flight: 8 where an addition takes 4 cycles and 2 "
        "begin in each. Of 16 registers, 12 for sums leave room for operands: ROWS = 6, VECS = 2",
        "total[i][j] += load(x + n.tap[t] + j * VLEN) * weight[i * n.taps + t]; set all to broadcast(0) before, and "
        "store them at y + i * n.P * n.Q + j * VLEN",
    ),
    mistakes=(
        KernelMistake(
            "one sum", _TILE.replace("ROWS = 6", "ROWS = 1").replace("VECS = 2", "VECS = 1"), "less than 2.5 x"
        ),
        KernelMistake("the first vector twice", _TILE.replace("tap[t] + j * VLEN", "tap[t]"), "y[0, 0, "),
        KernelMistake("rows for filters", _TILE.replace("i * n.P * n.Q", "i * n.Q"), ", 0, 0] is "),
        KernelMistake("one weight too far", _TILE.replace("n.taps + t]", "n.taps + t + 1]"), "it reads weight["),
    ),
)

KERNELS = (CHAINS, TILE)
