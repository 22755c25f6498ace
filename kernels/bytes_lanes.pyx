"""Convolution of 8-bit integers between images in lanes; the sums are those of bytes_plain.pyx, with its formula.

    sum[k, p, q] = sum over r, s, c of  x[c, p*stride + r*dilation, q*stride + s*dilation] * w[k, c, r, s] + offset[k]
    y[k, p, q] = nearest(clamp(leaky_relu(scale[k] * sum[k, p, q]))) + y_zero

A row of a tile is an output pixel, a column an output channel, as in direct.pyx: a word of x, which holds neighbouring
channels of a pixel, meets the same ones of TILE_COLS filters. The sums of a pixel come out side by side, as y in
lanes lies. A plain x is put in lanes while it is copied, so its last lanes may be empty; a plain y is turned last.

    x, y     [N][C / VLEN][H][W][VLEN]                               bytes, in lanes
    patch    [C / VLEN][phase_h][phase_w][row][column][VLEN]         operands, see patch.pxd; padding holds x_zero
    weights  [K / TILE_COLS][R*S][C / VLEN][depth][TILE_COLS]        words, packed once, 0 for what is not there

An x of unsigned bytes in lanes that needs neither padding nor phases is read where it lies, if a word holds four bytes.
Cost: N*K*P*Q * C*R*S multiply-adds of bytes, and one copy of x or none. Multiply-adds bound it.
"""

import numpy as np

from libc.string cimport memcpy

from kernels.blocks cimport (Block, Blocks, block_at, ceil_div, held_size, holds, nothing_held, share, splits_for,
                             whole_lines)
from kernels.call cimport Call, call_of
from kernels.counts cimport FEWEST_ROWS, MOVED, streamed
from kernels.layer cimport Layer, steps
from kernels.patch cimport Patch, in_one_row, patch_of, place_taps
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport Ahead, TILE_COLS, TILE_ROWS, VLEN, ahead_of, load, vf
from kernels.bytes cimport EXACT_PER_WORD, Finish, Output, dot_tile_of_lanes, end_pixels, load_words, operand
from kernels.bytes_output cimport Ending, end_pixel, ending_of, image_at, words_at, write_planes
from kernels.bytes_planes cimport planes_to_lanes

cdef Py_ssize_t CACHE = 64 * 1024       # words: a patch of 256 KiB leaves room for weights in an L2 cache of 512 KiB

cdef enum:
    PIECE = 64                          # pixels that are put in lanes at a time
    MOST_LANES = 16                     # VLEN, at most


cdef struct Work:
    Layer layer
    Patch patch
    Ending ending
    Py_ssize_t chunks, depth            # vectors of input channels; words of each that hold channels
    Py_ssize_t blocks, splits           # of output pixels, in all images; of the output channels
    Py_ssize_t taps
    Py_ssize_t* tap                     # where each chunk of a filter element begins in the patch, in words
    Py_ssize_t* held                    # the block that each worker's scratch has a copy of
    const unsigned char* x
    int x_zero, flip                    # as bytes of x are; what makes bytes unsigned
    const int* weight
    unsigned char* y
    bint in_registers                   # sums become bytes before they are stored
    int* scratch
    Py_ssize_t scratch_size


cdef Work work_of(Layer layer, int flip) noexcept nogil:
    """Lay out the patch and the tasks."""
    cdef Work work
    cdef Py_ssize_t pixel_words = VLEN // EXACT_PER_WORD
    work.layer = layer = in_one_row(layer)
    work.flip = flip
    work.chunks = ceil_div(layer.C, VLEN)
    work.depth = min(pixel_words, ceil_div(layer.C, EXACT_PER_WORD))
    layer.C = work.chunks * pixel_words
    layer.x_lanes = layer.x_lanes and EXACT_PER_WORD == 4 and not flip
    work.patch = patch_of(&layer, CACHE, 4 * TILE_ROWS, layer.x_lanes)
    work.taps = layer.R * layer.S * work.chunks
    work.blocks = layer.N * work.patch.blocks.down * work.patch.blocks.across
    return work


def pack(const signed char[:, :, :, ::1] weight):
    """Return weight (K, C, R, S) as words, flat: [blocks of K][R*S][chunks of C][depth][TILE_COLS]."""
    cdef Py_ssize_t K = weight.shape[0], C = weight.shape[1], taps = weight.shape[2] * weight.shape[3]
    place = np.int8 if EXACT_PER_WORD == 4 else np.int16
    chunks, depth = ceil_div(C, VLEN), min(VLEN // EXACT_PER_WORD, ceil_div(C, EXACT_PER_WORD))
    blocks = ceil_div(K, TILE_COLS)
    packed = np.zeros((blocks, taps, chunks * depth, TILE_COLS, EXACT_PER_WORD), place)
    channels = packed.reshape(blocks, taps, -1, TILE_COLS, EXACT_PER_WORD)
    for k in range(K):
        of_k = np.zeros((taps, chunks * depth * EXACT_PER_WORD), place)
        of_k[:, :C] = np.asarray(weight[k]).reshape(C, taps).T
        channels[k // TILE_COLS, :, :, k % TILE_COLS] = of_k.reshape(taps, -1, EXACT_PER_WORD)
    return packed.reshape(-1).view(np.int32)


cdef Py_ssize_t taps_size(const Work* work) noexcept nogil:
    return whole_lines(work.taps * sizeof(Py_ssize_t) // sizeof(int))


cdef Py_ssize_t patch_size(const Work* work) noexcept nogil:
    """Words of a patch; none if x itself is the patch."""
    return 0 if work.patch.in_place else whole_lines(work.chunks * work.patch.channel_step * VLEN // EXACT_PER_WORD)


cdef Py_ssize_t block_bytes(const Work* work) noexcept nogil:
    """Bytes of a block's outputs for TILE_COLS channels, before they are turned; none if y is in lanes."""
    return 0 if work.layer.y_lanes else work.patch.blocks.rows * work.patch.blocks.columns * TILE_COLS


cdef bint turns_rows(const Work* work) noexcept nogil:
    """Whether whole rows of a plain x are put in lanes before they are copied: once, and not for each phase."""
    return not work.layer.x_lanes and work.patch.blocks.across == 1


cdef Py_ssize_t rows_of(const Work* work) noexcept nogil:
    """Rows of x behind a block, at most."""
    cdef const Layer* layer = &work.layer
    return min(layer.H, (work.patch.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1)


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Words that a worker needs: a patch, then rows of x in lanes; or a tile, and outputs before they are turned."""
    cdef Py_ssize_t rows = rows_of(work) * work.layer.W * VLEN if turns_rows(work) else 0
    return patch_size(work) + whole_lines(max(ceil_div(rows, sizeof(int)),
                                              TILE_ROWS * TILE_COLS + ceil_div(block_bytes(work), sizeof(int))))


def scratch_size(Layer layer, int threads, int flip) -> int:
    """Return how many words a call needs as its arena."""
    cdef Work work = work_of(layer, flip)
    return taps_size(&work) + held_size(threads) + threads * worker_scratch(&work)


def cost(Layer layer, int flip) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer, flip)
    cdef Blocks* blocks = &work.patch.blocks
    cdef Py_ssize_t pieces = ceil_div(blocks.columns, TILE_ROWS), vecs = ceil_div(layer.K, VLEN)
    cdef double depth = work.taps * work.depth, rows = <double>work.layer.N * blocks.height * blocks.across
    cdef double copied = <double>work.blocks * work.patch.channel_step * work.chunks
    return (rows * pieces * depth * vecs * max(<double>blocks.columns / pieces, FEWEST_ROWS),
            0 if work.patch.in_place else copied * (MOVED if layer.x_lanes else 1),
            vecs * rows * blocks.columns * (1 if layer.y_lanes else 2), streamed(work.blocks * depth * vecs * VLEN))


cdef inline void put(operand* out, Py_ssize_t pixels, int value) noexcept nogil:
    """Padding."""
    cdef Py_ssize_t i
    for i in range(pixels * VLEN):
        out[i] = <operand>value


cdef inline void copy_lanes(const unsigned char* x, Py_ssize_t step, Py_ssize_t pixels, int flip,
                            operand* out) noexcept nogil:
    """Pixels in lanes, `step` of them apart; each as a whole, or clang takes one number at a time."""
    cdef Py_ssize_t i, lane
    cdef operand[MOST_LANES] pixel
    if step == 1:
        for i in range(pixels * VLEN):
            out[i] = <operand>(x[i] ^ flip)
        return
    for i in range(pixels):
        for lane in range(VLEN):
            pixel[lane] = <operand>(x[i * step * VLEN + lane] ^ flip)
        memcpy(out + i * VLEN, pixel, VLEN * sizeof(operand))


cdef inline void copy_planes(const unsigned char* x, Py_ssize_t plane, Py_ssize_t channels, Py_ssize_t step,
                             Py_ssize_t pixels, int flip, operand* out) noexcept nogil:
    """The same from planes; what lanes behind the channels hold meets weights of 0."""
    cdef Py_ssize_t i = 0, count, most = max(1, PIECE // step)
    cdef unsigned char[PIECE * MOST_LANES] turned
    while i < pixels:
        count = min(most, pixels - i)
        planes_to_lanes(x + i * step, plane, channels, (count - 1) * step + 1, turned)
        copy_lanes(turned, step, count, flip, out + i * VLEN)
        i += count


cdef void fill_patch(const Work* work, Block block, operand* out, unsigned char* turned) noexcept nogil:
    """Copy what a block of output pixels needs of every input channel."""
    cdef const Layer* layer = &work.layer
    cdef const Patch* patch = &work.patch
    cdef Py_ssize_t chunk, phase_h, phase_w, row, h, w, before, inside, channels, stride = layer.stride_w
    cdef Py_ssize_t plane = layer.H * layer.W, from_row = block.row * layer.stride_h - layer.pad_top
    cdef Py_ssize_t first = max(0, from_row)
    cdef Py_ssize_t end = max(first, min(layer.H, from_row + (block.rows - 1) * layer.stride_h
                                         + (layer.R - 1) * layer.dilation_h + 1))
    cdef bint turns = turns_rows(work)
    cdef int zero = work.x_zero ^ work.flip
    cdef const unsigned char* x
    for chunk in range(work.chunks):
        x = work.x + (block.n * layer.C + chunk * VLEN) * plane
        channels = min(VLEN, layer.C - chunk * VLEN)
        if turns:
            planes_to_lanes(x + first * layer.W, plane, channels, (end - first) * layer.W, turned)
        for phase_h in range(patch.phases_h):
            for phase_w in range(patch.phases_w):
                w = block.column * stride + phase_w - layer.pad_left
                before = min(patch.width, max(0, steps(-w, stride)))
                inside = max(before, min(patch.width, steps(layer.W - w, stride)))
                w += before * stride
                for row in range(patch.height):
                    h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                    if first <= h < end:
                        put(out, before, zero)
                        if turns:
                            copy_lanes(turned + ((h - first) * layer.W + w) * VLEN, stride, inside - before, work.flip,
                                       out + before * VLEN)
                        elif layer.x_lanes:
                            copy_lanes(x + (h * layer.W + w) * VLEN, stride, inside - before, work.flip,
                                       out + before * VLEN)
                        else:
                            copy_planes(x + h * layer.W + w, plane, channels, stride, inside - before, work.flip,
                                        out + before * VLEN)
                        put(out + inside * VLEN, patch.width - inside, zero)
                    else:
                        put(out, patch.width, zero)
                    out += patch.width * VLEN


cdef inline void finish_tile(const Work* work, Py_ssize_t k, Py_ssize_t vecs, Py_ssize_t pixels, const int* sums,
                             unsigned char* out, Py_ssize_t pixel_step, Py_ssize_t vec_step) noexcept nogil:
    """Turn the sums of a tile, offset and all, into bytes of y: those of a pixel are VLEN side by side."""
    cdef Py_ssize_t i, j
    cdef vf scale
    for j in range(vecs):
        scale = load(work.ending.scale + k + j * VLEN)
        if pixel_step == VLEN:
            end_pixels(sums + j * VLEN, TILE_COLS, pixels, scale, &work.ending.output, out)
        else:
            for i in range(pixels):
                end_pixel(&work.ending, load_words(sums + i * TILE_COLS + j * VLEN), scale, out + i * pixel_step)
        out += vec_step


cdef inline void channels_task(const Work* work, Block block, Py_ssize_t k, const int* patch, int* sums) noexcept nogil:
    """The outputs of a block for TILE_COLS output channels, from k on."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t pieces = ceil_div(block.columns, TILE_ROWS), steps_of_tile = work.taps * work.depth
    cdef Py_ssize_t vecs = ceil_div(min(TILE_COLS, layer.K - k), VLEN), plane = layer.P * layer.Q * VLEN
    cdef Py_ssize_t p, piece, q, count
    cdef const int* weight = work.weight + k * steps_of_tile
    cdef unsigned char* turned = <unsigned char*>(sums + TILE_ROWS * TILE_COLS)
    cdef unsigned char* y = work.y + (block.n * layer.K + k) * layer.P * layer.Q
    cdef Ahead ahead = ahead_of(<const float*>(weight + TILE_COLS * steps_of_tile), steps_of_tile, TILE_COLS, 0,
                                block.rows * pieces)
    cdef Finish finish
    cdef const Finish* in_registers = &finish if work.in_registers else NULL
    finish.scale, finish.output, finish.step = work.ending.scale + k, &work.ending.output, plane
    for p in range(block.rows):
        q = 0
        for piece in range(pieces):
            count = (block.columns - q) // (pieces - piece)
            finish.y = y + ((block.row + p) * layer.Q + block.column + q) * VLEN
            dot_tile_of_lanes(<int>count, <int>vecs, work.taps, work.tap, work.depth,
                              patch + (p * work.patch.width + q) * (VLEN // EXACT_PER_WORD), weight,
                              work.ending.offset + k, sums, in_registers, ahead)
            if not layer.y_lanes:
                finish_tile(work, k, vecs, count, sums, turned + (p * block.columns + q) * TILE_COLS, TILE_COLS, VLEN)
            elif not work.in_registers:
                finish_tile(work, k, vecs, count, sums, finish.y, VLEN, plane)
            ahead.at += steps_of_tile * ahead.step
            q += count
    if not layer.y_lanes:
        write_planes(layer, 1, block, k, turned, block.columns, work.y)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels: its patch, then the tiles of its share of the output channels."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef Block block = block_at(&work.patch.blocks, 1, index // work.splits)
    cdef Py_ssize_t channel_blocks = ceil_div(layer.K, TILE_COLS), split = index % work.splits, b
    cdef int* scratch = work.scratch + worker * work.scratch_size
    cdef int* sums = scratch + patch_size(work)
    cdef const int* patch = scratch
    if work.patch.in_place:
        patch = <const int*>(work.x + (block.n * layer.C * layer.H * layer.W
                                       + (block.row * layer.W + block.column) * VLEN))
    elif not holds(work.held, worker, index // work.splits):
        fill_patch(work, block, <operand*>scratch, <unsigned char*>sums)
    for b in range(share(channel_blocks, work.splits, split), share(channel_blocks, work.splits, split + 1)):
        channels_task(work, block, b * TILE_COLS, patch, sums)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` words."""
    cdef Work work = (<const Work*>laid_out)[0]
    cdef Layer layer = work.layer
    cdef int* scratch = <int*>arena
    cdef Py_ssize_t t, chunk, at
    work.tap = <Py_ssize_t*>scratch
    layer.x_lanes = False
    place_taps(&layer, &work.patch, work.tap)           # of a single channel; from the last on, each becomes its chunks
    for t in range(layer.R * layer.S - 1, -1, -1):
        at = work.tap[t]
        for chunk in range(work.chunks):
            work.tap[t * work.chunks + chunk] = (chunk * work.patch.channel_step + at) * VLEN // EXACT_PER_WORD
    work.held = nothing_held(scratch + taps_size(&work), threads)
    work.scratch = scratch + taps_size(&work) + held_size(threads)
    work.scratch_size = worker_scratch(&work)
    work.splits = splits_for(work.blocks, ceil_div(layer.K, TILE_COLS), threads)
    run_in_pool(block_task, &work, work.blocks * work.splits, threads)


def bind(Layer layer, x, int x_zero, int flip, weight, offset, scale, Output output, y, int threads) -> Call:
    """Return a call that computes the layer, of one group, into y; the parameters are those of `bytes_plain.bind`.

    `offset` and `scale` are as long as whole tiles of K.
    """
    cdef Work work = work_of(layer, flip)
    work.x, work.x_zero, work.y = image_at(x), x_zero, image_at(y)
    work.weight, work.ending = words_at(weight), ending_of(output, offset, scale)
    work.in_registers = layer.y_lanes and not output.activation
    return call_of(start, &work, sizeof(work), threads, (x, weight, offset, scale, y))
