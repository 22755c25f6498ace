"""The piece of x that a block of output pixels needs, copied so that the loops over it are plain.

    patch  [channel][phase_h][phase_w][row][column]                     of an x that is plain
           [channel / VLEN][phase_h][phase_w][row][column][VLEN]        of an x in lanes

It holds the padding, so that no loop asks where the image ends, and puts columns that are `stride` apart side by side:
a phase holds columns f, f + stride, f + 2*stride, ...; rows likewise. So neighbours in y are neighbours here, whatever
the stride, and a filter element (r, s) meets output pixel (p, q) at  tap[r, s] + p*width + q  of its channel.

An x that needs neither padding nor phases can be a patch as it lies.
"""

from libc.string cimport memset

from kernels.blocks cimport Block, Blocks, cut
from kernels.layer cimport Job, Layer, copy_pixels, copy_row
from kernels.simd cimport VLEN


cdef struct Patch:
    Blocks blocks                       # of output pixels
    Py_ssize_t phases_h, phases_w
    Py_ssize_t height, width            # of one phase
    Py_ssize_t channel_step             # numbers of one channel
    bint in_place                       # it is x itself


cdef inline Layer in_one_row(Layer layer) noexcept nogil:
    """A 1x1 filter with stride 1 does not see where rows end: take the image as one row, so that tiles are full."""
    if layer.R * layer.S * layer.stride_h * layer.stride_w == 1 and layer.H == layer.P and layer.W == layer.Q:
        layer.W = layer.Q = layer.P * layer.Q
        layer.H = layer.P = 1
    return layer


cdef inline Patch patch_of(const Layer* layer, Py_ssize_t most_numbers, Py_ssize_t grain, bint may_be_x) noexcept nogil:
    """Choose blocks whose patch has about `most_numbers`, and lay out the patch, which may be x itself."""
    cdef Patch patch
    cdef Py_ssize_t reach_h = (layer.R - 1) * layer.dilation_h, reach_w = (layer.S - 1) * layer.dilation_w
    patch.phases_h = min(layer.stride_h, reach_h + 1)
    patch.phases_w = min(layer.stride_w, reach_w + 1)
    patch.blocks = cut(layer.P, layer.Q,
                       most_numbers // (layer.C // layer.groups * patch.phases_h * patch.phases_w), grain)
    patch.in_place = (may_be_x and layer.stride_h * layer.stride_w == 1
                      and layer.P + reach_h == layer.H and layer.Q + reach_w == layer.W)
    patch.height = layer.H if patch.in_place else patch.blocks.rows + reach_h // layer.stride_h
    patch.width = layer.W if patch.in_place else patch.blocks.columns + reach_w // layer.stride_w
    patch.channel_step = patch.phases_h * patch.phases_w * patch.height * patch.width
    return patch


cdef inline void place_taps(const Layer* layer, const Patch* patch, Py_ssize_t* tap) noexcept nogil:
    """Where each filter element begins within a channel of the patch; in lanes, within each VLEN channels."""
    cdef Py_ssize_t lanes = VLEN if layer.x_lanes else 1
    cdef Py_ssize_t chunks = layer.C // layer.groups // VLEN if layer.x_lanes else 1
    cdef Py_ssize_t r, s, h, w, at, chunk
    for r in range(layer.R):
        for s in range(layer.S):
            h, w = r * layer.dilation_h, s * layer.dilation_w
            at = (((h % layer.stride_h * patch.phases_w + w % layer.stride_w) * patch.height
                   + h // layer.stride_h) * patch.width + w // layer.stride_w)
            for chunk in range(chunks):
                tap[(r * layer.S + s) * chunks + chunk] = (chunk * patch.channel_step + at) * lanes


cdef inline void fill_patch(const Job* job, const Patch* patch, Block block, float* out) noexcept nogil:
    """Copy what a block of output pixels needs of every input channel of its group."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t C = layer.C // layer.groups, lanes = VLEN if layer.x_lanes else 1
    cdef Py_ssize_t chunk, phase_h, phase_w, row, h, w
    cdef const float* plane
    for chunk in range(C // lanes):
        plane = job.x + (block.n * layer.C + block.group * C + chunk * lanes) * layer.H * layer.W
        for phase_h in range(patch.phases_h):
            for phase_w in range(patch.phases_w):
                w = block.column * layer.stride_w + phase_w - layer.pad_left
                for row in range(patch.height):
                    h = (block.row + row) * layer.stride_h + phase_h - layer.pad_top
                    if not 0 <= h < layer.H:
                        memset(out, 0, patch.width * lanes * sizeof(float))
                    elif layer.x_lanes:
                        copy_pixels(plane + h * layer.W * lanes, layer.W, w, layer.stride_w, patch.width, out)
                    else:
                        copy_row(plane + h * layer.W, layer.W, w, layer.stride_w, patch.width, out)
                    out += patch.width * lanes
