"""Pools of bytes: the largest, or the mean, of each window of each channel; pooling.pyx does it for float32.

    maximum  y = largest of x
    mean     y = nearest(clamp(ratio / count * (sum of x - count * x_zero))) + y_zero      ratio = x_scale / y_scale

over the `count` bytes of a window that lie in x, or all R*S, of which those outside hold x_zero. The sums are exact.

First the R rows of a window become one, then its S columns: both times whole rows meet, and the compiler makes vectors
of that. An image in lanes is such a row of W * VLEN bytes; a plain one is taken as images of one channel, in one lane.

    rows     [column][lane]     the largest, or the sum, of the rows of a window: bytes, or words
    windows  [pixel][lane]      the same of a window

Cost: N*C*P*Q * (R + S) comparisons or additions, and one byte read for each of the first.
"""

from libc.string cimport memset

from kernels.blocks cimport whole_lines
from kernels.layer cimport Layer, steps
from kernels.thread_pool cimport run as run_in_pool
from kernels.bytes cimport ROUNDING
from kernels.simd cimport VLEN

ctypedef unsigned char uchar

ctypedef fused Number:
    uchar                               # of a maximum
    int                                 # of a mean


cdef struct Output:
    float low, high                     # of y before its zero point is added
    int zero


cdef struct Work:
    Layer layer
    Output output
    const unsigned char* x
    unsigned char* y
    int x_zero, flip                    # of the bytes that are made unsigned; what makes them so
    float ratio
    bint maximum, count_padding
    unsigned char* scratch
    Py_ssize_t scratch_size             # bytes of a worker


cdef Py_ssize_t lanes_of(const Layer* layer) noexcept nogil:
    return VLEN if layer.x_lanes else 1


cdef Py_ssize_t row_size(const Layer* layer) noexcept nogil:
    """Numbers of a row of x, in whole lines."""
    return whole_lines(layer.W * lanes_of(layer))


cdef Py_ssize_t worker_scratch(const Layer* layer) noexcept nogil:
    """Words that a worker needs: a row of x, and one of windows."""
    return row_size(layer) + whole_lines(layer.Q * lanes_of(layer))


def scratch_size(Layer layer, int threads) -> int:
    """Return how many words `run` needs as its arena."""
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


cdef void image_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """All rows of one image of VLEN channels, or of one."""
    cdef const Work* work = <const Work*>context
    cdef const Layer* layer = &work.layer
    cdef Py_ssize_t lanes = lanes_of(layer), p
    cdef int* rows = <int*>(work.scratch + worker * work.scratch_size)
    cdef int* windows = rows + row_size(layer)
    cdef const unsigned char* x = work.x + index * layer.H * layer.W * lanes
    cdef unsigned char* y = work.y + index * layer.P * layer.Q * lanes
    for p in range(layer.P):
        if work.maximum:
            one_row[uchar](work, x, p, <unsigned char*>rows, <unsigned char*>windows, y + p * layer.Q * lanes)
        else:
            one_row[int](work, x, p, rows, windows, y + p * layer.Q * lanes)


def run(Layer layer, const unsigned char[:, :, :, ::1] x, int x_zero, int flip, float ratio, Output output,
        unsigned char[:, :, :, ::1] y, bint maximum, bint count_padding, int[::1] arena, int threads):
    """Pool x into y, both in lanes or both plain; `arena` holds `scratch_size` words."""
    cdef Work work
    work.layer, work.output = layer, output
    work.x, work.y = &x[0, 0, 0, 0], &y[0, 0, 0, 0]
    work.x_zero, work.flip, work.ratio = x_zero, flip, ratio
    work.maximum, work.count_padding = maximum, count_padding
    work.scratch = <unsigned char*>&arena[0]
    work.scratch_size = worker_scratch(&layer) * sizeof(int)
    with nogil:
        run_in_pool(image_task, &work, layer.N * layer.C // lanes_of(&layer), threads)
