"""Depthwise convolution: each channel has one filter of its own. `algorithm="direct"` takes it for such layers.

    y[c, p, q] = sum over r, s of  x[c, p*stride + r*dilation, q*stride + s*dilation] * weight[c, r, s]

There is no sum over channels, so a tile has nothing to share. A vector holds one pixel of VLEN channels instead:

    weight  [C / VLEN][R*S][VLEN]               packed once, zero behind the last channel
    patch   [row][column][VLEN]                 see lanes.pxd
    sums    [pixel][VLEN]                       transposed at the end if y is plain: it keeps channels apart

Cost: N*C*P*Q * R*S multiply-adds, and each number of x and y is moved four times, or twice if it is in lanes. With
nine multiply-adds for an output number there is little to compute: moving bounds it.
"""

import numpy as np

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, whole_lines
from kernels.counts cimport MOVED
from kernels.lanes cimport fill_lanes
from kernels.layer cimport Job, Layer, bind, finish, finish_lanes
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport VLEN, broadcast, load, store, transpose_matrix, vf

cdef Py_ssize_t CACHE = 32 * 1024       # numbers: a patch of 128 KiB leaves room for the sums in an L2 cache of 512 KiB
cdef Py_ssize_t RUN = 4                 # pixels that are summed side by side, to hide an addition's latency


cdef struct Work:
    Job job
    Blocks blocks                       # of output pixels
    Py_ssize_t chunks                   # vectors of channels
    Py_ssize_t height, width            # of the patch
    Py_ssize_t sums_step


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the blocks."""
    cdef Work work
    work.job.layer = layer
    work.blocks = cut(layer.P, layer.Q, CACHE // (VLEN * layer.stride_h * layer.stride_w), 4 * RUN)
    work.chunks = ceil_div(layer.C, VLEN)
    work.height = (work.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1
    work.width = (work.blocks.columns + RUN - 2) * layer.stride_w + (layer.S - 1) * layer.dilation_w + 1
    work.sums_step = work.blocks.rows * work.blocks.columns + VLEN + RUN
    return work


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return weight (C, 1, R, S) as a flat array [C / VLEN][R*S][VLEN]."""
    chunks, taps = ceil_div(groups, VLEN), weight.shape[2] * weight.shape[3]
    packed = np.zeros((chunks * VLEN, taps), np.float32)
    packed[:groups] = np.asarray(weight).reshape(groups, taps)
    return np.ascontiguousarray(packed.reshape(chunks, VLEN, taps).transpose(0, 2, 1)).reshape(-1)


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Numbers that a worker needs: a patch, and the sums before and after they are transposed."""
    return whole_lines(VLEN * (work.width * work.height + VLEN + 2 * work.sums_step))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats `run` needs as its arena."""
    cdef Work work = work_of(layer)
    return threads * worker_scratch(&work)


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer)
    cdef double blocks = <double>layer.N * work.chunks * work.blocks.down * work.blocks.across
    cdef double pixels = work.blocks.rows * work.blocks.columns
    return (1.25 * blocks * pixels * layer.R * layer.S,
            blocks * work.height * (MOVED * work.width if layer.x_lanes else work.width + VLEN),
            blocks * (2 if layer.y_lanes else 4) * pixels, 0.0)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels of VLEN channels."""
    cdef const Work* work = <const Work*>context
    cdef const Job* job = &work.job
    cdef const Layer* layer = &job.layer
    cdef Block block = block_at(&work.blocks, work.chunks, index)
    cdef Py_ssize_t k = block.group * VLEN, channels = min(VLEN, layer.C - k)
    cdef Py_ssize_t across = layer.stride_w * VLEN, p, q, r, _s
    cdef float* patch = job.scratch + worker * job.scratch_size
    cdef float* sums = patch + VLEN * (work.width * work.height + VLEN)
    cdef float* turned = sums + VLEN * work.sums_step
    cdef const float* weights = job.weight + k * layer.R * layer.S
    cdef const float* weight
    cdef const float* x
    cdef vf w, s0, s1, s2, s3
    fill_lanes(layer, job.x + (block.n * layer.C + k) * layer.H * layer.W, channels,
               block.row * layer.stride_h - layer.pad_top, work.height,
               block.column * layer.stride_w - layer.pad_left, work.width, patch)
    for p in range(block.rows):
        q = 0
        while q < block.columns:
            s0 = s1 = s2 = s3 = broadcast(0)
            weight = weights
            for r in range(layer.R):
                x = patch + (p * layer.stride_h + r * layer.dilation_h) * work.width * VLEN + q * across
                for _s in range(layer.S):
                    w = load(weight)
                    s0 = s0 + w * load(x)
                    s1 = s1 + w * load(x + across)
                    s2 = s2 + w * load(x + 2 * across)
                    s3 = s3 + w * load(x + 3 * across)
                    x += layer.dilation_w * VLEN
                    weight += VLEN
            store(sums, s0)
            store(sums + VLEN, s1)
            store(sums + 2 * VLEN, s2)
            store(sums + 3 * VLEN, s3)
            sums += min(RUN, block.columns - q) * VLEN          # the next pixels overwrite those past the row's end
            q += RUN
    sums = turned - VLEN * work.sums_step
    if layer.y_lanes:
        finish_lanes(job, block.n, k, 1, block.row * layer.Q + block.column, block.rows * block.columns, sums, VLEN)
    else:
        transpose_matrix(sums, VLEN, block.rows * block.columns, 1, turned, work.sums_step)
        finish(job, block.n, k, channels, block.row * layer.Q + block.column, block.rows * block.columns, turned,
               work.sums_step)


def run(Layer layer, const float[:, :, :, ::1] x, const float[::1] weight, const float[::1] bias,
        const float[:, :, :, ::1] residual, float[:, :, :, ::1] y, float[::1] arena, int threads):
    """Compute the layer into y; `weight` comes from `pack`, `arena` holds `scratch_size` floats."""
    cdef Work work = work_of(layer)
    cdef Job* job = &work.job
    bind(job, x, weight, bias, residual, y)
    job.scratch = &arena[0]
    job.scratch_size = worker_scratch(&work)
    with nogil:
        run_in_pool(block_task, &work, layer.N * work.chunks * work.blocks.down * work.blocks.across, threads)
