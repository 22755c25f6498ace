"""Convolution without a matrix of columns: every filter element reads the image where it lies.

    y[k, p, q] = sum over (r, s), c of  patch[c, p*stride + r*dilation, q*stride + s*dilation] * weight[k, c, r, s]

A row of a tile is an output pixel, a column an output channel: TILE_ROWS neighbours of one output row meet the weights
of TILE_COLS channels. For each filter element the micro-kernel walks through the input channels; the sums stay in
registers through all C*R*S steps. The tile comes out pixel by pixel and is transposed, because y keeps channels apart.

    weight  [groups][K / TILE_COLS][R*S][C][TILE_COLS]            packed once, zero behind the last channel
    patch   [C][phase_h][row][phase_w][column]                    the piece of x that a block of output pixels needs

The patch holds the padding, so that no loop asks where the image ends, and puts columns that are `stride` apart side
by side (a phase holds columns f, f + stride, f + 2*stride, ...; rows likewise), so that neighbours in y are
neighbours here.

Cost: N*K*P*Q * C/groups*R*S multiply-adds and one copy of x. Multiply-adds bound it; for deep layers on small
images it is the weights, read once for every TILE_ROWS pixels.
"""

from libc.string cimport memset

import numpy as np

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, share, splits_for, whole_lines
from kernels.layer cimport Job, Layer, copy_row, finish
from kernels.pool cimport run as run_in_pool
from kernels.simd cimport TILE_COLS, TILE_ROWS, TILE_SIZE, VLEN, tile, transpose_matrix

cdef Py_ssize_t CACHE = 64 * 1024       # numbers: a patch of 256 KiB leaves room for weights in an L2 cache of 512 KiB
cdef Py_ssize_t TAP = sizeof(Py_ssize_t) // sizeof(float)       # numbers of scratch that hold the place of one tap


cdef struct Patch:
    Blocks blocks                       # of output pixels
    Py_ssize_t phases_h, phases_w
    Py_ssize_t height, width            # of one phase
    Py_ssize_t row_step, channel_step   # numbers from one row, or channel, to the next


cdef Layer in_one_row(Layer layer) noexcept nogil:
    """A 1x1 filter with stride 1 does not see where rows end: take the image as one row, so that tiles are full."""
    if (layer.R * layer.S * layer.stride_h * layer.stride_w == 1
            and layer.H == layer.P and layer.W == layer.Q):
        layer.W = layer.Q = layer.P * layer.Q
        layer.H = layer.P = 1
    return layer


cdef Patch patch_of(const Layer* layer) noexcept nogil:
    """Choose the blocks of output pixels, about as many as have their patch in the cache, and lay out the patch."""
    cdef Patch patch
    cdef Py_ssize_t reach_h = (layer.R - 1) * layer.dilation_h, reach_w = (layer.S - 1) * layer.dilation_w
    patch.phases_h = min(layer.stride_h, reach_h + 1)
    patch.phases_w = min(layer.stride_w, reach_w + 1)
    patch.blocks = cut(layer.P, layer.Q, CACHE // (layer.C // layer.groups * patch.phases_h * patch.phases_w),
                       4 * TILE_ROWS)
    patch.height = patch.blocks.rows + reach_h // layer.stride_h
    patch.width = patch.blocks.columns + reach_w // layer.stride_w
    patch.row_step = patch.phases_w * patch.width
    patch.channel_step = patch.phases_h * patch.height * patch.row_step
    return patch


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return weight (K, C/groups, R, S) as a flat array [groups][blocks of K][R*S][C][TILE_COLS]."""
    K, C, taps = weight.shape[0] // groups, weight.shape[1], weight.shape[2] * weight.shape[3]
    blocks = ceil_div(K, TILE_COLS)
    packed = np.zeros((groups, blocks * TILE_COLS, C, taps), np.float32)
    packed[:, :K] = np.asarray(weight).reshape(groups, K, C, taps)
    packed = packed.reshape(groups, blocks, TILE_COLS, C, taps).transpose(0, 1, 4, 3, 2)
    return np.ascontiguousarray(packed).reshape(-1)


cdef Py_ssize_t worker_scratch(const Layer* layer) noexcept nogil:
    """Numbers that a worker needs: the taps' places, a patch, a tile, and a block of sums."""
    cdef Patch patch = patch_of(layer)
    return whole_lines(TAP * layer.R * layer.S + layer.C // layer.groups * patch.channel_step + TILE_SIZE
                       + TILE_COLS * (patch.blocks.rows * patch.blocks.columns + VLEN))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats `run` needs as its arena."""
    layer = in_one_row(layer)
    return threads * worker_scratch(&layer)


cdef void fill_patch(const Job* job, const Patch* patch, Block block, float* out) noexcept nogil:
    """Copy what a block of output pixels needs of every input channel of its group."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t C = layer.C // layer.groups
    cdef Py_ssize_t c, phase_h, phase_w, row, h, w
    cdef const float* plane
    for c in range(C):
        plane = job.x + (block.n * layer.C + block.group * C + c) * layer.H * layer.W
        for phase_h in range(patch.phases_h):
            for row in range(patch.height):
                h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                for phase_w in range(patch.phases_w):
                    w = block.column * layer.stride_w + phase_w - layer.pad_left
                    if 0 <= h < layer.H:
                        copy_row(plane + h * layer.W, layer.W, w, layer.stride_w, patch.width, out)
                    else:
                        memset(out, 0, patch.width * sizeof(float))
                    out += patch.width


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its patch, then its share of the output channels."""
    cdef const Job* job = <const Job*>context
    cdef const Layer* layer = &job.layer
    cdef Patch patch = patch_of(layer)
    cdef Block block = block_at(&patch.blocks, layer.groups, index // job.splits)
    cdef Py_ssize_t C = layer.C // layer.groups, K = layer.K // layer.groups, taps = layer.R * layer.S
    cdef Py_ssize_t channel_blocks = ceil_div(K, TILE_COLS), split = index % job.splits
    cdef Py_ssize_t pieces = ceil_div(block.columns, TILE_ROWS), sums_step = block.rows * block.columns + VLEN
    cdef Py_ssize_t b, k, r, s, h, w, p, q, piece, count
    cdef float* scratch = job.scratch + worker * job.scratch_size
    cdef Py_ssize_t* tap = <Py_ssize_t*>scratch
    cdef float* x = scratch + TAP * taps
    cdef float* one_tile = x + C * patch.channel_step
    cdef float* sums = one_tile + TILE_SIZE
    cdef const float* weight
    cdef int vecs
    fill_patch(job, &patch, block, x)
    for r in range(layer.R):
        for s in range(layer.S):
            h, w = r * layer.dilation_h, s * layer.dilation_w
            tap[r * layer.S + s] = ((h % layer.stride_h * patch.height + h // layer.stride_h) * patch.row_step
                                    + w % layer.stride_w * patch.width + w // layer.stride_w)
    for b in range(share(channel_blocks, job.splits, split), share(channel_blocks, job.splits, split + 1)):
        k = b * TILE_COLS
        vecs = <int>ceil_div(min(TILE_COLS, K - k), VLEN)
        weight = job.weight + (block.group * channel_blocks + b) * taps * C * TILE_COLS
        for p in range(block.rows):
            for piece in range(pieces):
                q = share(block.columns, pieces, piece)
                count = share(block.columns, pieces, piece + 1) - q
                tile(<int>count, vecs, taps, tap, C, x + p * patch.row_step + q, 1, patch.channel_step,
                     weight, TILE_COLS, one_tile)
                transpose_matrix(one_tile, TILE_COLS, count, vecs, sums + p * block.columns + q, sums_step)
        finish(job, block.n, block.group * K + k, min(TILE_COLS, K - k), block.row * layer.Q + block.column,
               block.rows * block.columns, sums, sums_step)


def run(Layer layer, const float[:, :, :, ::1] x, const float[::1] weight, const float[::1] bias,
        const float[:, :, :, ::1] residual, float[:, :, :, ::1] y, float[::1] arena, int threads):
    """Compute the layer into y; `weight` comes from `pack`, `arena` holds `scratch_size` floats."""
    cdef Job job
    job.layer = in_one_row(layer)
    job.x = &x[0, 0, 0, 0]
    job.weight = &weight[0]
    job.bias = &bias[0]
    job.residual = NULL
    if residual is not None:
        job.residual = &residual[0, 0, 0, 0]
    job.y = &y[0, 0, 0, 0]
    job.scratch = &arena[0]
    job.scratch_size = worker_scratch(&job.layer)
    cdef Patch patch = patch_of(&job.layer)
    cdef Py_ssize_t tasks = layer.N * layer.groups * patch.blocks.down * patch.blocks.across
    job.splits = splits_for(tasks, ceil_div(layer.K // layer.groups, TILE_COLS), threads)
    with nogil:
        run_in_pool(block_task, &job, tasks * job.splits, threads)
