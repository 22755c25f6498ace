"""A piece of x in lanes: a vector holds one pixel of VLEN channels.

    patch  [row][column][lane]

Whole vectors then move from pixel to pixel, whatever the filter's stride, and the patch holds the padding.
"""

from libc.string cimport memset

from kernels.layer cimport Layer, copy_pixels
from kernels.simd cimport VLEN, transpose_first


cdef inline void fill_lanes(const Layer* layer, const float* x, Py_ssize_t channels, Py_ssize_t h, Py_ssize_t rows,
                            Py_ssize_t w, Py_ssize_t width, float* patch) noexcept nogil:
    """patch[row, column, lane] = x[lane, h + row, w + column], and zero outside of the image and behind the channels.

    The rows of an x in lanes are copied. Up to VLEN - 1 pixels behind the last row are written too.
    """
    cdef Py_ssize_t row, column
    cdef Py_ssize_t begin = min(width, max(0, -w)), end = max(begin, min(width, layer.W - w))
    for row in range(h, h + rows):
        if 0 <= row < layer.H and layer.x_lanes:
            copy_pixels(x + row * layer.W * VLEN, layer.W, w, 1, width, patch)
        elif 0 <= row < layer.H:
            memset(patch, 0, begin * VLEN * sizeof(float))
            column = begin
            while column < end:
                transpose_first(x + row * layer.W + w + column, layer.H * layer.W, channels, min(VLEN, end - column),
                                patch + column * VLEN)
                column += VLEN
            memset(patch + end * VLEN, 0, (width - end) * VLEN * sizeof(float))
        else:
            memset(patch, 0, width * VLEN * sizeof(float))
        patch += width * VLEN
