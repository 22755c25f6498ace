"""What simd.h offers to the algorithms. `vf` is a vector of VLEN floats, `vi` one of as many 32-bit integers.

+ - * work on a vf as on a number.
"""

cdef extern from "simd.h" nogil:
    const int VLEN
    const int TILE_ROWS
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
        pass
    Ahead ahead_of(const float* next, Py_ssize_t steps, Py_ssize_t width, Py_ssize_t part, Py_ssize_t parts)
    void tile(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
              const float* a, Py_ssize_t a_step, const float* b, Py_ssize_t b_step, float* out, Ahead ahead)
    void tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                       const float* a, const float* b, float* out, Ahead ahead)
    void transpose_matrix(const float* matrix, Py_ssize_t from_step, Py_ssize_t rows, Py_ssize_t vecs,
                          float* out, Py_ssize_t out_step)
    void transpose_first(const float* matrix, Py_ssize_t from_step, Py_ssize_t rows, Py_ssize_t count, float* out)
    float fma_chains(Py_ssize_t steps)

    const int EXACT_PER_WORD
    const int EXACT
    const int SATURATING
    ctypedef int vi
    vi load_words(const int* p)
    void store_words(int* p, vi v)
    void store_bytes(unsigned char* p, vi v)
    vi load_bytes(const unsigned char* p)
    vi broadcast_word(int x)
    vi add_words(vi a, vi b)
    vi multiply_words(vi a, vi b)
    vf to_float(vi v)
    vf clamp(vf v, float low, float high)
    vi nearest(vf v)
    void dot_tile(int kind, int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                  const int* w, const int* x, Py_ssize_t x_step, int* out)
    ctypedef unsigned char operand
    void dot_tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                           const int* x, const int* w, int* out)
    int dot_chains(Py_ssize_t steps)
    void make_words(int per_word, Py_ssize_t stride, const unsigned char* bytes, Py_ssize_t step, Py_ssize_t count,
                    int flip, int* out)
