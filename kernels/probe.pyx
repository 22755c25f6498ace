"""What a core can do at most: multiply-adds in registers, the micro-kernel on operands in its caches, bytes moved."""

import numpy as np

from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport (TILE_COLS, TILE_ROWS, TILE_SIZE, TILE_VECS, VLEN, ahead_of, broadcast, fma_chains, load,
                           store, tile, vf)
from kernels.bytes cimport EXACT_LESS, EXACT_PER_WORD, dot_chains


def fma(Py_ssize_t steps, int threads=1) -> int:
    """Run `steps` rounds of independent multiply-adds in registers; return how many multiply-adds that were.

    With more threads each runs that many; two virtual cores may be one real core, and then two do no more than one.
    """
    return 12 * VLEN * steps * chains(steps, False, threads)


def chain(Py_ssize_t steps) -> int:
    """Run `steps` multiply-adds of single numbers, each of which waits for the one before it; return how many."""
    cdef float total = 0
    cdef Py_ssize_t _i
    with nogil:
        for _i in range(steps):
            total = total * <float>0.5 + 1
    return steps if total == total else 0    # as in fma, the total must be used


def dot(Py_ssize_t steps, int threads=1) -> int:
    """Run `steps` rounds of dot products; return how many multiply-adds that were.

    Of bytes, or of 16-bit numbers where the CPU does not multiply bytes.
    """
    return 12 * VLEN * EXACT_PER_WORD * steps * chains(steps, True, threads)


cdef struct Chains:
    Py_ssize_t steps
    bint bytes
    float total


cdef void chains_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    cdef Chains* work = <Chains*>context
    cdef float total = <float>dot_chains(work.steps) if work.bytes else fma_chains(work.steps)
    if index == 0:
        work.total = total


cdef int chains(Py_ssize_t steps, bint bytes, int threads):
    """Return the threads that ran; it takes the total, or the compiler would remove the loop."""
    cdef Chains work = Chains(steps, bytes, 0)
    with nogil:
        run_in_pool(chains_task, &work, threads, threads)
    return threads if work.total == work.total else 0


def micro_kernel(Py_ssize_t depth, Py_ssize_t times) -> int:
    """Run the largest tile `times` times over operands in the caches; return how many multiply-adds that were."""
    cdef float[::1] a = np.ones(depth * TILE_ROWS, np.float32), b = np.ones(depth * TILE_COLS, np.float32)
    cdef float[::1] out = np.empty(TILE_SIZE, np.float32)
    cdef Py_ssize_t here = 0, _i
    with nogil:
        for _i in range(times):
            tile(TILE_ROWS, TILE_VECS, 1, &here, depth, &a[0], TILE_ROWS, &b[0], TILE_COLS, &out[0],
                 ahead_of(&b[0], depth, TILE_COLS, 0, 1))
    return TILE_ROWS * TILE_COLS * depth * times


def read(const float[::1] x, Py_ssize_t times) -> int:
    """Add up the numbers of x `times` times, whole blocks of eight vectors; return how many bytes that read."""
    cdef Py_ssize_t block = 8 * VLEN, blocks = x.shape[0] // block, _i, b
    cdef const float* at
    cdef vf t0 = broadcast(0), t1 = t0, t2 = t0, t3 = t0, t4 = t0, t5 = t0, t6 = t0, t7 = t0     # no addition waits
    cdef float total[16]
    with nogil:
        for _i in range(times):
            for b in range(blocks):
                at = &x[b * block]
                t0, t1 = t0 + load(at), t1 + load(at + VLEN)
                t2, t3 = t2 + load(at + 2 * VLEN), t3 + load(at + 3 * VLEN)
                t4, t5 = t4 + load(at + 4 * VLEN), t5 + load(at + 5 * VLEN)
                t6, t7 = t6 + load(at + 6 * VLEN), t7 + load(at + 7 * VLEN)
        store(total, t0 + t1 + t2 + t3 + t4 + t5 + t6 + t7)
    return 4 * block * blocks * times if total[0] == total[0] else 0    # as in fma, the total must be used


def triad(float[::1] y, const float[::1] a, const float[::1] b, Py_ssize_t times) -> int:
    """Compute y = a + 0.5*b `times` times, whole vectors; return how many bytes that read and wrote.

    It counts as STREAM does (J. McCalpin, 1995): what the cache loads of y before it is written over is not counted.
    """
    cdef Py_ssize_t vectors = min(y.shape[0], a.shape[0], b.shape[0]) // VLEN, _i, v
    cdef vf factor = broadcast(0.5)
    with nogil:
        for _i in range(times):
            for v in range(vectors):
                store(&y[v * VLEN], load(&a[v * VLEN]) + factor * load(&b[v * VLEN]))
    return 3 * 4 * VLEN * vectors * times


def tile_shape() -> tuple[int, int]:
    """Return (rows, columns) of the micro-kernel's largest tile in this instruction set."""
    return TILE_ROWS, TILE_COLS


def lanes() -> int:
    """Return how many floats a vector of this instruction set holds."""
    return VLEN


def operands() -> tuple[int, int]:
    """Return how many bytes of x a word holds, and how much less than unsigned bytes they are: 0, or 128 for signed."""
    return EXACT_PER_WORD, EXACT_LESS
