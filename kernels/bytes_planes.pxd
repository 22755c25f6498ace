"""What bytes_planes.h offers: bytes from planes to lanes, and back."""


cdef extern from "bytes_planes.h" nogil:
    void planes_to_lanes(const unsigned char* x, Py_ssize_t plane, Py_ssize_t channels, Py_ssize_t count,
                         unsigned char* lanes)
    void lanes_to_planes(const unsigned char* lanes, Py_ssize_t step, Py_ssize_t channels, Py_ssize_t count,
                         unsigned char* y, Py_ssize_t plane)
