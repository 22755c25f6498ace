"""The one-dimensional transforms of Winograd convolution, written in the points where polynomials are evaluated.

F(m x m, 3 x 3) works with n = m + 2 points: 0, infinity, and pairs +-a, +-b, +-c. The functions of inputs and outputs
transform `count` lines of n vectors; a line's vectors are `step` numbers apart, lines are `next` apart. Two passes,
down and along, make it two-dimensional. Because the points come in pairs, each even and odd part serves two rows.

The constants of the default points are exact in float32, and these points kept the rounding error smallest among simple
fractions.
"""

from kernels.simd cimport load, store, vf

cdef extern from *:
    """
    static const float F2_A = 1.0f;
    static const float F4_A = 0.625f, F4_B = 1.5f;
    static const float F6_A = 1.0f, F6_B = 2.0f, F6_C = 0.5f;
    """
    const float F2_A, F4_A, F4_B, F6_A, F6_B, F6_C

ctypedef void (*Transform)(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                           float* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil


# G: row i evaluates a polynomial at the i-th point p, and divides by the product of p - q over every other point q; the
# last takes the leading coefficient, for infinity.

ctypedef void (*Evaluation)(vf g0, vf g1, vf g2, vf* u) noexcept nogil
ctypedef void (*FilterTransform)(const float* g, Py_ssize_t g_step, float* u, Py_ssize_t u_step) noexcept nogil


cdef inline void at_pair(float p, float over, vf g0, vf g1, vf g2, vf* u) noexcept nogil:
    """u = over * (g0 + p*g1 + p^2*g2), at p and at -p."""
    cdef vf even = over * (g0 + p * p * g2), odd = over * p * g1
    u[0], u[1] = even + odd, even - odd


cdef inline void evaluate_2(vf g0, vf g1, vf g2, vf* u) noexcept nogil:
    cdef float a = F2_A, a2 = a * a
    u[0] = <float>(-1 / a2) * g0
    at_pair(a, 1 / (2 * a2), g0, g1, g2, u + 1)
    u[3] = g2


cdef inline void evaluate_4(vf g0, vf g1, vf g2, vf* u) noexcept nogil:
    cdef float a = F4_A, b = F4_B, a2 = a * a, b2 = b * b
    u[0] = <float>(1 / (a2 * b2)) * g0
    at_pair(a, 1 / (2 * a2 * (a2 - b2)), g0, g1, g2, u + 1)
    at_pair(b, 1 / (2 * b2 * (b2 - a2)), g0, g1, g2, u + 3)
    u[5] = g2


cdef inline void evaluate_6(vf g0, vf g1, vf g2, vf* u) noexcept nogil:
    cdef float a = F6_A, b = F6_B, c = F6_C, a2 = a * a, b2 = b * b, c2 = c * c
    u[0] = <float>(-1 / (a2 * b2 * c2)) * g0
    at_pair(a, 1 / (2 * a2 * (a2 - b2) * (a2 - c2)), g0, g1, g2, u + 1)
    at_pair(b, 1 / (2 * b2 * (b2 - a2) * (b2 - c2)), g0, g1, g2, u + 3)
    at_pair(c, 1 / (2 * c2 * (c2 - a2) * (c2 - b2)), g0, g1, g2, u + 5)
    u[7] = g2


cdef inline void filter_of(Evaluation evaluate, int n, const float* g, Py_ssize_t g_step,
                           float* u, Py_ssize_t u_step) noexcept nogil:
    """U = G g G^T for VLEN filters, [3][3][g_step] and [n][n][u_step]: down every column, then along the rows."""
    cdef vf columns[3][8]
    cdef vf row[8]
    cdef int i, j
    for j in range(3):
        evaluate(load(g + j * g_step), load(g + (3 + j) * g_step), load(g + (6 + j) * g_step), columns[j])
    for i in range(n):
        evaluate(columns[0][i], columns[1][i], columns[2][i], row)
        for j in range(n):
            store(u + (i * n + j) * u_step, row[j])


cdef inline void filter_2(const float* g, Py_ssize_t g_step, float* u, Py_ssize_t u_step) noexcept nogil:
    filter_of(evaluate_2, 4, g, g_step, u, u_step)


cdef inline void filter_4(const float* g, Py_ssize_t g_step, float* u, Py_ssize_t u_step) noexcept nogil:
    filter_of(evaluate_4, 6, g, g_step, u, u_step)


cdef inline void filter_6(const float* g, Py_ssize_t g_step, float* u, Py_ssize_t u_step) noexcept nogil:
    filter_of(evaluate_6, 8, g, g_step, u, u_step)


# B^T: row i holds the coefficients of the polynomial that is zero at every point but the i-th; the last, at infinity.

cdef inline void input_2(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                         float* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F2_A, a2 = a * a
    cdef vf d0, d1, d2, d3, even, odd
    for _ in range(count):
        d0, d1, d2, d3 = load(x), load(x + x_step), load(x + 2 * x_step), load(x + 3 * x_step)
        # 0: x^2 - a^2
        store(v, d2 - a2 * d0)
        # +-a: x (x +- a)
        even, odd = d2, a * d1
        store(v + v_step, even + odd)
        store(v + 2 * v_step, even - odd)
        # infinity: x (x^2 - a^2)
        store(v + 3 * v_step, d3 - a2 * d1)
        x, v = x + x_next, v + v_next


cdef inline void input_4(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                         float* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F4_A, b = F4_B, a2 = a * a, b2 = b * b
    cdef vf d0, d1, d2, d3, d4, d5, even, odd
    for _ in range(count):
        d0, d1, d2 = load(x), load(x + x_step), load(x + 2 * x_step)
        d3, d4, d5 = load(x + 3 * x_step), load(x + 4 * x_step), load(x + 5 * x_step)
        # 0: (x^2 - a^2)(x^2 - b^2)
        store(v, d4 - (a2 + b2) * d2 + a2 * b2 * d0)
        # +-a: x (x +- a)(x^2 - b^2)
        even, odd = d4 - b2 * d2, a * (d3 - b2 * d1)
        store(v + v_step, even + odd)
        store(v + 2 * v_step, even - odd)
        # +-b: x (x +- b)(x^2 - a^2)
        even, odd = d4 - a2 * d2, b * (d3 - a2 * d1)
        store(v + 3 * v_step, even + odd)
        store(v + 4 * v_step, even - odd)
        # infinity: x (x^2 - a^2)(x^2 - b^2)
        store(v + 5 * v_step, d5 - (a2 + b2) * d3 + a2 * b2 * d1)
        x, v = x + x_next, v + v_next


cdef inline void input_6(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                         float* v, Py_ssize_t v_step, Py_ssize_t v_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F6_A, b = F6_B, c = F6_C, a2 = a * a, b2 = b * b, c2 = c * c
    cdef float e1 = a2 + b2 + c2, e2 = a2 * b2 + a2 * c2 + b2 * c2, e3 = a2 * b2 * c2
    cdef vf d0, d1, d2, d3, d4, d5, d6, d7, even, odd
    for _ in range(count):
        d0, d1, d2, d3 = load(x), load(x + x_step), load(x + 2 * x_step), load(x + 3 * x_step)
        d4, d5, d6, d7 = load(x + 4 * x_step), load(x + 5 * x_step), load(x + 6 * x_step), load(x + 7 * x_step)
        # 0: (x^2 - a^2)(x^2 - b^2)(x^2 - c^2)
        store(v, d6 - e1 * d4 + e2 * d2 - e3 * d0)
        # +-a: x (x +- a)(x^2 - b^2)(x^2 - c^2)
        even, odd = d6 - (b2 + c2) * d4 + b2 * c2 * d2, a * (d5 - (b2 + c2) * d3 + b2 * c2 * d1)
        store(v + v_step, even + odd)
        store(v + 2 * v_step, even - odd)
        # +-b: x (x +- b)(x^2 - a^2)(x^2 - c^2)
        even, odd = d6 - (a2 + c2) * d4 + a2 * c2 * d2, b * (d5 - (a2 + c2) * d3 + a2 * c2 * d1)
        store(v + 3 * v_step, even + odd)
        store(v + 4 * v_step, even - odd)
        # +-c: x (x +- c)(x^2 - a^2)(x^2 - b^2)
        even, odd = d6 - (a2 + b2) * d4 + a2 * b2 * d2, c * (d5 - (a2 + b2) * d3 + a2 * b2 * d1)
        store(v + 5 * v_step, even + odd)
        store(v + 6 * v_step, even - odd)
        # infinity: x (x^2 - a^2)(x^2 - b^2)(x^2 - c^2)
        store(v + 7 * v_step, d7 - e1 * d5 + e2 * d3 - e3 * d1)
        x, v = x + x_next, v + v_next


# A^T: row i holds the i-th powers of the points; infinity counts for the last row only.

cdef inline void output_2(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                          float* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F2_A
    cdef vf m1, m2
    for _ in range(count):
        m1, m2 = load(x + x_step), load(x + 2 * x_step)
        store(y, load(x) + (m1 + m2))
        store(y + y_step, a * (m1 - m2) + load(x + 3 * x_step))
        x, y = x + x_next, y + y_next


cdef inline void output_4(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                          float* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F4_A, b = F4_B, a2 = a * a, b2 = b * b
    cdef vf m1, m2, m3, m4, even_a, odd_a, even_b, odd_b
    for _ in range(count):
        m1, m2, m3, m4 = load(x + x_step), load(x + 2 * x_step), load(x + 3 * x_step), load(x + 4 * x_step)
        even_a, odd_a, even_b, odd_b = m1 + m2, a * (m1 - m2), m3 + m4, b * (m3 - m4)
        store(y, load(x) + even_a + even_b)
        store(y + y_step, odd_a + odd_b)
        store(y + 2 * y_step, a2 * even_a + b2 * even_b)
        store(y + 3 * y_step, a2 * odd_a + b2 * odd_b + load(x + 5 * x_step))
        x, y = x + x_next, y + y_next


cdef inline void output_6(const float* x, Py_ssize_t x_step, Py_ssize_t x_next,
                          float* y, Py_ssize_t y_step, Py_ssize_t y_next, Py_ssize_t count) noexcept nogil:
    cdef float a = F6_A, b = F6_B, c = F6_C, a2 = a * a, b2 = b * b, c2 = c * c
    cdef vf m1, m2, m3, m4, m5, m6, even_a, odd_a, even_b, odd_b, even_c, odd_c
    for _ in range(count):
        m1, m2, m3 = load(x + x_step), load(x + 2 * x_step), load(x + 3 * x_step)
        m4, m5, m6 = load(x + 4 * x_step), load(x + 5 * x_step), load(x + 6 * x_step)
        even_a, even_b, even_c = m1 + m2, m3 + m4, m5 + m6
        odd_a, odd_b, odd_c = a * (m1 - m2), b * (m3 - m4), c * (m5 - m6)
        store(y, load(x) + even_a + even_b + even_c)
        store(y + y_step, odd_a + odd_b + odd_c)
        store(y + 2 * y_step, a2 * even_a + b2 * even_b + c2 * even_c)
        store(y + 3 * y_step, a2 * odd_a + b2 * odd_b + c2 * odd_c)
        store(y + 4 * y_step, a2 * a2 * even_a + b2 * b2 * even_b + c2 * c2 * even_c)
        store(y + 5 * y_step, a2 * a2 * odd_a + b2 * b2 * odd_b + c2 * c2 * odd_c + load(x + 7 * x_step))
        x, y = x + x_next, y + y_next
