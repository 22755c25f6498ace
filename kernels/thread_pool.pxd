"""The thread pool, seen from an algorithm."""

# A task is called once for every index below count; worker < threads tells which scratch is its own.
ctypedef void (*Task)(void* context, Py_ssize_t index, int worker) noexcept nogil

cdef void run(Task task, void* context, Py_ssize_t count, int threads) noexcept nogil
