"""What is computed byte by byte: sums of two arrays, functions of one, and the ways from float32 to bytes and back.

    add         y = nearest(clamp((a_scale * (a - a_zero) + b_scale * (b - b_zero)) / y_scale)) + y_zero
    quantize    y = nearest(clamp(a / y_scale)) + y_zero
    dequantize  y = a_scale * (a - a_zero)
    look up     y = table[a]

Every operation is rounded on its own: meson.build forbids multiply-adds here, which round once, so the bits are those
of NumPy. `flip` (0 or 128) makes signed bytes unsigned, and the zero points of a and b are of the bytes that it makes.

    a, b, y     numbers in any order, all in the same one; blocks of four vectors, the last one through a buffer

Cost: one pass over the arrays; reading and writing bounds it.
"""

from libc.string cimport memcpy, memset

from kernels.blocks cimport ceil_div
from kernels.call cimport Call, call_of
from kernels.thread_pool cimport Task, run as run_in_pool
from kernels.simd cimport VLEN, broadcast, load, store, vf
from kernels.bytes cimport Operand, Output, Sum, added, clamp, has_nan, quotient, steps_of, store_pixels

cdef Py_ssize_t PIECE = 32 * 1024       # numbers of a task
cdef float FAR = 1024                   # steps of y: more than any byte is from any zero point
cdef enum Operation:
    ADD, QUANTIZE, DEQUANTIZE, LOOK_UP

cdef extern from * nogil:
    """
    /* y[i] = table[x[i]] for a block of bytes. 256 bytes are 128 words, of which the upper bits of x choose one. */
    static inline void look_up_block(const uint8_t *table, const uint8_t *x, uint8_t *y)
    {
    #if defined(__AVX512BW__)
        const __m512i *t = (const void *)table;
        const __m512i one = _mm512_set1_epi16(1), upper_half = _mm512_set1_epi16(128);
        for (int i = 0; i < 4 * VLEN; i += 32) {
            const __m512i index = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)(x + i)));
            const __m512i word = _mm512_srli_epi16(index, 1);
            const __m512i low = _mm512_permutex2var_epi16(_mm512_loadu_si512(t), word, _mm512_loadu_si512(t + 1));
            const __m512i high = _mm512_permutex2var_epi16(_mm512_loadu_si512(t + 2), word, _mm512_loadu_si512(t + 3));
            const __m512i found = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(index, upper_half), low, high);
            const __m512i shift = _mm512_slli_epi16(_mm512_and_si512(index, one), 3);
            _mm256_storeu_si256((void *)(y + i), _mm512_cvtepi16_epi8(_mm512_srlv_epi16(found, shift)));
        }
    #elif defined(__aarch64__)
        for (int i = 0; i < 4 * VLEN; i += 16) {
            uint8x16_t index = vld1q_u8(x + i), found = vqtbl4q_u8(vld1q_u8_x4(table), index);
            for (int part = 1; part < 4; part++) {          /* of an index that is not in it, nothing is taken */
                index = vsubq_u8(index, vdupq_n_u8(64));
                found = vqtbx4q_u8(found, vld1q_u8_x4(table + 64 * part), index);
            }
            vst1q_u8(y + i, found);
        }
    #else
        for (int i = 0; i < 4 * VLEN; i++) y[i] = table[x[i]];
    #endif
    }
    """
    void look_up_block(const unsigned char* table, const unsigned char* x, unsigned char* y)

cdef extern from *:
    const int BLOCK "(4 * VLEN)"        # numbers that are packed at once
    const int MOST "(16 * VLEN)"        # bytes of them, at most


cdef struct Work:
    Task task
    Sum sum                             # of an addition; else what of it is in use
    Output output
    const unsigned char* table
    float inverse                       # of the scale, if it is neither large nor small; or 0
    const unsigned char* a
    const unsigned char* b
    unsigned char* y
    int a_size, y_size                  # bytes of a number
    int met_nan                         # whether there is one among the numbers of a
    Py_ssize_t count


cdef inline vf divided(vf v, float scale, float inverse) noexcept nogil:
    """Steps of y, not cut off."""
    if inverse:                         # all beyond these is cut off: no step of the quotient leaves float32
        return quotient(clamp(v, -FAR * scale, FAR * scale), scale, inverse)
    return v / broadcast(scale)


cdef inline void one_block(Operation kind, Work* work, const Sum* sum, const Output* output, float inverse,
                           const unsigned char* a, const unsigned char* b, unsigned char* y) noexcept nogil:
    """BLOCK numbers."""
    cdef const float* x = <const float*>a
    cdef Py_ssize_t vec
    if kind == ADD:
        store_pixels(y, added(a, b, sum), added(a + VLEN, b + VLEN, sum), added(a + 2 * VLEN, b + 2 * VLEN, sum),
                     added(a + 3 * VLEN, b + 3 * VLEN, sum), 4, output)
    elif kind == QUANTIZE:
        if has_nan(load(x), load(x + VLEN)) or has_nan(load(x + 2 * VLEN), load(x + 3 * VLEN)):
            work.met_nan = True
        store_pixels(y, divided(load(x), sum.scale, inverse), divided(load(x + VLEN), sum.scale, inverse),
                     divided(load(x + 2 * VLEN), sum.scale, inverse), divided(load(x + 3 * VLEN), sum.scale, inverse),
                     4, output)
    elif kind == LOOK_UP:
        look_up_block(work.table, a, y)
    else:
        for vec in range(4):
            store(<float*>y + vec * VLEN, broadcast(sum.a.scale) * steps_of(&sum.a, a + vec * VLEN))


cdef inline void piece(Operation kind, Work* work, Py_ssize_t index) noexcept nogil:
    """The numbers of one task."""
    cdef Py_ssize_t i = index * PIECE, end = min(work.count, i + PIECE)
    cdef Sum sum = work.sum             # copies, which a byte that is written cannot change
    cdef Output output = work.output
    cdef float inverse = work.inverse
    cdef unsigned char[3 * MOST] buffer
    cdef unsigned char* a = buffer
    cdef unsigned char* b = a + MOST
    cdef unsigned char* y = b + MOST
    while end - i >= BLOCK:
        one_block(kind, work, &sum, &output, inverse, work.a + i * work.a_size, work.b + i, work.y + i * work.y_size)
        i += BLOCK
    if i < end:
        memset(buffer, 0, sizeof(buffer))
        memcpy(a, work.a + i * work.a_size, (end - i) * work.a_size)
        memcpy(b, work.b + i, end - i)
        one_block(kind, work, &sum, &output, inverse, a, b, y)
        memcpy(work.y + i * work.y_size, y, (end - i) * work.y_size)


cdef void add_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(ADD, <Work*>work, index)


cdef void quantize_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(QUANTIZE, <Work*>work, index)


cdef void dequantize_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(DEQUANTIZE, <Work*>work, index)


cdef void look_up_task(void* work, Py_ssize_t index, int worker) noexcept nogil:
    piece(LOOK_UP, <Work*>work, index)


cdef void start(const void* laid_out, void* unused, int threads) noexcept nogil:
    cdef const Work* work = <const Work*>laid_out
    run_in_pool(work.task, <void*>work, ceil_div(work.count, PIECE), threads)


cdef void set_arrays(Work* work, Task task, const unsigned char* a, int a_size, const unsigned char* b,
                     unsigned char* y, int y_size, Py_ssize_t count) noexcept nogil:
    work.task, work.a, work.b, work.y = task, a, b, y
    work.a_size, work.y_size, work.count, work.met_nan = a_size, y_size, count, False


def add(const unsigned char[::1] a, const unsigned char[::1] b, Sum sum, Output output, unsigned char[::1] y,
        int threads) -> Call:
    """Return a call that adds two arrays of at least one byte into y, which may be one of them."""
    cdef Work work
    work.sum, work.output = sum, output
    set_arrays(&work, add_task, &a[0], 1, &b[0], &y[0], 1, y.shape[0])
    return call_of(start, &work, sizeof(work), threads, (a, b, y))


def quantize(const float[::1] x, float scale, float inverse, Output output, unsigned char[::1] y,
             int threads) -> bool:
    """Turn numbers into bytes; return whether one of them is a NaN. `inverse` is that of `Work`."""
    cdef Work work
    cdef const unsigned char* numbers = <const unsigned char*>&x[0]
    work.sum.scale, work.inverse, work.output = scale, inverse, output
    set_arrays(&work, quantize_task, numbers, sizeof(float), numbers, &y[0], 1, y.shape[0])
    with nogil:
        start(&work, NULL, threads)
    return bool(work.met_nan)


def dequantize(const unsigned char[::1] x, float scale, int zero, int flip, float[::1] y,
               int threads) -> Call:
    """Return a call that turns bytes into the numbers that they stand for."""
    cdef Work work
    work.sum.a = Operand(zero, flip, scale)
    set_arrays(&work, dequantize_task, &x[0], 1, &x[0], <unsigned char*>&y[0], sizeof(float), y.shape[0])
    return call_of(start, &work, sizeof(work), threads, (x, y))


def look_up(const unsigned char[::1] table, const unsigned char[::1] x, unsigned char[::1] y,
            int threads) -> Call:
    """Return a call of y = table[x], for a table of 256 bytes and an x of at least one."""
    cdef Work work
    work.table = &table[0]
    set_arrays(&work, look_up_task, &x[0], 1, &x[0], &y[0], 1, y.shape[0])
    return call_of(start, &work, sizeof(work), threads, (table, x, y))
