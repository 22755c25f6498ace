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

from kernels.layer cimport Job, Layer, ceil_div, copy_row, finish, share, splits_for, whole_lines
from kernels.pool cimport run as run_in_pool
from kernels.simd cimport TILE_COLS, TILE_ROWS, TILE_SIZE, TILE_VECS, VLEN, tile

cdef Py_ssize_t CACHE = 96 * 1024       # numbers: columns of 384 KiB leave room beside them in an L2 cache of 512 KiB


cdef Py_ssize_t depth_of(const Layer* layer) noexcept nogil:
    return layer.C // layer.groups * layer.R * layer.S


cdef Py_ssize_t block_of(const Layer* layer) noexcept nogil:
    """Output pixels in a block: whole vectors, one tile at least, the image at most."""
    cdef Py_ssize_t tiles = max(1, CACHE // (depth_of(layer) * TILE_COLS))
    return min(tiles, ceil_div(layer.P * layer.Q, TILE_COLS)) * TILE_COLS


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


cdef Py_ssize_t worker_scratch(const Layer* layer) noexcept nogil:
    """Numbers that a worker needs: a block of columns and a tile."""
    return whole_lines(depth_of(layer) * block_of(layer) + TILE_SIZE)


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats `run` needs as its arena."""
    return threads * worker_scratch(&layer)


cdef void fill_columns(const Job* job, Py_ssize_t n, Py_ssize_t group, Py_ssize_t pixel, Py_ssize_t pixels,
                       Py_ssize_t block, float* columns) noexcept nogil:
    """columns[(c, r, s), j] = the input that filter element (c, r, s) meets at output pixel `pixel + j`."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t C = layer.C // layer.groups
    cdef Py_ssize_t c, r, s, p, q, h, w, j, count
    cdef const float* plane
    for c in range(C):
        plane = job.x + (n * layer.C + group * C + c) * layer.H * layer.W
        for r in range(layer.R):
            for s in range(layer.S):
                j, p, q = 0, pixel // layer.Q, pixel % layer.Q
                while j < pixels:                           # one piece of an output row at a time
                    count = min(layer.Q - q, pixels - j)
                    h = p * layer.stride_h + r * layer.dilation_h - layer.pad_top
                    w = q * layer.stride_w + s * layer.dilation_w - layer.pad_left
                    if 0 <= h < layer.H:
                        copy_row(plane + h * layer.W, layer.W, w, layer.stride_w, count, columns + j)
                    else:
                        memset(columns + j, 0, count * sizeof(float))
                    j, p, q = j + count, p + 1, 0
                memset(columns + pixels, 0, (block - pixels) * sizeof(float))
                columns += block


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels of one group of one image: its columns, then the tiles of its share of the product."""
    cdef const Job* job = <const Job*>context
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t K = layer.K // layer.groups, row_blocks = ceil_div(K, TILE_ROWS), depth = depth_of(layer)
    cdef Py_ssize_t block = block_of(layer), blocks = ceil_div(layer.P * layer.Q, block)
    cdef Py_ssize_t split = index % job.splits, pixel = index // job.splits % blocks * block
    cdef Py_ssize_t group = index // job.splits // blocks % layer.groups
    cdef Py_ssize_t n = index // job.splits // blocks // layer.groups
    cdef Py_ssize_t pixels = min(block, layer.P * layer.Q - pixel)
    cdef Py_ssize_t b, k, rows, t, j, here = 0
    cdef float* columns = job.scratch + worker * job.scratch_size
    cdef float* sums = columns + depth * block
    cdef const float* weight
    fill_columns(job, n, group, pixel, pixels, block, columns)
    for b in range(share(row_blocks, job.splits, split), share(row_blocks, job.splits, split + 1)):
        k = share(K, row_blocks, b)
        rows = share(K, row_blocks, b + 1) - k
        weight = job.weight + (group * row_blocks + b) * depth * TILE_ROWS
        for t in range(ceil_div(pixels, TILE_COLS)):
            j = t * TILE_COLS
            tile(<int>rows, <int>min(TILE_VECS, ceil_div(pixels - j, VLEN)), 1, &here, depth,
                 weight, 1, TILE_ROWS, columns + j, block, sums)
            finish(job, n, group * K + k, rows, pixel + j, min(TILE_COLS, pixels - j), sums, TILE_COLS)


def run(Layer layer, const float[:, :, :, ::1] x, const float[::1] weight, const float[::1] bias,
        const float[:, :, :, ::1] residual, float[:, :, :, ::1] y, float[::1] arena, int threads):
    """Compute the layer into y; `weight` comes from `pack`, `arena` holds `scratch_size` floats."""
    cdef Job job
    job.layer = layer
    job.x = &x[0, 0, 0, 0]
    job.weight = &weight[0]
    job.bias = &bias[0]
    job.residual = NULL
    if residual is not None:
        job.residual = &residual[0, 0, 0, 0]
    job.y = &y[0, 0, 0, 0]
    job.scratch = &arena[0]
    job.scratch_size = worker_scratch(&layer)
    cdef Py_ssize_t tasks = layer.N * layer.groups * ceil_div(layer.P * layer.Q, block_of(&layer))
    job.splits = splits_for(tasks, ceil_div(layer.K // layer.groups, TILE_ROWS), threads)
    with nogil:
        run_in_pool(block_task, &job, tasks * job.splits, threads)
