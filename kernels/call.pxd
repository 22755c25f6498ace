"""A layer laid out for its arrays, seen from an algorithm."""

# Computes what is laid out, with scratch of the size that the algorithm asks for.
ctypedef void (*Start)(const void* work, void* arena, int threads) noexcept nogil


cdef class Call:
    cdef Start start
    cdef void* work
    cdef int threads
    cdef tuple arrays               # that the work points into


cdef Call call_of(Start start, const void* work, size_t size, int threads, tuple arrays)
