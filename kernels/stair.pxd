"""What a rung of the stair is given beside its arrays; a learner's own kernel is given the same."""

# x is (C, P + 2, W), weight (K, taps), y (K, P, Q): one image, filters of 3 x 3, stride 1, no padding.
# `tap[t]` is how far in memory the pixel of weight t lies from the first pixel of its window; t counts channels, rows
# and columns of a filter, the columns fastest.
cdef struct Sizes:
    Py_ssize_t K, P, Q                  # filters, output rows and columns
    Py_ssize_t W                        # columns of x
    Py_ssize_t taps                     # weights of a filter, C*3*3
    const Py_ssize_t* tap
