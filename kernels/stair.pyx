"""One layer written six times: the stair from the definition to a tile in registers. Each step breaks one ceiling.

    y[k, p, q] = sum over t of  x[p*W + q + tap[t]] * weight[k, t]

Every rung adds an output's products in the same order, so all give the same bits. Blocks that do not divide a side
overlap: the last one begins early, and computes some outputs twice. So K is at least ROWS, Q at least VECS*VLEN.
"""

import numpy as np

from kernels.blocks cimport ceil_div
from kernels.simd cimport VLEN, broadcast, load, store, vf

cdef enum:
    ROWS = 6                            # filters and vectors of a tile: 12 sums under way, and 3 registers for operands
    VECS = 2


cdef void one_chain(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """Each addition waits for the one before it."""
    cdef Py_ssize_t k, p, q, t
    cdef float total
    for k in range(n.K):
        for p in range(n.P):
            for q in range(n.Q):
                total = 0
                for t in range(n.taps):
                    total += x[p * n.W + q + n.tap[t]] * weight[k * n.taps + t]
                y[(k * n.P + p) * n.Q + q] = total


cdef void four_chains(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """Four filters at once: four sums that do not wait for each other."""
    cdef Py_ssize_t block, k, p, q, t, i
    cdef float total[4]
    for block in range(ceil_div(n.K, 4)):
        k = min(block * 4, n.K - 4)
        for p in range(n.P):
            for q in range(n.Q):
                total = [0, 0, 0, 0]
                for t in range(n.taps):
                    for i in range(4):
                        total[i] += x[p * n.W + q + n.tap[t]] * weight[(k + i) * n.taps + t]
                for i in range(4):
                    y[((k + i) * n.P + p) * n.Q + q] = total[i]


cdef void turned(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """The loops turned: innermost is a row of pixels, whose sums are independent. The compiler makes vectors of it."""
    cdef Py_ssize_t k, p, q, t
    for k in range(n.K):
        for p in range(n.P):
            for q in range(n.Q):
                y[(k * n.P + p) * n.Q + q] = 0
            for t in range(n.taps):
                for q in range(n.Q):
                    y[(k * n.P + p) * n.Q + q] += x[p * n.W + q + n.tap[t]] * weight[k * n.taps + t]


cdef void vector(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """A vector of pixels, whose sums stay in a register; but it is one chain again, VLEN pixels wide."""
    cdef Py_ssize_t k, p, block, q, t
    cdef vf total
    for k in range(n.K):
        for p in range(n.P):
            for block in range(ceil_div(n.Q, VLEN)):
                q = min(block * VLEN, n.Q - VLEN)
                total = broadcast(0)
                for t in range(n.taps):
                    total += load(x + p * n.W + q + n.tap[t]) * weight[k * n.taps + t]
                store(y + (k * n.P + p) * n.Q + q, total)


cdef inline void in_registers(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """ROWS filters times VECS vectors of pixels: each load serves several sums, and each sum is a chain of its own."""
    cdef Py_ssize_t t, i, j
    cdef vf total[ROWS][VECS]
    for i in range(ROWS):
        for j in range(VECS):
            total[i][j] = broadcast(0)
    for t in range(n.taps):
        for i in range(ROWS):
            for j in range(VECS):
                total[i][j] += load(x + n.tap[t] + j * VLEN) * weight[i * n.taps + t]
    for i in range(ROWS):
        for j in range(VECS):
            store(y + i * n.P * n.Q + j * VLEN, total[i][j])


cdef void tile(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """All tiles of a few filters, then those of the next: the whole image passes by for each."""
    cdef Py_ssize_t some, k, p, block, q
    for some in range(ceil_div(n.K, ROWS)):
        k = min(some * ROWS, n.K - ROWS)
        for p in range(n.P):
            for block in range(ceil_div(n.Q, VECS * VLEN)):
                q = min(block * VECS * VLEN, n.Q - VECS * VLEN)
                in_registers(n, x + p * n.W + q, weight + k * n.taps, y + (k * n.P + p) * n.Q + q)


cdef void blocked(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    """All filters on one row of outputs, then on the next: its three rows of x stay in a cache, and the weights too."""
    cdef Py_ssize_t some, k, p, block, q
    for p in range(n.P):
        for some in range(ceil_div(n.K, ROWS)):
            k = min(some * ROWS, n.K - ROWS)
            for block in range(ceil_div(n.Q, VECS * VLEN)):
                q = min(block * VECS * VLEN, n.Q - VECS * VLEN)
                in_registers(n, x + p * n.W + q, weight + k * n.taps, y + (k * n.P + p) * n.Q + q)


ctypedef void (*Rung)(Sizes n, const float* x, const float* weight, float* y) noexcept nogil

RUNGS = ("one_chain", "four_chains", "turned", "vector", "tile", "blocked")
cdef Rung* _rungs = [one_chain, four_chains, turned, vector, tile, blocked]


def taps(Py_ssize_t C, Py_ssize_t H, Py_ssize_t W):
    """Return `tap` for an x of (C, H, W)."""
    c, r, s = np.ogrid[:C, :3, :3]
    return np.ascontiguousarray((c * H * W + r * W + s).ravel(), np.intp)


def run(str rung, const float[:, :, ::1] x, const float[:, :, :, ::1] weight, float[:, :, ::1] y):
    """Compute the layer into y by one of RUNGS.

    Raises
    ------
    ValueError
        If there is no such rung, or the sizes do not fit each other, or are smaller than a tile.
    """
    if rung not in RUNGS:
        raise ValueError(f"no rung {rung!r}; there are {', '.join(RUNGS)}")
    cdef Py_ssize_t C = x.shape[0], K = y.shape[0], P = y.shape[1], Q = y.shape[2]
    if (x.shape[1], x.shape[2]) != (P + 2, Q + 2) or (weight.shape[0], weight.shape[1]) != (K, C):
        raise ValueError(f"x {np.shape(x)}, weight {np.shape(weight)} and y {np.shape(y)} do not fit each other")
    if weight.shape[2] != 3 or weight.shape[3] != 3:
        raise ValueError(f"filters must be 3 x 3, weight is {np.shape(weight)}")
    if C < 1 or P < 1 or K < ROWS or Q < VECS * VLEN:
        raise ValueError(f"y {np.shape(y)} is smaller than a tile, ({ROWS}, 1, {VECS * VLEN}), or x is empty")
    cdef Py_ssize_t[::1] tap = taps(C, P + 2, Q + 2)
    cdef Sizes n = Sizes(K, P, Q, Q + 2, tap.shape[0], &tap[0])
    cdef Rung of = _rungs[RUNGS.index(rung)]
    with nogil:
        of(n, &x[0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0])


def least_sizes() -> tuple[int, int]:
    """Return the fewest filters, and the fewest output columns, that the rungs can work on."""
    return ROWS, VECS * VLEN
