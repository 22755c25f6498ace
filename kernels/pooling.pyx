"""Pools: the largest number, or the mean, of each window of each channel.

    y[c, p, q] = max or mean over r, s of  x[c, p*stride + r*dilation - pad, q*stride + s*dilation - pad]

What lies outside x does not count; a mean may count it as zeros. A vector holds one pixel of VLEN channels, as in
depthwise.pyx: an x in lanes is read where it lies, of a plain one the rows that a block needs are transposed first.

    patch   [row][column][VLEN]     rows of x, see lanes.pxd
    sums    [pixel][VLEN]           what `finish` gets

Cost: N*C*P*Q * R*S comparisons or additions, one for each number read: reading bounds it.
"""

from libc.math cimport INFINITY

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, whole_lines
from kernels.call cimport Call, call_of
from kernels.lanes cimport fill_lanes
from kernels.layer cimport Job, Layer, finish, finish_lanes, steps
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport VLEN, broadcast, larger, load, store, transpose_matrix, vf

cdef Py_ssize_t CACHE = 32 * 1024       # numbers of x behind a block: 128 KiB


cdef struct Work:
    Job job
    Blocks blocks                       # of output rows
    Py_ssize_t chunks                   # vectors of channels
    Py_ssize_t patch_size, pixels       # numbers; pixels of a block
    bint maximum, count_padding


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the blocks: whole rows, so that the rows of x that they need follow each other."""
    cdef Work work
    cdef Py_ssize_t rows
    work.job.layer = layer
    work.blocks = cut(layer.P, 1, max(1, CACHE // (VLEN * layer.W * layer.stride_h)), 1)
    work.chunks = ceil_div(layer.C, VLEN)
    rows = min(layer.H, (work.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1)
    work.patch_size = 0 if layer.x_lanes else (rows * layer.W + VLEN) * VLEN
    work.pixels = work.blocks.rows * layer.Q
    return work


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Numbers that a worker needs: a patch, and the sums before and after they are transposed."""
    return whole_lines(work.patch_size + 2 * VLEN * (work.pixels + VLEN))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats a call needs as its arena."""
    cdef Work work = work_of(layer)
    return threads * worker_scratch(&work)


cdef inline vf combine(const Work* work, const float* patch, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """The maximum or the mean of a window, `rows` by `columns` of which lie in x and begin at `patch`."""
    cdef const Layer* layer = &work.job.layer
    cdef Py_ssize_t r, _s
    cdef const float* x
    cdef vf total = broadcast(-INFINITY if work.maximum else 0), row
    for r in range(rows):
        x = patch + r * layer.dilation_h * layer.W * VLEN
        row = total if work.maximum else broadcast(0)
        for _s in range(columns):
            row = larger(row, load(x)) if work.maximum else row + load(x)
            x += layer.dilation_w * VLEN
        total = row if work.maximum else total + row
    if work.maximum:
        return total
    return total / broadcast(<float>(layer.R * layer.S if work.count_padding else rows * columns))


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output rows of VLEN channels."""
    cdef const Work* work = <const Work*>context
    cdef const Job* job = &work.job
    cdef const Layer* layer = &job.layer
    cdef Block block = block_at(&work.blocks, work.chunks, index)
    cdef Py_ssize_t k = block.group * VLEN, channels = min(VLEN, layer.C - k)
    cdef Py_ssize_t p, q, h, w, r, s, rows, columns, top = 0
    cdef float* scratch = job.scratch + worker * job.scratch_size
    cdef float* sums = scratch + work.patch_size
    cdef float* turned = sums + VLEN * (work.pixels + VLEN)
    cdef const float* patch = job.x + (block.n * layer.C + k) * layer.H * layer.W
    if not layer.x_lanes:
        top = max(0, block.row * layer.stride_h - layer.pad_top)
        rows = (block.row + block.rows - 1) * layer.stride_h - layer.pad_top + (layer.R - 1) * layer.dilation_h + 1
        fill_lanes(layer, patch, channels, top, max(0, min(layer.H, rows) - top), 0, layer.W, scratch)
        patch = scratch
    for p in range(block.rows):
        h = (block.row + p) * layer.stride_h - layer.pad_top
        r = max(0, steps(-h, layer.dilation_h))                 # the first row of the window that lies in x
        rows = max(0, min(layer.R, steps(layer.H - h, layer.dilation_h)) - r)
        for q in range(layer.Q):
            w = q * layer.stride_w - layer.pad_left
            s = max(0, steps(-w, layer.dilation_w))
            columns = max(0, min(layer.S, steps(layer.W - w, layer.dilation_w)) - s)
            store(sums + (p * layer.Q + q) * VLEN,
                  combine(work, patch + ((h + r * layer.dilation_h - top) * layer.W + w + s * layer.dilation_w) * VLEN,
                          rows, columns))
    if layer.y_lanes:
        finish_lanes(job, block.n, k, 1, block.row * layer.Q, block.rows * layer.Q, sums, VLEN)
    else:
        transpose_matrix(sums, VLEN, block.rows * layer.Q, 1, turned, work.pixels + VLEN)
        finish(job, block.n, k, channels, block.row * layer.Q, block.rows * layer.Q, turned, work.pixels + VLEN)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Pool with `scratch_size` floats."""
    cdef Work work = (<const Work*>laid_out)[0]
    work.job.scratch = <float*>arena
    work.job.scratch_size = worker_scratch(&work)
    run_in_pool(block_task, &work, work.job.layer.N * work.chunks * work.blocks.down, threads)


def bind(Layer layer, const float[:, :, :, ::1] x, const float[::1] bias, float[:, :, :, ::1] y, int threads,
         bint maximum, bint count_padding) -> Call:
    """Return a call that pools x into y; `bias` is C zeros."""
    cdef Work work = work_of(layer)
    cdef Job* job = &work.job
    job.x = &x[0, 0, 0, 0]
    job.bias = &bias[0]
    job.residual = NULL
    job.y = &y[0, 0, 0, 0]
    work.maximum, work.count_padding = maximum, count_padding
    return call_of(start, &work, sizeof(work), threads, (x, bias, y))
