"""Depthwise convolution of 8-bit integers, exact; the sums are those of bytes_plain.pyx, with its formula.

    sum[c, p, q] = sum over r, s of  x[c, p*stride + r*dilation, q*stride + s*dilation] * w[c, r, s] + offset[c]
    y[c, p, q] = nearest(clamp(leaky_relu(scale[c] * sum[c, p, q]))) + y_zero

As in depthwise.pyx a vector holds one pixel of VLEN channels, here a word of each: the pixels that a row of the filter
meets, as many as the machine multiplies and adds at once. One dot product then takes the place of two multiply-adds,
or of four.

    weights  [C / VLEN][R][pieces][VLEN]        words of PER_WORD numbers of a row; packed once, 0 behind the last
    patch    [row][column][VLEN]                bytes; padding holds x_zero

RUN columns of outputs are computed from the top to the bottom. A row of x is made words once, and meets every row of
the filter: it adds to `lead` + 1 rows of outputs, of which the first is then complete. Filters that are common have a
copy of the loop each; the others read rows of x anew for each row of outputs.

Cost: N*C*P*Q * R*pieces dot products, and a word for each pixel of x that an output pixel begins at. Making words and
rounding sums to bytes take more than the dot products do.
"""

import numpy as np

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, whole_lines
from kernels.call cimport Call, call_of
from kernels.bytes cimport EXACT_PER_WORD, Output, copy_pixels, fill_pixels, load_words, vi
from kernels.bytes_output cimport Ending, ending_of, image_at, words_at
from kernels.bytes_planes cimport lanes_to_planes, planes_to_lanes
from kernels.counts cimport MOVED
from kernels.layer cimport Layer
from kernels.simd cimport VLEN, load, vf
from kernels.thread_pool cimport run as run_in_pool

cdef extern from *:
    """
    #include "bytes_output.h"
    #define RUN 4                       /* columns that are summed side by side */
    #define PIECES(columns) ((columns + EXACT_PER_WORD - 1) / EXACT_PER_WORD)

    typedef struct {
        ptrdiff_t step, down;           /* bytes of x from a row of outputs to the next, and from a row of the filter */
        ptrdiff_t across, apart;        /* and from an output pixel to the next, and from a column of the filter */
        const int32_t *w;
        vi offset;
        vf scale;
    } Columns;

    /* `count` columns of y, `height` rows y_step bytes apart. `fresh` rows of x, the last that a row of outputs meets,
       are those that no row above has met; it adds them to its own sums, and to those of the `lead` rows below. */
    INLINE void columns_of(const int rows, const int pieces, const int fresh, const int lead, const Columns *of,
                           const ptrdiff_t across, const ptrdiff_t apart, const uint8_t *x, const Output *output,
                           ptrdiff_t height, ptrdiff_t count, uint8_t *y, ptrdiff_t y_step)
    {
        const Columns o = *of;
        const Output out = *output;     /* copies, which a byte that is written cannot change */
        vi sum[5][RUN];
        UNROLL(5)
        for (int j = 0; j <= lead; j++)
            UNROLL(4)
            for (int i = 0; i < RUN; i++) sum[j][i] = o.offset;
        for (ptrdiff_t p = -lead; p < height; p++) {
            UNROLL(5)
            for (int r = rows - fresh; r < rows; r++)
                UNROLL(2)
                for (int piece = 0; piece < pieces; piece++) {
                    const uint8_t *at = x + p * o.step + r * o.down + piece * EXACT_PER_WORD * apart;
                    vi word[RUN];
                    UNROLL(4)
                    for (int i = 0; i < RUN; i++) word[i] = word_of_pixels(at + i * across, apart);
                    UNROLL(5)
                    for (int j = 0; j <= lead; j++)
                        if (r >= j * fresh) {
                            const vi weight = load_words(o.w + ((r - j * fresh) * pieces + piece) * VLEN);
                            UNROLL(4)
                            for (int i = 0; i < RUN; i++) sum[j][i] = dot(sum[j][i], word[i], weight);
                        }
                }
            if (p >= 0)
                store_pixels(y + p * y_step, scaled(sum[0][0], o.scale, &out), scaled(sum[0][1], o.scale, &out),
                             scaled(sum[0][2], o.scale, &out), scaled(sum[0][3], o.scale, &out), count, &out);
            UNROLL(5)
            for (int j = 0; j <= lead; j++)
                UNROLL(4)
                for (int i = 0; i < RUN; i++) sum[j][i] = j < lead ? sum[j + 1][i] : o.offset;
        }
    }

    static void columns(int rows, int pieces, int fresh, const Columns *of, const uint8_t *x, const Output *output,
                        ptrdiff_t height, ptrdiff_t count, uint8_t *y, ptrdiff_t y_step)
    {
    #define COMMON(size, stride)                                                                              \\
        if (rows == size && pieces == PIECES(size) && fresh == stride && of->across == stride * VLEN          \\
            && of->apart == VLEN) {                                                                           \\
            columns_of(size, PIECES(size), stride, (size - 1) / stride, of, stride * VLEN, VLEN, x, output,   \\
                       height, count, y, y_step);                                                             \\
            return;                                                                                           \\
        }
        COMMON(3, 1) COMMON(3, 2) COMMON(5, 1) COMMON(5, 2)
        columns_of(rows, pieces, rows, 0, of, of->across, of->apart, x, output, height, count, y, y_step);
    }
    """
    const int RUN
    ctypedef struct Columns:
        Py_ssize_t step, down, across, apart
        const int* w
        vi offset
        vf scale
    void columns(int rows, int pieces, int fresh, const Columns* of, const unsigned char* x, const Output* output,
                 Py_ssize_t height, Py_ssize_t count, unsigned char* y, Py_ssize_t y_step) noexcept nogil

cdef Py_ssize_t CACHE = 32 * 1024       # bytes of a patch: an L1 cache


cdef struct Work:
    Layer layer
    Ending ending
    Blocks blocks                       # of output pixels, whole rows
    Py_ssize_t chunks                   # vectors of channels
    Py_ssize_t pieces                   # words of a row of the filter
    Py_ssize_t height, width            # of the patch
    const unsigned char* x
    int x_zero, flip                    # as bytes of x are; what makes bytes unsigned
    const int* weight
    unsigned char* y
    unsigned char* scratch              # one piece of scratch_size bytes for each worker
    Py_ssize_t scratch_size


cdef Work work_of(Layer layer) noexcept nogil:
    """Lay out the blocks and the patch."""
    cdef Work work
    work.layer = layer
    work.blocks = cut(layer.P, layer.Q, CACHE // (VLEN * layer.stride_h * layer.stride_w), layer.Q)
    work.chunks = ceil_div(layer.C, VLEN)
    work.pieces = ceil_div(layer.S, EXACT_PER_WORD)
    work.height = (work.blocks.rows - 1) * layer.stride_h + (layer.R - 1) * layer.dilation_h + 1
    work.width = (ceil_div(layer.Q, RUN) * RUN - 1) * layer.stride_w
    work.width += (work.pieces * EXACT_PER_WORD - 1) * layer.dilation_w + 1
    return work


def pack(const signed char[:, :, :, ::1] weight):
    """Return weight (C, 1, R, S) as words, flat: [C / VLEN][R][pieces][VLEN]."""
    cdef Py_ssize_t C = weight.shape[0], R = weight.shape[2], S = weight.shape[3]
    chunks, pieces = ceil_div(C, VLEN), ceil_div(S, EXACT_PER_WORD)
    packed = np.zeros((chunks * VLEN, R, pieces * EXACT_PER_WORD), np.int8 if EXACT_PER_WORD == 4 else np.int16)
    packed[:C, :, :S] = np.asarray(weight)[:, 0]
    words = packed.reshape(chunks, VLEN, R, pieces, EXACT_PER_WORD).transpose(0, 2, 3, 1, 4)
    return np.ascontiguousarray(words).reshape(-1).view(np.int32)


cdef Py_ssize_t bytes_of(Py_ssize_t pixels) noexcept nogil:
    """Bytes of scratch that hold so many pixels of VLEN channels."""
    return whole_lines(ceil_div(pixels * VLEN, sizeof(int))) * sizeof(int)


cdef Py_ssize_t worker_scratch(const Work* work) noexcept nogil:
    """Bytes that a worker needs: a patch with a row above it, outputs of a plain y, and a plain x put in lanes."""
    cdef Py_ssize_t size = bytes_of((work.height + 1) * work.width)
    if not work.layer.y_lanes:
        size += bytes_of(work.blocks.rows * work.layer.Q)
    if not work.layer.x_lanes:
        size += bytes_of(min(work.height, work.layer.H) * work.layer.W)
    return size


def scratch_size(Layer layer, int threads) -> int:
    """Return how many words a call needs as its arena."""
    cdef Work work = work_of(layer)
    return threads * worker_scratch(&work) // sizeof(int)


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    cdef Work work = work_of(layer)
    cdef double blocks = <double>layer.N * work.chunks * work.blocks.down
    cdef double columns = ceil_div(layer.Q, RUN) * RUN, pixels = work.blocks.rows * columns
    return (blocks * pixels * layer.R * work.pieces,
            blocks * work.height * (columns * work.pieces + (MOVED if layer.x_lanes else 1) * work.width),
            blocks * (1 if layer.y_lanes else 2) * pixels, 0.0)


cdef void fill_patch(const Work* work, const unsigned char* x, Py_ssize_t channels, Py_ssize_t h,
                     unsigned char* patch, unsigned char* turned) noexcept nogil:
    """Copy VLEN channels, from row h of the image on; x is their first number."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t first = max(0, h), end = max(first, min(layer.H, h + work.height)), row
    cdef Py_ssize_t before = min(work.width, layer.pad_left), inside = min(work.width - before, layer.W)
    cdef unsigned char flip = <unsigned char>work.flip, zero = <unsigned char>work.x_zero ^ flip
    cdef const unsigned char* lanes = turned
    if layer.x_lanes:
        lanes = x + first * layer.W * VLEN
    else:
        planes_to_lanes(x + first * layer.W, layer.H * layer.W, channels, (end - first) * layer.W, turned)
    for row in range(h, h + work.height):
        if first <= row < end:
            fill_pixels(zero, before, patch)
            copy_pixels(lanes, inside, flip, patch + before * VLEN)
            fill_pixels(zero, work.width - before - inside, patch + (before + inside) * VLEN)
            lanes += layer.W * VLEN
        else:
            fill_pixels(zero, work.width, patch)
        patch += work.width * VLEN


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """One block of output pixels of VLEN channels."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef Block block = block_at(&work.blocks, work.chunks, index)
    cdef Py_ssize_t k = block.group * VLEN, channels = min(VLEN, layer.C - k), plane = layer.P * layer.Q
    cdef Py_ssize_t row = work.width * VLEN, part, q
    cdef int fresh = <int>(layer.stride_h if layer.dilation_h == 1 else 0)
    cdef unsigned char* patch = work.scratch + worker * work.scratch_size + row
    cdef unsigned char* behind = work.scratch + worker * work.scratch_size + bytes_of((work.height + 1) * work.width)
    cdef unsigned char* y = work.y + (block.n * layer.C + k) * plane
    cdef unsigned char* out = behind
    cdef Columns of
    of.step, of.down = layer.stride_h * row, layer.dilation_h * row
    of.across, of.apart = layer.stride_w * VLEN, layer.dilation_w * VLEN
    of.w = work.weight + k * layer.R * work.pieces
    of.offset, of.scale = load_words(work.ending.offset + k), load(work.ending.scale + k)
    if layer.y_lanes:
        out = y + block.row * layer.Q * VLEN
    else:
        behind += bytes_of(work.blocks.rows * layer.Q)
    fill_patch(work, work.x + (block.n * layer.C + k) * layer.H * layer.W, channels,
               block.row * layer.stride_h - layer.pad_top, patch, behind)
    for part in range(ceil_div(layer.Q, RUN)):
        q = part * RUN
        columns(<int>layer.R, <int>work.pieces, fresh, &of, patch + q * of.across, &work.ending.output, block.rows,
                min(RUN, layer.Q - q), out + q * VLEN, layer.Q * VLEN)
    if not layer.y_lanes:
        lanes_to_planes(out, VLEN, channels, block.rows * layer.Q, y + block.row * layer.Q, plane)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `scratch_size` words."""
    cdef Work work = (<const Work*>laid_out)[0]
    work.scratch, work.scratch_size = <unsigned char*>arena, worker_scratch(&work)
    run_in_pool(block_task, &work, work.layer.N * work.chunks * work.blocks.down, threads)


def bind(Layer layer, x, int x_zero, int flip, weight, offset, scale, Output output, y, int threads) -> Call:
    """Return a call that computes the layer into y; the parameters are those of `bytes_plain.bind`.

    `offset` and `scale` are as long as whole vectors of channels.
    """
    cdef Work work = work_of(layer)
    work.x, work.x_zero, work.flip, work.y = image_at(x), x_zero, flip, image_at(y)
    work.weight, work.ending = words_at(weight), ending_of(output, offset, scale)
    return call_of(start, &work, sizeof(work), threads, (x, weight, offset, scale, y))
