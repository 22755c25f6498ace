"""Depthwise convolution: each channel has one filter of its own. `algorithm="direct"` takes it for such layers.

    y[c, p, q] = sum over r, s of  x[c, p*stride + r*dilation, q*stride + s*dilation] * weight[c, r, s]

There is no sum over channels, so a tile has nothing to share. A vector holds one pixel of VLEN channels instead:

    weight  [C / VLEN][R*S][VLEN]               packed once, zero behind the last channel
    patch   [row][column][VLEN]                 see lanes.pxd
    sums    [pixel][VLEN]                       transposed at the end if y is plain: it keeps channels apart

RUN columns of outputs are computed from the top to the bottom. A vector of x is loaded once for all rows of the filter:
it adds to the sums of `lead` + 1 rows of outputs, of which the first is then complete. Filters that are common have a
copy of the loop each; the others read rows of x anew for each row of outputs. An x in lanes is read where it lies, but
for the columns at its left and right end.

Cost: N*C*P*Q * R*S multiply-adds, and each number of x and y is moved four times, or once if it is in lanes. With
nine multiply-adds for an output number there is little to compute: moving bounds it.
"""

import numpy as np

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, whole_lines
from kernels.call cimport Call, call_of
from kernels.counts cimport MOVED
from kernels.lanes cimport fill_lanes
from kernels.layer cimport Job, Layer, finish, finish_lanes, point_at
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport VLEN, transpose_matrix

cdef extern from *:
    """
    #include "simd.h"
    #define RUN 4                       /* columns that are summed side by side, to hide an addition's latency */

    typedef struct {
        const float *x;                 /* what the first row of the filter meets, at the first row of outputs */
        ptrdiff_t row;                  /* numbers of a row of x */
        ptrdiff_t h, H;                 /* number of that row in the image, which has H; others are padding */
        ptrdiff_t stride_h, dilation_h;
        ptrdiff_t across, apart;        /* of x from an output pixel to the next, and from a column of the filter */
        const float *w, *bias, *residual;
        int raw, activation;            /* whether y gets the sums alone */
        float slope;
        float *y;
        ptrdiff_t y_row, height;        /* numbers of a row of y; rows */
    } Columns;

    /* `count` columns of y. `fresh` rows of x, the last that a row of outputs meets, are those that no row above has
       met; it adds them to its own sums, and to those of the `lead` rows below. */
    INLINE void columns_of(const int rows, const int columns, const int fresh, const int lead, const Columns *of,
                           const ptrdiff_t across, const ptrdiff_t apart, ptrdiff_t count)
    {
        const Columns o = *of;
        vf sum[5][RUN] = {0};
        for (ptrdiff_t p = -lead; p < o.height; p++) {
            UNROLL(5)
            for (int r = rows - fresh; r < rows; r++) {
                const ptrdiff_t below = p * o.stride_h + r * o.dilation_h;
                if (o.h + below < 0 || o.h + below >= o.H) continue;
                UNROLL(5)
                for (int s = 0; s < columns; s++)
                    UNROLL(5)
                    for (int j = 0; j <= lead; j++)
                        if (r >= j * fresh) {
                            const vf weight = load(o.w + ((r - j * fresh) * columns + s) * VLEN);
                            UNROLL(4)
                            for (int i = 0; i < RUN; i++)
                                sum[j][i] += weight * load(o.x + below * o.row + s * apart + i * across);
                        }
            }
            UNROLL(4)
            for (int i = 0; i < RUN; i++)
                if (p >= 0 && i < count) {
                    vf v = sum[0][i];
                    if (!o.raw) {
                        v += load(o.bias);
                        if (o.residual) v += load(o.residual + p * o.y_row + i * VLEN);
                        v = activate(v, o.activation, o.slope);
                    }
                    store(o.y + p * o.y_row + i * VLEN, v);
                }
            UNROLL(5)
            for (int j = 0; j <= lead; j++)
                UNROLL(4)
                for (int i = 0; i < RUN; i++) sum[j][i] = j < lead ? sum[j + 1][i] : (vf){0};
        }
    }

    static void columns(int rows, int columns, const Columns *of, ptrdiff_t count)
    {
    #define COMMON(size, stride)                                                                                  \
        if (rows == size && columns == size && of->stride_h == stride && of->dilation_h == 1                      \
            && of->across == stride * VLEN && of->apart == VLEN) {                                                \
            columns_of(size, size, stride, (size - 1) / stride, of, stride * VLEN, VLEN, count);                  \
            return;                                                                                               \
        }
        COMMON(3, 1) COMMON(3, 2) COMMON(5, 1) COMMON(5, 2)
        columns_of(rows, columns, rows, 0, of, of->across, of->apart, count);
    }
    """
    const int RUN
    const int ACTIVATION_HARD_SIGMOID
    ctypedef struct Columns:
        const float* x
        Py_ssize_t row, h, H, stride_h, dilation_h, across, apart
        const float* w
        const float* bias
        const float* residual
        int raw, activation
        float slope
        float* y
        Py_ssize_t y_row, height
    void columns(int rows, int columns, const Columns* of, Py_ssize_t count) noexcept nogil

cdef Py_ssize_t CACHE = 32 * 1024       # numbers: a patch of 128 KiB leaves room for the sums in an L2 cache of 512 KiB


cdef struct Work:
    Job job
    Blocks blocks                       # of output pixels
    Py_ssize_t chunks                   # vectors of channels
    Py_ssize_t height, width            # of the patch; of an x in lanes, what RUN columns of outputs meet
    Py_ssize_t sums_step


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the blocks."""
    cdef Work work
    work.job.layer = layer
    work.blocks = cut(layer.P, layer.Q, CACHE // (VLEN * layer.stride_h * layer.stride_w), 4 * RUN)
    work.chunks = ceil_div(layer.C, VLEN)
    work.height = (work.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1
    work.width = (RUN - 1) * layer.stride_w + (layer.S - 1) * layer.dilation_w + 1
    if not layer.x_lanes:
        work.width += (ceil_div(work.blocks.columns, RUN) - 1) * RUN * layer.stride_w
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
    """Return how many floats a call needs as its arena."""
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
    cdef Py_ssize_t k = block.group * VLEN, channels = min(VLEN, layer.C - k), part, q, w
    cdef Py_ssize_t pixel = block.row * layer.Q + block.column, pixels = block.rows * block.columns
    cdef Py_ssize_t h = block.row * layer.stride_h - layer.pad_top, first = max(0, h)
    cdef Py_ssize_t rows = max(0, min(layer.H, h + work.height) - first)
    cdef Py_ssize_t at = (block.n * layer.C + k) * layer.P * layer.Q
    cdef float* patch = job.scratch + worker * job.scratch_size
    cdef float* sums = patch + VLEN * (work.width * work.height + VLEN)
    cdef float* turned = sums + VLEN * work.sums_step
    cdef const float* x = job.x + (block.n * layer.C + k) * layer.H * layer.W
    cdef Columns of
    of.stride_h, of.dilation_h, of.height = layer.stride_h, layer.dilation_h, block.rows
    of.across, of.apart, of.w = layer.stride_w * VLEN, layer.dilation_w * VLEN, job.weight + k * layer.R * layer.S
    of.activation, of.slope = layer.activation, layer.slope
    of.raw = not layer.y_lanes or layer.activation >= ACTIVATION_HARD_SIGMOID
    of.bias, of.residual = job.bias + k, NULL
    if not layer.x_lanes:
        w = block.column * layer.stride_w - layer.pad_left
        fill_lanes(layer, x, channels, h, work.height, w, work.width, patch)
    for part in range(ceil_div(block.columns, RUN)):
        q = part * RUN
        w = (block.column + q) * layer.stride_w - layer.pad_left
        if not layer.x_lanes:
            of.x, of.row, of.h, of.H = patch + q * of.across, work.width * VLEN, 0, work.height
        elif w >= 0 and w + work.width <= layer.W:
            of.x, of.row, of.h, of.H = x + (h * layer.W + w) * VLEN, layer.W * VLEN, h, layer.H
        else:
            fill_lanes(layer, x, channels, first, rows, w, work.width, patch + (first - h) * work.width * VLEN)
            of.x, of.row, of.h, of.H = patch, work.width * VLEN, h, layer.H
        if of.raw:
            of.y, of.y_row = sums + q * VLEN, block.columns * VLEN
        else:
            of.y, of.y_row = job.y + at + (pixel + q) * VLEN, layer.Q * VLEN
            if job.residual != NULL:
                of.residual = job.residual + at + (pixel + q) * VLEN
        columns(<int>layer.R, <int>layer.S, &of, block.columns - q)
    if not layer.y_lanes:
        transpose_matrix(sums, VLEN, pixels, 1, turned, work.sums_step)
        finish(job, block.n, k, channels, pixel, pixels, turned, work.sums_step)
    elif of.raw:
        for part in range(block.rows):
            finish_lanes(job, block.n, k, 1, pixel + part * layer.Q, block.columns, sums + part * of.y_row, VLEN)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` floats."""
    cdef Work work = (<const Work*>laid_out)[0]
    work.job.scratch = <float*>arena
    work.job.scratch_size = worker_scratch(&work)
    run_in_pool(block_task, &work, work.job.layer.N * work.chunks * work.blocks.down * work.blocks.across, threads)


def bind(Layer layer, x, weight, bias, residual, y, int threads) -> Call:
    """Return a call that computes the layer into y; `weight` comes from `pack`."""
    cdef Work work = work_of(layer)
    point_at(&work.job, x, weight, bias, residual, y)
    return call_of(start, &work, sizeof(work), threads, (x, weight, bias, residual, y))
