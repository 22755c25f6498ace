"""The piece of x that a block of output pixels needs, copied so that the loops over it are plain.

    patch  [channel][phase_h][phase_w][row][column]

It holds the padding, so that no loop asks where the image ends, and puts columns that are `stride` apart side by side:
a phase holds columns f, f + stride, f + 2*stride, ...; rows likewise. So neighbours in y are neighbours here, whatever
the stride, and a filter element (r, s) meets output pixel (p, q) at  tap[r, s] + p*width + q  of its channel.
"""

from libc.string cimport memset

from kernels.blocks cimport Block, Blocks, cut
from kernels.layer cimport Job, Layer, copy_row


cdef struct Patch:
    Blocks blocks                       # of output pixels
    Py_ssize_t phases_h, phases_w
    Py_ssize_t height, width            # of one phase
    Py_ssize_t channel_step             # numbers from one channel to the next


cdef inline Layer in_one_row(Layer layer) noexcept nogil:
    """A 1x1 filter with stride 1 does not see where rows end: take the image as one row, so that tiles are full."""
    if layer.R * layer.S * layer.stride_h * layer.stride_w == 1 and layer.H == layer.P and layer.W == layer.Q:
        layer.W = layer.Q = layer.P * layer.Q
        layer.H = layer.P = 1
    return layer


cdef inline Patch patch_of(const Layer* layer, Py_ssize_t most_numbers, Py_ssize_t grain) noexcept nogil:
    """Choose blocks whose patch has about `most_numbers`, and lay out the patch."""
    cdef Patch patch
    cdef Py_ssize_t reach_h = (layer.R - 1) * layer.dilation_h, reach_w = (layer.S - 1) * layer.dilation_w
    patch.phases_h = min(layer.stride_h, reach_h + 1)
    patch.phases_w = min(layer.stride_w, reach_w + 1)
    patch.blocks = cut(layer.P, layer.Q,
                       most_numbers // (layer.C // layer.groups * patch.phases_h * patch.phases_w), grain)
    patch.height = patch.blocks.rows + reach_h // layer.stride_h
    patch.width = patch.blocks.columns + reach_w // layer.stride_w
    patch.channel_step = patch.phases_h * patch.phases_w * patch.height * patch.width
    return patch


cdef inline void place_taps(const Layer* layer, const Patch* patch, Py_ssize_t* tap) noexcept nogil:
    """Where each filter element begins within a channel of the patch."""
    cdef Py_ssize_t r, s, h, w
    for r in range(layer.R):
        for s in range(layer.S):
            h, w = r * layer.dilation_h, s * layer.dilation_w
            tap[r * layer.S + s] = (((h % layer.stride_h * patch.phases_w + w % layer.stride_w) * patch.height
                                     + h // layer.stride_h) * patch.width + w // layer.stride_w)


cdef inline void fill_patch(const Job* job, const Patch* patch, Block block, float* out) noexcept nogil:
    """Copy what a block of output pixels needs of every input channel of its group."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t C = layer.C // layer.groups
    cdef Py_ssize_t c, phase_h, phase_w, row, h, w
    cdef const float* plane
    for c in range(C):
        plane = job.x + (block.n * layer.C + block.group * C + c) * layer.H * layer.W
        for phase_h in range(patch.phases_h):
            for phase_w in range(patch.phases_w):
                w = block.column * layer.stride_w + phase_w - layer.pad_left
                for row in range(patch.height):
                    h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                    if 0 <= h < layer.H:
                        copy_row(plane + h * layer.W, layer.W, w, layer.stride_w, patch.width, out)
                    else:
                        memset(out, 0, patch.width * sizeof(float))
                    out += patch.width
