"""Convolution of 8-bit integers, exact: bytes are multiplied, their products are summed in 32 bits.

    sum[k, p, q] = sum over c, r, s of  (x[c, ...] - x_zero) * (w[k, c, r, s] - w_zero[k])  +  bias[k]
    y[k, p, q] = nearest(clamp(leaky_relu(scale[k] * sum[k, p, q]))) + y_zero    scale = x_scale * w_scale[k] / y_scale

The machine multiplies words of PER_WORD unsigned x with as many signed w (bytes.h). Zero points come out of the sum:

    sum of (x - x_zero) * (w - w_zero) = (sum of x*w) + offset - w_zero * (sum of x),   offset known beforehand

so a filter of ones is packed behind the others where a w_zero is not 0. A word holds neighbouring input channels of one
pixel; in a group of few channels it holds neighbouring pixels of a row instead, to meet as many filter elements.

    patch    [depth][phase_h][phase_w][row][column]                 words, see patch.pxd; padding holds x_zero
    weights  [groups][K / rows][taps][depth][rows]                  words, packed once
    tile     TILE_ROWS output channels x TILE_COLS pixels           pixels run on from row to row of the patch, and the
                                                                    few between the rows are computed and left out
Cost: N*K*P*Q * C/groups*R*S multiply-adds of bytes. Multiply-adds bound it; for few channels, bytes moved do.
"""

import numpy as np

from libc.string cimport memcpy

from kernels.blocks cimport (Block, Blocks, block_at, ceil_div, held_size, holds, nothing_held, share, splits_for,
                             whole_lines)
from kernels.call cimport Call, call_of
from kernels.counts cimport FEWEST_ROWS, streamed
from kernels.layer cimport Layer
from kernels.patch cimport Patch, in_one_row, patch_of, place_taps
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport TILE_COLS, TILE_ROWS, VLEN, broadcast
from kernels.bytes cimport (EXACT, EXACT_PER_WORD, Output, add_words, broadcast_word, dot_tile, load_words, make_words,
                            multiply_words, store_bytes, store_words, to_byte, vi)
from kernels.bytes_output cimport Ending, ending_of, image_at, words_at

cdef Py_ssize_t CACHE = 64 * 1024       # words: a patch of 256 KiB leaves room for weights in an L2 cache of 512 KiB
cdef Py_ssize_t PIXELS = 4096           # of a block at most: its outputs stay in the cache too


cdef struct Work:
    Layer layer
    Layer words                         # the same layer, of words in place of bytes
    Patch patch
    Ending ending
    int kind, per_word
    bint by_taps                        # a word holds neighbours of a row, not of the channels
    Py_ssize_t rows                     # output channels in a tile
    Py_ssize_t row_bytes                # in a row of x behind a block
    Py_ssize_t blocks, splits           # of output pixels, in all images and groups; of the output channels
    Py_ssize_t* tap
    Py_ssize_t* held                    # the block that each worker's scratch has a copy of
    const unsigned char* x
    int x_zero, flip                    # as bytes of x are; what makes bytes unsigned
    const int* weight
    const int* w_zero                   # (K,), or NULL
    unsigned char* y
    int* scratch
    Py_ssize_t scratch_size


cpdef bint reads_taps(Py_ssize_t C, Py_ssize_t S, int per_word) noexcept nogil:
    """Whether a word holds neighbouring columns of the filter, or channels: that of which fewer words are needed."""
    return C * ceil_div(S, per_word) < ceil_div(C, per_word) * S


cdef Work work_of(Layer layer, int kind, bint has_zeros) noexcept nogil:
    """Lay out the words, the patch and the tasks."""
    cdef Work work
    cdef Py_ssize_t C = layer.C // layer.groups
    layer = in_one_row(layer)
    work.layer = work.words = layer
    work.kind = kind
    work.per_word = EXACT_PER_WORD if kind == EXACT else 4
    work.by_taps = not layer.turned and reads_taps(C, layer.S, work.per_word)
    if work.by_taps:
        work.words.C = layer.groups * C * ceil_div(layer.S, work.per_word)
        work.words.S = 1
    else:
        work.words.C = layer.groups * ceil_div(C, work.per_word)
    cdef Py_ssize_t depth = work.words.C // layer.groups
    work.patch = patch_of(&work.words, min(CACHE, PIXELS * depth), 4 * TILE_COLS, False)
    work.row_bytes = (work.patch.width - 1) * layer.stride_w + work.patch.phases_w
    if work.by_taps:
        work.row_bytes += (ceil_div(layer.S, work.per_word) * work.per_word - 1) * layer.dilation_w
    work.rows = TILE_ROWS - has_zeros
    work.blocks = layer.N * layer.groups * work.patch.blocks.down * work.patch.blocks.across
    return work


def pack(const signed char[:, :, :, ::1] weight, Py_ssize_t groups, int kind, bint has_zeros):
    """Return weight (K, C/groups, R, S) as words, flat: [groups][blocks of K][taps][depth][rows].

    With zero points the last filter of each block is one of ones.
    """
    cdef int per_word = EXACT_PER_WORD if kind == EXACT else 4
    K, C, R, S = weight.shape[0] // groups, weight.shape[1], weight.shape[2], weight.shape[3]
    rows, place = TILE_ROWS - has_zeros, np.int8 if per_word == 4 else np.int16
    filters = np.asarray(weight).reshape(groups, K, C, R, S).astype(place)
    if reads_taps(C, S, per_word):          # [g, k, r, 1, c, s / per_word, within]
        filters = np.pad(filters, ((0, 0),) * 4 + ((0, -S % per_word),))
        ones = np.pad(np.ones((C, R, S), place), ((0, 0), (0, 0), (0, -S % per_word)))
        filters = filters.reshape(groups, K, C, R, -1, per_word).transpose(0, 1, 3, 2, 4, 5)
        ones = ones.reshape(C, R, -1, per_word).transpose(1, 0, 2, 3)
    else:                                   # [g, k, r, s, c / per_word, within]
        filters = np.pad(filters, ((0, 0), (0, 0), (0, -C % per_word), (0, 0), (0, 0)))
        ones = np.pad(np.ones((C, R, S), place), ((0, -C % per_word), (0, 0), (0, 0)))
        filters = filters.reshape(groups, K, -1, per_word, R, S).transpose(0, 1, 4, 5, 2, 3)
        ones = ones.reshape(-1, per_word, R, S).transpose(2, 3, 0, 1)
    words = np.ascontiguousarray(filters).view(np.int32).reshape(groups, K, -1)
    ones = np.broadcast_to(np.ascontiguousarray(ones).view(np.int32).reshape(-1), (groups, 1, words.shape[2]))
    blocks, packed = ceil_div(K, rows), []
    for b in range(blocks):
        block = words[:, share(K, blocks, b):share(K, blocks, b + 1)]
        packed.append((np.hstack([block, ones]) if has_zeros else block).transpose(0, 2, 1).reshape(groups, -1))
    return np.hstack(packed).reshape(-1)


cdef Py_ssize_t taps_size(const Work* work) noexcept nogil:
    return whole_lines(work.words.R * work.words.S * sizeof(Py_ssize_t) // sizeof(int))


cdef Py_ssize_t patch_size(const Work* work) noexcept nogil:
    """Words of a patch; whole vectors are written past its end, and a tile reads past it."""
    return whole_lines(work.words.C // work.layer.groups * work.patch.channel_step + TILE_COLS)


cdef Py_ssize_t flat_size(const Work* work) noexcept nogil:
    """Pixels of a block, counted through whole rows of the patch, in whole tiles."""
    return ceil_div(work.patch.blocks.rows * work.patch.width, TILE_COLS) * TILE_COLS


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Words that a worker needs: a patch, a tile, rows of x, and the outputs of a block."""
    return (patch_size(work) + TILE_ROWS * TILE_COLS + whole_lines(work.per_word * work.row_bytes // 4 + VLEN)
            + TILE_ROWS * flat_size(work))


def scratch_size(Layer layer, int threads, int kind, bint has_zeros) -> int:
    """Return how many words a call needs as its arena."""
    cdef Work work = work_of(layer, kind, has_zeros)
    return taps_size(&work) + held_size(threads) + threads * worker_scratch(&work)


def cost(Layer layer, int kind, bint has_zeros) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer, kind, has_zeros)
    cdef Blocks* blocks = &work.patch.blocks
    cdef Py_ssize_t K = layer.K // layer.groups, channel_blocks = ceil_div(K, work.rows)
    cdef Py_ssize_t depth = work.words.C // layer.groups, taps = work.words.R * work.words.S
    cdef double pixels = <double>ceil_div(blocks.rows * work.patch.width, TILE_COLS) * TILE_COLS // VLEN
    cdef double rows = max(<double>K / channel_blocks, FEWEST_ROWS) + has_zeros
    return (work.blocks * channel_blocks * rows * pixels * taps * depth,
            <double>work.blocks * depth * work.patch.channel_step / VLEN, 0.25 * work.blocks * K * pixels,
            streamed(work.blocks * <double>K * taps * depth))


cdef inline void put(unsigned char* bytes, Py_ssize_t count, int value) noexcept nogil:
    """Padding at a border: few bytes, so that a call of memset would cost more."""
    cdef Py_ssize_t i
    for i in range(count):
        bytes[i] = <unsigned char>value


cdef void copy_rows(const Work* work, Block block, Py_ssize_t c, Py_ssize_t h, unsigned char* rows) noexcept nogil:
    """Row h of channel c, and of those that share its words, from where the block begins and with its padding."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t C = layer.C // layer.groups, w = block.column * layer.stride_w - layer.pad_left, b
    cdef Py_ssize_t before = min(work.row_bytes, max(0, -w))
    cdef Py_ssize_t inside = max(before, min(work.row_bytes, layer.W - w))
    cdef const unsigned char* x = work.x + ((block.n * layer.C + block.group * C) * layer.H + h) * layer.W + w
    for b in range(1 if work.by_taps else work.per_word):
        put(rows, before, work.x_zero)
        memcpy(rows + before, x + min(c + b, C - 1) * layer.H * layer.W + before, inside - before)
        put(rows + inside, work.row_bytes - inside, work.x_zero)
        rows += work.row_bytes


cdef void fill_patch(const Work* work, Block block, unsigned char* rows, int* patch) noexcept nogil:
    """Make the words of every input that the block's outputs need."""
    cdef const Layer* layer = &work.layer
    cdef const Patch* shape = &work.patch
    cdef Py_ssize_t pieces = ceil_div(layer.S, work.per_word) if work.by_taps else 1
    cdef Py_ssize_t step = layer.dilation_w if work.by_taps else work.row_bytes
    cdef Py_ssize_t c, word, phase_h, phase_w, row, h, i, first
    cdef unsigned int ones = 0x01010101 if work.per_word == 4 else 0x00010001
    cdef int flips = <int>(ones * <unsigned int>work.flip)
    cdef int zeros = <int>(ones * <unsigned int>(work.x_zero ^ work.flip))
    for word in range(work.words.C // layer.groups):
        c = word // pieces if work.by_taps else word * work.per_word
        first = word % pieces * work.per_word * layer.dilation_w
        for phase_h in range(shape.phases_h):
            for phase_w in range(shape.phases_w):
                for row in range(shape.height):
                    h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                    if 0 <= h < layer.H:
                        copy_rows(work, block, c, h, rows)
                        make_words(work.per_word, layer.stride_w, rows + first + phase_w, step, shape.width,
                                   flips, patch)
                    else:
                        for i in range(shape.width):
                            patch[i] = zeros
                    patch += shape.width


cdef void finish_tile(const Work* work, Py_ssize_t k, Py_ssize_t rows, Py_ssize_t vecs, const int* sums,
                      unsigned char* out, Py_ssize_t out_step) noexcept nogil:
    """Turn the sums of a tile into numbers of y."""
    cdef Py_ssize_t i, j, vec
    cdef vi v
    for i in range(rows):
        for vec in range(vecs):
            j = vec * VLEN
            v = add_words(load_words(sums + i * TILE_COLS + j), broadcast_word(work.ending.offset[k + i]))
            if work.w_zero != NULL:         # the row behind the others holds the sums of x
                v = add_words(v, multiply_words(broadcast_word(-work.w_zero[k + i]),
                                                load_words(sums + rows * TILE_COLS + j)))
            if work.ending.scale == NULL:
                store_words(<int*>(out + i * out_step) + j, v)
            else:
                store_bytes(out + i * out_step + j,
                            to_byte(v, broadcast(work.ending.scale[k + i]), &work.ending.output))


cdef void write_rows(const Work* work, Block block, Py_ssize_t k, const unsigned char* flat) noexcept nogil:
    """Copy one output channel of a block to y, without what lies between the rows."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t size = work.ending.output.size, _p, rows = block.rows, bytes = block.columns * size
    cdef unsigned char* y = work.y + (((block.n * layer.K + k) * layer.P + block.row) * layer.Q + block.column) * size
    if block.columns == work.patch.width and block.columns == layer.Q:
        rows, bytes = 1, rows * bytes               # nothing lies between
    for _p in range(rows):
        memcpy(y, flat, bytes)
        y += layer.Q * size
        flat += work.patch.width * size


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its patch, then the tiles of its share of the output channels."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef Block block = block_at(&work.patch.blocks, layer.groups, index // work.splits)
    cdef Py_ssize_t K = layer.K // layer.groups, depth = work.words.C // layer.groups
    cdef Py_ssize_t taps = work.words.R * work.words.S, has_zeros = work.w_zero != NULL
    cdef Py_ssize_t channel_blocks = ceil_div(K, work.rows), split = index % work.splits
    cdef Py_ssize_t pixels = (block.rows - 1) * work.patch.width + block.columns, size = work.ending.output.size
    cdef Py_ssize_t out_step = flat_size(work) * size, b, k, t, i, j, rows, vecs
    cdef int* patch = work.scratch + worker * work.scratch_size
    cdef int* sums = patch + patch_size(work)
    cdef unsigned char* out = <unsigned char*>(sums + TILE_ROWS * TILE_COLS)
    cdef const int* weight
    if not holds(work.held, worker, index // work.splits):
        fill_patch(work, block, out + TILE_ROWS * out_step, patch)
    for b in range(share(channel_blocks, work.splits, split), share(channel_blocks, work.splits, split + 1)):
        k = share(K, channel_blocks, b)
        rows = share(K, channel_blocks, b + 1) - k
        weight = work.weight + (block.group * (K + channel_blocks * has_zeros) + k + b * has_zeros) * taps * depth
        for t in range(ceil_div(pixels, TILE_COLS)):
            j = t * TILE_COLS
            vecs = min(TILE_COLS, pixels - j + VLEN - 1) // VLEN
            dot_tile(work.kind, <int>(rows + has_zeros), <int>vecs, taps, work.tap, depth, weight,
                     patch + j, work.patch.channel_step, sums)
            finish_tile(work, block.group * K + k, rows, vecs, sums, out + j * size, out_step)
        for i in range(rows):
            write_rows(work, block, block.group * K + k + i, out + i * out_step)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` words."""
    cdef Work work = (<const Work*>laid_out)[0]
    cdef int* scratch = <int*>arena
    work.tap = <Py_ssize_t*>scratch
    place_taps(&work.words, &work.patch, work.tap)
    work.held = nothing_held(scratch + taps_size(&work), threads)
    work.scratch = scratch + taps_size(&work) + held_size(threads)
    work.scratch_size = worker_scratch(&work)
    work.splits = splits_for(work.blocks, ceil_div(work.layer.K // work.layer.groups, work.rows), threads)
    run_in_pool(block_task, &work, work.blocks * work.splits, threads)


def bind(Layer layer, x, int x_zero, int flip, weight, offset, w_zero, scale, Output output, y, int threads,
         int kind) -> Call:
    """Return a call that computes the layer into y.

    `weight` comes from `pack`. x and y are bytes in memory: x_zero is a byte of x, and flip (0 or 128) makes signed
    ones unsigned; y has `output.size` bytes a number. w_zero and scale may be None: no zero points, the sums
    themselves.
    """
    cdef Work work = work_of(layer, kind, w_zero is not None)
    work.x, work.x_zero, work.flip, work.y = image_at(x), x_zero, flip, image_at(y)
    work.weight, work.w_zero, work.ending = words_at(weight), words_at(w_zero), ending_of(output, offset, scale)
    return call_of(start, &work, sizeof(work), threads, (x, weight, offset, w_zero, scale, y))
