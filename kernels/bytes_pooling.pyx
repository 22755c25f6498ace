"""Pools of bytes: the largest, or the mean, of each window of each channel; pooling.pyx does it for float32.

    maximum  y = largest of x
    mean     y = nearest(clamp(ratio / count * (sum of x - count * x_zero))) + y_zero      ratio = x_scale / y_scale

over the `count` bytes of a window that lie in x, or all R*S, of which those outside hold x_zero. The sums are exact.

First the R rows of a window become one, then its S columns: both times whole rows meet, and the compiler makes vectors
of that. An image in lanes is such a row of W * VLEN bytes; a plain one is taken as images of one channel, in one lane.
The largest in lanes are found in registers: all rows at once, then all columns of a pixel.

    rows     [column][lane]     the largest, or the sum, of the rows of a window: bytes, or words; 0 beside x
    windows  [pixel][lane]      the same of a window

Cost: N*C*P*Q * (R + S) comparisons or additions, and one byte read for each of the first.
"""

from libc.string cimport memset

from kernels.blocks cimport ceil_div, whole_lines
from kernels.call cimport Call, call_of
from kernels.layer cimport Layer, steps
from kernels.thread_pool cimport run as run_in_pool
from kernels.bytes cimport (ROUNDING, Output, add_words, broadcast_word, clamp, load_words, nearest, store_bytes,
                            to_float)
from kernels.simd cimport VLEN, broadcast

cdef extern from *:
    """
    #include "bytes_output.h"
    #define LARGER(type, a, b) (((b) & (type)((b) > (a))) | ((a) & ~(type)((b) > (a))))

    /* out[i] = largest of  x[i], x[i + step], ...:  `rows` of them, made unsigned; i < pixels * VLEN */
    static void largest_of_rows(const uint8_t *x, ptrdiff_t step, ptrdiff_t rows, uint8_t flip, ptrdiff_t pixels,
                                uint8_t *out)
    {
        for (; pixels >= 4; pixels -= 4, x += 4 * VLEN, out += 4 * VLEN) {
            vb4 best = *(const unaligned_vb4 *)x ^ flip;
            for (ptrdiff_t r = 1; r < rows; r++) {
                const vb4 next = *(const unaligned_vb4 *)(x + r * step) ^ flip;
                best = LARGER(vb4, best, next);
            }
            *(unaligned_vb4 *)out = best;
        }
        for (; pixels; pixels--, x += VLEN, out += VLEN) {
            vb best = *(const unaligned_vb *)x ^ flip;
            for (ptrdiff_t r = 1; r < rows; r++) {
                const vb next = *(const unaligned_vb *)(x + r * step) ^ flip;
                best = LARGER(vb, best, next);
            }
            *(unaligned_vb *)out = best;
        }
    }

    /* y[q] = largest of  rows[q * across], rows[q * across + apart], ...:  `columns` of them, made what x was */
    static void largest_of_columns(const uint8_t *rows, ptrdiff_t across, ptrdiff_t apart, ptrdiff_t columns,
                                   uint8_t flip, ptrdiff_t pixels, uint8_t *y)
    {
        for (; pixels; pixels--, rows += across, y += VLEN) {
            vb best = *(const unaligned_vb *)rows;
            for (ptrdiff_t s = 1; s < columns; s++) {
                const vb next = *(const unaligned_vb *)(rows + s * apart);
                best = LARGER(vb, best, next);
            }
            *(unaligned_vb *)y = best ^ flip;
        }
    }

    /* sums[l] = sum of the bytes of lane l, made unsigned */
    static void sum_of_pixels(const uint8_t *x, ptrdiff_t pixels, int flip, int32_t *sums)
    {
        vi even = {0}, odd = {0};
        for (; pixels >= 2; pixels -= 2, x += 2 * VLEN) {
            even += load_bytes(x) ^ flip;
            odd += load_bytes(x + VLEN) ^ flip;
        }
        store_words(sums, pixels ? even + odd + (load_bytes(x) ^ flip) : even + odd);
    }
    """
    void sum_of_pixels(const unsigned char* x, Py_ssize_t pixels, int flip, int* sums) noexcept nogil
    void largest_of_rows(const unsigned char* x, Py_ssize_t step, Py_ssize_t rows, unsigned char flip,
                         Py_ssize_t pixels, unsigned char* out) noexcept nogil
    void largest_of_columns(const unsigned char* rows, Py_ssize_t across, Py_ssize_t apart, Py_ssize_t columns,
                            unsigned char flip, Py_ssize_t pixels, unsigned char* y) noexcept nogil

ctypedef unsigned char uchar

cdef Py_ssize_t PIECE = 4 * 1024        # bytes of x that are worth a task

ctypedef fused Number:
    uchar                               # of a maximum
    int                                 # of a mean


cdef struct Work:
    Layer layer
    Output output
    const unsigned char* x
    unsigned char* y
    int x_zero, flip                    # of the bytes that are made unsigned; what makes them so
    float ratio
    bint maximum, count_padding
    Py_ssize_t images, images_of_a_task
    unsigned char* scratch
    Py_ssize_t scratch_size             # bytes of a worker


cdef Py_ssize_t lanes_of(const Layer* layer) noexcept nogil:
    return VLEN if layer.x_lanes else 1


cdef Py_ssize_t row_size(const Layer* layer) noexcept nogil:
    """Numbers of a row of x with all that windows reach beside it, in whole lines."""
    cdef Py_ssize_t reach = (layer.Q - 1) * layer.stride_w + (layer.S - 1) * layer.dilation_w + 1
    return whole_lines(max(reach, layer.pad_left + layer.W) * lanes_of(layer))


cdef Py_ssize_t worker_scratch(const Layer* layer) noexcept nogil:
    """Words that a worker needs: a row of x, and one of windows."""
    return row_size(layer) + whole_lines(layer.Q * lanes_of(layer))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many words a call needs as its arena."""
    return threads * worker_scratch(&layer)


cdef inline void meet(const Number* x, Py_ssize_t count, Number* y) noexcept nogil:
    """y = larger of x and y, or their sum."""
    cdef Py_ssize_t i
    for i in range(count):
        if Number is int:
            y[i] += x[i]
        else:
            y[i] = x[i] if x[i] > y[i] else y[i]


cdef inline void meet_row(const unsigned char* x, int flip, Py_ssize_t count, Number* y) noexcept nogil:
    """The same with a row of x."""
    cdef Py_ssize_t i
    cdef unsigned char byte
    for i in range(count):
        byte = x[i] ^ <unsigned char>flip
        if Number is int:
            y[i] += byte
        else:
            y[i] = byte if byte > y[i] else y[i]


cdef inline void meet_column(const Number* rows, Py_ssize_t step, Py_ssize_t count, Py_ssize_t lanes,
                             Number* windows) noexcept nogil:
    """Every window meets one column; those of neighbours are `step` pixels apart."""
    cdef Py_ssize_t q
    if step == 1:
        meet(rows, count * lanes, windows)
    elif lanes == VLEN:
        for q in range(count):
            meet(rows + q * step * VLEN, VLEN, windows + q * VLEN)
    else:
        for q in range(count):
            meet(rows + q * step, 1, windows + q)


cdef inline void finish_maxima(const Work* work, const unsigned char* windows, Py_ssize_t count,
                               unsigned char* y) noexcept nogil:
    """Bytes of y; the largest of none is the lowest."""
    cdef Py_ssize_t i
    for i in range(count):
        y[i] = windows[i] ^ <unsigned char>work.flip


cdef inline void finish_means(const Work* work, const int* sums, Py_ssize_t count, Py_ssize_t inside,
                              unsigned char* y) noexcept nogil:
    """Means of `count` windows, each with so many bytes inside of x."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t i
    cdef float ratio = work.ratio / <float>(layer.R * layer.S if work.count_padding else max(1, inside)), v
    cdef int zero = <int>inside * work.x_zero, byte
    if count == VLEN:
        store_bytes(y, nearest(clamp(broadcast(ratio) * to_float(add_words(load_words(sums), broadcast_word(-zero))),
                                     work.output.low, work.output.high), work.output.zero))
        return
    for i in range(count):
        v = ratio * <float>(sums[i] - zero)
        v = min(max(v, work.output.low), work.output.high)
        v = (v + ROUNDING) - ROUNDING
        byte = <int>v + work.output.zero
        y[i] = <unsigned char>byte


cdef inline void one_row(const Work* work, const unsigned char* x, Py_ssize_t p, Number* rows, Number* windows,
                         unsigned char* y) noexcept nogil:
    """Row p of y, of the channels that share an image."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t lanes = lanes_of(layer), h = p * layer.stride_h - layer.pad_top, r, s, w, q, begin, end
    cdef Py_ssize_t first = max(0, steps(-h, layer.dilation_h)), columns
    cdef Py_ssize_t last = max(first, min(layer.R, steps(layer.H - h, layer.dilation_h)))
    memset(rows, 0, layer.W * lanes * sizeof(Number))
    memset(windows, 0, layer.Q * lanes * sizeof(Number))
    for r in range(first, last):
        meet_row(x + (h + r * layer.dilation_h) * layer.W * lanes, work.flip, layer.W * lanes, rows)
    for s in range(layer.S):
        w = s * layer.dilation_w - layer.pad_left
        begin = min(layer.Q, max(0, steps(-w, layer.stride_w)))
        end = max(begin, min(layer.Q, steps(layer.W - w, layer.stride_w)))
        meet_column(rows + (begin * layer.stride_w + w) * lanes, layer.stride_w, end - begin, lanes,
                    windows + begin * lanes)
    if Number is int:
        for q in range(layer.Q):
            w = q * layer.stride_w - layer.pad_left
            begin = max(0, steps(-w, layer.dilation_w))
            columns = max(0, min(layer.S, steps(layer.W - w, layer.dilation_w)) - begin)
            finish_means(work, windows + q * lanes, lanes, (last - first) * columns, y + q * lanes)
    else:
        finish_maxima(work, windows, layer.Q * lanes, y)


cdef inline void largest_in_lanes(const Work* work, const unsigned char* x, unsigned char* rows,
                                  unsigned char* y) noexcept nogil:
    """All rows of y, of VLEN channels."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t p, h, first, last, row = layer.W * VLEN
    memset(rows, 0, row_size(layer))
    for p in range(layer.P):
        h = p * layer.stride_h - layer.pad_top
        first = max(0, steps(-h, layer.dilation_h))
        last = max(first, min(layer.R, steps(layer.H - h, layer.dilation_h)))
        if first < last:
            largest_of_rows(x + (h + first * layer.dilation_h) * row, layer.dilation_h * row, last - first,
                            <unsigned char>work.flip, layer.W, rows + layer.pad_left * VLEN)
        else:
            memset(rows, 0, row_size(layer))
        largest_of_columns(rows, layer.stride_w * VLEN, layer.dilation_w * VLEN, layer.S, <unsigned char>work.flip,
                           layer.Q, y + p * layer.Q * VLEN)


cdef inline int sum_of(const unsigned char* x, int flip, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    cdef int sum = 0
    for i in range(count):
        sum += x[i] ^ <unsigned char>flip
    return sum


cdef inline void one_image(const Work* work, Py_ssize_t index, int worker) noexcept nogil:
    """All rows of one image of VLEN channels, or of one."""
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t lanes = lanes_of(layer), p
    cdef int* rows = <int*>(work.scratch + worker * work.scratch_size)
    cdef int* windows = rows + row_size(layer)
    cdef const unsigned char* x = work.x + index * layer.H * layer.W * lanes
    cdef unsigned char* y = work.y + index * layer.P * layer.Q * lanes
    if (not work.maximum and layer.P * layer.Q == 1 and layer.R == layer.H and layer.S == layer.W
            and layer.pad_top + layer.pad_left == 0 and layer.dilation_h * layer.dilation_w == 1):
        if lanes == 1:                                      # the mean of a whole image
            rows[0] = sum_of(x, work.flip, layer.H * layer.W)
        else:
            sum_of_pixels(x, layer.H * layer.W, work.flip, rows)
        finish_means(work, rows, lanes, layer.H * layer.W, y)
        return
    if work.maximum and lanes == VLEN:
        largest_in_lanes(work, x, <unsigned char*>rows, y)
        return
    for p in range(layer.P):
        if work.maximum:
            one_row[uchar](work, x, p, <unsigned char*>rows, <unsigned char*>windows, y + p * layer.Q * lanes)
        else:
            one_row[int](work, x, p, rows, windows, y + p * layer.Q * lanes)


cdef void images_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Some images."""
    cdef const Work* work = <const Work*>context
    cdef Py_ssize_t image
    for image in range(index * work.images_of_a_task, min(work.images, (index + 1) * work.images_of_a_task)):
        one_image(work, image, worker)


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Pool with `scratch_size` words."""
    cdef Work work = (<const Work*>laid_out)[0]
    work.scratch = <unsigned char*>arena
    work.scratch_size = worker_scratch(&work.layer) * sizeof(int)
    run_in_pool(images_task, &work, ceil_div(work.images, work.images_of_a_task), threads)


def bind(Layer layer, const unsigned char[:, :, :, ::1] x, int x_zero, int flip, float ratio, Output output,
         unsigned char[:, :, :, ::1] y, bint maximum, bint count_padding, int threads) -> Call:
    """Return a call that pools x into y, both in lanes or both plain."""
    cdef Work work
    work.layer, work.output = layer, output
    work.x, work.y = &x[0, 0, 0, 0], &y[0, 0, 0, 0]
    work.x_zero, work.flip, work.ratio = x_zero, flip, ratio
    work.maximum, work.count_padding = maximum, count_padding
    work.images = layer.N * layer.C // lanes_of(&layer)
    work.images_of_a_task = max(1, PIECE // (layer.H * layer.W * lanes_of(&layer)))
    return call_of(start, &work, sizeof(work), threads, (x, y))
