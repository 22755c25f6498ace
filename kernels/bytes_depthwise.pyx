"""Depthwise convolution of 8-bit integers, exact; the sums are those of bytes_plain.pyx, with its formula.

    sum[c, p, q] = sum over r, s of  x[c, p*stride + r*dilation, q*stride + s*dilation] * w[c, r, s] + offset[c]
    y[c, p, q] = nearest(clamp(leaky_relu(scale[c] * sum[c, p, q]))) + y_zero

As in depthwise.pyx a vector holds one pixel of VLEN channels, here a word of each: the pixels that a row of the filter
meets, as many as the machine multiplies and adds at once. One dot product then takes the place of two multiply-adds,
or of four.

    weights  [C / VLEN][R][pieces][VLEN]        words of PER_WORD numbers of a row; packed once, 0 behind the last
    patch    [row][column][VLEN]                words of x[column], x[column + dilation], ...; padding holds x_zero

Where no word begins between the pixels that outputs begin at, the patch has only every stride-th column. A plain x is
put in lanes before, a plain y is put in planes at the end; both move as bytes.

Cost: N*C*P*Q * R*pieces dot products, and a word for each pixel of x. Making words and rounding sums to bytes take more
than the dot products do.
"""

import numpy as np

from libc.string cimport memcpy, memset

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, whole_lines
from kernels.bytes cimport EXACT_PER_WORD, broadcast_word, load_words, make_words, store_pixels, store_words, vi
from kernels.bytes_output cimport Ending, Output, to_byte
from kernels.bytes_planes cimport lanes_to_planes, planes_to_lanes
from kernels.counts cimport MOVED
from kernels.layer cimport Layer
from kernels.simd cimport VLEN, load, vf
from kernels.thread_pool cimport run as run_in_pool

cdef extern from *:
    """
    #include "bytes.h"
    #define RUN 4       /* pixels that are summed side by side */

    INLINE void sum_of(const int rows, const int pieces, const int32_t *x, ptrdiff_t row, ptrdiff_t piece,
                       ptrdiff_t across, const int32_t *w, vi offset, vi *sum)
    {
        for (int i = 0; i < RUN; i++) sum[i] = offset;
    #pragma GCC unroll 5
        for (int r = 0; r < rows; r++)
    #pragma GCC unroll 3
            for (int p = 0; p < pieces; p++) {
                const vi weight = load_words(w + (r * pieces + p) * VLEN);
    #pragma GCC unroll 4
                for (int i = 0; i < RUN; i++)
                    sum[i] = dot(sum[i], load_words(x + r * row + p * piece + i * across), weight);
            }
    }

    #define PIECES(columns) ((columns + EXACT_PER_WORD - 1) / EXACT_PER_WORD)

    /* sum[i] = offset + sum over r < rows, p < pieces of  x[r*row + p*piece + i*across] . w[r*pieces + p] */
    INLINE void sum_pixels(int rows, int pieces, const int32_t *x, ptrdiff_t row, ptrdiff_t piece, ptrdiff_t across,
                           const int32_t *w, vi offset, vi *sum)
    {
        if (rows == 3 && pieces == PIECES(3)) sum_of(3, PIECES(3), x, row, piece, across, w, offset, sum);
        else if (rows == 5 && pieces == PIECES(5)) sum_of(5, PIECES(5), x, row, piece, across, w, offset, sum);
        else sum_of(rows, pieces, x, row, piece, across, w, offset, sum);
    }
    """
    const int RUN
    void sum_pixels(int rows, int pieces, const int* x, Py_ssize_t row, Py_ssize_t piece, Py_ssize_t across,
                    const int* w, vi offset, vi* sum) noexcept nogil

cdef Py_ssize_t CACHE = 16 * 1024       # words: a patch of 64 KiB


cdef struct Work:
    Layer layer
    Ending ending
    Blocks blocks                       # of output pixels, whole rows
    Py_ssize_t chunks                   # vectors of channels
    Py_ssize_t pieces                   # words of a row of the filter
    Py_ssize_t thin                     # pixels of x from one column of the patch to the next
    Py_ssize_t across, piece            # columns from an output pixel, or a word of the filter, to the next
    Py_ssize_t height, width            # of the patch
    Py_ssize_t pixels                   # of x behind a row of the patch, padding included
    const unsigned char* x
    int x_zero, flip                    # as bytes of x are; what makes bytes unsigned
    const int* weight
    unsigned char* y
    int* scratch                        # one piece of scratch_size words for each worker
    Py_ssize_t scratch_size


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the blocks and the patch."""
    cdef Work work
    cdef Py_ssize_t word = EXACT_PER_WORD * layer.dilation_w        # pixels from one word of the filter to the next
    work.layer = layer
    work.blocks = cut(layer.P, layer.Q, CACHE // (VLEN * layer.stride_h), layer.Q)
    work.chunks = ceil_div(layer.C, VLEN)
    work.pieces = ceil_div(layer.S, EXACT_PER_WORD)
    work.thin = 1 if work.pieces > 1 and word % layer.stride_w else layer.stride_w
    work.across, work.piece = layer.stride_w // work.thin, word // work.thin
    work.height = (work.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1
    work.width = (layer.Q + RUN - 2) * work.across + (work.pieces - 1) * work.piece + 1
    work.pixels = (work.width - 1) * work.thin + (EXACT_PER_WORD - 1) * layer.dilation_w + 1
    return work


def pack(const signed char[:, :, :, ::1] weight):
    """Return weight (C, 1, R, S) as words, flat: [C / VLEN][R][pieces][VLEN]."""
    cdef Py_ssize_t C = weight.shape[0], R = weight.shape[2], S = weight.shape[3]
    chunks, pieces = ceil_div(C, VLEN), ceil_div(S, EXACT_PER_WORD)
    packed = np.zeros((chunks * VLEN, R, pieces * EXACT_PER_WORD), np.int8 if EXACT_PER_WORD == 4 else np.int16)
    packed[:C, :, :S] = np.asarray(weight)[:, 0]
    words = packed.reshape(chunks, VLEN, R, pieces, EXACT_PER_WORD).transpose(0, 2, 3, 1, 4)
    return np.ascontiguousarray(words).reshape(-1).view(np.int32)


cdef Py_ssize_t words_of(Py_ssize_t pixels) noexcept nogil:
    """Words that hold so many pixels of VLEN bytes."""
    return whole_lines(ceil_div(pixels * VLEN, sizeof(int)))


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Words that a worker needs: a patch, a row with its padding, outputs, and a plain x put in lanes."""
    return (whole_lines(work.height * work.width * VLEN) + words_of(work.pixels)
            + words_of(work.blocks.rows * work.layer.Q + RUN)
            + (0 if work.layer.x_lanes else words_of(min(work.height, work.layer.H) * work.layer.W)))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many words `run` needs as its arena."""
    cdef Work work = work_of(layer)
    return threads * worker_scratch(&work)


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer)
    cdef double blocks = <double>layer.N * work.chunks * work.blocks.down
    cdef double pixels = work.blocks.rows * ceil_div(layer.Q, RUN) * RUN
    return (blocks * pixels * layer.R * work.pieces,
            blocks * work.height * (1 + MOVED if layer.x_lanes else 2) * work.width,
            blocks * (1 if layer.y_lanes else 2) * pixels, 0.0)


cdef void fill_patch(const Work* work, const unsigned char* x, Py_ssize_t channels, Py_ssize_t h, int* patch,
                     unsigned char* row, unsigned char* turned) noexcept nogil:
    """The words of VLEN channels, from row h of the image on; x is their first number."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t first = max(0, h), end = max(first, min(layer.H, h + work.height)), i, word
    cdef Py_ssize_t before = min(work.pixels, layer.pad_left), inside = min(work.pixels - before, layer.W)
    cdef unsigned int ones = 0x01010101 if EXACT_PER_WORD == 4 else 0x00010001
    cdef int flips = <int>(ones * <unsigned int>work.flip)
    cdef vi zeros = broadcast_word(<int>(ones * <unsigned int>(work.x_zero ^ work.flip)))
    cdef const unsigned char* lanes = turned
    if layer.x_lanes:
        lanes = x + first * layer.W * VLEN
    else:
        planes_to_lanes(x + first * layer.W, layer.H * layer.W, channels, (end - first) * layer.W, turned)
    memset(row, work.x_zero, work.pixels * VLEN)
    for i in range(h, h + work.height):
        if first <= i < end:
            memcpy(row + before * VLEN, lanes + (i - first) * layer.W * VLEN, inside * VLEN)
            if work.thin == 1:
                make_words(EXACT_PER_WORD, 1, row, layer.dilation_w * VLEN, work.width * VLEN, flips, patch)
            else:
                for word in range(work.width):
                    make_words(EXACT_PER_WORD, 1, row + word * work.thin * VLEN, layer.dilation_w * VLEN, VLEN, flips,
                               patch + word * VLEN)
        else:
            for word in range(work.width):
                store_words(patch + word * VLEN, zeros)
        patch += work.width * VLEN


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels of VLEN channels."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef const Output* output = &work.ending.output
    cdef Block block = block_at(&work.blocks, work.chunks, index)
    cdef Py_ssize_t k = block.group * VLEN, channels = min(VLEN, layer.C - k), plane = layer.P * layer.Q
    cdef Py_ssize_t row = work.width * VLEN, p, part
    cdef int* patch = work.scratch + worker * work.scratch_size
    cdef unsigned char* padded = <unsigned char*>(patch + whole_lines(work.height * row))
    cdef unsigned char* pixels = padded + words_of(work.pixels) * sizeof(int)
    cdef unsigned char* turned = pixels + words_of(work.blocks.rows * layer.Q + RUN) * sizeof(int)
    cdef unsigned char* y = work.y + (block.n * layer.C + k) * plane
    cdef unsigned char* out = pixels
    cdef const int* weight = work.weight + k * layer.R * work.pieces
    cdef const int* x
    cdef vi offset = load_words(work.ending.offset + k)
    cdef vf scale = load(work.ending.scale + k)
    cdef vi[4] sums
    fill_patch(work, work.x + (block.n * layer.C + k) * layer.H * layer.W, channels,
               block.row * layer.stride_h - layer.pad_top, patch, padded, turned)
    for p in range(block.rows):
        x = patch + p * layer.stride_h * row
        for part in range(ceil_div(layer.Q, RUN)):
            sum_pixels(<int>layer.R, <int>work.pieces, x, layer.dilation_h * row, work.piece * VLEN,
                       work.across * VLEN, weight, offset, sums)
            store_pixels(out + part * RUN * VLEN, to_byte(sums[0], scale, output), to_byte(sums[1], scale, output),
                         to_byte(sums[2], scale, output), to_byte(sums[3], scale, output))
            x += RUN * work.across * VLEN
        out += layer.Q * VLEN                               # the next row overwrites pixels past the end of this one
    if layer.y_lanes:
        memcpy(y + block.row * layer.Q * VLEN, pixels, block.rows * layer.Q * VLEN)
    else:
        lanes_to_planes(pixels, VLEN, channels, block.rows * layer.Q, y + block.row * layer.Q, plane)


def run(Layer layer, const unsigned char[:, :, :, ::1] x, int x_zero, int flip, const int[::1] weight,
        const int[::1] offset, const float[::1] scale, Output output,
        unsigned char[:, :, :, ::1] y, int[::1] arena, int threads):
    """Compute the layer into y; the parameters are those of `bytes_plain.run`.

    `offset` and `scale` are as long as whole vectors of channels.
    """
    cdef Work work = work_of(layer)
    work.x, work.x_zero, work.flip = &x[0, 0, 0, 0], x_zero, flip
    work.weight = &weight[0]
    work.ending.output, work.ending.offset, work.ending.scale = output, &offset[0], &scale[0]
    work.y = &y[0, 0, 0, 0]
    work.scratch, work.scratch_size = &arena[0], worker_scratch(&work)
    with nogil:
        run_in_pool(block_task, &work, layer.N * work.chunks * work.blocks.down, threads)
