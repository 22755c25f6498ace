"""The kernel that the learner writes in lesson 2: the transform of the inputs for F(4,3), one pass of it."""

from __future__ import annotations

from pathlib import Path

from workbook.lessonkit.kernel_exercise import KernelExercise, KernelMistake

# The rest of a Winograd layer, as short as it can be: a row of tiles at a time, x and y in vectors of channels. It is
# also asked for lines alone, to be compared with B^T d.
_FRAME = """\
from kernels.blocks cimport ceil_div, share
from kernels.simd cimport TILE_COLS, TILE_ROWS, VLEN, ahead_of, broadcast, load, store, tile_of_lanes, vf
from kernels.transforms cimport F4_A, F4_B, output_4


def least():
    return ()


cdef void products(Py_ssize_t tiles, Py_ssize_t chunks, Py_ssize_t step, const float* V, const float* U,
                   float* M) noexcept nogil:
    cdef Py_ssize_t tap[64]
    cdef Py_ssize_t position, piece, row, pieces = ceil_div(tiles, TILE_ROWS)
    for position in range(chunks):
        tap[position] = position * step
    for position in range(36):
        for piece in range(pieces):
            row = share(tiles, pieces, piece)
            tile_of_lanes(<int>(share(tiles, pieces, piece + 1) - row), TILE_COLS // VLEN, chunks, tap, VLEN,
                          V + position * chunks * step + row * VLEN, U + position * chunks * VLEN * TILE_COLS,
                          TILE_COLS,
                          M + (position * tiles + row) * TILE_COLS, False,
                          ahead_of(U, 0, TILE_COLS, piece, pieces))


cdef void layer(const float* x, const float* U, float* half, float* y, Py_ssize_t C, Py_ssize_t K,
                Py_ssize_t tiles) noexcept nogil:
    cdef Py_ssize_t W = 4 * tiles + 2, Q = 4 * tiles, chunks = C // VLEN, step = (tiles | 1) * VLEN
    cdef Py_ssize_t row, chunk, block, vec, i, j
    cdef float* V = half + 6 * W * VLEN
    cdef float* M = V + 36 * chunks * step
    for row in range(tiles):
        for chunk in range(chunks):
            transform(x + (chunk * W + 4 * row) * W * VLEN, W * VLEN, VLEN, half, W * VLEN, VLEN, W)
            for i in range(6):
                transform(half + i * W * VLEN, VLEN, 4 * VLEN, V + (6 * i * chunks + chunk) * step, chunks * step, VLEN,
                          tiles)
        for block in range(K // TILE_COLS):
            products(tiles, chunks, step, V, U + block * 36 * C * TILE_COLS, M)
            for vec in range(TILE_COLS // VLEN):
                for j in range(6):
                    output_4(M + j * tiles * TILE_COLS + vec * VLEN, 6 * tiles * TILE_COLS, TILE_COLS,
                             half + j * tiles * VLEN, 6 * tiles * VLEN, VLEN, tiles)
                for i in range(4):
                    output_4(half + 6 * i * tiles * VLEN, tiles * VLEN, VLEN,
                             y + (((block * TILE_COLS // VLEN + vec) * Q + 4 * row + i) * Q) * VLEN,
                             VLEN, 4 * VLEN, tiles)


def run(size_t x, size_t U, size_t scratch, size_t y,
        Py_ssize_t lines, Py_ssize_t along, Py_ssize_t C, Py_ssize_t K, Py_ssize_t tiles):
    cdef Py_ssize_t step = VLEN if along else lines * VLEN, following = 6 * VLEN if along else VLEN
    with nogil:
        if lines:
            transform(<const float*>x, step, following, <float*>y, step, following, lines)
        else:
            layer(<const float*>x, <const float*>U, <float*>scratch, <float*>y, C, K, tiles)


"""

_BEGIN = """\
cdef void transform(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                    float* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F4_A, b = F4_B, a2 = a * a, b2 = b * b
    cdef vf d0, d1, d2, d3, d4, d5, even, odd
    for _ in range(count):
        d0, d1, d2 = load(x), load(x + x_step), load(x + 2 * x_step)
        d3, d4, d5 = load(x + 3 * x_step), load(x + 4 * x_step), load(x + 5 * x_step)
"""
_ROWS = """\
        store(y, d4 - (a2 + b2) * d2 + a2 * b2 * d0)
        even, odd = d4 - b2 * d2, a * (d3 - b2 * d1)
        store(y + y_step, even + odd)
        store(y + 2 * y_step, even - odd)
        even, odd = d4 - a2 * d2, b * (d3 - a2 * d1)
        store(y + 3 * y_step, even + odd)
        store(y + 4 * y_step, even - odd)
        store(y + 5 * y_step, d5 - (a2 + b2) * d3 + a2 * b2 * d1)
"""
_NEXT = "        x, y = x + x_next, y + y_next"
_SOLUTION = _BEGIN + _ROWS + _NEXT

# Forty times the work, and the same result: the numbers of a vector one after the other, each row as its whole sum.
_SLOW = """\
cdef void transform(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                    float* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t line, lane, again, i
    cdef float a2 = F4_A * F4_A, b2 = F4_B * F4_B
    cdef const float* d
    cdef volatile float row[6]
    for again in range(8):
        for line in range(count):
            for lane in range(VLEN):
                d = x + line * x_next + lane
                row[0] = d[4 * x_step] - (a2 + b2) * d[2 * x_step] + a2 * b2 * d[0]
                row[1] = d[4 * x_step] - b2 * d[2 * x_step] + F4_A * (d[3 * x_step] - b2 * d[x_step])
                row[2] = d[4 * x_step] - b2 * d[2 * x_step] - F4_A * (d[3 * x_step] - b2 * d[x_step])
                row[3] = d[4 * x_step] - a2 * d[2 * x_step] + F4_B * (d[3 * x_step] - a2 * d[x_step])
                row[4] = d[4 * x_step] - a2 * d[2 * x_step] - F4_B * (d[3 * x_step] - a2 * d[x_step])
                row[5] = d[5 * x_step] - (a2 + b2) * d[3 * x_step] + a2 * b2 * d[x_step]
                for i in range(6):
                    y[line * y_next + i * y_step + lane] = row[i]
"""

TRANSFORM = KernelExercise(
    id="2.5",
    stub=_BEGIN + "        ...  # six rows of B^T d: store them at y, y + y_step, and so on\n" + _NEXT,
    solution=_SOLUTION,
    head=_FRAME,
    task=Path(__file__).with_name("transform_task.py"),
    what="blocks of lines",
    before="direct",
    ours="winograd_f4",
    gain=1.1,
    too_slow="does each line load its six inputs once, as vectors, and store six?",
    hints=(
        "row i of B^T holds the coefficients, constant first, of the polynomial that is 0 at all points but the i-th. "
        "The points are 0, a, -a, b, -b and infinity",
        "for 0 that is (x^2 - a^2)(x^2 - b^2): store(y, d4 - (a2 + b2) * d2 + a2 * b2 * d0)",
        "for a and -a it is x (x + a)(x^2 - b^2) and x (x - a)(x^2 - b^2): they share the even part d4 - b2 * d2 "
        "and the odd part a * (d3 - b2 * d1), added in one and subtracted in the other",
    ),
    mistakes=(
        KernelMistake(
            "the signs of a pair", _SOLUTION.replace("_step, even + odd", "_step, even - odd"), "y[1, 0, 0] is"
        ),
        KernelMistake("the row of 0", _SOLUTION.replace("+ a2 * b2 * d0", "- a2 * b2 * d0"), "y[0, 0, 0] is"),
        KernelMistake(
            "no row of infinity", _SOLUTION.replace("        store(y + 5", "        # store(y + 5"), "never written"
        ),
        KernelMistake("a seventh row", _SOLUTION.replace("y + 5 * y", "y + 6 * y"), "it writes y["),
        KernelMistake("number by number, again and again", _SLOW, "less than 1.1 x as fast as direct"),
    ),
)
