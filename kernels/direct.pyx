"""Convolution without a matrix of columns: every filter element reads the image where it lies.

    y[k, p, q] = sum over (r, s), c of  patch[c, p*stride + r*dilation, q*stride + s*dilation] * weight[k, c, r, s]

A row of a tile is an output pixel, a column an output channel: TILE_ROWS neighbours of one output row meet the
weights of TILE_COLS channels. For each filter element the micro-kernel walks through the input channels; the sums stay
in registers through all C*R*S steps. The tile comes out pixel by pixel, as y in lanes lies; a plain y keeps channels
apart, and the tile is transposed. An x in lanes is read VLEN channels at a time, in the same order.

    weight  [groups][K / TILE_COLS][R*S][C][TILE_COLS]      packed once, zero behind the last channel
    patch   [C][phase_h][phase_w][row][column]              see patch.pxd

Cost: N*K*P*Q * C/groups*R*S multiply-adds and one copy of x, or none (patch.pxd says when). Multiply-adds bound the
tiles; for deep layers on small images it is the weights, read once for every TILE_ROWS pixels.
"""

import numpy as np

from kernels.blocks cimport (Block, Blocks, block_at, ceil_div, held_size, holds, nothing_held, share, splits_for,
                             whole_lines)
from kernels.call cimport Call, call_of
from kernels.counts cimport FEWEST_ROWS, L2, MOVED, row_vectors, streamed
from kernels.layer cimport Job, Layer, finish, finish_lanes, finish_pixel, point_at
from kernels.patch cimport Patch, fill_patch, in_one_row, patch_of, place_taps
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport (LANE_ROWS, PANELS, TILE_COLS, TILE_ROWS, TILE_SIZE, VLEN, Ahead, ahead_of, tile,
                           tile_of_lanes, tile_of_one_row, transpose_matrix)

cdef Py_ssize_t CACHE = 64 * 1024       # numbers: a patch of 256 KiB leaves room for weights in an L2 cache of 512 KiB


cdef struct Work:
    Job job
    Patch patch
    Py_ssize_t* tap                     # where filter element (r, s) begins in the patch; in lanes, also each chunk
    Py_ssize_t taps
    Py_ssize_t patch_size               # numbers; none if x itself is the patch
    Py_ssize_t blocks                   # of output pixels, in all images and groups


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the patch and the tasks."""
    cdef Work work
    work.job.layer = in_one_row(layer)
    work.patch = patch_of(&work.job.layer, CACHE, 4 * TILE_ROWS, layer.x_lanes or layer.P * layer.Q == 1)
    work.patch_size = 0 if work.patch.in_place else layer.C // layer.groups * work.patch.channel_step
    work.taps = layer.R * layer.S * (layer.C // layer.groups // VLEN if layer.x_lanes else 1)
    work.blocks = layer.N * layer.groups * work.patch.blocks.down * work.patch.blocks.across
    return work


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return weight (K, C/groups, R, S) as a flat array [groups][blocks of K][R*S][C][TILE_COLS]."""
    K, C, taps = weight.shape[0] // groups, weight.shape[1], weight.shape[2] * weight.shape[3]
    blocks = ceil_div(K, TILE_COLS)
    filters = np.asarray(weight).reshape(groups, K, C, taps)
    packed = np.zeros((groups, blocks, taps, C, TILE_COLS), np.float32)
    for b in range(blocks):
        block = filters[:, b * TILE_COLS:(b + 1) * TILE_COLS]
        packed[:, b, :, :, :block.shape[1]] = block.transpose(0, 3, 2, 1)
    return packed.reshape(-1)


cdef Py_ssize_t taps_size(const Work* work) noexcept nogil:
    return whole_lines(work.taps * sizeof(Py_ssize_t) // sizeof(float))


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Numbers that a worker needs: a patch, a tile, and a block of sums."""
    cdef Py_ssize_t pixels = 0 if work.job.layer.y_lanes else work.patch.blocks.rows * work.patch.blocks.columns
    return whole_lines(work.patch_size + TILE_SIZE + TILE_COLS * (pixels + VLEN))


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer)
    cdef Blocks* blocks = &work.patch.blocks
    cdef Py_ssize_t C = layer.C // layer.groups, K = layer.K // layer.groups, vecs = ceil_div(K, VLEN)
    cdef double depth = C * layer.R * layer.S, images = work.blocks // (blocks.down * blocks.across)
    cdef double rows = images * blocks.height * blocks.across, tiles
    cdef double copies = <double>work.blocks * C * work.patch.phases_h * work.patch.phases_w * work.patch.height
    if work.patch.in_place:
        copies = 0
    elif layer.x_lanes:
        copies *= MOVED * work.patch.width / VLEN
    else:
        copies *= row_vectors(work.patch.width, layer.stride_w)
    pieces = ceil_div(blocks.columns, LANE_ROWS if layer.x_lanes else TILE_ROWS)
    tiles = rows * pieces
    again = tiles if depth * TILE_COLS > L2 // 2 else work.blocks / layer.groups
    return (1.025 * tiles * depth * vecs * max(<double>blocks.columns / pieces, FEWEST_ROWS), 1.5 * copies,
            1.5 * vecs * ((MOVED if layer.y_lanes else 1) * rows * blocks.columns + 4 * tiles),
            again * streamed(layer.groups * depth * vecs * VLEN))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats a call needs as its arena."""
    cdef Work work = work_of(layer)
    return taps_size(&work) + held_size(threads) + threads * worker_scratch(&work)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its patch, then the tiles of its share of the output channels."""
    cdef const Work* work = <const Work*>context
    cdef const Job* job = &work.job
    cdef const Layer* layer = &job.layer
    cdef Block block = block_at(&work.patch.blocks, layer.groups, index // job.splits)
    cdef Py_ssize_t C = layer.C // layer.groups, K = layer.K // layer.groups
    cdef Py_ssize_t channel_blocks = ceil_div(K, TILE_COLS), split = index % job.splits
    cdef Py_ssize_t pieces = ceil_div(block.columns, LANE_ROWS if layer.x_lanes else TILE_ROWS)
    cdef Py_ssize_t sums_step = block.rows * block.columns + VLEN
    cdef Py_ssize_t b, k, p, q, piece, count, vecs, at
    cdef Py_ssize_t first = share(channel_blocks, job.splits, split)
    cdef Py_ssize_t end = share(channel_blocks, job.splits, split + 1)
    cdef Py_ssize_t depth = layer.R * layer.S * C, size = depth * TILE_COLS
    cdef float* scratch = job.scratch + worker * job.scratch_size
    cdef float* one_tile = scratch + work.patch_size
    cdef float* sums = one_tile + TILE_SIZE
    cdef const float* patch = scratch
    cdef const float* weight
    cdef const float* next_weight
    cdef Ahead ahead
    if work.patch.in_place:
        at = block.row * layer.W + block.column
        patch = job.x + (block.n * layer.C + block.group * C) * layer.H * layer.W + at * VLEN
    elif not holds(job.held, worker, index // job.splits):
        fill_patch(job, &work.patch, block, scratch)
    if layer.P * layer.Q == 1:
        b = first
        while b < end:
            k, count = b * TILE_COLS, min(PANELS, end - b)
            weight = job.weight + (block.group * channel_blocks + b) * size
            tile_of_one_row(<int>count, work.taps, work.tap, VLEN if layer.x_lanes else C, patch,
                            1 if layer.x_lanes else work.patch.channel_step, weight, size, one_tile)
            finish_pixel(job, block.n, block.group * K + k, min(count * TILE_COLS, K - k), one_tile)
            b += count
        return
    for b in range(first, end):
        k = b * TILE_COLS
        vecs = ceil_div(min(TILE_COLS, K - k), VLEN)
        weight = job.weight + (block.group * channel_blocks + b) * size
        next_weight = weight + size if b + 1 < end else weight - (b - first) * size
        ahead = ahead_of(next_weight, depth, TILE_COLS, 0, block.rows * pieces)
        for p in range(block.rows):
            q = 0
            for piece in range(pieces):
                count = (block.columns - q) // (pieces - piece)
                at = p * work.patch.width + q
                if layer.x_lanes:
                    tile_of_lanes(<int>count, <int>vecs, work.taps, work.tap, VLEN, patch + at * VLEN, weight,
                                  TILE_COLS, one_tile, False, ahead)
                else:
                    tile(<int>count, <int>vecs, work.taps, work.tap, C, patch + at, work.patch.channel_step, weight,
                         TILE_COLS, one_tile, ahead)
                if layer.y_lanes:
                    finish_lanes(job, block.n, block.group * K + k, vecs, (block.row + p) * layer.Q + block.column + q,
                                 count, one_tile, TILE_COLS)
                else:
                    transpose_matrix(one_tile, TILE_COLS, count, vecs, sums + p * block.columns + q, sums_step)
                ahead.at += depth * ahead.step
                q += count
        if not layer.y_lanes:
            finish(job, block.n, block.group * K + k, min(TILE_COLS, K - k), block.row * layer.Q + block.column,
                   block.rows * block.columns, sums, sums_step)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` floats."""
    cdef Work work = (<const Work*>laid_out)[0]
    cdef Job* job = &work.job
    cdef float* scratch = <float*>arena
    work.tap = <Py_ssize_t*>scratch
    place_taps(&job.layer, &work.patch, work.tap)
    job.held = nothing_held(scratch + taps_size(&work), threads)
    job.scratch = scratch + taps_size(&work) + held_size(threads)
    job.scratch_size = worker_scratch(&work)
    job.splits = splits_for(work.blocks, ceil_div(job.layer.K // job.layer.groups, TILE_COLS), threads)
    run_in_pool(block_task, &work, work.blocks * job.splits, threads)


def bind(Layer layer, x, weight, bias, residual, y, int threads) -> Call:
    """Return a call that computes the layer into y; `weight` comes from `pack`."""
    cdef Work work = work_of(layer)
    point_at(&work.job, x, weight, bias, residual, y)
    return call_of(start, &work, sizeof(work), threads, (x, weight, bias, residual, y))
