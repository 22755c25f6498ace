"""What simd.h offers to the algorithms. `vf` is a vector of VLEN floats: + - * work on it as on a number."""

cdef extern from "simd.h" nogil:
    const int VLEN
    const int TILE_ROWS
    const int LANE_ROWS
    const int TILE_VECS
    const int TILE_COLS
    const int TILE_SIZE

    ctypedef float vf
    vf load(const float* p)
    vf load_first(const float* p, Py_ssize_t n)
    void store(float* p, vf v)
    void store_first(float* p, vf v, Py_ssize_t n)
    vf broadcast(float x)
    vf larger(vf a, vf b)
    vf activate(vf v, int kind, float slope)
    ctypedef struct Ahead:
        const char* at
        Py_ssize_t step
    Ahead ahead_of(const float* next, Py_ssize_t steps, Py_ssize_t width, Py_ssize_t part, Py_ssize_t parts)
    void tile(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
              const float* a, Py_ssize_t a_step, const float* b, Py_ssize_t b_step, float* out, Ahead ahead)
    void tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                       const float* a, const float* b, Py_ssize_t b_step, float* out, bint more, Ahead ahead)
    const int PANELS
    void tile_of_one_row(int panels, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth, const float* a,
                         Py_ssize_t a_step, const float* b, Py_ssize_t panel, float* out)
    void transpose_matrix(const float* matrix, Py_ssize_t from_step, Py_ssize_t rows, Py_ssize_t vecs,
                          float* out, Py_ssize_t out_step)
    void transpose_first(const float* matrix, Py_ssize_t from_step, Py_ssize_t rows, Py_ssize_t count, float* out)
    float fma_chains(Py_ssize_t steps)
