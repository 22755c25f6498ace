"""A layer laid out for its arrays, to be computed again and again.

An algorithm's `bind` reads the layer and takes the addresses of its arrays once; a call then costs a fraction of a
microsecond beside the work itself, where a small layer takes some ten.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy


cdef class Call:
    """What `bind` returns. It keeps the arrays, and may be called from several threads, each with scratch of its own.

    Parameters of a call
    --------------------
    arena : contiguous array
        Of the algorithm's `scratch_size`; of any size for what needs none.
    """

    def __init__(self):
        raise TypeError("a call is made by an algorithm's bind")

    def __call__(self, arena):
        cdef Py_buffer scratch
        PyObject_GetBuffer(arena, &scratch, PyBUF_WRITABLE)
        with nogil:
            self.start(self.work, scratch.buf, self.threads)
        PyBuffer_Release(&scratch)

    def __dealloc__(self):
        free(self.work)


cdef Call call_of(Start start, const void* work, size_t size, int threads, tuple arrays):
    """Return the call of `start` with a copy of `work`, which points into the arrays."""
    cdef Call call = Call.__new__(Call)
    call.work = malloc(size)
    if call.work == NULL:
        raise MemoryError
    memcpy(call.work, work, size)
    call.start, call.threads, call.arrays = start, threads, arrays
    return call
