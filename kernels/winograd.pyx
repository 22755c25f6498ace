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

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, share, whole_lines
from kernels.counts cimport FEWEST_ROWS, L2, MOVED, streamed
from kernels.lanes cimport fill_lanes
from kernels.layer cimport Job, Layer, bind, finish, finish_lanes
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport TILE_COLS, TILE_ROWS, VLEN, Ahead, ahead_of, tile_of_lanes, transpose_matrix
from kernels.transforms cimport (F2_A, F4_A, F4_B, F6_A, F6_B, F6_C, FilterTransform, Transform,
                                 filter_2, filter_4, filter_6, input_2, input_4, input_6, output_2, output_4, output_6)

cdef Py_ssize_t CACHE = 128 * 1024      # numbers: V of a block takes 512 KiB of the L2 cache, else M takes half of it
cdef Py_ssize_t U_CACHE = 64 * 1024     # numbers: U of a part takes 256 KiB of the L2 cache
cdef Py_ssize_t SHARED = 1024 * 1024    # numbers: V of all blocks takes 4 MiB of the last cache


cdef struct Plan:
    Job job
    Py_ssize_t m, n
    Transform input, output
    FilterTransform filter
    Py_ssize_t parts                    # of the input channels, each with a U of its own
    Py_ssize_t u_position, u_channel    # numbers from one to the next in U
    Py_ssize_t u_size                   # numbers in the U of a part, if it is made in each call
    bint v_stays                        # in the L2 cache, while it meets all of U
    Blocks blocks                       # of tiles
    Py_ssize_t chunks                   # vectors of input channels
    Py_ssize_t tiles                    # of the largest block, made odd: powers of two collide in the cache
    Py_ssize_t width                    # of the patch of input pixels behind a block
    Py_ssize_t v_step, v_size           # numbers in the V of one block: a position, and all
    Py_ssize_t* tap                     # where each chunk begins in a V
    float* v                            # the V of all blocks, if they are made before U is read


cdef Plan plan_of(Layer layer, Py_ssize_t m) noexcept nogil:
    """Lay out the blocks and choose the schedule."""
    cdef Plan plan
    cdef Py_ssize_t n = m + 2, C = layer.C // layer.groups
    plan.m, plan.n = m, n
    plan.input = input_2 if m == 2 else input_4 if m == 4 else input_6
    plan.output = output_2 if m == 2 else output_4 if m == 4 else output_6
    plan.filter = filter_2 if m == 2 else filter_4 if m == 4 else filter_6
    plan.v_stays = CACHE // (n * n * C) >= 2 * TILE_ROWS
    plan.blocks = cut(ceil_div(layer.P, m), ceil_div(layer.Q, m),
                      CACHE // (n * n * (C if plan.v_stays else 2 * TILE_COLS)), 1)
    plan.chunks = ceil_div(C, VLEN)
    plan.parts, plan.u_size = 1, 0
    plan.u_position, plan.u_channel = plan.chunks * VLEN * TILE_COLS, TILE_COLS
    if layer.compact:
        plan.u_position, plan.u_channel = TILE_COLS, n * n * TILE_COLS + VLEN       # no power of two, as tiles
        plan.parts = ceil_div(plan.chunks, U_CACHE // (plan.u_channel * VLEN))
        plan.u_size = ceil_div(plan.chunks, plan.parts) * VLEN * plan.u_channel
    plan.tiles = plan.blocks.rows * plan.blocks.columns | 1
    plan.width = m * plan.blocks.columns + 2
    plan.v_step = (plan.chunks * plan.tiles + 1) * VLEN
    plan.v_size = whole_lines(n * n * plan.v_step)
    return plan


cdef Py_ssize_t blocks_of(const Plan* plan, const Layer* layer) noexcept nogil:
    """How many V there are."""
    return layer.N * layer.groups * plan.blocks.down * plan.blocks.across


cdef bint v_comes_first(const Plan* plan, const Layer* layer, int threads) noexcept nogil:
    """Whether output channels have owners: else threads were idle, V came from the last cache too, or more bytes moved.

    The bytes: filters are read again for every block, or V is written, and read again for every block of channels.
    """
    cdef Py_ssize_t all_blocks = blocks_of(plan, layer), idle = ceil_div(all_blocks, threads) * threads - all_blocks
    cdef Py_ssize_t blocks = all_blocks // layer.groups, channel_blocks = ceil_div(layer.K // layer.groups, TILE_COLS)
    cdef Py_ssize_t each = 9 if layer.compact else plan.n * plan.n
    cdef Py_ssize_t filters = channel_blocks * TILE_COLS * plan.chunks * VLEN * each
    return (threads > 1 and (all_blocks < 2 * threads or 10 * idle > all_blocks)
            or not plan.v_stays and all_blocks * plan.v_size <= SHARED
            or filters * (blocks - 1) > blocks * plan.v_size * (channel_blocks + 1))


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


cdef Py_ssize_t tap_size(const Plan* plan) noexcept nogil:
    return whole_lines(plan.chunks * sizeof(Py_ssize_t) // sizeof(float))


cdef Py_ssize_t patch_size(const Plan* plan) noexcept nogil:
    return ((plan.m * plan.blocks.rows + 2) * plan.width + VLEN) * VLEN


cdef Py_ssize_t half_size(const Plan* plan) noexcept nogil:
    return plan.n * plan.width * VLEN


cdef Py_ssize_t worker_scratch(const Plan* plan) noexcept nogil:
    """Numbers that a worker needs: a V; half-transformed inputs; then a patch, or M and a part's U or the outputs."""
    cdef Py_ssize_t products = plan.n * plan.n * plan.tiles * TILE_COLS
    cdef Py_ssize_t outputs = (2 * plan.m * plan.m * plan.tiles + 2 * VLEN) * TILE_COLS
    return plan.v_size + whole_lines(half_size(plan) + max(patch_size(plan), products + max(outputs, plan.u_size)))


def scratch_size(Layer layer, int threads, int m) -> int:
    """Return how many floats `run` needs as its arena."""
    cdef Plan plan = plan_of(layer, m)
    shared = plan.v_size * blocks_of(&plan, &layer) if v_comes_first(&plan, &layer, threads) else 0
    return tap_size(&plan) + threads * worker_scratch(&plan) + shared


def cost(Layer layer, int m) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Plan plan = plan_of(layer, m)
    cdef Py_ssize_t n = m + 2, tiles = min(plan.blocks.rows, plan.blocks.height) * plan.blocks.columns
    cdef Py_ssize_t vecs = ceil_div(layer.K // layer.groups, VLEN), pieces = ceil_div(tiles, TILE_ROWS)
    cdef double images = layer.N * layer.groups, blocks = plan.blocks.down * plan.blocks.across
    cdef double all_tiles = images * plan.blocks.height * plan.blocks.width
    cdef double channels = plan.chunks * VLEN * vecs, filters = (9 if layer.compact else n * n) * channels * VLEN
    made = images * blocks * channels * (9 + n * n) if layer.compact else 0     # vectors of filters read, of U written
    read = blocks * (filters + (0 if plan.v_stays else plan.v_size * ceil_div(vecs, TILE_COLS // VLEN)))
    return (all_tiles / tiles * pieces * n * n * plan.chunks * VLEN * vecs * max(<double>tiles / pieces, FEWEST_ROWS),
            all_tiles * n * n * plan.chunks * (2 - MOVED if layer.x_lanes else 2) + made * MOVED,
            all_tiles * (n * n + m * n + (1 if layer.y_lanes else 2) * m * m) * vecs,
            streamed(images * read) if filters > L2 else 0.0)


cdef void transform_chunk(const Plan* plan, Block block, Py_ssize_t chunk, float* scratch, float* V) noexcept nogil:
    """V = B^T d B of every tile of the block, for VLEN channels of its group."""
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t C = layer.C // layer.groups, m = plan.m, n = plan.n, width = plan.width
    cdef Py_ssize_t i, row
    cdef float* half = scratch                              # [n][width][VLEN]
    cdef float* patch = half + half_size(plan)              # [m*rows + 2][width][VLEN]
    fill_lanes(layer, plan.job.x + (block.n * layer.C + block.group * C + chunk * VLEN) * layer.H * layer.W,
               min(VLEN, C - chunk * VLEN), block.row * m - layer.pad_top, m * block.rows + 2,
               block.column * m - layer.pad_left, width, patch)
    for row in range(block.rows):
        # B^T d, down every column of pixels
        plan.input(patch + row * m * width * VLEN, width * VLEN, VLEN, half, width * VLEN, VLEN,
                   m * block.columns + 2)
        # (B^T d) B, along the rows, tile by tile
        for i in range(n):
            plan.input(half + i * width * VLEN, VLEN, m * VLEN,
                       V + i * n * plan.v_step + (chunk * plan.tiles + row * block.columns) * VLEN,
                       plan.v_step, VLEN, block.columns)


cdef void make_u(const Plan* plan, const float* g, Py_ssize_t channels, Py_ssize_t vecs, float* U) noexcept nogil:
    """U = G g G^T for some input channels and `vecs` vectors of output channels."""
    cdef Py_ssize_t c, vec
    for c in range(channels):
        for vec in range(vecs):
            plan.filter(g + c * 9 * TILE_COLS + vec * VLEN, TILE_COLS, U + c * plan.u_channel + vec * VLEN, TILE_COLS)


cdef void multiply(const Plan* plan, Py_ssize_t tiles, Py_ssize_t vecs, Py_ssize_t first, Py_ssize_t end,
                   const float* V, const float* U, const float* next_g, float* M) noexcept nogil:
    """M = V U, summed over the chunks first .. end of the input channels; those behind the first part add to M."""
    cdef Py_ssize_t positions = plan.n * plan.n, pieces = ceil_div(tiles, TILE_ROWS), depth = (end - first) * VLEN
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


cdef void multiply_block(const Plan* plan, Block block, Py_ssize_t channel_block, float* scratch,
                         const float* V) noexcept nogil:
    """M = V U for TILE_COLS output channels, then y = A^T M A."""
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t K = layer.K // layer.groups, m = plan.m, n = plan.n, k = channel_block * TILE_COLS
    cdef Py_ssize_t channels = min(TILE_COLS, K - k), vecs = ceil_div(channels, VLEN)
    cdef Py_ssize_t tiles = block.rows * block.columns, columns = block.columns, depth = plan.chunks * VLEN
    cdef Py_ssize_t part, first, end, i, j, row, vec, p
    cdef Py_ssize_t rows_out = min(m * block.rows, layer.P - m * block.row)
    cdef Py_ssize_t columns_out = min(m * columns, layer.Q - m * block.column)
    cdef Py_ssize_t sums_step = rows_out * columns_out + VLEN
    cdef Py_ssize_t y = m * block.row * layer.Q + m * block.column
    cdef const float* weight = plan.job.weight + ((block.group * ceil_div(K, TILE_COLS) + channel_block)
                                                  * depth * TILE_COLS * (9 if layer.compact else n * n))
    cdef float* half = scratch                              # [m][n][columns][VLEN]
    cdef float* M = half + half_size(plan)                  # [n*n][tiles][TILE_COLS]
    cdef float* pixels = M + n * n * plan.tiles * TILE_COLS             # [m*rows][m*columns][TILE_COLS]
    cdef float* sums = pixels + (m * m * plan.tiles + VLEN) * TILE_COLS     # [TILE_COLS][rows_out*columns_out]
    cdef float* U = pixels                                  # of a part, if filters are compact: pixels come later
    if not layer.compact:
        multiply(plan, tiles, vecs, 0, plan.chunks, V, weight, NULL, M)
    else:
        for part in range(plan.parts):
            first, end = share(plan.chunks, plan.parts, part), share(plan.chunks, plan.parts, part + 1)
            make_u(plan, weight + first * VLEN * 9 * TILE_COLS, (end - first) * VLEN, vecs, U)
            multiply(plan, tiles, vecs, first, end, V, U, weight + end * VLEN * 9 * TILE_COLS, M)
    for row in range(block.rows):
        for vec in range(vecs):
            # A^T M, down every column of positions
            for j in range(n):
                plan.output(M + (j * plan.tiles + row * columns) * TILE_COLS + vec * VLEN,
                            n * plan.tiles * TILE_COLS, TILE_COLS,
                            half + j * columns * VLEN, n * columns * VLEN, VLEN, columns)
            # (A^T M) A, along the rows
            for i in range(m):
                plan.output(half + i * n * columns * VLEN, columns * VLEN, VLEN,
                            pixels + (row * m + i) * m * columns * TILE_COLS + vec * VLEN,
                            TILE_COLS, m * TILE_COLS, columns)
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
        finish(&plan.job, block.n, block.group * K + k, channels, y + p * layer.Q, columns_out,
               sums + p * columns_out, sums_step)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Tile-owner: the V of one block meets all output channels."""
    cdef const Plan* plan = <const Plan*>context
    cdef const Layer* layer = &plan.job.layer
    cdef Block block = block_at(&plan.blocks, layer.groups, index)
    cdef Py_ssize_t chunk, channel_block
    cdef float* V = plan.job.scratch + worker * plan.job.scratch_size
    for chunk in range(plan.chunks):
        transform_chunk(plan, block, chunk, V + plan.v_size, V)
    for channel_block in range(ceil_div(layer.K // layer.groups, TILE_COLS)):
        multiply_block(plan, block, channel_block, V + plan.v_size, V)


cdef void transform_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Output-channel-owner, first half: one chunk of the V of one block, for all to read."""
    cdef const Plan* plan = <const Plan*>context
    cdef Py_ssize_t at = index // plan.chunks
    transform_chunk(plan, block_at(&plan.blocks, plan.job.layer.groups, at), index % plan.chunks,
                    plan.job.scratch + worker * plan.job.scratch_size + plan.v_size, plan.v + at * plan.v_size)


cdef void channels_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Output-channel-owner, second half: a V meets one block of output channels, which then meets the next V."""
    cdef const Plan* plan = <const Plan*>context
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t channel_blocks = ceil_div(layer.K // layer.groups, TILE_COLS)
    cdef Py_ssize_t blocks = plan.blocks.down * plan.blocks.across
    cdef Py_ssize_t owner = index // (layer.N * blocks), n = index // blocks % layer.N
    cdef Py_ssize_t at = (n * layer.groups + owner // channel_blocks) * blocks + index % blocks
    multiply_block(plan, block_at(&plan.blocks, layer.groups, at), owner % channel_blocks,
                   plan.job.scratch + worker * plan.job.scratch_size + plan.v_size, plan.v + at * plan.v_size)


def run(Layer layer, const float[:, :, :, ::1] x, const float[::1] weight, const float[::1] bias,
        const float[:, :, :, ::1] residual, float[:, :, :, ::1] y, float[::1] arena, int threads, int m):
    """Compute the layer into y; `weight` comes from `pack`, of a compact layer from `pack_compact`.

    `arena` holds `scratch_size` floats.
    """
    cdef Plan plan = plan_of(layer, m)
    cdef Py_ssize_t channel_blocks = ceil_div(layer.K // layer.groups, TILE_COLS)
    cdef Py_ssize_t blocks = blocks_of(&plan, &layer)
    job = &plan.job
    job.layer = layer
    bind(job, x, weight, bias, residual, y)
    plan.tap = <Py_ssize_t*>&arena[0]
    for chunk in range(plan.chunks):
        plan.tap[chunk] = chunk * plan.tiles * VLEN
    job.scratch = &arena[0] + tap_size(&plan)
    job.scratch_size = worker_scratch(&plan)
    with nogil:
        if v_comes_first(&plan, &layer, threads):
            plan.v = job.scratch + threads * job.scratch_size
            run_in_pool(transform_task, &plan, blocks * plan.chunks, threads)
            run_in_pool(channels_task, &plan, blocks * channel_blocks, threads)
        else:
            run_in_pool(block_task, &plan, blocks, threads)
