"""Winograd convolution of 8-bit integers, F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3): exact, in the ring of 32-bit integers.

    Y = A^T [ (G g G^T) * (B^T d B) ] A     as in winograd.pyx                                                  (1)

d = x - x_zero and g = w - w_zero are whole numbers, and with the points 0, +-1, +-2 so are B and A; G is not, but D*G
is, for D = 2 or 24. So S = D^2 * Y is a whole number that additions and products give, and arithmetic that wraps at
2^32 gives it modulo 2^32, whatever happened on the way. Two transforms by B leave d within 255*100, two by D*G leave g
within 227*144 (the last row of G is taken by 6 alone, and what is missing is made up for by A): 16 bits hold both, and
one instruction multiplies and adds two pairs of them.

    F(2 x 2):  S = 4 Y    mod 2^32      so  Y = S / 4                    mod 2^30                               (2)
    F(4 x 4):  S = 576 Y  mod 2^32      so  Y = (S / 64) * 0x38E38E39    mod 2^26                               (3)

because 9 * 0x38E38E39 = 1 mod 2^32. Y itself lies in an interval: x is a byte, so a weight g adds what lies between
-x_zero * g and (255 - x_zero) * g. Where the interval is narrower than the modulus, the remainder that counts from its
lower end is Y:

    Y = low + (Y - low) mod 2^26,       low = sum over g of min(-x_zero * g, (255 - x_zero) * g)                (4)
    exact if  255 * sum |g| < 2^26  (2^30 for F(2 x 2)),  |g| <= 227                                            (5)

    U  [K / TILE_COLS][n*n][C / 2][TILE_COLS]               pairs of channels; filters, transformed and packed once
    V  [block][n*n][C / CHUNK][tile][CHUNK]                 16 bits; a register holds CHUNK = 2 * VLEN of them
    M  [n*n][tile][TILE_COLS]                               32 bits

Cost: n*n/(m*m) multiply-adds in place of 9, at half the rate of bytes.
"""

import numpy as np

from libc.string cimport memset

from kernels.bytes cimport (Output, add_words, end_pixels, less, load_words, pairs_tile_of_lanes, store_shorts,
                            store_words, vi)
from kernels.bytes_output cimport Ending, end_pixel, ending_of, image_at, words_at, write_planes
from kernels.bytes_transforms cimport InputTransform, OutputTransform, input_2, input_4, output_2, output_4
from kernels.counts cimport FEWEST_ROWS, L2, MOVED, streamed
from kernels.layer cimport Layer
from kernels.bytes_planes cimport planes_to_lanes
from kernels.simd cimport Ahead, ahead_of, broadcast, load, vf

ctypedef short Item
ctypedef int Sum

cdef enum:
    ITEMS = 2

cdef extern from *:
    const int CHUNK "(2 * VLEN)"


cdef struct Job:
    Layer layer
    const unsigned char* x
    int x_zero, flip                    # as bytes of x are made unsigned; what makes them so
    const int* weight
    const int* low                      # (whole tiles of K,)
    Ending ending
    unsigned char* y
    int* scratch                        # one piece of scratch_size numbers for each worker
    Py_ssize_t scratch_size


include "winograd_driver.pxi"

cdef extern from *:
    """
    /* Y modulo 2**30, or modulo 2**26, of S; then the one that is not below low. */
    INLINE vi quotient_2(vi S) { return (vi)((vu)S >> 2); }
    INLINE vi quotient_4(vi S) { return (vi)(((vu)S >> 6) * 0x38E38E39u); }
    INLINE vi from_low(vi Y, vi low, uint32_t mask) { return (vi)((((vu)Y - (vu)low) & mask) + (vu)low); }
    """
    vi quotient_2(vi S) nogil
    vi quotient_4(vi S) nogil
    vi from_low(vi Y, vi low, unsigned int mask) nogil

cdef enum:
    PIECE = 64                          # pixels that are put in lanes at a time

BITS = {2: 30, 4: 26}                   # of what is known of Y
MOST = 227                              # of |w - w_zero|


cdef void choose_transforms(Plan* plan) noexcept nogil:
    plan.input = input_2 if plan.m == 2 else input_4
    plan.output = output_2 if plan.m == 2 else output_4


def pack(const int[:, :, :, ::1] weight, int m):
    """Return U = (D G) g (D G)^T of g (K, C, 3, 3), |g| <= MOST, flat: [blocks of K][n*n][pairs of C][TILE_COLS]."""
    K, C, n = weight.shape[0], weight.shape[1], m + 2
    blocks, pairs = ceil_div(K, TILE_COLS), ceil_div(C, CHUNK) * VLEN
    G = np.array({2: [[-2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]],
                  4: [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]]}[m], np.int32)
    filters = np.asarray(weight)
    packed = np.zeros((blocks, n * n, pairs, TILE_COLS, 2), np.int16)
    for k in range(K):
        U = np.einsum("ir,crs,js->ijc", G, filters[k], G, optimize=True).reshape(n * n, C)
        padded = np.zeros((n * n, 2 * pairs), np.int16)
        padded[:, :C] = U
        packed[k // TILE_COLS, :, :, k % TILE_COLS] = padded.reshape(n * n, pairs, 2)
    return packed.reshape(-1).view(np.int32)


def scratch_size(Layer layer, int threads, int m) -> int:
    """Return how many words a call needs as its arena."""
    cdef Plan plan = plan_of(layer, m)
    return arena_size(&plan, &layer, threads)


def cost(Layer layer, int m) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Plan plan = plan_of(layer, m)
    cdef Py_ssize_t n = m + 2, tiles = min(plan.blocks.rows, plan.blocks.height) * plan.blocks.columns
    cdef Py_ssize_t vecs = ceil_div(layer.K, VLEN), pieces = ceil_div(tiles, TILE_ROWS)
    cdef double blocks = layer.N * plan.blocks.down * plan.blocks.across
    cdef double all_tiles = layer.N * plan.blocks.height * plan.blocks.width
    cdef double filters = <double>n * n * plan.chunks * VLEN * vecs * VLEN
    return (all_tiles / tiles * pieces * n * n * plan.chunks * VLEN * vecs * max(<double>tiles / pieces, FEWEST_ROWS),
            all_tiles * n * n * plan.chunks * (2 - MOVED if layer.x_lanes else 2),
            all_tiles * (n * n + m * n + (1 if layer.y_lanes else 2) * m * m) * vecs,
            streamed(blocks * filters) if filters > L2 else 0.0)


cdef void fill_patch(const Plan* plan, Block block, Py_ssize_t chunk, short* patch) noexcept nogil:
    """x - x_zero, 0 for padding; channels that x does not have meet weights of 0."""
    cdef const Job* job = &plan.job
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t plane = layer.H * layer.W, width = plan.width, c = chunk * CHUNK, h, i, j, count
    cdef Py_ssize_t w = block.column * plan.m - layer.pad_left, first = block.row * plan.m - layer.pad_top
    cdef Py_ssize_t begin = min(width, max(0, -w)), end = max(begin, min(width, layer.W - w))
    cdef Py_ssize_t more = VLEN if c + VLEN < layer.C else 0            # channels from the first half of a chunk on
    cdef const unsigned char* x = job.x + (block.n * layer.C + c) * plane
    cdef const unsigned char* row
    cdef unsigned char[PIECE * 32] turned                               # two halves, of PIECE pixels each
    for h in range(first, first + plan.m * block.rows + 2):
        if 0 <= h < layer.H:
            memset(patch, 0, begin * CHUNK * sizeof(short))
            memset(patch + end * CHUNK, 0, (width - end) * CHUNK * sizeof(short))
        else:
            memset(patch, 0, width * CHUNK * sizeof(short))
        if 0 <= h < layer.H and layer.x_lanes:
            row = x + (h * layer.W + w) * VLEN
            for i in range(begin, end):
                store_shorts(patch + i * CHUNK, less(row + i * VLEN, row + i * VLEN + more * plane, job.flip,
                                                     job.x_zero))
        elif 0 <= h < layer.H:
            i = begin
            while i < end:
                count = min(PIECE, end - i)
                row = x + h * layer.W + w + i
                planes_to_lanes(row, plane, min(VLEN, layer.C - c), count, turned)
                planes_to_lanes(row + more * plane, plane, min(VLEN, layer.C - c - more), count, turned + PIECE * VLEN)
                for j in range(count):
                    store_shorts(patch + (i + j) * CHUNK, less(turned + j * VLEN, turned + (PIECE + j) * VLEN,
                                                               job.flip, job.x_zero))
                i += count
        patch += width * CHUNK


cdef void products(const Plan* plan, Block block, Py_ssize_t channel_block, Py_ssize_t vecs, const short* V, int* M,
                   int* _unused) noexcept nogil:
    """M = V U."""
    cdef Py_ssize_t tiles = block.rows * block.columns, positions = plan.n * plan.n
    cdef Py_ssize_t pieces = ceil_div(tiles, TILE_ROWS), position, piece, row, rows
    cdef const int* weight = plan.job.weight + channel_block * positions * plan.u_position
    cdef const int* U
    cdef Ahead ahead
    for position in range(positions):
        U = weight + position * plan.u_position
        for piece in range(pieces):
            row = share(tiles, pieces, piece)
            rows = share(tiles, pieces, piece + 1) - row
            ahead = ahead_of(<const float*>(weight + (position + 1) % positions * plan.u_position),
                             plan.chunks * VLEN, TILE_COLS, piece, pieces)
            pairs_tile_of_lanes(<int>rows, <int>vecs, plan.chunks, plan.tap, VLEN,
                                <const int*>(V + position * plan.v_step + row * CHUNK), U,
                                M + (position * plan.tiles + row) * TILE_COLS, ahead)


cdef void finish_block(const Plan* plan, Block block, Py_ssize_t channel_block, Py_ssize_t vecs, int* pixels,
                       int* behind) noexcept nogil:
    """y from S = D^2 Y, by (2) or (3), and (4)."""
    cdef const Job* job = &plan.job
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t k = channel_block * TILE_COLS, m = plan.m, width = m * block.columns, size = job.ending.output.size
    cdef Py_ssize_t rows = min(m * block.rows, layer.P - m * block.row), p, q, vec
    cdef Py_ssize_t columns = min(width, layer.Q - m * block.column)
    cdef unsigned int mask = (1 << 30) - 1 if m == 2 else (1 << 26) - 1
    cdef unsigned char* out
    cdef int* row
    cdef vi Y, low, offset
    cdef vf scale = broadcast(0)
    cdef Block outputs = block
    outputs.row, outputs.column, outputs.rows, outputs.columns = m * block.row, m * block.column, rows, columns
    for vec in range(vecs):
        low, offset = load_words(job.low + k + vec * VLEN), load_words(job.ending.offset + k + vec * VLEN)
        if job.ending.scale != NULL:
            scale = load(job.ending.scale + k + vec * VLEN)
        for p in range(rows):
            if layer.y_lanes:
                out = job.y + (block.n * layer.K + k + vec * VLEN) * layer.P * layer.Q
                out += ((outputs.row + p) * layer.Q + outputs.column) * VLEN
            else:
                out = <unsigned char*>behind + (p * width * TILE_COLS + vec * VLEN) * size
            row = pixels + p * width * TILE_COLS + vec * VLEN
            for q in range(columns):
                Y = load_words(row + q * TILE_COLS)
                Y = quotient_2(Y) if m == 2 else quotient_4(Y)
                Y = add_words(from_low(Y, low, mask), offset)
                if layer.y_lanes:
                    store_words(row + q * TILE_COLS, Y)
                else:
                    end_pixel(&job.ending, Y, scale, out + q * TILE_COLS * size)
            if layer.y_lanes:
                end_pixels(row, TILE_COLS, columns, scale, &job.ending.output, out)
    if not layer.y_lanes:
        write_planes(layer, size, outputs, k, <unsigned char*>behind, width, job.y)


def bind(Layer layer, x, int x_zero, int flip, weight, low, offset, scale, Output output, y, int threads,
         int m) -> Call:
    """Return a call that computes the layer, of one group, into y.

    low, offset and scale are as long as whole tiles of K. `weight` comes from `pack`, `low` is that of (4); x_zero is
    that of unsigned x. The other parameters are those of `bytes_lanes.bind`.
    """
    cdef Plan plan = plan_of(layer, m)
    cdef Job* job = &plan.job
    job.layer = layer
    job.x, job.x_zero, job.flip, job.y = image_at(x), x_zero, flip, image_at(y)
    job.weight, job.low, job.ending = words_at(weight), words_at(low), ending_of(output, offset, scale)
    return call_of(start, &plan, sizeof(plan), threads, (x, weight, low, offset, scale, y))
