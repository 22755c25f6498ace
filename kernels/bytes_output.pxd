"""The step that ends the algorithms of bytes whose sums lie pixel by pixel: (1) of bytes_output.h."""

from kernels.blocks cimport Block, ceil_div
from kernels.bytes cimport Output, store_bytes, store_words, to_byte, vi
from kernels.bytes_planes cimport lanes_to_planes
from kernels.layer cimport Layer
from kernels.simd cimport TILE_COLS, VLEN, vf


cdef struct Ending:
    Output output
    const int* offset                   # (whole tiles of K,)
    const float* scale                  # likewise, or NULL for the sums themselves


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
