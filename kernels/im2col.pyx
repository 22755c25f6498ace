"""Convolution as one matrix product: copy the windows into columns (image to columns), then multiply.

    y[k, pixel] = sum over i of  weight[k, i] * columns[i, pixel]        i counts through (c, r, s)

The matrix of columns holds every input pixel R*S times, so it is made for a block of output pixels at a time, as many
as stay in the cache. A row of the product's tile is an output channel, a column an output pixel:

    weight   [groups][K / TILE_ROWS][C*R*S][TILE_ROWS]      packed once, zero behind the last channel
    columns  [C*R*S][block]                                 made again for each block

Cost: N*K*P*Q * C/groups*R*S multiply-adds, and C/groups*R*S copies for each output pixel: one copy for K multiply-adds,
which is little for many output channels and half the work for few. Multiply-adds bound it.
"""

from libc.string cimport memset

import numpy as np

from kernels.blocks cimport (Block, Blocks, block_at, ceil_div, cut, held_size, holds, nothing_held, share,
                             splits_for, whole_lines)
from kernels.call cimport Call, call_of
from kernels.counts cimport FEWEST_ROWS, row_vectors, streamed
from kernels.layer cimport Job, Layer, copy_row, finish, point_at
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport TILE_COLS, TILE_ROWS, TILE_SIZE, TILE_VECS, VLEN, ahead_of, tile

cdef Py_ssize_t CACHE = 96 * 1024       # numbers: columns of 384 KiB leave room beside them in an L2 cache of 512 KiB


cdef Py_ssize_t depth_of(const Layer* layer) noexcept nogil:
    return layer.C // layer.groups * layer.R * layer.S


cdef Blocks blocks_of(const Layer* layer) noexcept nogil:
    """Blocks of output pixels, counted through rows and columns."""
    return cut(1, layer.P * layer.Q, CACHE // depth_of(layer), TILE_COLS)


cdef Py_ssize_t row_step(Blocks blocks) noexcept nogil:
    """Numbers from one row of columns to the next: whole tiles."""
    return ceil_div(blocks.columns, TILE_COLS) * TILE_COLS


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return weight (K, C/groups, R, S) as a flat array [groups][blocks of K][C*R*S][TILE_ROWS]."""
    K = weight.shape[0] // groups
    depth = weight.shape[1] * weight.shape[2] * weight.shape[3]
    blocks = ceil_div(K, TILE_ROWS)
    rows = np.asarray(weight).reshape(groups, K, depth)
    packed = np.zeros((groups, blocks, depth, TILE_ROWS), np.float32)
    for b in range(blocks):
        k, end = share(K, blocks, b), share(K, blocks, b + 1)
        packed[:, b, :, :end - k] = rows[:, k:end].transpose(0, 2, 1)
    return packed.reshape(-1)


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Blocks blocks = blocks_of(&layer)
    cdef double images = layer.N * layer.groups, depth = depth_of(&layer), channels = layer.K // layer.groups
    cdef Py_ssize_t row_blocks = ceil_div(layer.K // layer.groups, TILE_ROWS)
    cdef Py_ssize_t vectors = ceil_div(layer.P * layer.Q, VLEN)
    cdef double rows = layer.P + blocks.across, row = row_vectors(min(layer.Q, blocks.columns), layer.stride_w)
    return (images * depth * vectors * row_blocks * max(channels / row_blocks, FEWEST_ROWS),
            images * depth * rows * row,
            images * vectors * (channels + row_blocks),
            blocks.across * streamed(layer.groups * depth * row_blocks * TILE_ROWS))


cdef Py_ssize_t worker_scratch(const Layer* layer) noexcept nogil:
    """Numbers that a worker needs: a block of columns and a tile."""
    return whole_lines(depth_of(layer) * row_step(blocks_of(layer)) + TILE_SIZE)


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats a call needs as its arena."""
    return held_size(threads) + threads * worker_scratch(&layer)


cdef void fill_columns(const Job* job, Block block, Py_ssize_t step, float* columns) noexcept nogil:
    """columns[(c, r, s), j] = the input that filter element (c, r, s) meets at the block's output pixel j."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t C = layer.C // layer.groups
    cdef Py_ssize_t c, r, s, p, q, h, w, j, count
    cdef const float* plane
    for c in range(C):
        plane = job.x + (block.n * layer.C + block.group * C + c) * layer.H * layer.W
        for r in range(layer.R):
            for s in range(layer.S):
                j, p, q = 0, block.column // layer.Q, block.column % layer.Q
                while j < block.columns:                    # one piece of an output row at a time
                    count = min(layer.Q - q, block.columns - j)
                    h = p * layer.stride_h + r * layer.dilation_h - layer.pad_top
                    w = q * layer.stride_w + s * layer.dilation_w - layer.pad_left
                    if 0 <= h < layer.H:
                        copy_row(plane + h * layer.W, layer.W, w, layer.stride_w, count, columns + j)
                    else:
                        memset(columns + j, 0, count * sizeof(float))
                    j, p, q = j + count, p + 1, 0
                memset(columns + block.columns, 0, (step - block.columns) * sizeof(float))
                columns += step


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its columns, then the tiles of its share of the output channels."""
    cdef const Job* job = <const Job*>context
    cdef const Layer* layer = &job.layer
    cdef Blocks blocks = blocks_of(layer)
    cdef Block block = block_at(&blocks, layer.groups, index // job.splits)
    cdef Py_ssize_t split = index % job.splits, step = row_step(blocks)
    cdef Py_ssize_t K = layer.K // layer.groups, row_blocks = ceil_div(K, TILE_ROWS), depth = depth_of(layer)
    cdef Py_ssize_t first = share(row_blocks, job.splits, split), end = share(row_blocks, job.splits, split + 1)
    cdef Py_ssize_t size = depth * TILE_ROWS
    cdef Py_ssize_t b, k, rows, t, j, tiles = ceil_div(block.columns, TILE_COLS), here = 0
    cdef float* columns = job.scratch + worker * job.scratch_size
    cdef float* sums = columns + depth * step
    cdef const float* weight
    cdef const float* next_weight
    if not holds(job.held, worker, index // job.splits):
        fill_columns(job, block, step, columns)
    for b in range(first, end):
        k = share(K, row_blocks, b)
        rows = share(K, row_blocks, b + 1) - k
        weight = job.weight + (block.group * row_blocks + b) * size
        next_weight = weight + size if b + 1 < end else weight - (b - first) * size
        for t in range(tiles):
            j = t * TILE_COLS
            tile(<int>rows, <int>min(TILE_VECS, ceil_div(block.columns - j, VLEN)), 1, &here, depth,
                 weight, TILE_ROWS, columns + j, step, sums,
                 ahead_of(next_weight, depth, TILE_ROWS, t, tiles))
            finish(job, block.n, block.group * K + k, rows, block.column + j, min(TILE_COLS, block.columns - j),
                   sums, TILE_COLS)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` floats."""
    cdef Job job = (<const Job*>laid_out)[0]
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t tasks = layer.N * layer.groups * blocks_of(layer).across
    job.held = nothing_held(arena, threads)
    job.scratch = <float*>arena + held_size(threads)
    job.scratch_size = worker_scratch(layer)
    job.splits = splits_for(tasks, ceil_div(layer.K // layer.groups, TILE_ROWS), threads)
    run_in_pool(block_task, &job, tasks * job.splits, threads)


def bind(Layer layer, x, weight, bias, residual, y, int threads) -> Call:
    """Return a call that computes the layer into y; `weight` comes from `pack`."""
    cdef Job job
    job.layer = layer
    point_at(&job, x, weight, bias, residual, y)
    return call_of(start, &job, sizeof(job), threads, (x, weight, bias, residual, y))
