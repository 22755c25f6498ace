"""What is computed number by number in float32: an activation, and images times one number a channel.

    activation  y[i] = activation(x[i])
    scale       y[n, c, h, w] = x[n, c, h, w] * s[n, c]

    x, y        in any order; of images in lanes, a row holds VLEN channels of all pixels
    s           as x, with one pixel

Cost: one pass over the arrays; reading and writing bounds all but e^x.
"""

from kernels.blocks cimport ceil_div
from kernels.simd cimport VLEN, activate, broadcast, load, load_first, store, store_first, vf
from kernels.thread_pool cimport run as run_in_pool

cdef Py_ssize_t PIECE = 16 * 1024       # numbers of a task, or of one row


cdef struct Work:
    const float* x
    const float* s
    float* y
    Py_ssize_t count                    # numbers; of one row, for a scale
    Py_ssize_t rows, rows_of_a_task
    bint lanes
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
            store(y + i, load(x + i) * s)
            i += VLEN
        if i < work.count:
            store_first(y + i, load_first(x + i, work.count - i) * s, work.count - i)


def activation(const float[::1] x, int kind, float slope, float[::1] y, int threads):
    """Apply an activation to at least one number."""
    cdef Work work
    work.x, work.y, work.count, work.kind, work.slope = &x[0], &y[0], y.shape[0], kind, slope
    with nogil:
        run_in_pool(activate_task, &work, ceil_div(work.count, PIECE), threads)


def scale(const float[::1] x, const float[::1] s, bint lanes, float[::1] y, int threads):
    """Multiply each channel of at least one pixel by its number."""
    cdef Work work
    work.x, work.s, work.y, work.lanes = &x[0], &s[0], &y[0], lanes
    work.rows = s.shape[0] // VLEN if lanes else s.shape[0]
    work.count = y.shape[0] // work.rows
    work.rows_of_a_task = max(1, PIECE // work.count)
    with nogil:
        run_in_pool(scale_task, &work, ceil_div(work.rows, work.rows_of_a_task), threads)
