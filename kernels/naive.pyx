"""Convolution as its definition says it: the copy to read first, and to check the others against.

    y[n, k, p, q] = bias[k] + sum over c, r, s of  x[n, c, p*stride + r*dilation - pad, q*stride + s*dilation - pad]
                                                 * weight[k, c, r, s]

x is (N, C, H, W), weight (K, C/groups, R, S), y (N, K, P, Q), all float32. What lies outside x counts as zero.
Cost: N*K*P*Q * C/groups*R*S multiply-adds, one at a time: each waits for the sum before it, so the latency of one
addition, not memory and not the number of units, bounds it.
"""

from kernels.layer cimport Job, Layer, finish

cdef double LATENCY = 12        # vector multiply-adds that a core could do in the time of one step of the plain loop


def pack(const float[:, :, :, ::1] weight, Py_ssize_t groups):
    """Return the weights as they are: this algorithm reads them in their own order."""
    return weight


def scratch_size(Layer layer, int threads) -> int:
    """Return how many floats a call needs as its arena: none."""
    return 0


def cost(Layer layer) -> tuple[float, float, float, float]:
    """Return (arithmetic, copies, outputs, weights) in vectors; kernels/cost.py says what they are and prices them."""
    macs = <double>layer.N * layer.K * layer.P * layer.Q * (layer.C // layer.groups) * layer.R * layer.S
    return LATENCY * macs, 0.0, 0.0, 0.0


def bind(layer, x, weight, bias, residual, y, threads):
    """Return a call that computes the layer into y, on one thread whatever `threads` says."""
    return lambda arena: run(layer, x, weight, bias, residual, y)


def run(Layer layer, const float[:, :, :, ::1] x, const float[:, :, :, ::1] weight, const float[::1] bias,
        const float[:, :, :, ::1] residual, float[:, :, :, ::1] y):
    """Compute the layer into y."""
    cdef Py_ssize_t n, k, p, q, c, r, s, h, w, first
    cdef Py_ssize_t C = layer.C // layer.groups, K = layer.K // layer.groups
    cdef float total
    cdef Job job
    job.layer = layer
    job.bias = &bias[0]
    job.residual = NULL
    if residual is not None:
        job.residual = &residual[0, 0, 0, 0]
    job.y = &y[0, 0, 0, 0]
    with nogil:
        for n in range(layer.N):
            for k in range(layer.K):
                first = k // K * C                          # the first input channel of this filter's group
                for p in range(layer.P):
                    for q in range(layer.Q):
                        total = 0
                        for c in range(C):
                            for r in range(layer.R):
                                for s in range(layer.S):
                                    h = p * layer.stride_h + r * layer.dilation_h - layer.pad_top
                                    w = q * layer.stride_w + s * layer.dilation_w - layer.pad_left
                                    if 0 <= h < layer.H and 0 <= w < layer.W:
                                        total += x[n, first + c, h, w] * weight[k, c, r, s]
                        y[n, k, p, q] = total
                finish(&job, n, k, 1, 0, layer.P * layer.Q, &y[n, k, 0, 0], 0)
