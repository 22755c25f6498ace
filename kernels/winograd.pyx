"""Winograd convolution F(m x m, 3 x 3): m x m outputs from a tile of n x n inputs, n = m + 2, with n*n multiplications.

    Y = A^T [ (G g G^T) * (B^T d B) ] A     d: n x n inputs, g: 3 x 3 filter, Y: m x m outputs, *: element by element

A product of two polynomials is known from its values at n points; multiplying values takes n multiplications where
multiplying coefficients takes 3*m. G evaluates the filter at the points, B^T and A^T are the transposed steps for
inputs and outputs (Lavin and Gray, arXiv 1509.09308). Summed over C, each of the n*n positions is a matrix product

    M[position] = V[position] U[position]       V: tiles x C, U: C x K

    U  [groups][K / TILE_COLS][n*n][C][TILE_COLS]           filters, transformed and packed once
    V  [block][n*n][C / VLEN][tile][VLEN]                   inputs; a block holds the tiles of some rows of tiles
    M  [n*n][tile][TILE_COLS]                               products of one block with TILE_COLS output channels

Cost: n*n/(m*m) multiply-adds in place of 9, which is 4 for m = 2, 2.25 for m = 4, 1.78 for m = 6. Two schedules: a
worker makes the V of a block and meets it with all of U ("tile-owner"); or V is made for the whole image first, and a
worker then meets all of it with its own output channels, so that U is read once ("output-channel-owner"). The second is
taken where it moves fewer bytes, or V comes from the last cache anyway; and where blocks are so few that a thread would
be idle at the end, because then they share the making of V and even parts.

U is n*n/9 times as large as the filters. Where that is too much, they are packed as they are ("compact"), and U is made
for each block of tiles anew, for a part of the input channels at a time, as much as stays in the L2 cache:

    g  [groups][K / TILE_COLS][C][3*3][TILE_COLS]           filters
    U  [C of a part][n*n][TILE_COLS]
"""

import numpy as np

from kernels.counts cimport FEWEST_ROWS, L2, MOVED, streamed
from kernels.lanes cimport fill_lanes
from kernels.layer cimport Job, finish, finish_lanes, point_at
from kernels.simd cimport LANE_ROWS, Ahead, ahead_of, tile_of_lanes, transpose_matrix
from kernels.transforms cimport (F2_A, F4_A, F4_B, F6_A, F6_B, F6_C, FilterTransform, Transform,
                                 filter_2, filter_4, filter_6, input_2, input_4, input_6, output_2, output_4, output_6)

ctypedef float Item
ctypedef float Sum
ctypedef Transform InputTransform
ctypedef Transform OutputTransform

cdef enum:
    ITEMS = 1

cdef extern from *:
    const int CHUNK "VLEN"

include "winograd_driver.pxi"


cdef void choose_transforms(Plan* plan) noexcept nogil:
    plan.input = input_2 if plan.m == 2 else input_4 if plan.m == 4 else input_6
    plan.output = output_2 if plan.m == 2 else output_4 if plan.m == 4 else output_6


def points(int m) -> tuple[float, ...]:
    """Return the points of F(m x m, 3 x 3) other than infinity, in the order of its transforms: 0, a, -a, b, -b, ..."""
    halves = {2: (F2_A,), 4: (F4_A, F4_B), 6: (F6_A, F6_B, F6_C)}[m]
    return (0.0, *(sign * point for point in halves for sign in (1.0, -1.0)))


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups, int m):
    """Return U = G g G^T of weight (K, C/groups, 3, 3), flat: [groups][blocks of K][n*n][C][TILE_COLS].

    Row i of G is (1, p, p^2) / product of (p - q) over the other points q, for the point p = points(m)[i]; the last row
    is (0, 0, 1), for infinity.
    """
    at = np.array(points(m))
    scale = [np.prod([p - q for q in at if q != p]) for p in at]
    G = np.vstack([np.vander(at, 3, increasing=True) / np.array(scale)[:, None], [0, 0, 1]])
    K, C, n = weight.shape[0] // groups, weight.shape[1], m + 2
    blocks, depth = ceil_div(K, TILE_COLS), ceil_div(C, VLEN) * VLEN
    filters = np.asarray(weight).reshape(groups, K, C, 3, 3)
    packed = np.zeros((groups, blocks, n * n, depth, TILE_COLS), np.float32)
    for b in range(blocks):                             # U of all in float64 would be twice what is packed
        g = filters[:, b * TILE_COLS:(b + 1) * TILE_COLS].astype(np.float64)
        half = np.einsum("ir,gkcrs->gkcis", G, g)       # not @: BLAS holds locks, and a forked child may wait for them
        U = np.einsum("js,gkcis->gkcij", G, half).reshape(groups, g.shape[1], C, n * n)
        packed[:, b, :, :C, :g.shape[1]] = U.transpose(0, 3, 2, 1)
    return packed.reshape(-1)


def pack_compact(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return weight (K, C/groups, 3, 3) as it is, flat: [groups][blocks of K][C][3*3][TILE_COLS]."""
    K, C = weight.shape[0] // groups, weight.shape[1]
    blocks, depth = ceil_div(K, TILE_COLS), ceil_div(C, VLEN) * VLEN
    filters = np.asarray(weight).reshape(groups, K, C, 9)
    packed = np.zeros((groups, blocks, depth, 9, TILE_COLS), np.float32)
    for b in range(blocks):
        g = filters[:, b * TILE_COLS:(b + 1) * TILE_COLS]
        packed[:, b, :C, :, :g.shape[1]] = g.transpose(0, 2, 3, 1)
    return packed.reshape(-1)


def scratch_size(Layer layer, int threads, int m) -> int:
    """Return how many floats a call needs as its arena."""
    cdef Plan plan = plan_of(layer, m)
    return arena_size(&plan, &layer, threads)


def cost(Layer layer, int m) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Plan plan = plan_of(layer, m)
    cdef Py_ssize_t n = m + 2, tiles = min(plan.blocks.rows, plan.blocks.height) * plan.blocks.columns
    cdef Py_ssize_t vecs = ceil_div(layer.K // layer.groups, VLEN), pieces = ceil_div(tiles, LANE_ROWS)
    cdef double images = layer.N * layer.groups, blocks = plan.blocks.down * plan.blocks.across
    cdef double all_tiles = images * plan.blocks.height * plan.blocks.width
    cdef double channels = plan.chunks * VLEN * vecs, filters = (9 if layer.compact else n * n) * channels * VLEN
    made = images * blocks * channels * (9 + n * n) if layer.compact else 0     # vectors of filters read, of U written
    read = blocks * (filters + (0 if plan.v_stays else plan.v_size * ceil_div(vecs, TILE_COLS // VLEN)))
    return (all_tiles / tiles * pieces * n * n * plan.chunks * VLEN * vecs * max(<double>tiles / pieces, FEWEST_ROWS),
            all_tiles * n * n * plan.chunks * (2 - MOVED if layer.x_lanes else 2) + made * MOVED,
            all_tiles * (n * n + m * n + (1 if layer.y_lanes else 2) * m * m) * vecs,
            streamed(images * read) if filters > L2 else 0.0)


cdef void fill_patch(const Plan* plan, Block block, Py_ssize_t chunk, float* patch) noexcept nogil:
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t C = layer.C // layer.groups
    fill_lanes(layer, plan.job.x + (block.n * layer.C + block.group * C + chunk * VLEN) * layer.H * layer.W,
               min(VLEN, C - chunk * VLEN), block.row * plan.m - layer.pad_top, plan.m * block.rows + 2,
               block.column * plan.m - layer.pad_left, plan.width, patch)


cdef void make_u(const Plan* plan, const float* g, Py_ssize_t channels, Py_ssize_t vecs, float* U) noexcept nogil:
    """U = G g G^T for some input channels and `vecs` vectors of output channels."""
    cdef FilterTransform transform = filter_2 if plan.m == 2 else filter_4 if plan.m == 4 else filter_6
    cdef Py_ssize_t c, vec
    for c in range(channels):
        for vec in range(vecs):
            transform(g + c * 9 * TILE_COLS + vec * VLEN, TILE_COLS, U + c * plan.u_channel + vec * VLEN, TILE_COLS)


cdef void multiply(const Plan* plan, Py_ssize_t tiles, Py_ssize_t vecs, Py_ssize_t first, Py_ssize_t end,
                   const float* V, const float* U, const float* next_g, float* M) noexcept nogil:
    """M = V U, summed over the chunks first .. end of the input channels; those behind the first part add to M."""
    cdef Py_ssize_t positions = plan.n * plan.n, pieces = ceil_div(tiles, LANE_ROWS), depth = (end - first) * VLEN
    cdef Py_ssize_t position, piece, row, rows
    cdef Ahead ahead
    for position in range(positions):
        for piece in range(pieces):
            row = share(tiles, pieces, piece)
            rows = share(tiles, pieces, piece + 1) - row
            if plan.job.layer.compact:          # all tiles of a part ask for the filters of the next
                ahead = ahead_of(next_g, depth, 9 * TILE_COLS, position * pieces + piece, positions * pieces)
            else:
                ahead = ahead_of(U + (position + 1) % positions * plan.u_position, depth, TILE_COLS, piece, pieces)
            tile_of_lanes(<int>rows, <int>vecs, end - first, plan.tap + first, VLEN,
                          V + position * plan.v_step + row * VLEN, U + position * plan.u_position, plan.u_channel,
                          M + (position * plan.tiles + row) * TILE_COLS, first > 0, ahead)


cdef void products(const Plan* plan, Block block, Py_ssize_t channel_block, Py_ssize_t vecs, const float* V, float* M,
                   float* U) noexcept nogil:
    """M = V U; filters that are compact become U a part of the input channels at a time."""
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t part, first, end, tiles = block.rows * block.columns, depth = plan.chunks * VLEN
    cdef const float* weight = plan.job.weight + ((block.group * ceil_div(layer.K // layer.groups, TILE_COLS)
                                                   + channel_block) * depth * TILE_COLS
                                                  * (9 if layer.compact else plan.n * plan.n))
    if not layer.compact:
        multiply(plan, tiles, vecs, 0, plan.chunks, V, weight, NULL, M)
        return
    for part in range(plan.parts):
        first, end = share(plan.chunks, plan.parts, part), share(plan.chunks, plan.parts, part + 1)
        make_u(plan, weight + first * VLEN * 9 * TILE_COLS, (end - first) * VLEN, vecs, U)
        multiply(plan, tiles, vecs, first, end, V, U, weight + end * VLEN * 9 * TILE_COLS, M)


cdef void finish_block(const Plan* plan, Block block, Py_ssize_t channel_block, Py_ssize_t vecs, const float* pixels,
                       float* sums) noexcept nogil:
    """y from pixels in lanes; a plain y by way of sums, [TILE_COLS][rows_out*columns_out]."""
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t K = layer.K // layer.groups, m = plan.m, columns = block.columns, k = channel_block * TILE_COLS, p
    cdef Py_ssize_t rows_out = min(m * block.rows, layer.P - m * block.row)
    cdef Py_ssize_t columns_out = min(m * columns, layer.Q - m * block.column)
    cdef Py_ssize_t sums_step = rows_out * columns_out + VLEN, y = m * block.row * layer.Q + m * block.column
    if layer.y_lanes:
        for p in range(rows_out):
            finish_lanes(&plan.job, block.n, block.group * K + k, vecs, y + p * layer.Q, columns_out,
                         pixels + p * m * columns * TILE_COLS, TILE_COLS)
        return
    for p in range(rows_out):
        transpose_matrix(pixels + p * m * columns * TILE_COLS, TILE_COLS, columns_out, vecs,
                         sums + p * columns_out, sums_step)
    if columns_out == layer.Q:
        rows_out, columns_out = 1, rows_out * columns_out       # whole rows: one run of pixels
    for p in range(rows_out):
        finish(&plan.job, block.n, block.group * K + k, min(TILE_COLS, K - k), y + p * layer.Q, columns_out,
               sums + p * columns_out, sums_step)


def bind(Layer layer, x, weight, bias, residual, y, int threads, int m) -> Call:
    """Return a call that computes the layer into y; `weight` comes from `pack`, of a compact layer from `pack_compact`.
    """
    cdef Plan plan = plan_of(layer, m)
    plan.job.layer = layer
    point_at(&plan.job, x, weight, bias, residual, y)
    return call_of(start, &plan, sizeof(plan), threads, (x, weight, bias, residual, y))
