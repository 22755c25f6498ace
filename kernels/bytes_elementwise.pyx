"""What is computed byte by byte: the sum of two arrays, and the ways from float32 to bytes and back.

    add         y = nearest(clamp((a_scale * (a - a_zero) + b_scale * (b - b_zero)) / y_scale)) + y_zero
    quantize    y = nearest(clamp(a / y_scale)) + y_zero
    dequantize  y = a_scale * (a - a_zero)

Every operation is rounded on its own: meson.build forbids multiply-adds here, which round once, so the bits are those
of NumPy. `flip` (0 or 128) makes signed bytes unsigned, and the zero points of a and b are of the bytes that it makes.

    a, b, y     numbers in any order, all in the same one; vectors of VLEN, the last one through a buffer

Cost: one pass over the arrays; reading and writing bounds it.
"""

from libc.string cimport memcpy

from kernels.blocks cimport ceil_div
from kernels.thread_pool cimport run as run_in_pool
from kernels.simd cimport VLEN, broadcast, load, store, vf
from kernels.bytes cimport add_words, broadcast_word, clamp, load_bytes, nearest, store_bytes, to_float, vi

cdef Py_ssize_t PIECE = 32 * 1024       # numbers of a task
cdef enum Operation:
    ADD, QUANTIZE, DEQUANTIZE


cdef struct Operand:
    const unsigned char* at
    int size                            # bytes of a number
    int flip, zero
    float scale


cdef struct Work:
    Operand a, b
    unsigned char* y
    int y_size, y_zero
    float y_scale, low, high            # of y; its ends before the zero point is added
    Py_ssize_t count


cdef inline vf steps_of(const Operand* operand, const unsigned char* at) noexcept nogil:
    """Bytes without their zero point, as float32."""
    cdef vi bytes = load_bytes(at) ^ broadcast_word(operand.flip)
    return to_float(add_words(bytes, broadcast_word(-operand.zero)))


cdef inline void one_vector(Operation kind, const Work* work, const unsigned char* a, const unsigned char* b,
                            unsigned char* y) noexcept nogil:
    """VLEN numbers."""
    cdef vf v
    if kind == ADD:
        v = broadcast(work.a.scale) * steps_of(&work.a, a) + broadcast(work.b.scale) * steps_of(&work.b, b)
    elif kind == QUANTIZE:
        v = load(<const float*>a)
    else:
        store(<float*>y, broadcast(work.a.scale) * steps_of(&work.a, a))
        return
    v = clamp(v / broadcast(work.y_scale), work.low, work.high)
    store_bytes(y, add_words(nearest(v), broadcast_word(work.y_zero)))


cdef inline void piece(Operation kind, const Work* work, Py_ssize_t index) noexcept nogil:
    """The numbers of one task."""
    cdef Py_ssize_t i = index * PIECE, end = min(work.count, i + PIECE)
    cdef unsigned char[3 * 64] buffer   # of three vectors, none of which is longer
    cdef unsigned char* a = buffer
    cdef unsigned char* b = a + 64
    cdef unsigned char* y = b + 64
    while end - i >= VLEN:
        one_vector(kind, work, work.a.at + i * work.a.size, work.b.at + i * work.b.size, work.y + i * work.y_size)
        i += VLEN
    if i < end:
        memcpy(a, work.a.at + i * work.a.size, (end - i) * work.a.size)
        memcpy(b, work.b.at + i * work.b.size, (end - i) * work.b.size)
        one_vector(kind, work, a, b, y)
        memcpy(work.y + i * work.y_size, y, (end - i) * work.y_size)


cdef void add_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(ADD, <const Work*>work, index)


cdef void quantize_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(QUANTIZE, <const Work*>work, index)


cdef void dequantize_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(DEQUANTIZE, <const Work*>work, index)


def add(const unsigned char[::1] a, float a_scale, int a_zero, int a_flip, const unsigned char[::1] b, float b_scale,
        int b_zero, int b_flip, float scale, float low, float high, int zero, unsigned char[::1] y, int threads):
    """Add two arrays of at least one byte into y."""
    cdef Work work
    work.a = Operand(&a[0], 1, a_flip, a_zero, a_scale)
    work.b = Operand(&b[0], 1, b_flip, b_zero, b_scale)
    work.y_scale, work.low, work.high, work.y_zero, work.y, work.y_size = scale, low, high, zero, &y[0], 1
    work.count = y.shape[0]
    with nogil:
        run_in_pool(add_task, &work, ceil_div(work.count, PIECE), threads)


def quantize(const float[::1] x, float scale, float low, float high, int zero, unsigned char[::1] y, int threads):
    """Turn numbers into bytes; none of them is a NaN."""
    cdef Work work
    work.a = work.b = Operand(<const unsigned char*>&x[0], sizeof(float), 0, 0, 1)
    work.y_scale, work.low, work.high, work.y_zero, work.y, work.y_size = scale, low, high, zero, &y[0], 1
    work.count = y.shape[0]
    with nogil:
        run_in_pool(quantize_task, &work, ceil_div(work.count, PIECE), threads)


def dequantize(const unsigned char[::1] x, float scale, int zero, int flip, float[::1] y, int threads):
    """Turn bytes into the numbers that they stand for."""
    cdef Work work
    work.a = work.b = Operand(&x[0], 1, flip, zero, scale)
    work.y, work.y_size = <unsigned char*>&y[0], sizeof(float)
    work.count = y.shape[0]
    with nogil:
        run_in_pool(dequantize_task, &work, ceil_div(work.count, PIECE), threads)


def look_up(const unsigned char[::1] table, const unsigned char[::1] x, unsigned char[::1] y):
    """y = table[x], for a table of 256 bytes."""
    cdef Py_ssize_t i
    for i in range(y.shape[0]):
        y[i] = table[x[i]]
