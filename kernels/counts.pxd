"""Counting an algorithm's work in vectors, for kernels/cost.py."""

from kernels.blocks cimport ceil_div
from kernels.simd cimport VLEN

cdef enum:
    FEWEST_ROWS = 5                     # a tile with fewer rows takes as long: its sums wait for each other
    L2 = 256 * 1024                     # numbers: weights beyond that come from farther away each time


cdef extern from *:
    """
    #define MOVED 0.3   /* of the cost of a vector of a plain image: one in lanes moves and is not transposed */
    """
    const double MOVED


cdef inline double row_vectors(Py_ssize_t count, Py_ssize_t stride) noexcept nogil:
    """Copying a row costs its vectors and one more to begin; with a stride numbers are picked one by one."""
    cdef Py_ssize_t slower = 1 if stride == 1 else 2 if stride == 2 else 4
    return ceil_div(count, VLEN) * slower + 1


cdef inline double streamed(double numbers) noexcept nogil:
    """Vectors of packed weights that come from beyond the L2 cache."""
    return numbers / VLEN if numbers > L2 else 0
