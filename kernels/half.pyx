"""Convolution in floats of 16 bits, as direct.pyx; compiled twice: as `half` for float16, as `bfloat` for bfloat16.

    y[k, p, q] = sum over (r, s), c of  patch[c, p*stride + r*dilation, q*stride + s*dilation] * weight[k, c, r, s]

A sum in float16 has 11 bits of precision: each step may lose what is smaller than a two-thousandth of the sum. So the
micro-kernel sums only SPILL steps in 16 bits and adds them to a sum in 32 (half.h). Products of bfloat16 are summed in
32 bits: a vector then has half as many sums, each of which takes a word of two channels in a step. A row of a tile is
an output channel, a column a pixel; pixels run on from row to row of the patch, as in bytes_plain.pyx.

    weight  [groups][K / TILE_ROWS][R*S][C / WORD][rows][WORD]      16 bits each, packed once
    patch   [C / WORD][phase_h][phase_w][row][column][WORD]         16 bits each, see patch.pxd
    sums    [TILE_ROWS][pixels of a block]                          float32

Cost: N*K*P*Q * C/groups*R*S multiply-adds, and for float16 an eighth more for the sums in 32 bits. Multiply-adds bound
it.
"""

import numpy as np

from libc.string cimport memset

from kernels.blocks cimport Block, block_at, ceil_div, held_size, holds, nothing_held, share, splits_for, whole_lines
from kernels.call cimport Call, call_of
from kernels.counts cimport row_vectors
from kernels.layer cimport Layer, steps
from kernels.patch cimport Patch, in_one_row, patch_of, place_taps
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport TILE_ROWS, VLEN, activate, broadcast, load, vf

cdef extern from "half.h" nogil:
    const int HALF_LANES
    const int HALF_COLS
    const int SPILL
    const int WORD
    ctypedef unsigned short half        # to Cython; in C it is _Float16 where the compiler has that
    ctypedef unsigned int word
    void copy_words(const half* x, Py_ssize_t stride, Py_ssize_t beside, Py_ssize_t count, word* out)
    vf load_halves(const half* p, Py_ssize_t n)
    void store_halves(half* p, vf v, Py_ssize_t n)
    void half_tile(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth, const word* w,
                   const word* x, Py_ssize_t x_step, float* out, Py_ssize_t out_step)
    float half_chains(Py_ssize_t steps)

cdef Py_ssize_t CACHE = 128 * 1024      # numbers: a patch of 256 KiB leaves room for weights in an L2 cache of 512 KiB
cdef Py_ssize_t PIXELS = 4096           # of a block at most: its sums stay in the cache too


cdef struct Work:
    Layer layer
    Patch patch
    Py_ssize_t blocks, splits           # of output pixels, in all images and groups; of the output channels
    Py_ssize_t* tap
    Py_ssize_t* held                    # the block that each worker's scratch has a copy of
    const half* x
    const word* weight
    const float* bias
    const half* residual                # or NULL
    half* y
    float* scratch
    Py_ssize_t scratch_size


def multiply_adds(Py_ssize_t rounds) -> int:
    """Run `rounds` rounds of independent multiply-adds in registers; return how many that were. As `probe.fma`."""
    cdef float total
    with nogil:
        total = half_chains(rounds)
    return 12 * HALF_LANES * WORD * rounds if total == total else 0     # a used total keeps the loop from being removed


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the patch and the tasks."""
    cdef Work work
    work.layer = in_one_row(layer)
    work.patch = patch_of(&work.layer, min(CACHE, PIXELS * (layer.C // layer.groups)), 4 * HALF_COLS, False)
    work.blocks = layer.N * layer.groups * work.patch.blocks.down * work.patch.blocks.across
    return work


cdef inline Py_ssize_t words(Py_ssize_t channels) noexcept nogil:
    """How many words these channels fill; beside the last may be a zero."""
    return ceil_div(channels, WORD)


def pack(weight, Py_ssize_t groups):
    """Return weight (K, C/groups, R, S) as a flat array [groups][blocks of K][R*S][words of C][rows][WORD]."""
    K, C, taps = weight.shape[0] // groups, weight.shape[1], weight.shape[2] * weight.shape[3]
    padded = np.zeros((groups, K, words(C) * WORD, taps), weight.dtype)
    padded[:, :, :C] = weight.reshape(groups, K, C, taps)
    filters = padded.reshape(groups, K, -1, WORD, taps).transpose(0, 4, 2, 1, 3)
    blocks = ceil_div(K, TILE_ROWS)
    parts = [filters[..., share(K, blocks, b):share(K, blocks, b + 1), :].reshape(groups, -1) for b in range(blocks)]
    return np.hstack(parts).reshape(-1)


cdef Py_ssize_t taps_size(const Layer* layer) noexcept nogil:
    return whole_lines(layer.R * layer.S * sizeof(Py_ssize_t) // sizeof(float))


cdef Py_ssize_t patch_size(const Work* work) noexcept nogil:
    """Floats that hold a patch; a tile reads whole vectors past its end."""
    cdef Py_ssize_t size = words(work.layer.C // work.layer.groups) * work.patch.channel_step + HALF_COLS
    return whole_lines(size * WORD // 2 + 1)


cdef Py_ssize_t flat_size(const Work* work) noexcept nogil:
    """Pixels of a block, counted through whole rows of the patch, in whole tiles; the last row is read in vectors."""
    return ceil_div(work.patch.blocks.rows * work.patch.width + VLEN - 1, HALF_COLS) * HALF_COLS


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Floats that a worker needs: a patch, and the sums of a block."""
    return patch_size(work) + TILE_ROWS * flat_size(work)


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats a call needs as its arena."""
    cdef Work work = work_of(layer)
    return taps_size(&layer) + held_size(threads) + threads * worker_scratch(&work)


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer)
    cdef double C = layer.C // layer.groups, K = layer.K // layer.groups, blocks = work.blocks
    cdef double vectors = blocks * ceil_div(work.patch.blocks.rows * work.patch.width, HALF_LANES)
    cdef double depth = words(layer.C // layer.groups)
    cdef double copies = blocks * C * work.patch.phases_h * work.patch.phases_w * work.patch.height
    return (vectors * K * depth * layer.R * layer.S * (1 + 4.0 / SPILL),        # a spill is two vectors of floats
            copies * row_vectors(work.patch.width, layer.stride_w) / 2,
            2 * vectors * K / WORD,
            0.0)


cdef void copy_row(const half* x, Py_ssize_t beside, Py_ssize_t width, Py_ssize_t w, Py_ssize_t stride,
                   Py_ssize_t count, word* out) noexcept nogil:
    """out[i] = x[w + i*stride] for i < count, and zero outside of 0 .. width - 1; `beside` is that of copy_words."""
    cdef Py_ssize_t before = min(count, max(0, steps(-w, stride)))
    cdef Py_ssize_t inside = max(before, min(count, steps(width - w, stride)))
    memset(out, 0, before * sizeof(word))
    if inside > before:
        copy_words(x + w + before * stride, stride, beside, inside - before, out + before)
    memset(out + inside, 0, (count - inside) * sizeof(word))


cdef void fill_patch(const Work* work, Block block, word* out) noexcept nogil:
    """Copy what a block of output pixels needs of every input channel of its group."""
    cdef const Layer* layer = &work.layer
    cdef const Patch* patch = &work.patch
    cdef Py_ssize_t C = layer.C // layer.groups, plane = layer.H * layer.W
    cdef Py_ssize_t chunk, c, beside, phase_h, phase_w, row, h, w
    for chunk in range(words(C)):
        c = chunk * WORD
        beside = plane if c + WORD <= C else 0
        for phase_h in range(patch.phases_h):
            for phase_w in range(patch.phases_w):
                w = block.column * layer.stride_w + phase_w - layer.pad_left
                for row in range(patch.height):
                    h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                    copy_row(work.x + (block.n * layer.C + block.group * C + c) * plane + h * layer.W, beside,
                             layer.W if 0 <= h < layer.H else 0, w, layer.stride_w, patch.width, out)
                    out += patch.width


cdef void finish_rows(const Work* work, Block block, Py_ssize_t k, const float* sums) noexcept nogil:
    """y = activation(sums + bias + residual) of one output channel of a block, without what lies between the rows."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t p, j, part, count, at
    cdef vf v
    for p in range(block.rows):
        at = ((block.n * layer.K + k) * layer.P + block.row + p) * layer.Q + block.column
        for part in range(ceil_div(block.columns, VLEN)):
            j = part * VLEN
            count = min(VLEN, block.columns - j)
            v = load(sums + p * work.patch.width + j) + broadcast(work.bias[k])
            if work.residual != NULL:
                v = v + load_halves(work.residual + at + j, count)
            store_halves(work.y + at + j, activate(v, layer.activation, layer.slope), count)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its patch, then the tiles of its share of the output channels."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef Block block = block_at(&work.patch.blocks, layer.groups, index // work.splits)
    cdef Py_ssize_t depth = words(layer.C // layer.groups), K = layer.K // layer.groups, taps = layer.R * layer.S
    cdef Py_ssize_t channel_blocks = ceil_div(K, TILE_ROWS), split = index % work.splits, flat = flat_size(work)
    cdef Py_ssize_t pixels = (block.rows - 1) * work.patch.width + block.columns, b, k, t, i, rows, vecs
    cdef float* scratch = work.scratch + worker * work.scratch_size
    cdef word* patch = <word*>scratch
    cdef float* sums = scratch + patch_size(work)
    if not holds(work.held, worker, index // work.splits):
        fill_patch(work, block, patch)
    for b in range(share(channel_blocks, work.splits, split), share(channel_blocks, work.splits, split + 1)):
        k = share(K, channel_blocks, b)
        rows = share(K, channel_blocks, b + 1) - k
        for t in range(ceil_div(pixels, HALF_COLS)):
            vecs = ceil_div(min(HALF_COLS, pixels - t * HALF_COLS), HALF_LANES)
            half_tile(<int>rows, <int>vecs, taps, work.tap, depth, work.weight + (block.group * K + k) * taps * depth,
                      patch + t * HALF_COLS, work.patch.channel_step, sums + t * HALF_COLS, flat)
        for i in range(rows):
            finish_rows(work, block, block.group * K + k + i, sums + i * flat)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` floats."""
    cdef Work work = (<const Work*>laid_out)[0]
    cdef const Layer* layer = &work.layer
    cdef float* scratch = <float*>arena
    work.tap = <Py_ssize_t*>scratch
    place_taps(layer, &work.patch, work.tap)
    work.held = nothing_held(scratch + taps_size(layer), threads)
    work.scratch = scratch + taps_size(layer) + held_size(threads)
    work.scratch_size = worker_scratch(&work)
    work.splits = splits_for(work.blocks, ceil_div(layer.K // layer.groups, TILE_ROWS), threads)
    run_in_pool(block_task, &work, work.blocks * work.splits, threads)


def bind(Layer layer, x, weight, const float[::1] bias, residual, y, int threads) -> Call:
    """Return a call that computes the layer into y; `weight` comes from `pack`.

    x, weight, residual (or None) and y have 16 bits; Cython has no memory view of such floats, so these are their bits.
    """
    cdef Work work = work_of(layer)
    cdef const unsigned short[:, :, :, ::1] x_bits = x.view(np.uint16), residual_bits
    cdef unsigned short[:, :, :, ::1] y_bits = y.view(np.uint16)
    cdef const unsigned short[::1] weight_bits = weight.view(np.uint16)
    work.x, work.y, work.residual = <const half*>&x_bits[0, 0, 0, 0], <half*>&y_bits[0, 0, 0, 0], NULL
    if residual is not None:
        residual_bits = residual.view(np.uint16)
        work.residual = <const half*>&residual_bits[0, 0, 0, 0]
    work.weight, work.bias = <const word*>&weight_bits[0], &bias[0]
    return call_of(start, &work, sizeof(work), threads, (x, weight, bias, residual, y))
