"""What one core can do at most: multiply-adds in registers, and the micro-kernel over operands in the L1 cache."""

import numpy as np

from kernels.simd cimport TILE_COLS, TILE_ROWS, TILE_SIZE, TILE_VECS, VLEN, fma_chains, tile


def fma(Py_ssize_t steps) -> int:
    """Run `steps` rounds of independent multiply-adds in registers; return how many multiply-adds that were."""
    cdef float total
    with nogil:
        total = fma_chains(steps)
    return 12 * VLEN * steps if total == total else 0       # using the total keeps the loop from being removed


def micro_kernel(Py_ssize_t depth, Py_ssize_t times) -> int:
    """Run the largest tile `times` times over operands in the L1 cache; return how many multiply-adds that were."""
    cdef float[::1] a = np.ones(depth * TILE_ROWS, np.float32), b = np.ones(depth * TILE_COLS, np.float32)
    cdef float[::1] out = np.empty(TILE_SIZE, np.float32)
    cdef Py_ssize_t here = 0, _i
    with nogil:
        for _i in range(times):
            tile(TILE_ROWS, TILE_VECS, 1, &here, depth, &a[0], 1, TILE_ROWS, &b[0], TILE_COLS, &out[0])
    return TILE_ROWS * TILE_COLS * depth * times


def tile_shape() -> tuple[int, int]:
    """Return (rows, columns) of the micro-kernel's largest tile in this instruction set."""
    return TILE_ROWS, TILE_COLS
