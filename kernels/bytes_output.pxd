"""The arrays of the algorithms of bytes, and the step that ends those whose sums lie pixel by pixel.

That step is (1) of bytes_output.h.
"""

from kernels.blocks cimport Block, ceil_div
from kernels.bytes cimport Output, store_bytes, store_words, to_byte, vi
from kernels.bytes_planes cimport lanes_to_planes
from kernels.layer cimport Layer
from kernels.simd cimport TILE_COLS, VLEN, vf


cdef struct Ending:
    Output output
    const int* offset                   # (K,), for sums that lie pixel by pixel in whole tiles
    const float* scale                  # likewise, or NULL for the sums themselves


cdef inline unsigned char* image_at(const unsigned char[:, :, :, ::1] image) noexcept:
    return <unsigned char*>&image[0, 0, 0, 0]


cdef inline const int* words_at(const int[::1] words) noexcept:
    """Where words begin, or NULL for None."""
    if words is None:
        return NULL
    return &words[0]


cdef inline Ending ending_of(Output output, const int[::1] offset, const float[::1] scale) noexcept:
    """The ending with its numbers for each channel; the scale may be None."""
    cdef Ending ending
    ending.output, ending.offset, ending.scale = output, &offset[0], NULL
    if scale is not None:
        ending.scale = &scale[0]
    return ending


cdef inline void end_pixel(const Ending* ending, vi sum, vf scale, unsigned char* out) noexcept nogil:
    """Turn the sums of VLEN channels of a pixel, offset and all, into numbers of y."""
    if ending.scale == NULL:
        store_words(<int*>out, sum)
    else:
        store_bytes(out, to_byte(sum, scale, &ending.output))


cdef inline void write_planes(const Layer* layer, Py_ssize_t size, Block block, Py_ssize_t k,
                              const unsigned char* pixels, Py_ssize_t width, unsigned char* y) noexcept nogil:
    """Copy a block's outputs of up to TILE_COLS channels, [row][width][TILE_COLS], to a plain y."""
    cdef Py_ssize_t channels = min(TILE_COLS, layer.K - k), plane = layer.P * layer.Q, vec, c, p, q
    cdef unsigned char* row
    for p in range(block.rows):
        row = y + (((block.n * layer.K + k) * layer.P + block.row + p) * layer.Q + block.column) * size
        if size == 1:
            for vec in range(ceil_div(channels, VLEN)):
                c = vec * VLEN
                lanes_to_planes(pixels + c, TILE_COLS, min(VLEN, channels - c), block.columns, row + c * plane, plane)
        else:
            for c in range(channels):
                for q in range(block.columns):
                    (<int*>row)[c * plane + q] = (<const int*>pixels)[q * TILE_COLS + c]
        pixels += width * TILE_COLS * size
