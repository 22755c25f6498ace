"""The transforms of transforms.pxd on integers: the same polynomials, with points that are whole numbers.

F(2 x 2, 3 x 3) evaluates at 0, 1, -1 and infinity, F(4 x 4, 3 x 3) at 0, 1, -1, 2, -2 and infinity. Inputs are
differences of bytes, in 16 bits: rows of B^T sum up to 2 or to 10 in absolute value, so that both passes stay within
255*4 and 255*100. Products and outputs have 32 bits and wrap.
"""

from kernels.bytes cimport load_shorts, load_words, store_shorts, store_words, vi, vs

ctypedef void (*InputTransform)(const short* x, Py_ssize_t x_step, Py_ssize_t x_next,
                                short* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil
ctypedef void (*OutputTransform)(const int* x, Py_ssize_t x_step, Py_ssize_t x_next,
                                 int* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil


cdef inline void input_2(const short* x, Py_ssize_t x_step, Py_ssize_t x_next,
                         short* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil:
    cdef vs d0, d1, d2, d3
    for _ in range(count):
        d0, d1 = load_shorts(x), load_shorts(x + x_step)
        d2, d3 = load_shorts(x + 2 * x_step), load_shorts(x + 3 * x_step)
        # 0: x^2 - 1
        store_shorts(v, d2 - d0)
        # +-1: x (x +- 1)
        store_shorts(v + v_step, d2 + d1)
        store_shorts(v + 2 * v_step, d2 - d1)
        # infinity: x (x^2 - 1)
        store_shorts(v + 3 * v_step, d3 - d1)
        x, v = x + x_next, v + v_next


cdef inline void input_4(const short* x, Py_ssize_t x_step, Py_ssize_t x_next,
                         short* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil:
    cdef vs d0, d1, d2, d3, d4, d5, even, odd
    for _ in range(count):
        d0, d1, d2 = load_shorts(x), load_shorts(x + x_step), load_shorts(x + 2 * x_step)
        d3, d4, d5 = load_shorts(x + 3 * x_step), load_shorts(x + 4 * x_step), load_shorts(x + 5 * x_step)
        # 0: (x^2 - 1)(x^2 - 4)
        store_shorts(v, d4 - 5 * d2 + 4 * d0)
        # +-1: x (x +- 1)(x^2 - 4)
        even = d4 - 4 * d2
        odd = d3 - 4 * d1
        store_shorts(v + v_step, even + odd)
        store_shorts(v + 2 * v_step, even - odd)
        # +-2: x (x +- 2)(x^2 - 1)
        even = d4 - d2
        odd = 2 * (d3 - d1)
        store_shorts(v + 3 * v_step, even + odd)
        store_shorts(v + 4 * v_step, even - odd)
        # infinity: x (x^2 - 1)(x^2 - 4)
        store_shorts(v + 5 * v_step, d5 - 5 * d3 + 4 * d1)
        x, v = x + x_next, v + v_next


cdef inline void output_2(const int* x, Py_ssize_t x_step, Py_ssize_t x_next,
                          int* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef vi m1, m2
    for _ in range(count):
        m1, m2 = load_words(x + x_step), load_words(x + 2 * x_step)
        store_words(y, load_words(x) + (m1 + m2))
        store_words(y + y_step, m1 - m2 + load_words(x + 3 * x_step))
        x, y = x + x_next, y + y_next


# The last row of G is a quarter of the others' scale, so that U fits 16 bits; infinity counts four times for it.

cdef inline void output_4(const int* x, Py_ssize_t x_step, Py_ssize_t x_next,
                          int* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef vi m1, m2, m3, m4, even_1, odd_1, even_2, odd_2
    for _ in range(count):
        m1, m2 = load_words(x + x_step), load_words(x + 2 * x_step)
        m3, m4 = load_words(x + 3 * x_step), load_words(x + 4 * x_step)
        even_1 = m1 + m2
        odd_1 = m1 - m2
        even_2 = m3 + m4
        odd_2 = m3 - m4
        store_words(y, load_words(x) + even_1 + even_2)
        store_words(y + y_step, odd_1 + 2 * odd_2)
        store_words(y + 2 * y_step, even_1 + 4 * even_2)
        store_words(y + 3 * y_step, odd_1 + 8 * odd_2 + 4 * load_words(x + 5 * x_step))
        x, y = x + x_next, y + y_next
