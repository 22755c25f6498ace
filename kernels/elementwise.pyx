"""What is computed number by number in float32: an activation, images times one number a channel, and a softmax.

    activation  y[i] = activation(x[i])
    scale       y[n, c, h, w] = x[n, c, h, w] * s[n, c];  below zero alone:  larger(x, 0) - larger(-x, 0) * s
    softmax     y[row, i] = e^(x[row, i] - most) / sum over j of  e^(x[row, j] - most)      most = the largest of a row

    x, y        in any order; of images in lanes, a row holds VLEN channels of all pixels
    s           as x, with one pixel

Cost: one pass over the arrays; reading and writing bounds all but e^x.
"""

from libc.math cimport INFINITY
from libc.string cimport memcpy

from kernels.blocks cimport ceil_div
from kernels.call cimport Call, call_of
from kernels.simd cimport VLEN, activate, broadcast, larger, load, load_first, store, store_first, vf
from kernels.thread_pool cimport Task, run as run_in_pool

cdef extern from "simd.h" nogil:
    vf exponential(vf v)

cdef Py_ssize_t PIECE = 16 * 1024       # numbers of a task, or of one row


cdef struct Work:
    Task task
    Py_ssize_t tasks
    const float* x
    const float* s
    float* y
    Py_ssize_t count                    # numbers; of one row, for a scale
    Py_ssize_t rows, rows_of_a_task
    bint lanes, below_zero
    int kind                            # of activation; simd.h numbers them
    float slope


cdef void activate_task(void* argument, Py_ssize_t index, int worker) noexcept nogil:
    """The numbers of one piece."""
    cdef const Work* work = <const Work*>argument
    cdef Py_ssize_t i = index * PIECE, end = min(work.count, i + PIECE)
    while end - i >= VLEN:
        store(work.y + i, activate(load(work.x + i), work.kind, work.slope))
        i += VLEN
    if i < end:
        store_first(work.y + i, activate(load_first(work.x + i, end - i), work.kind, work.slope), end - i)


cdef inline vf scaled(vf x, vf s, bint below_zero) noexcept nogil:
    return larger(x, broadcast(0)) - larger(-x, broadcast(0)) * s if below_zero else x * s


cdef void scale_task(void* argument, Py_ssize_t index, int worker) noexcept nogil:
    """Some rows: each a channel of an image, or VLEN of them in lanes."""
    cdef const Work* work = <const Work*>argument
    cdef Py_ssize_t row, i
    cdef const float* x
    cdef float* y
    cdef vf s
    for row in range(index * work.rows_of_a_task, min(work.rows, (index + 1) * work.rows_of_a_task)):
        x, y, i = work.x + row * work.count, work.y + row * work.count, 0
        s = load(work.s + row * VLEN) if work.lanes else broadcast(work.s[row])
        while work.count - i >= VLEN:
            store(y + i, scaled(load(x + i), s, work.below_zero))
            i += VLEN
        if i < work.count:
            store_first(y + i, scaled(load_first(x + i, work.count - i), s, work.below_zero), work.count - i)


cdef inline vf load_row(const float* x, Py_ssize_t n) noexcept nogil:
    """Numbers of a row; behind the last, what is the largest of none, and whose e^v adds nothing."""
    cdef float[16] buffer
    if n >= VLEN:
        return load(x)
    store(buffer, broadcast(-INFINITY))
    memcpy(buffer, x, n * sizeof(float))
    return load(buffer)


cdef inline void softmax_row(const float* x, Py_ssize_t count, float* y) noexcept nogil:
    cdef Py_ssize_t i, lane, left
    cdef vf most = broadcast(-INFINITY), sums = broadcast(0), e
    cdef float[16] lanes
    cdef float sum = 0
    for i in range(ceil_div(count, VLEN)):
        most = larger(most, load_row(x + i * VLEN, count - i * VLEN))
    for lane in range(VLEN):                # each meets all others
        store(lanes, most)
        most = larger(most, broadcast(lanes[lane]))
    for i in range(ceil_div(count, VLEN)):
        e = exponential(load_row(x + i * VLEN, count - i * VLEN) - most)
        sums = sums + e
        store_first(y + i * VLEN, e, min(VLEN, count - i * VLEN))
    store(lanes, sums)
    for lane in range(VLEN):
        sum += lanes[lane]
    for i in range(ceil_div(count, VLEN)):
        left = min(VLEN, count - i * VLEN)
        store_first(y + i * VLEN, load_first(y + i * VLEN, left) / broadcast(sum), left)


cdef void softmax_task(void* argument, Py_ssize_t index, int worker) noexcept nogil:
    """Some rows."""
    cdef const Work* work = <const Work*>argument
    cdef Py_ssize_t row
    for row in range(index * work.rows_of_a_task, min(work.rows, (index + 1) * work.rows_of_a_task)):
        softmax_row(work.x + row * work.count, work.count, work.y + row * work.count)


cdef void start(const void* laid_out, void* unused, int threads) noexcept nogil:
    cdef const Work* work = <const Work*>laid_out
    run_in_pool(work.task, <void*>work, work.tasks, threads)


def activation(const float[::1] x, int kind, float slope, float[::1] y, int threads) -> Call:
    """Return a call that applies an activation to at least one number."""
    cdef Work work
    work.x, work.y, work.count, work.kind, work.slope = &x[0], &y[0], y.shape[0], kind, slope
    work.task, work.tasks = activate_task, ceil_div(work.count, PIECE)
    return call_of(start, &work, sizeof(work), threads, (x, y))


def scale(const float[::1] x, const float[::1] s, bint lanes, bint below_zero, float[::1] y, int threads) -> Call:
    """Return a call that multiplies each channel of at least one pixel by its number, or what is below zero of it."""
    cdef Work work
    work.x, work.s, work.y, work.lanes, work.below_zero = &x[0], &s[0], &y[0], lanes, below_zero
    work.rows = s.shape[0] // VLEN if lanes else s.shape[0]
    work.count = y.shape[0] // work.rows
    work.rows_of_a_task = max(1, PIECE // work.count)
    work.task, work.tasks = scale_task, ceil_div(work.rows, work.rows_of_a_task)
    return call_of(start, &work, sizeof(work), threads, (x, s, y))


def softmax(const float[::1] x, Py_ssize_t count, float[::1] y, int threads) -> Call:
    """Return a call that turns each row of `count` numbers, of at least one row, into shares of 1."""
    cdef Work work
    work.x, work.y, work.count, work.rows = &x[0], &y[0], count, y.shape[0] // count
    work.rows_of_a_task = max(1, PIECE // count)
    work.task, work.tasks = softmax_task, ceil_div(work.rows, work.rows_of_a_task)
    return call_of(start, &work, sizeof(work), threads, (x, y))
