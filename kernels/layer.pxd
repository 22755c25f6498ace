"""A convolution layer as the compiled algorithms see it, and the step that ends each of them.

Letters: N images, C input channels of H x W; K output channels of P x Q; filters of R x S.

An image lies in one of two forms: plain, (N, C, H, W), or in lanes, (N, C / VLEN, H, W, VLEN), where a vector holds
VLEN channels of one pixel. In both, channel c begins at  (n*C + c) * H*W  if c is a multiple of VLEN.
"""

from kernels.blocks cimport ceil_div
from kernels.simd cimport VLEN, activate, broadcast, load, load_first, store, store_first, vf


cdef struct Layer:
    Py_ssize_t N, C, H, W
    Py_ssize_t K, P, Q
    Py_ssize_t R, S
    Py_ssize_t groups
    Py_ssize_t stride_h, stride_w
    Py_ssize_t dilation_h, dilation_w
    Py_ssize_t pad_top, pad_left
    bint x_lanes, y_lanes           # x is in lanes; y and the residual are
    bint turned                     # x is one column, taken as a row
    bint compact                    # Winograd's filters are packed as they are
    int activation                  # simd.h numbers them
    float slope                     # of leaky_relu and hard_sigmoid


cdef struct Job:
    Layer layer
    const float* x                  # (N, C, H, W), or in lanes
    const float* weight             # as the algorithm packed it
    const float* bias               # (K,)
    const float* residual           # as y, or NULL
    float* y                        # (N, K, P, Q), or in lanes
    float* scratch                  # one piece of scratch_size numbers for each worker
    Py_ssize_t scratch_size
    Py_ssize_t splits               # parts that the output channels of a group are cut into
    Py_ssize_t* held                # the block of pixels that each worker's scratch has a copy of


cdef inline void point_at(Job* job, const float[:, :, :, ::1] x, const float[::1] weight, const float[::1] bias,
                          const float[:, :, :, ::1] residual, float[:, :, :, ::1] y) noexcept:
    """Give the job its arrays; the residual may be None."""
    job.x = &x[0, 0, 0, 0]
    job.weight = &weight[0]
    job.bias = &bias[0]
    job.residual = NULL
    if residual is not None:
        job.residual = &residual[0, 0, 0, 0]
    job.y = &y[0, 0, 0, 0]


cdef inline Py_ssize_t steps(Py_ssize_t distance, Py_ssize_t stride) noexcept nogil:
    """Steps of `stride` that cover a distance; a division costs more than a short row."""
    return distance if stride == 1 else ceil_div(distance, stride)


cdef inline void clear(float* out, Py_ssize_t count) noexcept nogil:
    """Zeros at a border: few, so that a call of memset would cost more."""
    cdef Py_ssize_t i
    for i in range(count):
        out[i] = 0


cdef inline void copy_row(const float* x, Py_ssize_t width, Py_ssize_t w, Py_ssize_t stride, Py_ssize_t count,
                          float* out) noexcept nogil:
    """out[i] = x[w + i*stride] for i < count, and zero where that lies outside of 0 .. width - 1."""
    cdef Py_ssize_t before = min(count, max(0, steps(-w, stride)))
    cdef Py_ssize_t inside = max(before, min(count, steps(width - w, stride)))
    cdef Py_ssize_t i = before
    clear(out, before)
    clear(out + inside, count - inside)
    if stride == 1:
        while inside - i >= VLEN:
            store(out + i, load(x + w + i))
            i += VLEN
        store_first(out + i, load_first(x + w + i, inside - i), inside - i)
    elif stride == 2:                   # the compiler makes vectors of a stride that it knows
        for i in range(before, inside):
            out[i] = x[w + 2 * i]
    else:
        for i in range(before, inside):
            out[i] = x[w + i * stride]


cdef inline void copy_pixels(const float* x, Py_ssize_t width, Py_ssize_t w, Py_ssize_t stride, Py_ssize_t count,
                             float* out) noexcept nogil:
    """As copy_row for a row in lanes: x and out count through pixels, each a vector."""
    cdef Py_ssize_t before = min(count, max(0, steps(-w, stride)))
    cdef Py_ssize_t inside = max(before, min(count, steps(width - w, stride))), i
    for i in range(before):
        store(out + i * VLEN, broadcast(0))
    for i in range(before, inside):
        store(out + i * VLEN, load(x + (w + i * stride) * VLEN))
    for i in range(inside, count):
        store(out + i * VLEN, broadcast(0))


cdef inline void finish(const Job* job, Py_ssize_t n, Py_ssize_t k, Py_ssize_t channels, Py_ssize_t pixel,
                        Py_ssize_t pixels, const float* sums, Py_ssize_t sums_step) noexcept nogil:
    """y[n, k:k+channels, pixel:pixel+pixels] = activation(sums + bias + residual); pixels count through P x Q."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t i, j, part, left, at
    cdef vf bias, v
    for i in range(channels):
        at = ((n * layer.K + k + i) * layer.P * layer.Q) + pixel
        bias = broadcast(job.bias[k + i])
        for part in range(ceil_div(pixels, VLEN)):
            j = part * VLEN
            left = pixels - j
            if left >= VLEN:
                v = load(sums + i * sums_step + j) + bias
                if job.residual != NULL:
                    v = v + load(job.residual + at + j)
                store(job.y + at + j, activate(v, layer.activation, layer.slope))
            else:
                v = load_first(sums + i * sums_step + j, left) + bias
                if job.residual != NULL:
                    v = v + load_first(job.residual + at + j, left)
                store_first(job.y + at + j, activate(v, layer.activation, layer.slope), left)


cdef inline void finish_lanes(const Job* job, Py_ssize_t n, Py_ssize_t k, Py_ssize_t vecs, Py_ssize_t pixel,
                              Py_ssize_t pixels, const float* sums, Py_ssize_t sums_step) noexcept nogil:
    """The same for y in lanes: vecs * VLEN channels from k on; sums holds a pixel's channels side by side."""
    cdef const Layer* layer = &job.layer
    cdef Py_ssize_t i, j, at
    cdef vf bias, v
    for j in range(vecs):
        at = (n * layer.K + k + j * VLEN) * layer.P * layer.Q + pixel * VLEN
        bias = load(job.bias + k + j * VLEN)
        for i in range(pixels):
            v = load(sums + i * sums_step + j * VLEN) + bias
            if job.residual != NULL:
                v = v + load(job.residual + at + i * VLEN)
            store(job.y + at + i * VLEN, activate(v, layer.activation, layer.slope))


cdef inline void finish_pixel(const Job* job, Py_ssize_t n, Py_ssize_t k, Py_ssize_t channels,
                              const float* sums) noexcept nogil:
    """The same for the channels from k on of a y with one pixel, which lie side by side in both forms."""
    cdef Py_ssize_t i = 0, at = n * job.layer.K + k, left
    cdef vf v
    while i < channels:
        left = min(VLEN, channels - i)
        v = load(sums + i) + load_first(job.bias + k + i, left)
        if job.residual != NULL:
            v = v + load_first(job.residual + at + i, left)
        store_first(job.y + at + i, activate(v, job.layer.activation, job.layer.slope), left)
        i += VLEN
